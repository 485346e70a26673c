"""The hub from Python: ``Client`` for scripts, magics and the command line, ``AsyncClient`` for asyncio.

Both have a typed method for each operation of the REST interface (``operations``, generated) and a few that combine
them: ``find`` an execution by its name, ``wait`` until something has happened, ``tail`` a log. Requests whose
connection fails are tried again where that is harmless; calls that create keep their Idempotency-Key meanwhile, so that
nothing is made twice. Event streams resume after the last event that was given. Errors are ``ZoeProblem``.

Both come from one source, ``asynchronous``, of which ``generate`` makes ``synchronous``; see
``docs/decisions/clients.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_zoe.client.problems import ZoeProblem
from jupyter_zoe.client.waiting import Progress, Until

if TYPE_CHECKING:
    from jupyter_zoe.client.asynchronous import AsyncClient
    from jupyter_zoe.client.synchronous import Client

__all__ = ["AsyncClient", "Client", "Progress", "Until", "ZoeProblem"]


def __getattr__(name: str) -> Any:
    """The clients, imported when they are used: asyncio takes a while, and help needs no client at all."""
    if name == "Client":
        from jupyter_zoe.client.synchronous import Client  # noqa: PLC0415

        return Client
    if name == "AsyncClient":
        from jupyter_zoe.client.asynchronous import AsyncClient  # noqa: PLC0415

        return AsyncClient
    raise AttributeError(f"module 'jupyter_zoe.client' has no attribute {name!r}")
