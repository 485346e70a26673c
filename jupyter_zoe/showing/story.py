"""The story of an execution, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import ClassVar

from jupyter_zoe import words
from jupyter_zoe.client.operations import MomentView
from jupyter_zoe.showing import html


@dataclass(frozen=True)
class StoryLines:
    """What happened, in order: when, to whom, from which state to which, why; under it what was logged."""

    is_log: ClassVar[bool] = False
    name: str
    moments: Sequence[MomentView]

    def text(self, width: int = 0) -> str:
        """One line for each moment, in local time; the day where it changes."""
        return "\n".join(self._lines())

    def html(self) -> str:
        """The same lines, in a box that scrolls."""
        style = "max-height:32em;overflow:auto;margin:0;color:inherit;background:transparent"
        return html.line(f"The story of {self.name}") + f'<pre style="{style}">{escape(self.text())}</pre>'

    def _lines(self) -> Iterator[str]:
        day = ""
        who = max([len(self._subject(each)) for each in self.moments], default=0)
        for moment in self.moments:
            time = datetime.fromisoformat(moment["time"]).astimezone()
            if (today := f"{time:%Y-%m-%d}") != day:
                day = today
                yield f"{day}:"
            yield f"  {time:%H:%M:%S}  {self._subject(moment):{who}}  {_change(moment)}{words.reason_words(moment)}"
            yield from (f"  {'':8}  {'':{who}}  | {line}" for line in moment["reason"]["tail"])

    def _subject(self, moment: MomentView) -> str:
        return moment["process"] or self.name


def _change(moment: MomentView) -> str:
    """``starting -> ready after 3 s: ``; empty if nothing has become another."""
    seconds = moment["lasted"] or 0.0
    lasted = f"{seconds:.1f} s" if seconds < 10 else words.duration(seconds)
    if moment["kind"] == "now":
        return f"now, {moment['before']} for {lasted}: "
    if not moment["state"]:
        return ""
    if not moment["before"]:
        return f"{moment['state']}: "
    return f"{moment['before']} -> {moment['state']} after {lasted}: "
