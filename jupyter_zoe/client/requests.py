"""An operation as an HTTP request, and what its answer holds. Pure; used by both clients."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from jupyter_zoe.client.operations import PREFIX, Operation, Options
from jupyter_zoe.client.problems import problem_of_answer

if TYPE_CHECKING:
    from jupyter_zoe.hub.info import HubInfo

READ_TIMEOUT = 60.0  # seconds without a byte of an answer
STREAM_TIMEOUT = 45.0  # seconds without a byte of a stream: three missed signs of life
CONNECT_TIMEOUT = 10.0  # seconds until a connection stands, and for each other step but reading
UNAUTHORIZED = 401
PAUSES = (0.1, 0.3, 0.8, 1.5, 3.0)  # seconds before a request whose connection failed is sent again


class Request(NamedTuple):
    """One request, ready to be sent, as often as need be."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes | None
    is_repeatable: bool  # may be sent again though it may have arrived
    base: str  # the hub's address in ``url``


def request_of(  # noqa: PLR0917
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
    repeatable = (
        operation.method == "GET" or operation.creates or (operation.method == "POST" and "if_match" not in options)
    )
    url = f"{info.url}{PREFIX}{where}{'?' if asked else ''}{asked}"
    return Request(operation.method, url, headers, content, repeatable, info.url)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def rebased(sent: Request, new: HubInfo) -> Request:
    """The same request, same Idempotency-Key, for the hub that came after the one that it was made for."""
    return sent._replace(
        url=new.url + sent.url[len(sent.base) :],
        headers={**sent.headers, "Authorization": f"Bearer {new.token}"},
        base=new.url,
    )


def content_of(operation: Operation, status: int, body: bytes) -> Any:
    """What an answer of success holds. :raises ZoeProblem: ``bad-answer`` if it is not what the operation gives"""
    if not operation.media.endswith("json"):
        return body.decode("utf-8", "replace")
    try:
        return json.loads(body)
    except ValueError:
        raise problem_of_answer(status, b"") from None


# --- what is asked of the HTTP library ------------------------------------------------------------------------------


def client_options(info: HubInfo) -> dict[str, Any]:
    """How httpx reaches this hub."""
    return {"timeout": READ_TIMEOUT, "trust_env": not info.is_on_this_machine, "follow_redirects": False}


def timeouts(read: float | None) -> dict[str, float | None]:
    """Seconds for each step of a request. :param read: without a byte of the answer; ``None``: for ever"""
    return {"connect": CONNECT_TIMEOUT, "write": CONNECT_TIMEOUT, "pool": CONNECT_TIMEOUT, "read": read}


def failures() -> tuple[type[Exception], type[Exception]]:
    """Failures after which a request has not arrived, and those of any transport."""
    import httpx  # noqa: PLC0415 - 0.1 s that '--help' does not need

    return httpx.ConnectError, httpx.TransportError


def may_repeat(request: Request, error: Exception) -> bool:
    """Whether a request that failed like this may be sent again."""
    return request.is_repeatable or isinstance(error, failures()[0])
