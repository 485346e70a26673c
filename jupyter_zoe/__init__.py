"""The Jupyter side of Zoe: client, server extension, magics and command line. Never imports ``zoe_hub``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str  # of the distribution, which has it from ``zoe_hub``
    from jupyter_zoe.attaching.plain import attach, detach
    from jupyter_zoe.client import AsyncClient, Client, ZoeProblem

__all__ = ["AsyncClient", "Client", "ZoeProblem", "__version__", "attach", "detach"]


def __getattr__(name: str) -> Any:
    """The public names, imported when they are used: the command line starts fast."""
    if name in ("AsyncClient", "Client", "ZoeProblem"):
        from jupyter_zoe import client  # noqa: PLC0415

        return getattr(client, name)
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("jupyter-zoe")
    if name in ("attach", "detach"):
        from jupyter_zoe.attaching import plain  # noqa: PLC0415

        return getattr(plain, name)
    raise AttributeError(f"module 'jupyter_zoe' has no attribute {name!r}")
