"""What happens to a request once it is whole: query, body, ownership, Idempotency-Key, version, the operation itself.

Knows nothing of the server: ``web.handler`` gives what came, and writes what comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from zoe_hub.contract.table import Operation
from zoe_hub.core.access import Principal
from zoe_hub.core.errors import ZoeError
from zoe_hub.web.call import Answer, Bound, Call, Run
from zoe_hub.web.context import KeyInFlight, WebHub
from zoe_hub.web.decode import decode_body, decode_query
from zoe_hub.web.transport import Transport


async def perform(
    hub: WebHub,
    bound: Bound,
    principal: Principal,
    transport: Transport,
    *,
    path: Mapping[str, str],
    query: Mapping[str, list[bytes]],
    body: bytes,
) -> Answer | None:
    """Do what was asked; None: the operation has answered itself.

    :param principal: who asks, with a scope that the operation takes
    :param path: parameters of the path
    :param query: name -> values
    :raises ZoeError: what the table names for the operation
    """
    operation, headers = bound.operation, transport.headers
    parsed_query = decode_query(operation.query, query)
    given = decode_body(operation.input, body, headers.get("Content-Type")) if operation.input is not None else None
    call = Call(
        hub,
        operation,
        principal,
        transport,
        path=path,
        query=parsed_query,
        body=given,
        raw=body,
        key=_key(headers) if operation.creates else "",
        version=_version(headers) if operation.versioned and operation.method != "GET" else None,
    )
    await call.find_owned()
    result = await (_once(call, bound.run) if call.key else bound.run(call))
    return None if result is None else _complete(operation, result)


async def _once(call: Call, run: Run) -> Any:
    """Run, unless the key has been used; requests with the same key at the same time wait for the first."""
    place = (call.principal.name, call.key)
    held = call.hub.keys.setdefault(place, KeyInFlight())
    held.users += 1
    try:
        async with held.lock:
            return await run(call)
    finally:
        held.users -= 1
        if not held.users:
            del call.hub.keys[place]


def _key(headers: Mapping[str, str]) -> str:
    key = headers.get("Idempotency-Key", "")
    if len(key) > 255 or not key.isascii() or not (key.isprintable() or key == ""):
        raise ZoeError("bad-request", "An Idempotency-Key has at most 255 printable ASCII characters.")
    return key


def _version(headers: Mapping[str, str]) -> int | None:
    given = headers.get("If-Match", "*").strip()
    if given == "*":
        return None
    number = given[1:-1] if len(given) > 2 and given[0] == given[-1] == '"' else given
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise ZoeError("bad-request", 'If-Match takes the ETag of one answer, for example "7".')
    return int(number)


def _complete(operation: Operation, result: Any) -> Answer:
    """The answer with what the table says where the operation did not say otherwise."""
    answer = result if isinstance(result, Answer) else Answer(msgspec.json.encode(result))
    media = answer.media or operation.media
    return answer._replace(
        status=answer.status or operation.status,
        media=f"{media}; charset=utf-8" if media.startswith("text/") else media,
    )
