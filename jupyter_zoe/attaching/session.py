"""What this process has of attachments: live sessions, the variables they stand under, and how all of it goes again."""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Iterator, MutableMapping
from typing import Any

from jupyter_zoe.attaching.layers import Absent, Layers
from jupyter_zoe.client.operations import ExecutionView

_CLOSING = 5.0  # seconds that a session may take to say goodbye


class Session:
    """One attachment as this process has it. ``attachment`` may be renewed; the rest stays.

    :param is_found: it was there before, made by somebody else, and is not closed
    """

    def __init__(
        self, *, attachment: str, view: ExecutionView, variable: str, value: Any, is_found: bool = False
    ) -> None:
        self.attachment, self.variable, self.value, self.is_found = attachment, variable, value, is_found
        self.execution, self.name, self.zapp = view["id"], view["name"], view["zapp"]
        self._servers = servers(view)

    def lives(self, view: ExecutionView) -> bool:
        """Whether it can still be used: same execution, and what it talks to has not been started anew since."""
        return view["id"] == self.execution and servers(view) == self._servers and not has_stopped(self.value)


class Sessions:
    """The sessions of one process, one for each execution. The last one is the current one."""

    def __init__(self) -> None:
        self._all: list[Session] = []
        self.environment = Layers(os.environ, operator.eq)
        self._namespace: MutableMapping[str, Any] = {}
        self._variables = Layers(self._namespace, operator.is_)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._all)

    @property
    def current(self) -> Session | None:
        """The one that was attached last."""
        return self._all[-1] if self._all else None

    def of(self, execution: str) -> Session | None:
        """The session of an execution."""
        return next((each for each in self._all if each.execution == execution), None)

    def take(self, session: Session) -> None:
        """Make a session the current one, in the place of another one of its execution."""
        old = self.of(session.execution)
        self._all = [*(each for each in self._all if each is not old), session]
        if old is not None and old is not session and not old.is_found:
            close_quietly(old.value)

    def show_in(self, namespace: MutableMapping[str, Any]) -> None:
        """Say where the user's variables are."""
        self._namespace = namespace
        self._variables = Layers(namespace, operator.is_)

    def shown(self, variable: str) -> Any:
        """What the user has under this name."""
        return self._namespace.get(variable)

    def show(self, session: Session) -> bool:
        """Put a session before the user; whether something of the user's own is hidden by it, until it goes."""
        hidden = self._variables.put(session.execution, session.variable, session.value)
        return hidden is not None and not isinstance(hidden, Absent)

    def drop(self, session: Session, *, close: bool = True) -> None:
        """Forget a session; what it changed is as it was before.

        :param close: have it say goodbye; not if its cluster is gone
        """
        if close and not session.is_found:
            close_quietly(session.value)
        self._variables.release(session.execution)
        self.environment.release(session.execution)
        self._all.remove(session)


SESSIONS = Sessions()
"""Those of this process: what ``%zoe`` attaches, ``jupyter_zoe.attach`` finds, and the other way round."""


def servers(view: ExecutionView) -> dict[str, str]:
    """The processes that do not come and go, and when each was started."""
    elastic = {group["name"] for group in view["groups"] if group["scalable"]}
    return {
        each["id"]: f"{each['starts']} {each['started']}" for each in view["processes"] if each["group"] not in elastic
    }


def has_stopped(value: Any) -> bool:
    """Whether a session says of itself that it is over."""
    try:
        return getattr(value, "is_stopped", False) is True
    except Exception:
        return True


def close_quietly(value: Any) -> None:
    """Have a session say goodbye, for a bounded time: its server may be gone."""
    stop = getattr(value, "stop", None) or getattr(value, "close", None)
    if not callable(stop):
        return

    def quietly() -> None:
        try:
            stop()
        except Exception:
            return

    thread = threading.Thread(target=quietly, name="zoe-close", daemon=True)
    thread.start()
    thread.join(_CLOSING)
