"""The format of event streams (server-sent events, WHATWG HTML 9.2). Pure; used by both clients."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import NamedTuple

from jupyter_zoe.client.operations import EventView


class Reset(NamedTuple):
    """What was known by the events so far is of no use any more: some that follow them are not kept, or the hub has
    another history. ``first_seq`` is the first event that is kept; those from there on follow, as far as they are new.
    """

    first_seq: int


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

    def feed(self, data: bytes) -> Iterator[EventView | Reset]:
        """The events that are complete. The cursor moves on, or back after a reset, before each one is given."""
        self.begun = True
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in lines:
            event = self._line(line.removesuffix("\r"))
            if event is not None:
                yield event

    def _line(self, line: str) -> EventView | Reset | None:
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
        if data and kind == "reset":
            told: dict[str, int] = json.loads(data)
            return Reset(told.get("first_seq", 0))
        if not data or kind not in ("", "message"):
            return None
        event: EventView = json.loads(data)
        # What was seen before a connection broke is not given again, whatever the hub sends.
        return None if before is not None and event["seq"] <= before else event
