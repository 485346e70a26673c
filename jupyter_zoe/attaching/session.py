"""What this process has of attachments: live sessions, the variables they stand under, and how all of it goes again."""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple, cast

from jupyter_zoe.attaching.handle import Handle
from jupyter_zoe.attaching.layers import Layers, Unset
from jupyter_zoe.attaching.steps import Steps, Unseen
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.client.operations import ExecutionView


class Loss(NamedTuple):
    """Why a session is gone: its cluster has ended, or only the session has, and there can be another one."""

    code: Literal["cluster-ended", "session-lost"]
    why: str


class Session:
    """One attachment as this process has it. ``attachment`` may be renewed; the rest stays.

    :param handle: what may be asked of it
    :param check: raises unless it answers; ``None``: nothing is declared that could be asked
    :param is_found: it was there before, made by somebody else, and is not closed
    """

    def __init__(
        self,
        *,
        attachment: str,
        view: ExecutionView,
        variable: str,
        value: Any,
        handle: Handle | None = None,
        check: Callable[[], None] | None = None,
        is_found: bool = False,
    ) -> None:
        self.attachment, self.variable, self.value, self.is_found = attachment, variable, value, is_found
        self.execution, self.name, self.zapp = view["id"], view["name"], view["zapp"]
        self.is_kept = False  # somebody watches its cluster
        self.handle = handle or Handle(value)
        self.has_answered = True  # its check has been passed; otherwise it lives, and waits for its turn
        self.loss: Loss | None = None
        self.is_told = False  # the loss has been told in full
        self.stop_watching: Callable[[], None] = lambda: None
        self._check = check
        self._servers: dict[str, str] | None = servers(view)
        self._lock = threading.Lock()
        self._message: ZoeProblem | None = None

    def lives(self, view: ExecutionView) -> bool:
        """Whether it can still be used: what it talks to is what it was, and answers."""
        if self.loss is not None or view["id"] != self.execution or not self.has_servers_of(view):
            return False
        alive = self.handle.is_alive()
        if alive is not None or self._check is None:
            return alive is not False
        try:
            self._check()
        except Exception:
            return False
        return True

    def has_servers_of(self, view: ExecutionView) -> bool:
        """Whether the processes that it depends on are those that it was made with, or seen with first."""
        if self._servers is None:
            self.name, self.zapp, self._servers = view["name"], view["zapp"], servers(view)
        return servers(view) == self._servers

    @classmethod
    def beside(cls, execution: str, variable: str, value: Any, target: Any) -> Session:
        """One that the kernel has had from its start, before anybody has asked the hub about its cluster."""
        view = {"id": execution, "name": "This application", "zapp": "", "groups": [], "processes": []}
        session = cls(
            attachment="",
            view=cast("ExecutionView", view),
            variable=variable,
            value=value,
            handle=Handle(value, target),
            is_found=True,
        )
        session._servers = None
        return session

    def lose(self, loss: Loss, make_message: Callable[[], ZoeProblem]) -> Callable[[], ZoeProblem]:
        """From now on whoever uses it, or waits for it, is told that it is gone.

        :param make_message: makes the message, once; it may have another session made
        :return: what to raise
        """

        def error() -> ZoeProblem:
            """Fresh each time: an exception that is raised twice would show where it was raised first."""
            # Others do not wait for the one that tells: it may wait for them.
            if not self.is_told and self._lock.acquire(blocking=False):
                try:
                    if self._message is None:
                        self._message = make_message()
                    return ZoeProblem(self._message.code, self._message.detail, self._message.remedy)
                finally:
                    self._lock.release()
            return ZoeProblem(
                loss.code,
                f"This belongs to a session of {self.name} that is gone.",
                f"Make it anew with '{self.variable}'.",
            )

        if self.loss is None:
            self.loss = loss
            self.handle.fail(error)
        return error

    def end_telling(self) -> None:
        """What was being told has been read: the cell is over."""
        self.is_told |= self._message is not None


class Sessions:
    """The sessions of one process, one for each execution. The last one is the current one."""

    def __init__(self) -> None:
        self._all: list[Session] = []
        self._gone: list[Session] = []  # of which something is being told
        self.environment = Layers(os.environ, operator.eq)
        self._namespace: MutableMapping[str, Any] = {}
        self._variables = Layers(self._namespace, operator.is_)
        self._shown: set[str] = set()
        self._label = ""
        self.live: Callable[[], AbstractContextManager[Steps]] = Unseen
        """Where it is shown that another session is being made; gone when there is one."""

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._all))

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
        session.handle.label(self._label)
        if old is not None and old is not session:
            old.stop_watching()
            if old.loss is not None:
                self._gone.append(old)
            if not old.is_found:
                old.handle.close()

    def show_in(self, namespace: MutableMapping[str, Any]) -> None:
        """Say where the user's variables are."""
        self._namespace = namespace
        self._variables = Layers(namespace, operator.is_)

    def shown(self, variable: str) -> Any:
        """What the user has under this name."""
        return self._namespace.get(variable)

    def is_shown(self, execution: str) -> bool:
        """Whether the session of an execution was put before the user."""
        return execution in self._shown

    def show(self, session: Session) -> bool:
        """Put a session before the user; whether something of the user's own is hidden by it, until it goes."""
        self._shown.add(session.execution)
        hidden = self._variables.put(session.execution, session.variable, session.value)
        return hidden is not None and not isinstance(hidden, Unset)

    def drop(self, session: Session, *, close: bool = True) -> None:
        """Forget a session; what it changed is as it was before.

        :param close: have it say goodbye; not if its cluster is gone
        """
        session.stop_watching()
        if not session.is_found:
            if not close:
                session.handle.fail(lambda: ZoeProblem("cluster-ended", f"{session.name} has ended.", _ANEW))
            session.handle.close()
        self._variables.release(session.execution)
        self.environment.release(session.execution)
        self._shown.discard(session.execution)
        self._all.remove(session)

    def drop_ended(self) -> tuple[Session, ...]:
        """Forget the sessions whose clusters have ended; those of which nobody has been told yet."""
        ended = [each for each in self if each.loss is not None and each.loss.code == "cluster-ended"]
        for session in ended:
            self.drop(session, close=False)
        return tuple(session for session in ended if not session.is_told)

    # --- what runs ---

    def begin(self, label: str) -> None:
        """Something begins that has a name, such as a cell."""
        self._label = label
        for session in self:
            session.handle.label(label)

    def end(self) -> None:
        """It is over: what follows has no name, and what it was told has been read."""
        self.begin("")
        for session in (*self, *self._gone):
            session.end_telling()
        self._gone.clear()

    def interrupt(self) -> None:
        """End what runs, in all sessions, without waiting for it."""
        for session in self:
            threading.Thread(
                target=session.handle.interrupt, args=(self._label,), name="zoe-interrupt", daemon=True
            ).start()


_ANEW = "Attach to another one with '%zoe attach', or jupyter_zoe.attach()."

SESSIONS = Sessions()
"""Those of this process: what ``%zoe`` attaches, ``jupyter_zoe.attach`` finds, and the other way round."""


def servers(view: ExecutionView) -> dict[str, str]:
    """The processes that do not come and go, and when each was started."""
    elastic = {group["name"] for group in view["groups"] if group["scalable"]}
    return {
        each["id"]: f"{each['starts']} {each['started']}" for each in view["processes"] if each["group"] not in elastic
    }
