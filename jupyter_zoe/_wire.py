"""What both clients share: problems as exceptions, requests, which failures are tried again, the format of event
streams.

Used by ``client`` alone. Imports nothing that costs.
"""

from __future__ import annotations

import codecs
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import quote, urlsplit

from jupyter_zoe._operations import PREFIX, EventView, ExecutionView, Operation, Options

if TYPE_CHECKING:
    from jupyter_zoe.hub import HubError, HubInfo

READ_TIMEOUT = 60.0  # seconds without a byte of an answer
STREAM_TIMEOUT = 45.0  # seconds without a byte of a stream: three missed signs of life
UNAUTHORIZED = 401
PAUSES = (0.1, 0.3, 0.8, 1.5, 3.0)  # seconds before a request whose connection failed is sent again


class ZoeProblem(Exception):
    """Zoe says no, or cannot be reached.

    ``code`` is stable (see docs/errors.md), ``detail`` says what happened, ``remedy`` what to do, ``errors`` names
    wrong places (dictionaries with ``path`` and ``message``), ``status`` is the HTTP status (0 when there was no
    answer).
    """

    def __init__(  # noqa: PLR0917
        self,
        code: str,
        detail: str,
        remedy: str = "",
        errors: Iterable[Mapping[str, Any]] = (),
        status: int = 0,
        incident: str = "",
    ) -> None:
        super().__init__(code, detail)
        self.code, self.detail, self.remedy, self.status, self.incident = code, detail, remedy, status, incident
        self.errors = tuple(dict(error) for error in errors)

    def __str__(self) -> str:
        return " ".join(self.lines())

    def lines(self) -> list[str]:
        """The message for people, a line for each thing: what happened, wrong places, what to do."""
        lines = [self.detail]
        for error in self.errors:
            path, message = str(error.get("path", "")).strip("/").replace("/", "."), str(error.get("message", ""))
            if message not in self.detail:
                lines.append(f"  {path}: {message}" if path else f"  {message}")
        if self.incident and self.incident not in self.detail:
            lines.append(f"Incident {self.incident}.")
        if self.remedy and self.remedy not in self.detail and not (self.code == "bad-parameter" and len(lines) == 1):
            lines.append(self.remedy)  # (a detail that names the parameter itself needs no hint at 'errors')
        return lines


def of_hub_error(error: HubError) -> ZoeProblem:
    """The problem of a hub that cannot be found or started."""
    return ZoeProblem(error.code, error.detail, error.remedy)


def unreachable(info: HubInfo, error: Exception) -> ZoeProblem:
    """The problem of a hub that does not answer."""
    return ZoeProblem(
        "hub-unreachable",
        f"The hub at {info.url} does not answer: {_words(error)}.",
        "Start JupyterLab again or run 'zoe hub start'; see the hub's log.",
    )


def _words(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__


def problem_of(status: int, body: bytes) -> ZoeProblem:
    """The problem that an answer holds; of anything else, one that says what came."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("code"), str):
        return ZoeProblem(
            found["code"],
            str(found.get("detail") or found.get("title") or found["code"]),
            str(found.get("remedy", "")),
            found.get("errors") or (),
            status,
            str(found.get("incident", "")),
        )
    return ZoeProblem(
        "bad-answer",
        f"The hub answered {status} in a way that Zoe does not know.",
        "Check that the hub's address is right and that its version fits.",
        status=status,
    )


def content_of(operation: Operation, status: int, body: bytes) -> Any:
    """What an answer of success holds. :raises ZoeProblem: ``bad-answer`` if it is not what the operation gives"""
    if not operation.media.endswith("json"):
        return body.decode("utf-8", "replace")
    try:
        return json.loads(body)
    except ValueError:
        raise problem_of(status, b"") from None


class Request(NamedTuple):
    """One request, ready to be sent, as often as need be."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes | None
    safe: bool  # may be sent again though it may have arrived
    base: str  # the hub's address in ``url``


def request(  # noqa: PLR0917
    info: HubInfo,
    operation: Operation,
    path: Mapping[str, str],
    query: Mapping[str, Any],
    body: Mapping[str, Any] | None,
    options: Options,
) -> Request:
    """The request of an operation. A call that creates gets an Idempotency-Key, so that it can be repeated."""
    where = operation.path
    for name, value in path.items():
        where = where.replace("{" + name + "}", quote(value, safe=""))
    asked = "&".join(f"{name}={quote(_text(value), safe='')}" for name, value in query.items() if value is not None)
    headers = {"Authorization": f"Bearer {info.token}", "Accept": f"{operation.media}, application/problem+json"}
    content = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(body).encode()
    if operation.creates:
        headers["Idempotency-Key"] = options.get("idempotency_key") or uuid.uuid4().hex
    if "if_match" in options:
        headers["If-Match"] = f'"{options["if_match"]}"'
    if "range" in options:
        headers["Range"] = options["range"]
    if "last_event_id" in options:
        headers["Last-Event-ID"] = str(options["last_event_id"])
    # A size asked for twice is the same size, an end asked for twice the same end; a detachment is gone the second
    # time.
    safe = operation.method == "GET" or operation.creates or (operation.method == "POST" and "if_match" not in options)
    return Request(
        operation.method, f"{info.url}{PREFIX}{where}{'?' if asked else ''}{asked}", headers, content, safe, info.url
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def rebased(sent: Request, new: HubInfo) -> Request:
    """The same request, same Idempotency-Key, for the hub that came after the one that it was made for."""
    return sent._replace(
        url=new.url + sent.url[len(sent.base) :],
        headers={**sent.headers, "Authorization": f"Bearer {new.token}"},
        base=new.url,
    )


def on_this_machine(info: HubInfo) -> bool:
    """Whether the hub is reached without the network, so that no proxy of the environment may come between."""
    return info.embedded or urlsplit(info.url).hostname in ("127.0.0.1", "localhost", "::1")


class Events:
    """Takes an event stream apart as its bytes come. ``cursor`` is what to resume after, once it is known."""

    def __init__(self, cursor: int | None = None) -> None:
        self.cursor = cursor
        self.begun = False  # the connection has said something
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._id = ""
        self._kind = ""
        self._data: list[str] = []

    def connected(self) -> None:
        """A new connection begins: half of an event is of no use any more."""
        self._decoder.reset()
        self._rest, self._id, self._kind, self._data, self.begun = "", "", "", [], False

    def feed(self, data: bytes) -> Iterator[EventView]:
        """The events that are complete. The cursor moves on before each one is given."""
        self.begun = True
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in lines:
            event = self._line(line.removesuffix("\r"))
            if event is not None:
                yield event

    def _line(self, line: str) -> EventView | None:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                self._data.append(value)
            elif name == "id" and value.isdigit():
                self._id = value
            elif name == "event":
                self._kind = value
            return None
        kind, data = self._kind, "\n".join(self._data)
        before, self._kind, self._data = self.cursor, "", []
        if self._id:
            self.cursor = int(self._id)
        if not data or kind not in ("", "message"):
            return None
        event: EventView = json.loads(data)
        # What was seen before a connection broke is not given again, whatever the hub sends.
        return None if before is not None and event["seq"] <= before else event


# --- waiting and finding ------------------------------------------------------------------------------------------

Until = Literal["running", "ended"] | Callable[[ExecutionView], bool]
"""What ``wait`` waits for: a phase (``running`` is over as well once the execution has ended), or any condition."""

Progress = Callable[[ExecutionView, float], None]
"""Called with the execution and the seconds since the wait began, at each change and ``tick``."""


def reached(view: ExecutionView, until: Until) -> bool:
    """Whether an execution is where ``wait`` was asked to wait for."""
    if callable(until):
        return until(view)
    return view["phase"] == "ended" or (until == "running" and view["phase"] == "running")


def late(view: ExecutionView | None, until: Until, timeout: float) -> ZoeProblem:
    what = f"{view['name']} is {view['phase']}: {view['reason']}" if view else "The hub does not answer"
    aim = until if isinstance(until, str) else "what was waited for"
    return ZoeProblem(
        "timeout",
        f"Not {aim} after {timeout:g} s. {what.rstrip('.')}.",
        "It goes on by itself; look again with 'zoe status', or end it with 'zoe stop'.",
    )


def chosen(found: list[ExecutionView], name: str) -> ExecutionView:
    """The execution that a name means: the only active one, else the newest."""
    active = [each for each in found if each["phase"] != "ended"]
    if len(active) > 1:
        raise ZoeProblem(
            "ambiguous",
            f"Several executions are called {name}: {', '.join(each['id'] for each in active)}.",
            "Say which by its id.",
        )
    if not found:
        raise ZoeProblem(
            "unknown-execution",
            f"There is no execution {name!r}.",
            "List your executions with 'zoe ps --all'.",
            status=404,
        )
    return (active or found)[0]


def failures() -> tuple[type[Exception], type[Exception]]:
    """Failures after which a request has not arrived, and those of any transport."""
    import httpx  # noqa: PLC0415 - 0.1 s that '--help' does not need

    return httpx.ConnectError, httpx.TransportError


def repeatable(request: Request, error: Exception) -> bool:
    return request.safe or isinstance(error, failures()[0])


class Connection:
    """Which hub it is, and how it is found again when it has moved."""

    def __init__(self, info: HubInfo | None, *, start: bool) -> None:
        self._given, self._start = info is not None, start
        self.info = info or self._look()

    def _look(self) -> HubInfo:
        from jupyter_zoe import hub  # noqa: PLC0415 - urllib.request takes a while

        try:
            found = hub.ensure() if self._start else hub.find()
        except hub.HubError as error:
            raise of_hub_error(error) from None
        except OSError as error:
            raise ZoeProblem(
                "hub-unreachable",
                f"The hub cannot be started: {error}.",
                f"Set {hub.DATA_VARIABLE} to a folder you may write to.",
            ) from None
        if found is None:
            raise ZoeProblem(
                "hub-unreachable", "No hub is running.", "Start one with 'zoe hub start'; JupyterLab does it by itself."
            )
        return found

    def again(self, request: Request) -> Request:
        """The request for the hub as it is now: an embedded one may have ended for want of work, and starts again.

        The next one may have the same address, but never the same token.
        """
        if self._given or not self.info.embedded:
            return request
        self.info = self._look()
        return rebased(request, self.info)


def client_options(info: HubInfo) -> dict[str, Any]:
    return {"timeout": READ_TIMEOUT, "trust_env": not on_this_machine(info), "follow_redirects": False}
