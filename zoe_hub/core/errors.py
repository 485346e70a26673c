"""Every error that Zoe tells a person, declared once: a stable code, a status, a title, and what to do about it.

``ERRORS`` is the table; the documentation page of errors and the OpenAPI document come from it. ``ZoeError`` carries a
code and the details of one occurrence. Raised everywhere, turned into a problem (RFC 9457) by ``web`` alone.
"""

from __future__ import annotations

from typing import Any

from zoe_hub.core.record import Record


class ErrorKind(Record, kw_only=True):
    """One kind of error: what it is called, its HTTP status and what the user can do."""

    code: str
    status: int
    title: str
    remedy: str


def _table(*kinds: tuple[str, int, str, str]) -> dict[str, ErrorKind]:
    return {
        code: ErrorKind(code=code, status=status, title=title, remedy=remedy) for code, status, title, remedy in kinds
    }


ERRORS: dict[str, ErrorKind] = _table(
    # requests
    ("bad-request", 400, "The request cannot be understood", "Correct what the message names and send it again."),
    (
        "bad-parameter",
        422,
        "A parameter has a value that is not allowed",
        "Correct the parameters that 'errors' names.",
    ),
    (
        "not-authenticated",
        401,
        "No valid token came with the request",
        "Send 'Authorization: Bearer <token>'; 'zoe' and JupyterLab do this for you.",
    ),
    (
        "not-allowed",
        403,
        "The token does not allow this",
        "Use a token with the scope that the message names, or ask an admin.",
    ),
    (
        "foreign-origin",
        403,
        "The request comes from a page of another site",
        "Open the page from JupyterLab or from the hub's own address.",
    ),
    ("not-found", 404, "There is nothing under this address", "Check the address against GET /api/v1/openapi.json."),
    (
        "method-not-allowed",
        405,
        "This address does not take this method",
        "Check the address against GET /api/v1/openapi.json.",
    ),
    (
        "too-large",
        413,
        "The request is too large",
        "Send less; put data where the application can read it and pass its place.",
    ),
    (
        "request-timeout",
        408,
        "The request did not come in time",
        "Send it again; over a slow network, have the admin raise ZoeHub.body_timeout.",
    ),
    (
        "too-many",
        429,
        "You have as many of these as you may have at a time",
        "End what you do not need ('zoe ps' shows it; close tabs that you do not look at), or ask the admin for more.",
    ),
    ("conflict", 409, "Somebody else changed this in the meantime", "Read it again, then repeat the change."),
    ("key-reused", 409, "This Idempotency-Key came with another request before", "Use a new key for a new request."),
    ("internal", 500, "The hub made a mistake", "Try again; report the incident number that the message gives."),
    # catalog
    (
        "unknown-zapp",
        404,
        "The shop has no ZApp of this name",
        "List the shop with 'zoe apps', in a notebook with '%zoe apps'.",
    ),
    (
        "unknown-framework",
        404,
        "The catalog has no framework of this name",
        "List the frameworks with GET /api/v1/frameworks.",
    ),
    (
        "framework-alone",
        409,
        "A framework does not run by itself",
        "Start one of the ZApps that use it, or write one of your own; see docs/framework-author.md.",
    ),
    (
        "bad-definition",
        422,
        "A framework or ZApp is not defined correctly",
        "Correct the places that 'errors' names; check with 'zoe-hub validate PATH'.",
    ),
    # executions
    ("unknown-execution", 404, "There is no such execution", "List your executions with 'zoe ps --all'."),
    ("unknown-process", 404, "The execution has no such process", "See its processes with 'zoe status EXECUTION'."),
    (
        "unknown-group",
        404,
        "The execution has no such group of processes",
        "See its groups with 'zoe status EXECUTION'.",
    ),
    (
        "unknown-port",
        404,
        "The process has no such port, or it is not a web port",
        "See its endpoints with 'zoe status EXECUTION'.",
    ),
    ("already-ended", 409, "The execution has ended", "Start a new one."),
    (
        "not-scalable",
        409,
        "This execution has no group that can grow",
        "Start a ZApp with an elastic group, such as spark-cluster.",
    ),
    (
        "out-of-range",
        422,
        "The number of processes is outside what the group allows",
        "Choose a number in the range that the message gives.",
    ),
    (
        "never-fits",
        422,
        "The application needs more than all nodes together have",
        "Ask for less memory, fewer cores or fewer processes.",
    ),
    ("protected", 409, "The execution is protected", "Repeat with its name as 'confirm' if you really mean it."),
    (
        "not-attachable",
        409,
        "A kernel cannot connect to this application",
        "Attach to a ZApp that says how, such as spark-cluster.",
    ),
    (
        "already-attached",
        409,
        "The notebook is attached to another execution of this ZApp",
        "Detach it first, with '%zoe detach' or 'zoe detach', or attach from another notebook.",
    ),
    ("unknown-attachment", 404, "There is no such attachment", "Attach again with '%zoe attach'."),
    ("not-ready", 409, "The process does not answer yet", "Wait until the execution is running, or look at its logs."),
    ("no-log", 404, "There is no log of this process", "Wait until it has started."),
    (
        "history-pruned",
        410,
        "Events that were asked for are not kept any more",
        "Read the present state and what is left of the history again, from the beginning.",
    ),
    # the machine below
    (
        "backend-unavailable",
        503,
        "What runs the processes does not answer",
        "Check that it runs and that the hub may reach it; the hub tries again by itself.",
    ),
    (
        "backend-refused",
        502,
        "What runs the processes refused the request",
        "Read the message: it is the engine's own.",
    ),
    ("image-missing", 502, "An image is not there", "Build the images with 'make images', or correct the image name."),
    (
        "java-missing",
        424,
        "Java was not found",
        "Install Java 17 or newer, for example the package openjdk-17-jre-headless, or set JAVA_HOME.",
    ),
    (
        "environment-missing",
        424,
        "The environment for this image was not found",
        "Set LocalBackend.prefixes so that the image maps to an environment that exists.",
    ),
    (
        "port-taken",
        503,
        "A port that the process wanted is taken by another program",
        "End the other program or change LocalBackend.port_range; the hub tries another port by itself.",
    ),
    (
        "cannot-listen",
        503,
        "The hub cannot listen at its address",
        "Choose what the message says, or end the program that has the port.",
    ),
    ("not-supported", 501, "The backend cannot do this", "See what it can do with GET /api/v1/capabilities."),
    (
        "backend-changed",
        409,
        "Executions are active on another backend",
        "Start the hub with the backend that the message names and end them there first.",
    ),
    ("storage-full", 507, "The disk is full", "Free some space; what runs goes on."),
    (
        "storage-locked",
        503,
        "The database is in use by another hub",
        "Stop the other hub, or give this one another data folder.",
    ),
    (
        "storage-corrupt",
        500,
        "The database is damaged",
        "Nothing was changed. Restore the file from a backup, or move it away to begin anew.",
    ),
    (
        "storage-unavailable",
        503,
        "The database cannot be read or written",
        "Check that the hub may write to the folder of its database and that the disk works.",
    ),
    (
        "storage-newer",
        500,
        "The database was written by a newer version of Zoe",
        "Install that version or a newer one.",
    ),
    # the kernel's side
    (
        "client-mismatch",
        424,
        "The kernel's package does not fit the application",
        "Install the version that the message names into the kernel's environment.",
    ),
    ("hub-unreachable", 503, "The hub does not answer", "Start JupyterLab again or run 'zoe-hub'; see the hub's log."),
)


class FieldError(Record, kw_only=True):
    """One wrong place in a request or file. ``path`` is a JSON pointer; ``line`` and ``column`` count from 1, 0 if not
    known.
    """

    message: str
    path: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return " ".join(part for part in (place and f"{place}:", self.path and f"{self.path}:", self.message) if part)


class ZoeError(Exception):
    """An error with a declared code.

    :param code: a key of ``ERRORS``; anything else is a ``KeyError`` at once
    :param detail: one or two sentences about this occurrence
    :param errors: the wrong places, if there are several
    :param extra: further members for the problem document, JSON values
    """

    def __init__(self, code: str, detail: str = "", errors: tuple[FieldError, ...] = (), **extra: Any) -> None:
        self.kind = ERRORS[code]
        self.detail = detail or self.kind.title
        self.errors = errors
        self.extra = extra
        super().__init__(self.detail)

    @property
    def code(self) -> str:
        """The stable code."""
        return self.kind.code
