"""Makes a session out of a connection: the framework's own code runs in a namespace of its own.

Secrets are in nothing that the user sees: not in variables, outputs or tracebacks.
"""

from __future__ import annotations

import socket
from typing import Any

from jupyter_zoe.attaching.session import Session, Sessions
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.client.operations import ConnectionView, ExecutionView

_REACHING = 5.0  # seconds until an address that does not answer counts as out of reach


def connect(connection: ConnectionView, attachment: str, view: ExecutionView, sessions: Sessions) -> Session:
    """A new session. What its code sets in the environment goes with it, or at once if it fails.

    :raises ZoeProblem: as ``run``, and ``connect-failed`` if the execution cannot be reached
    """
    try:
        reach(connection, view["name"])
        with sessions.environment.recording(view["id"]):
            value = run(connection, view["name"])
    finally:
        connection["secrets"].clear()
    return Session(attachment=attachment, view=view, variable=connection["variable"], value=value)


def run(connection: ConnectionView, name: str) -> Any:
    """Run the code of a connection and return what it made.

    :raises ZoeProblem: ``client-mismatch`` if a package is missing, ``bad-definition``, else ``connect-failed``; there
        is no secret in any of them
    """
    problem: ZoeProblem
    namespace: dict[str, Any] = {
        "__name__": "zoe_connection",
        "outputs": dict(connection["outputs"]),
        "secrets": dict(connection["secrets"]),
    }
    try:
        # this is the framework's own code
        exec(compile(connection["code"], f"<zoe attach {name}>", "exec"), namespace)  # noqa: S102
        return namespace[connection["variable"]]
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
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        problem = ZoeProblem(
            "connect-failed",
            _without_secrets(f"{name} runs, but the kernel cannot connect to it: {first}", connection),
            "Run '%zoe logs' to see what it says, then '%zoe attach' again.",
        )
    finally:
        namespace.pop("secrets", None)
    raise problem  # here, so that the failure with its frames is not its context


def reach(connection: ConnectionView, name: str) -> None:
    """Fail at once if nothing of an execution can be reached from here: clients of databases and clusters try for
    minutes.

    :raises ZoeProblem: ``connect-failed``
    """
    failure = ""
    for address in connection.get("addresses", []):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_REACHING).close()
        except OSError as error:
            failure = f"{name} runs, but this kernel cannot reach it at {address}: {error.strerror or error}."
        else:
            return
    if failure:
        raise ZoeProblem(
            "connect-failed",
            failure,
            "Attach from a kernel on the hub's machine, outside of containers, or use an application that brings its"
            " own notebook, such as spark-notebook.",
        )


def _without_secrets(text: str, connection: ConnectionView) -> str:
    for value in connection["secrets"].values():
        if value:
            text = text.replace(value, "***")
    return text
