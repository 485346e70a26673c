"""What several capabilities share on the wire: names, problems, reasons.

Names, units and vocabulary are those of ``core``; memory in bytes, durations in seconds, times in RFC 3339 UTC.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from zoe_hub.contract.bounds import MOST_PARAMETERS, Word
from zoe_hub.core.record import Record

# Python's ``$`` also matches before a line break at the end, JavaScript's does not: ``(?!\n)`` makes them the same.
Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$(?!\n)",
        description="lower-case letters, digits and dashes, at most 63",
    ),
]
Identifier = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$(?!\n)")]
WebPrefix = Annotated[
    str,
    Meta(
        pattern=r"^(/[A-Za-z0-9._~@-]+)+$(?!\n)",
        max_length=512,
        description="path in front of the proxy as the browser sees it; the server extension fills it in",
    ),
]


Parameters = Annotated[dict[Word, Any], Meta(max_length=MOST_PARAMETERS)]


class WrongPlace(Record, kw_only=True):
    """One wrong place in what was sent."""

    path: Annotated[str, Meta(description="JSON pointer")]
    message: str
    file: str = ""
    line: int = 0
    column: int = 0


class Problem(Record, kw_only=True):
    """An error (RFC 9457). ``code`` is stable; ``remedy`` tells what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    remedy: str = ""
    errors: tuple[WrongPlace, ...] = ()
    incident: str = ""


class ReasonView(Record, kw_only=True):
    """Why something is as it is. ``code`` is stable (see the page of reasons); ``words`` say it in one English line."""

    code: str
    facts: Annotated[
        dict[str, Any],
        Meta(description="what the code is about; a reason among them, such as the cause, is a ReasonView itself"),
    ] = {}
    words: str
    tail: Annotated[
        tuple[str, ...], Meta(description="the last lines that the process logged, of the start that this is about")
    ] = ()
