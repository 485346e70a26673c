"""The Jupyter server extension: the page's way to the hub.

The browser talks only to its Jupyter server. Below ``<base_url>zoe/`` this extension passes its requests on to the hub,
adding the hub's token, which never reaches the page. Without a configured hub it starts (or finds) the user's own.
Enabled by ``etc/jupyter/jupyter_server_config.d/jupyter_zoe.json``, which comes with the package.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """What Jupyter Server loads."""
    from jupyter_zoe.extension.app import ZoeExtension  # noqa: PLC0415 - only the server needs it

    return [{"module": "jupyter_zoe.extension", "app": ZoeExtension}]
