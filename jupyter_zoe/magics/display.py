"""What ``%zoe`` shows: one output that changes while something happens, and tables. HTML for notebooks, text for the
rest.

Colors are those of JupyterLab's theme (``--jp-`` variables) or the page's own. All text that comes from elsewhere is
escaped.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Sequence
from html import escape
from types import TracebackType
from typing import Any, Self

from jupyter_zoe import words
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.client.operations import ExecutionView, ZAppView
from jupyter_zoe.magics import report
from jupyter_zoe.magics.report import MIME, VERSION, Report, State

_SHORTEST = 0.2  # seconds between two updates of an output
_FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:var(--jp-ui-font-size1,13px)"
_COLOR = "color:var(--jp-ui-font-color1,currentcolor)"
_MUTED = "color:var(--jp-ui-font-color2,currentcolor)"


class Live:
    """One output, changed in place. In a terminal: one line, written over. As a context: an error clears it.

    :param verb: what runs, if its output is for programs as well (see ``report``); what they are told goes into
        ``facts``
    """

    def __init__(self, shell: Any, verb: str = "") -> None:
        self._kernel = getattr(shell, "kernel", None) is not None
        self._terminal = not self._kernel and sys.stdout.isatty()
        self._verb = verb
        self.facts: dict[str, Any] = {}
        self._id: str | None = None
        self._shown = 0.0
        self._last = ("", "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.clear(error)

    def update(self, text: str, html: str, *, at_once: bool = False) -> None:
        """Show this now, or leave it out if the last change was a moment ago and it need not be shown ``at_once``."""
        if (text, html) != self._last and (at_once or time.monotonic() - self._shown >= _SHORTEST):
            self._show(text, html, "working")

    def progress(self, view: ExecutionView, seconds: float) -> None:
        """Show how far an execution is; for ``Client.wait``."""
        is_first = "execution" not in self.facts
        self.facts |= {
            "execution": {"id": view["id"], "name": view["name"]},
            "seconds": round(seconds, 1),
            "share": round(words.share(view), 3),
        }
        self.update(*progress(view, seconds), at_once=is_first)

    def done(self, text: str, html: str | None = None) -> None:
        """The last thing to show."""
        if self._kernel:
            self.facts.pop("share", None)
            self._show(text, line(text) if html is None else html, "done")
        else:
            print(("\r\x1b[K" if self._terminal and self._id else "") + text, flush=True)

    def clear(self, error: BaseException | None) -> None:
        """Leave nothing to read: an error says what happened instead."""
        if self._id is not None:
            if self._kernel:
                problem = error if isinstance(error, ZoeProblem) else None
                if problem is not None:
                    self.facts["problem"] = report.problem_of(problem)
                self._show("", "", "failed", message=str(problem or ""))
            elif self._terminal:
                print("\r\x1b[K", end="", flush=True)

    def _show(self, text: str, html: str, state: State, *, message: str | None = None) -> None:
        self._shown, self._last = time.monotonic(), (text, html)
        if self._kernel:
            update = self._id is not None
            self._id = self._id or uuid.uuid4().hex
            data: dict[str, Any] = {"text/plain": text, "text/html": html}
            if self._verb:
                told: Report = {
                    "version": VERSION,
                    "verb": self._verb,
                    "state": state,
                    "message": text.replace("`", "") if message is None else message,
                }
                data[MIME] = {**told, **self.facts}
            publish(data, self._id, update=update)
        elif self._terminal:
            self._id = self._id or "line"
            print("\r\x1b[K" + text[:200], end="", flush=True)


def publish(data: dict[str, Any], identifier: str, *, update: bool) -> None:
    """An output of the cell that runs, or the same one changed."""
    from IPython.display import publish_display_data  # noqa: PLC0415

    say: Any = publish_display_data  # has no types
    say(data=data, transient={"display_id": identifier}, update=update)


def show(shell: Any, text: str, html: str | None = None) -> None:
    """Show something once."""
    Live(shell).done(text, html)


def block(inner: str) -> str:
    """Some HTML as an output of Zoe's."""
    return f'<div class="zoe-output" style="{_FONT};{_COLOR};line-height:1.5">{inner}</div>'


def line(text: str, *, muted: bool = False) -> str:
    """A text, its lines kept; between backticks it is code."""
    parts = [
        f"<code>{escape(part)}</code>" if index % 2 else escape(part) for index, part in enumerate(text.split("`"))
    ]
    style = f' style="{_MUTED}"' if muted else ""
    return block(f"<span{style}>{''.join(parts).replace(chr(10), '<br>')}</span>")


def progress(view: ExecutionView, seconds: float) -> tuple[str, str]:
    """What happens to an execution right now, as text and HTML."""
    if view["phase"] == "queued":
        inner = escape(words.sentence(view["reason"]))
    else:
        inner = " &nbsp; ".join(f"<span>{escape(words.group_words(group))}</span>" for group in view["groups"])
    html = (
        f'<div role="status"><b>{escape(view["name"])}</b> {escape(view["phase"])} &nbsp; {inner} &nbsp; '
        f'<span style="{_MUTED}">{seconds:.1f} s</span>{bar(words.share(view))}</div>'
    )
    return words.progress_line(view, seconds), block(html)


def bar(share: float) -> str:
    """A thin progress bar."""
    percent = round(100 * min(1.0, max(0.0, share)))
    return (
        '<div style="height:4px;max-width:28em;margin-top:2px;border-radius:2px;'
        'background:var(--jp-layout-color3,rgba(128,128,128,.3))">'
        f'<div style="height:4px;width:{percent}%;border-radius:2px;background:var(--jp-brand-color1,#1976d2)">'
        "</div></div>"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table; empty columns are left out."""
    keep = [index for index in range(len(head)) if any(row[index] for row in rows)]
    cell = "text-align:left;padding:2px 12px 2px 0;vertical-align:top"
    heads = "".join(
        f'<th style="{cell};{_MUTED};font-weight:normal">{escape(head[index].capitalize())}</th>' for index in keep
    )
    body = "".join(
        "<tr>" + "".join(f'<td style="{cell}">{escape(str(row[index]))}</td>' for index in keep) + "</tr>"
        for row in rows
    )
    return (
        '<table style="border-collapse:collapse;margin:0;color:inherit">'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def execution(view: ExecutionView) -> tuple[str, str]:
    """An execution with its processes and web pages."""
    title = f"{view['name']} ({view['title']}) is {words.state_words(view)}: {words.sentence(view['reason'])}"
    rows = words.process_rows(view)
    pages = [each for each in view["endpoints"] if each["ready"]]
    shown = [each for each in pages if each["show"]]
    text = title + ("\n" + words.table(words.PROCESS_HEAD, rows) if rows else "")
    text += "".join(f"\n{each['title']}: {each['path']}" for each in shown)
    html = (
        f"<div><b>{escape(view['name'])}</b> ({escape(view['title'])}) is {escape(words.state_words(view))}:"
        f" {escape(words.sentence(view['reason']))}</div>"
    )
    html += table(words.PROCESS_HEAD, rows) if rows else ""
    # Paths alone, no address and no token: the page's own Jupyter server or hub answers them.
    html += (
        "<div>"
        + " &nbsp; ".join(
            _link(each["path"], each["title"] if each["show"] else f"{each['title']} {each['process']}")
            for each in pages
        )
        + "</div>"
        if pages
        else ""
    )
    return text, block(html)


def _link(path: str, title: str) -> str:
    safe = path if path.startswith("/") and not path.startswith("//") else "#"
    return (
        f'<a href="{escape(safe)}" target="_blank" rel="noopener"'
        f' style="color:var(--jp-content-link-color,#1976d2)">{escape(title)}</a>'
    )


def executions(items: Sequence[ExecutionView]) -> tuple[str, str]:
    """A table of executions."""
    if not items:
        text = "Nothing is running. Start something with `%zoe run ZAPP` or `%zoe attach spark`."
        return text.replace("`", ""), line(text)
    rows = words.execution_rows(items)
    return words.table(words.EXECUTION_HEAD, rows), block(table(words.EXECUTION_HEAD, rows))


def zapps(items: Sequence[ZAppView], problems: Sequence[str]) -> tuple[str, str]:
    """The shop."""
    head = ("ZAPP", "TITLE", "USE", "DESCRIPTION")
    rows = [(each["name"], each["title"], "attach" if each["attach"] else "run", each["description"]) for each in items]
    text, html = words.table(head, rows), table(head, rows)
    if problems:
        text += "\n" + "\n".join(problems)
        html += "".join(f'<div style="{_MUTED}">{escape(each)}</div>' for each in problems)
    return text, block(html)


def log(parts: Sequence[tuple[str, Sequence[str]]]) -> tuple[str, str]:
    """The ends of some logs."""
    texts, htmls = [], []
    for process, lines in parts:
        head = f"==> {process} <==" if len(parts) > 1 else ""
        body = "\n".join(lines) or "(no output yet)"
        texts.append(f"{head}\n{body}" if head else body)
        name = f"<b>{escape(process)}</b>" if head else ""
        htmls.append(
            f"{name}<pre"
            f' style="max-height:24em;overflow:auto;margin:0;color:inherit;background:transparent">{escape(body)}</pre>'
        )
    return "\n\n".join(texts), block("".join(htmls))
