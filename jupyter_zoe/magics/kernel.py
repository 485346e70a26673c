"""The kernel that ``%zoe`` runs in: who it is, what is installed, and the session that it gets.

The code of a connection comes from the framework's definition. It runs in a namespace of its own; only the variable
that it makes is put before the user. Secrets are in nothing that the user sees: not in variables, outputs or
tracebacks.
"""

from __future__ import annotations

import os
import platform
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.client.operations import Connection, ExecutionView

_PACKAGES = ("pyspark", "pandas", "pyarrow", "grpcio", "grpcio-status", "googleapis-common-protos", "numpy")
_REACHING = 5.0  # seconds until an address that does not answer counts as out of reach
_CLOSING = 5.0  # seconds that a session may take to say goodbye


def identity() -> tuple[str, str]:
    """The key under which the notebook is known (its path, else the kernel's id), and the kernel's id."""
    kernel = _kernel_id()
    path = os.environ.get("JPY_SESSION_NAME", "")
    return (path or kernel or f"terminal-{socket.gethostname()}-{os.getpid()}")[:1024], kernel


def _kernel_id() -> str:
    try:
        from ipykernel.connect import get_connection_file  # noqa: PLC0415

        return Path(get_connection_file()).stem.removeprefix("kernel-")
    except Exception:  # no kernel, or another kind of one
        return ""


def versions() -> dict[str, str]:
    """What is installed here; an empty version: it is not."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


@dataclass
class Session:
    """What this kernel has of an attachment."""

    attachment: str
    execution: str
    name: str
    zapp: str
    variable: str
    value: Any
    servers: Mapping[str, str]  # the processes it depends on, as they were

    def lives(self, view: ExecutionView) -> bool:
        """Whether it can still be used: same execution, and what it talks to has not been started anew since."""
        return view["id"] == self.execution and servers(view) == self.servers and not stopped(self.value)


def servers(view: ExecutionView) -> dict[str, str]:
    """The processes that do not come and go, and when each was started."""
    elastic = {group["name"] for group in view["groups"] if group["scalable"]}
    return {
        each["id"]: f"{each['starts']} {each['started']}" for each in view["processes"] if each["group"] not in elastic
    }


def stopped(value: Any) -> bool:
    """Whether a session says of itself that it is over."""
    try:
        return getattr(value, "is_stopped", False) is True
    except Exception:
        return True


def connect(connection: Connection, name: str) -> Any:
    """Run the code of a connection and return what it made.

    :raises ZoeProblem: ``client-mismatch`` if a package is missing, else ``connect-failed``; without a trace of secrets
    """
    _reach(connection, name)
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
            _without(f"The kernel lacks a package: {error}.", connection),
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
            _without(f"{name} runs, but the kernel cannot connect to it: {first}", connection),
            "Run '%zoe logs' to see what it says, then '%zoe attach' again.",
        )
    finally:
        namespace.pop("secrets", None)
    raise problem  # here, so that the failure with its frames is not its context


def _reach(connection: Connection, name: str) -> None:
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


def _without(text: str, connection: Connection) -> str:
    for value in connection["secrets"].values():
        if value:
            text = text.replace(value, "***")
    return text


def close(value: Any) -> None:
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
