"""Makes a session out of a connection: the framework's own code runs in a namespace of its own.

Secrets are in nothing that the user sees: not in variables, outputs or tracebacks. A session counts as connected once
it has answered.
"""

from __future__ import annotations

from typing import Any

from jupyter_zoe.attaching.guard import Guard
from jupyter_zoe.attaching.handle import Handle, within
from jupyter_zoe.attaching.session import Session, Sessions
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.client.operations import AttachmentView, ConnectionView, ExecutionView
from zoe_loopback import Stranger

_REACHING = 5.0  # seconds until an address that does not answer counts as out of reach
_LATER = "Run '%zoe logs' to see what it says, then '%zoe attach' again."


class _NoAnswer(ZoeProblem):
    """A check has taken too long."""


def connect(
    connection: ConnectionView, attachment: AttachmentView, kernel: str, view: ExecutionView, sessions: Sessions
) -> Session:
    """A new session, which has answered. What its code sets in the environment goes with it, or at once if it fails.

    The session of an execution that others use may wait for its turn: there it is enough that it lives.

    :param kernel: the kernel's id; empty: this process is none
    :raises ZoeProblem: ``client-mismatch`` if a package is missing, ``bad-definition``, else ``connect-failed``; there
        is no secret in any of them
    """
    name = view["name"]
    try:
        guard = reach(connection, name)
        with sessions.environment.recording(view["id"]):
            names: dict[str, Any] = {
                "outputs": dict(connection["outputs"]),
                "secrets": dict(connection["secrets"]),
                "guard": guard,
                "attachment": attachment["id"],
                "kernel": kernel,
            }
            value = run(connection, names, name)
            session = Session(
                attachment=attachment["id"],
                view=view,
                variable=connection["variable"],
                value=value,
                handle=Handle(value, names.get(connection["session"])),
                check=(lambda: prove(connection, names, name)) if connection["check"] else None,
            )
            try:
                prove(connection, names, name)
            except BaseException as error:
                session.handle.interrupt("")
                if isinstance(error, _NoAnswer) and attachment["found"] and session.handle.is_alive():
                    session.has_answered = False
                else:
                    session.handle.close()
                    raise
    finally:
        connection["secrets"].clear()
    return session


def run(connection: ConnectionView, names: dict[str, Any], name: str) -> Any:
    """Run the code of a connection and return the variable that it sets.

    :param names: what it is given; what it sets stands in it afterwards
    :raises ZoeProblem: as ``connect``
    """
    problem: ZoeProblem
    names["__name__"] = "zoe_connection"
    try:
        # this is the framework's own code
        exec(compile(connection["code"], f"<zoe attach {name}>", "exec"), names)  # noqa: S102
        return names[connection["variable"]]
    except ImportError as error:
        problem = ZoeProblem(
            "client-mismatch",
            _without_secrets(f"The kernel lacks a package: {error}.", connection),
            f"Run in the notebook: %pip install '{connection['requires']}', then restart the kernel.",
        )
    except KeyError:
        problem = ZoeProblem(
            "bad-definition",
            f"The connection of {name} does not define {connection['variable']!r}.",
            "Correct 'attach' in the framework's definition.",
        )
    except Exception as error:
        problem = _failed(error, connection, name)
    finally:
        names.pop("secrets", None)
    raise problem  # here, so that the failure with its frames is not its context


def prove(connection: ConnectionView, names: dict[str, Any], name: str) -> None:
    """Have the session answer. :raises ZoeProblem: ``connect-failed``: it fails, or takes too long"""
    if not connection["check"]:
        return
    problem: ZoeProblem
    code = compile(connection["check"], f"<zoe check {name}>", "exec")
    try:
        within(connection["check_timeout"], lambda: exec(code, names))  # noqa: S102 - as in 'run'
        return
    except TimeoutError:
        problem = _NoAnswer(
            "connect-failed",
            f"{name} runs, but a session of it has not answered within {connection['check_timeout']:g} s.",
            _LATER,
        )
    except Exception as error:
        problem = _failed(error, connection, name)
    raise problem


def _failed(error: Exception, connection: ConnectionView, name: str) -> ZoeProblem:
    first_line = str(error).strip().partition("\n")[0] or type(error).__name__
    detail = f"{name} runs, but the kernel cannot connect to it: {first_line}"
    return ZoeProblem("connect-failed", _without_secrets(detail, connection), _LATER)


def reach(connection: ConnectionView, name: str) -> Guard:
    """Fail at once if nothing of an execution can be reached from here (clients of databases and clusters try for
    minutes), or if an address of it is held by somebody else, who would get its secrets.

    :return: what the code may ask before it connects again
    :raises ZoeProblem: ``connect-failed``
    """
    guard = Guard(connection.get("listeners", ()))
    is_reached, failure = False, ""
    for address in connection.get("addresses", []):
        if is_reached and not _is_loopback(address):
            continue  # that one answers says enough of those that can only be waited for
        try:
            guard.reach(address, _REACHING)
            is_reached = True
        except Stranger as error:
            raise ZoeProblem(
                "connect-failed",
                f"{name} runs, but what listens at {address} is not it: {error}.",
                "Run '%zoe detach' and attach again: a new cluster gets other ports and secrets.",
            ) from None
        except OSError as error:
            failure = f"{name} runs, but this kernel cannot reach it at {address}: {error.strerror or error}."
    if failure and not is_reached:
        raise ZoeProblem(
            "connect-failed",
            failure,
            "Attach from a kernel on the hub's machine, outside of containers, or use an application that brings its"
            " own notebook, such as spark-notebook.",
        )
    return guard


def _is_loopback(address: str) -> bool:
    return address.rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]")


def _without_secrets(text: str, connection: ConnectionView) -> str:
    for value in connection["secrets"].values():
        if value:
            text = text.replace(value, "***")
    return text
