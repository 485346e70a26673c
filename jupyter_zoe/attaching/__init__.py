"""Attaching: a holder (a notebook, a folder) and its sessions, on one hub.

The one implementation behind ``%zoe attach``, ``zoe attach`` and ``jupyter_zoe.attach()``, and so of scaling and
detaching. It asks the hub (``asking``), waits (``waiting``), connects (``connecting``) and remembers what this process
has and what it changed (``session``); ``wording`` puts results into words. Nothing here knows how anything is shown.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from jupyter_zoe.attaching import holder as holders
from jupyter_zoe.attaching import keeping, waiting
from jupyter_zoe.attaching.asking import Wish, ask
from jupyter_zoe.attaching.connecting import connect
from jupyter_zoe.attaching.former import nothing_attached
from jupyter_zoe.attaching.handle import Handle
from jupyter_zoe.attaching.holder import Holder
from jupyter_zoe.attaching.renewing import renew
from jupyter_zoe.attaching.session import Session, Sessions
from jupyter_zoe.attaching.steps import Steps
from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.client.operations import AttachmentView, ConnectionView, ExecutionView

_ENDING = 120.0  # seconds that a detached execution is waited for
_FAILING = 3.0  # seconds until a cluster that lets nobody in has noticed itself that it cannot


class Attached(NamedTuple):
    """What attaching came to."""

    attachment: AttachmentView
    view: ExecutionView  # as it is now, which is not as the attachment's was
    seconds: float  # that it was waited for
    session: Session | None = None  # None: nothing connects here
    is_same: bool = False  # the session was there before
    hides_own: bool = False  # its variable was something of the user's own, which comes back at the end
    lost: Session | None = None  # the one that was there before, which is gone, and of which nobody has been told
    ended: tuple[Session, ...] = ()  # others whose clusters have ended, of which nobody has been told


class Detached(NamedTuple):
    """What detaching came to."""

    view: ExecutionView
    why_it_stays: Literal["", "kept", "own", "used"] = ""


class Attaching:
    """Attachments of one holder.

    :param client: makes the connection to the hub when it is needed
    :param holder: who it is, asked anew each time: a notebook may be renamed, a program may change its folder
    :param sessions: where sessions of this process are kept; ``None``: nothing connects here
    """

    def __init__(
        self, client: Callable[[], Client], holder: Callable[[], Holder], sessions: Sessions | None = None
    ) -> None:
        self._client, self._holder, self.sessions = client, holder, sessions

    def attach(self, wish: Wish, *, timeout: float | None, steps: Steps, shows: bool = True) -> Attached:
        """Attach and connect, starting what has to be started.

        :param timeout: seconds to wait until it runs; ``None``: for ever
        :param shows: put the session before the user, as a variable
        :raises ZoeProblem: what the hub says; ``start-failed``, ``timeout``, ``client-mismatch``, ``connect-failed``
        """
        steps.say("Asking the hub …")
        client = self._client()
        holder = self._holder()
        attachment = ask(client, holder, wish, connects=self.sessions is not None)
        renew(holder, client.info)
        steps.about(attachment=attachment["id"])
        seconds = 0.0

        def progress(view: ExecutionView, passed: float) -> None:
            nonlocal seconds
            seconds = passed
            steps.progress(view, passed)

        view = waiting.wait_running(client, attachment["execution"], timeout=timeout, progress=progress)
        if self.sessions is None:
            return Attached(attachment, view, seconds)
        ended = self.sessions.drop_ended()
        old = self.sessions.of(view["id"])
        if old is not None and old.lives(view):
            old.attachment = attachment["id"]
            self.sessions.take(old)
            if not old.is_kept:
                keeping.keep(client, old, self.sessions)
            session, is_same, lost = old, True, None
        else:
            lost = None if old is None or old.is_told or old.handle.has_stopped() else old
            session, is_same = self._connected(self.sessions, attachment, view, steps)
            if lost is not None:
                keeping.give_up(lost, view)
        hides_own = shows and self.sessions.show(session)
        steps.about(variable=session.variable, session="same" if is_same else "new")
        return Attached(attachment, view, seconds, session, is_same, hides_own, lost, ended)

    def _connected(
        self, sessions: Sessions, attachment: AttachmentView, view: ExecutionView, steps: Steps
    ) -> tuple[Session, bool]:
        """A session that is watched from now on, and whether it was there already."""
        client = self._client()
        steps.say(f"{view['name']} runs; connecting …")
        connection = client.get_connection(attachment["id"])
        beside = self._beside(sessions, connection, view)
        if beside is not None:
            connection["secrets"].clear()
            variable = connection["variable"]
            session = Session(attachment=attachment["id"], view=view, variable=variable, value=beside, is_found=True)
        else:
            try:
                session = connect(connection, attachment, holders.kernel_id(), view, sessions)
            except ZoeProblem as problem:
                raise self._explained(client, problem, view) from None
        sessions.take(session)
        keeping.keep(client, session, sessions)
        return session, beside is not None

    @staticmethod
    def _explained(client: Client, problem: ZoeProblem, view: ExecutionView) -> ZoeProblem:
        """Why a session could not be made: if the execution fails of the same cause, that says it better."""
        if problem.code != "connect-failed":
            return problem
        with contextlib.suppress(ZoeProblem):
            now = client.wait(view["id"], lambda now: now["desired"] == "ended", timeout=_FAILING)
            return waiting.failed(client, now)
        return problem

    @staticmethod
    def _beside(sessions: Sessions, connection: ConnectionView, view: ExecutionView) -> Any:
        """In a notebook beside its cluster, the session that the kernel has had from its start, else ``None``."""
        there = sessions.shown(connection["variable"])
        is_session = hasattr(there, "stop") and not isinstance(there, type) and not Handle(there).has_stopped()
        return there if is_session and view["id"] == holders.own_execution() else None

    def current(self, name: str | None = None) -> ExecutionView:
        """The execution that is meant: by its name or id, else the one that was attached last.

        :raises ZoeProblem: ``not-attached``, ``unknown-execution``, ``ambiguous``
        """
        client = self._client()
        if name is not None:
            return client.find(name)
        if self.sessions is not None and self.sessions.current is not None:
            return client.get_execution(self.sessions.current.execution)
        holder = self._holder()
        found = client.list_attachments(key=holder.key, kernel=holder.kernel or None)
        if not found["items"]:
            raise nothing_attached(holder, found.get("former"), client.now())
        return max(found["items"], key=lambda each: each["renewed"])["execution"]

    def scale(
        self, view: ExecutionView, group: str | None, count: int, *, timeout: float | None, steps: Steps
    ) -> tuple[ExecutionView, float]:
        """Change how many processes an execution has, and wait for them; the execution, and the seconds it took.

        :raises ZoeProblem: what the hub says; ``start-failed``, ``timeout``
        """
        seconds = 0.0

        def progress(now: ExecutionView, passed: float) -> None:
            nonlocal seconds
            seconds = passed
            steps.progress(now, passed)

        done = waiting.scale(self._client(), view, group, count, timeout=timeout, progress=progress)
        return done, seconds

    def detach(self, name: str | None, *, keep: bool, waits: bool, steps: Steps) -> Detached:
        """Let go of an execution, which ends unless it is kept or somebody else uses it.

        :param name: name or id; ``None``: the one that was attached last
        :param waits: until it has ended
        :raises ZoeProblem: ``not-attached``, ``timeout``
        """
        client, holder = self._client(), self._holder()
        view = self.current(name)
        found = client.list_attachments(key=holder.key, kernel=holder.kernel or None, execution=view["id"])["items"]
        session = self.sessions.of(view["id"]) if self.sessions is not None else None
        if not found and session is None:
            raise ZoeProblem(
                "not-attached",
                f"{holder.title} is not attached to {view['name']}.",
                f"See what it is attached to with 'status'; end the other one with 'stop {view['name']}'.",
            )
        steps.about(execution={"id": view["id"], "name": view["name"]})
        steps.say(f"Detaching from {view['name']} …")
        if self.sessions is not None and session is not None:
            self.sessions.drop(session, close=view["phase"] == "running")
        is_own = view["id"] == holders.own_execution()  # its end would end the notebook itself
        for each in found:
            view = client.detach(each["id"], keep=keep or is_own)
        if view["desired"] != "ended":
            return Detached(view, "kept" if keep else "own" if is_own else "used")
        if waits:
            view = client.wait(view["id"], "ended", timeout=_ENDING, progress=steps.progress, tick=waiting.TICK)
        return Detached(view)

    def forget(self, execution: str) -> None:
        """Drop the session of an execution that has ended."""
        session = self.sessions.of(execution) if self.sessions is not None else None
        if self.sessions is not None and session is not None:
            self.sessions.drop(session, close=False)
