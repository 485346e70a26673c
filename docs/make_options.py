"""Writes ``options.md`` beside this file: every option of the hub, the backends and the server extension, from their
traits.

``make_options.py --check`` ends with 1 if the page is not up to date. Called by ``make generate`` and ``make check``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from traitlets.config import Configurable

from jupyter_zoe.extension.app import ZoeExtension
from zoe_hub.app import ZoeHub
from zoe_hub.backends.docker import DockerBackend
from zoe_hub.backends.local import LocalBackend
from zoe_hub.controllers.attachments.leases import Leases
from zoe_hub.controllers.hub import Controllers
from zoe_hub.controllers.retention import Retention
from zoe_hub.controllers.shop import ShopWatch

PAGE = Path(__file__).with_name("options.md")
CLASSES: tuple[type[Configurable], ...] = (
    ZoeHub,
    Controllers,
    Leases,
    Retention,
    ShopWatch,
    LocalBackend,
    DockerBackend,
    ZoeExtension,
)
HEAD = """# Options

Made from the options' own help texts by `make generate`; do not edit.

On the command line of `zoe-hub`: `--ZoeHub.idle_timeout=600`. In `zoe_hub_config.py` in the hub's data folder, or a
file named with `--config`: `c.ZoeHub.idle_timeout = 600`. Those of `ZoeExtension` belong to JupyterLab: `jupyter lab
--ZoeExtension.hub_url=...` or a `jupyter_server_config.py`.
"""


def page() -> str:
    """The text of the page."""
    parts = [HEAD]
    for each in CLASSES:
        parts.append(f"\n## {each.__name__}\n\n| option | default | what it does |\n|---|---|---|\n")
        for name, trait in sorted(each.class_traits(config=True).items()):
            if trait.this_class.__module__.partition(".")[0] in ("zoe_hub", "jupyter_zoe", "zoe_proxy"):
                value = trait.default()
                default = f"`{value!r}`".replace("|", "\\|") if value not in ("", None) else ""
                parts.append(
                    f"| `{each.__name__}.{name}` | {default} | {' '.join(trait.help.split())} |\n".replace("<", "&lt;")
                )
    return "".join(parts)


if __name__ == "__main__":
    text = page()
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
            sys.exit("docs/options.md is not up to date: run 'make generate'.")
    else:
        PAGE.write_text(text, encoding="utf-8")
