"""Keeps a session: watches its cluster and has its cells told; when it is lost, says once what is gone, with another
one in its place.
"""

from __future__ import annotations

from jupyter_zoe.attaching.connecting import connect
from jupyter_zoe.attaching.holder import kernel_id
from jupyter_zoe.attaching.session import Loss, Session, Sessions
from jupyter_zoe.attaching.steps import Steps
from jupyter_zoe.attaching.telling import teller
from jupyter_zoe.attaching.waiting import TICK
from jupyter_zoe.attaching.watching import Watch
from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.client.operations import ExecutionView
from jupyter_zoe.words import reason_words, sentence

RESTARTED = "what it ran on was started again"
_RENEWING = 180.0  # seconds that servers may take to start again, while somebody waits for another session
ANSWERS_NOT = "it does not answer any more"


def keep(client: Client, session: Session, sessions: Sessions) -> None:
    """Keep a session until it is dropped.

    :param client: of its hub; the session gets connections of its own
    """
    keeper = _Keeper(client.companion(), session, sessions)
    session.handle.when_lost(keeper.lost)
    watch = Watch(client.companion(), session.execution, keeper.seen)
    telling = teller(client, session)
    session.handle.when_working(telling.begun)

    def stop() -> None:
        watch.stop()
        telling.stop()

    session.stop_watching, session.is_kept = stop, True


def give_up(session: Session, view: ExecutionView) -> None:
    """Take a session for gone, which does not live as its execution is now. Whoever does so tells of it."""
    why = ANSWERS_NOT if session.has_servers_of(view) else RESTARTED
    session.lose(Loss("session-lost", why), lambda: ZoeProblem("session-lost", gone_words(session)))
    session.is_told = True


class _Keeper:
    def __init__(self, client: Client, session: Session, sessions: Sessions) -> None:
        self._client, self._session, self._sessions = client, session, sessions

    def seen(self, view: ExecutionView | None) -> None:
        """The execution has changed."""
        session = self._session
        if view is None:
            self._lose(Loss("cluster-ended", "the hub does not know it any more"))
        elif view["desired"] == "ended":
            self._lose(Loss("cluster-ended", reason_words(view)))
        elif not session.has_servers_of(view):
            self._lose(Loss("session-lost", RESTARTED))

    def lost(self, why: str) -> ZoeProblem:
        """The session has found out by itself that it is gone; what to raise."""
        session = self._session
        error = session.lose(Loss("session-lost", why), self._message)
        return error()

    def _lose(self, loss: Loss) -> None:
        self._session.stop_watching()
        self._session.lose(loss, self._message)

    def _message(self) -> ZoeProblem:
        """The message, for whoever uses the session next. Another one is made if there can be one."""
        session, loss = self._session, self._session.loss
        assert loss is not None
        if loss.code == "cluster-ended":
            return ZoeProblem(
                "cluster-ended",
                f"{session.name} has ended: {sentence(loss.why)}",
                f"'%zoe attach' starts or finds another cluster; '{session.variable}' is of no use any more.",
            )
        gone = gone_words(session)
        try:
            self._renew()
        except ZoeProblem as problem:
            return ZoeProblem("session-lost", gone, f"There is no other one yet: {problem.detail}")
        return ZoeProblem("session-lost", gone, f"'{session.variable}' is a new session.")

    def _renew(self) -> None:
        session, sessions = self._session, self._sessions
        with sessions.live() as steps:
            steps.say(f"The session of {session.name} is gone; waiting until there can be another one …")
            self._replace(steps)

    def _replace(self, steps: Steps) -> None:
        session, sessions = self._session, self._sessions
        view = self._client.wait(
            session.execution,
            lambda now: now["phase"] == "running" or now["desired"] == "ended",
            timeout=_RENEWING,
            progress=steps.progress,
            tick=TICK,
        )
        attachments = self._client.list_attachments(execution=session.execution)["items"]
        attachment = next((each for each in attachments if each["id"] == session.attachment), None)
        if attachment is None:
            raise ZoeProblem("not-attached", f"{session.name} is attached no more.", "Run '%zoe attach'.")
        connection = self._client.get_connection(session.attachment)
        made = connect(connection, {**attachment, "found": True}, kernel_id(), view, sessions)
        sessions.take(made)
        if sessions.is_shown(session.execution):
            sessions.show(made)
        keep(self._client, made, sessions)


def gone_words(session: Session) -> str:
    """That a session is gone, why, and with what."""
    why = session.loss.why if session.loss is not None else RESTARTED
    holds = f" Gone with it: {session.handle.holds}." if session.handle.holds else ""
    return f"The session of {session.name} is gone: {sentence(why)}{holds}"
