"""The parts of results. A new kind is a new class with ``text`` and ``html``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import ClassVar, Protocol

from jupyter_zoe import words
from jupyter_zoe.client.operations import ExecutionView
from jupyter_zoe.showing import html


class ResultPart(Protocol):
    """Something to show."""

    is_log: ClassVar[bool]
    """Whether its text is what a process has written, which may have colours."""

    def text(self, width: int = 0) -> str:
        """As text. :param width: characters of a line, at which tables are cut; 0: never"""

    def html(self) -> str:
        """As HTML, without a frame."""


@dataclass(frozen=True)
class Said:
    """Sentences; between backticks it is code."""

    is_log: ClassVar[bool] = False
    sentences: str
    muted: bool = False

    def text(self, width: int = 0) -> str:
        """As they are."""
        return self.sentences

    def html(self) -> str:
        """With code as code."""
        return html.line(self.sentences, muted=self.muted)


@dataclass(frozen=True)
class Table:
    """A table, or what is said instead of an empty one."""

    is_log: ClassVar[bool] = False
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = ""

    def text(self, width: int = 0) -> str:
        """Columns side by side."""
        return words.table(self.head, self.rows, width) if self.rows or not self.empty else self.empty

    def html(self) -> str:
        """A table of the theme."""
        return html.table(self.head, self.rows) if self.rows or not self.empty else html.line(self.empty)


@dataclass(frozen=True)
class LogsPart:
    """The ends of the logs of some processes: name and lines of each."""

    is_log: ClassVar[bool] = True
    logs: Sequence[tuple[str, Sequence[str]]]

    def text(self, width: int = 0) -> str:
        """One after the other; a single one without its name."""
        if len(self.logs) == 1:
            return "\n".join(self.logs[0][1])
        return "\n\n".join(f"==> {name} <==\n" + "\n".join(lines) for name, lines in self.logs)

    def html(self) -> str:
        """Boxes that scroll."""
        shown = []
        for name, lines in self.logs:
            head = f"<b>{escape(name)}</b>" if len(self.logs) > 1 else ""
            style = "max-height:24em;overflow:auto;margin:0;color:inherit;background:transparent"
            shown.append(f'{head}<pre style="{style}">{escape(chr(10).join(lines) or "(no output yet)")}</pre>')
        return "".join(shown)


@dataclass(frozen=True)
class ExecutionPart:
    """An execution with its processes and web pages. ``now`` is the hub's time."""

    is_log: ClassVar[bool] = False
    view: ExecutionView
    now: datetime

    def _title(self) -> str:
        said = f"is {words.state_words(self.view)}: {words.reason_lines(self.view)}"
        idle = words.idle_words(self.view, self.now)
        return f"{words.sentence(said)} {idle}" if idle else said

    def text(self, width: int = 0) -> str:
        """Sentences, a table, and how to open its pages."""
        view = self.view
        lines = [f"{view['name']} ({view['id']}, {view['zapp']}) {self._title()}"]
        if rows := words.process_rows(view, self.now):
            lines.append(words.table(words.PROCESS_HEAD, rows, width))
        lines += [
            f"{page['title']}: zoe open {view['name']} --page '{page['title']}'"
            for page in view["endpoints"]
            if page["show"] and page["ready"]
        ]
        return "\n".join(lines)

    def html(self) -> str:
        """A table, and links: paths alone, no address and no token, for the page's own Jupyter server or hub."""
        view, rows = self.view, words.process_rows(self.view, self.now)
        links = [
            html.link(page["path"], page["title"] if page["show"] else f"{page['title']} {page['process']}")
            for page in view["endpoints"]
            if page["ready"]
        ]
        title = escape(self._title()).replace("\n", "<br>")
        return (
            f"<div><b>{escape(view['name'])}</b> ({escape(view['title'])}) {title}</div>"
            + (html.table(words.PROCESS_HEAD, rows) if rows else "")
            + (f"<div>{' &nbsp; '.join(links)}</div>" if links else "")
        )


@dataclass(frozen=True)
class Progress:
    """What happens to an execution right now."""

    is_log: ClassVar[bool] = False
    view: ExecutionView
    seconds: float

    def text(self, width: int = 0) -> str:
        """One line."""
        return words.progress_line(self.view, self.seconds)

    def html(self) -> str:
        """One line and a bar."""
        view = self.view
        if view["phase"] == "queued":
            inner = escape(words.sentence(words.reason_words(view)))
        else:
            inner = " &nbsp; ".join(f"<span>{escape(words.group_words(group))}</span>" for group in view["groups"])
        return (
            f'<div role="status"><b>{escape(view["name"])}</b> {escape(view["phase"])} &nbsp; {inner} &nbsp; '
            f'<span style="{html.MUTED}">{self.seconds:.1f} s</span>{html.bar(words.share(view))}</div>'
        )
