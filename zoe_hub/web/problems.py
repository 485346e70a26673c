"""Turns errors into problem documents (RFC 9457). Called by ``web.handler``; nothing else writes problems."""

from __future__ import annotations

from typing import Any

import msgspec

from zoe_hub.contract.common import Problem, WrongPlace
from zoe_hub.core.errors import FieldError, ZoeError

MEDIA = "application/problem+json"


def wrong_place(error: FieldError) -> WrongPlace:
    """An error of the core as it goes over the wire."""
    return WrongPlace(path=error.path, message=error.message, file=error.file, line=error.line, column=error.column)


def problem(error: ZoeError, incident: str = "") -> bytes:
    """The problem document of ``error`` as JSON."""
    kind = error.kind
    document = Problem(
        type=f"urn:zoe:problem:{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=error.detail,
        code=kind.code,
        remedy=kind.remedy,
        errors=tuple(map(wrong_place, error.errors)),
        incident=incident,
    )
    if not error.extra:
        return msgspec.json.encode(document)
    members: dict[str, Any] = msgspec.structs.asdict(document)
    extra = {name: value for name, value in error.extra.items() if name not in members}
    return msgspec.json.encode(members | extra, enc_hook=str)
