"""Pieces of HTML. Colors are those of JupyterLab's theme (``--jp-`` variables) or the page's own. All text that comes
from elsewhere is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from jupyter_zoe.harmless import harmless

_FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:var(--jp-ui-font-size1,13px)"
_COLOR = "color:var(--jp-ui-font-color1,currentcolor)"
MUTED = "color:var(--jp-ui-font-color2,currentcolor)"


def block(inner: str) -> str:
    """Some HTML as an output of Zoe's."""
    inner = harmless(inner)
    return f'<div class="zoe-output" style="{_FONT};{_COLOR};line-height:1.5">{inner}</div>'


def line(text: str, *, muted: bool = False) -> str:
    """A text, its lines kept; between backticks it is code."""
    parts = [
        f"<code>{escape(part)}</code>" if index % 2 else escape(part) for index, part in enumerate(text.split("`"))
    ]
    style = f' style="{MUTED}"' if muted else ""
    return f"<span{style}>{''.join(parts).replace(chr(10), '<br>')}</span>"


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
    """A table; empty columns are left out."""
    keep = [index for index in range(len(head)) if any(row[index] for row in rows)]
    cell = "text-align:left;padding:2px 12px 2px 0;vertical-align:top"
    heads = "".join(
        f'<th style="{cell};{MUTED};font-weight:normal">{escape(head[index].capitalize())}</th>' for index in keep
    )
    body = "".join(
        "<tr>" + "".join(f'<td style="{cell}">{escape(str(row[index]))}</td>' for index in keep) + "</tr>"
        for row in rows
    )
    return (
        '<table style="border-collapse:collapse;margin:0;color:inherit">'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def link(path: str, title: str) -> str:
    """A link to a path of the page's own server, which opens in a tab; to anything else, it leads nowhere."""
    safe = path if path.startswith("/") and not path.startswith("//") else "#"
    return (
        f'<a href="{escape(safe)}" target="_blank" rel="noopener"'
        f' style="color:var(--jp-content-link-color,#1976d2)">{escape(title)}</a>'
    )
