"""Backends and authenticators by their names, which are entry points of installed packages. Used by ``program``,
``running``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Any

from zoe_hub.core.errors import ZoeError

OWN: Mapping[str, Mapping[str, str]] = {
    "zoe.backends": {
        "local": "zoe_hub.backends.local:LocalBackend",
        "docker": "zoe_hub.backends.docker:DockerBackend",
        "fake": "zoe_hub.backends.fake:FakeBackend",
    },
    "zoe.authenticators": {"embedded": "zoe_hub.web.access.auth:EmbeddedAuthenticator"},
}
"""Also entry points of the installed package; known here, since reading those of all packages takes 15 ms at each
start.
"""


def part_names(group: str, wanted: str = "") -> list[str]:
    """The names of a group's entry points; those of all packages only if ``wanted`` is not one of Zoe's own."""
    own = OWN[group]
    return sorted(own) if wanted in own else sorted({*own, *(each.name for each in metadata.entry_points(group=group))})


def load_part(group: str, name: str) -> Any:
    """The class that the entry point ``name`` of ``group`` names.

    :raises ZoeError: ``not-supported``
    """
    own = OWN[group]
    if name in own:
        point = metadata.EntryPoint(name, own[name], group)
    else:
        found = {each.name: each for each in metadata.entry_points(group=group)}
        if name not in found:
            raise ZoeError("not-supported", f"There is no {name!r} among {group}: {', '.join(sorted({*found, *own}))}.")
        point = found[name]
    try:
        return point.load()
    except ImportError as error:
        raise ZoeError(
            "not-supported",
            f"{name!r} of {group} needs more than is installed: {error}. Install it with: pip install"
            f" 'jupyter-zoe[{name}]'.",
        ) from error


def choose_backend(wanted: str, last: object, *, active: bool) -> str:
    """Where processes run. What is active stays where it is: on another backend everything would be started a second
    time.

    :param wanted: the setting, perhaps empty
    :param last: the backend of the hub before, if one is known
    :param active: whether there are executions that have not ended
    :raises ZoeError: ``backend-changed``
    """
    if not active or not isinstance(last, str):
        return wanted or "local"
    if wanted and wanted != last:
        raise ZoeError(
            "backend-changed",
            f"Executions are active on the backend {last!r}, and the hub is to start with {wanted!r}.",
        )
    return last
