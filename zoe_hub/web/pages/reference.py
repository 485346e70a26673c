"""The page to read the REST interface: made from the OpenAPI document, without scripts, without anything from
elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from html import escape
from typing import Any

import msgspec

from zoe_hub.contract.types_in_words import note_of, type_in_words

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
code { font: 13px ui-monospace, monospace; }
section { border-top: 1px solid #8886; padding: .5rem 0; }
h3 { margin: .5rem 0; } h3 code { font-size: 15px; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top; }
.scope { opacity: .7; font-weight: normal; }
"""


@cache
def page(document: bytes) -> tuple[bytes, str]:
    """The page, and the Content-Security-Policy it needs."""
    text = "\n".join(_lines(msgspec.json.decode(document)))
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return (
        text.encode(),
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    )


def _lines(document: Any) -> Iterator[str]:
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport"'
        f' content="width=device-width"><title>Zoe: REST interface</title><style>{_STYLE}</style></head><body>'
    )
    yield (
        "<h1>Zoe: REST interface"
        f" {escape(document['info']['version'])}</h1><p>{escape(document['info']['description'])}</p>"
    )
    operations = [
        (method, path, each) for path, methods in document["paths"].items() for method, each in methods.items()
    ]
    for tag in [each["name"] for each in document["tags"]]:
        yield f"<h2>{escape(tag.capitalize())}</h2>"
        for method, path, operation in operations:
            if tag in operation["tags"]:
                yield from _operation(method, path, operation)
    yield "<h2>Types</h2>"
    for name, schema in document["components"]["schemas"].items():
        yield (
            "<section"
            f' id="{escape(name)}"><h3><code>{escape(name)}</code></h3><p>{escape(schema.get("description", ""))}</p>'
        )
        yield from _table(
            (
                f"<code>{escape(member)}</code>{'' if member in schema.get('required', ()) else ' (optional)'}",
                _type(part),
                escape(note_of(part)),
            )
            for member, part in schema.get("properties", {}).items()
        )
        if "enum" in schema:
            yield f"<p>{_type(schema)}</p>"
        yield "</section>"
    yield "</body></html>"


def _operation(method: str, path: str, operation: Any) -> Iterator[str]:
    yield (
        f'<section id="{escape(operation["operationId"])}"><h3><code>{method.upper()} {escape(path)}</code> <span'
        f' class="scope">{escape(operation["x-scope"])}</span></h3><p>{escape(operation["summary"])}.</p>'
    )
    body = operation.get("requestBody")
    if body:
        yield f"<p>Takes {_type(body['content']['application/json']['schema'])}.</p>"
    yield from _table(
        (
            f"<code>{escape(each['name'])}</code>",
            f"{each['in']}, {_type(each['schema'])}",
            escape(each.get("description", "") or note_of(each["schema"])),
        )
        for each in operation["parameters"]
    )
    answers = []
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            text = f"<code>{escape(answer['$ref'].rsplit('/', 1)[1])}</code>"
        else:
            kinds = [
                f"{_type(content['schema'])} ({escape(media)})" for media, content in answer.get("content", {}).items()
            ]
            text = f"{escape(answer['description'])}: {', '.join(kinds)}" if kinds else escape(answer["description"])
        answers.append((f"<code>{status}</code>", text, ""))
    yield from _table(answers)
    yield "</section>"


def _table(rows: Any) -> Iterator[str]:
    written = [f"<tr><td>{first}</td><td>{second}</td><td>{third}</td></tr>" for first, second, third in rows]
    if written:
        yield f"<table>{''.join(written)}</table>"


def _type(schema: Any) -> str:
    return type_in_words(
        schema,
        link=lambda name: f'<a href="#{escape(name)}">{escape(name)}</a>',
        value=lambda value: f"<code>{escape(value)}</code>",
    )
