"""Generates what the table of reasons (``core.reasons``) means elsewhere: the panel's words, which it translates, and a
page of the documentation. Called by ``contract.generate``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from string import Formatter

from zoe_hub.core.reasons import REASONS, ReasonKind

_GENERATED = "Generated from the hub's table of reasons by 'python -m zoe_hub.contract.generate'. Do not edit."

_INTRODUCTION = """
Whatever the hub decides has a reason: `code` (stable; programs compare and filter by it), `facts` (what it is about),
`words` (the same in English, for people) and `tail` (the last lines that a process logged, of the start that the reason
is about). A fact may be a reason itself, such as the cause. What an error says is a reason under
[the error's code](errors.md), with the fact `detail`. New codes may come at any time: show `words` for those that you
do not know.
"""

_HEAD = f"""/* eslint-disable */
// {_GENERATED}

import type {{ TranslationBundle }} from '@jupyterlab/translation';

/** What a fact is, and so how it is worded: `memory` are bytes, `texts` and `reasons` are lists. */
export type FactKind = 'text' | 'number' | 'seconds' | 'memory' | 'texts' | 'reason' | 'reasons';

/** The facts of one reason. */
export interface IFacts {{
  /** A fact in words. */
  words(name: string, kind: FactKind): string;
  /** The number that decides between one and many. */
  count(name: string): number;
}}

/** Makes the words of one kind of reason. */
export type Worded = (trans: TranslationBundle, facts: IFacts) => string;

/** The words of every reason that the hub has a code for. */
export const REASONS: {{ readonly [code: string]: Worded | undefined }} = {{
"""


def typescript_reasons() -> str:
    """``labextension/src/api/reasons.ts``."""
    return _HEAD + ",\n".join(map(_row, REASONS.values())) + "\n};\n"


def _row(kind: ReasonKind) -> str:
    call = _call(kind)
    trans = "trans" if call.startswith("trans.") else "_"
    return f"  {_quoted(kind.code)}: ({trans}{', facts' if kind.facts else ''}) => {call}"


def _call(kind: ReasonKind) -> str:
    if len(kind.facts) == 1 and kind.words.startswith("{") and kind.words.endswith("}"):
        return next(_arguments(kind))  # nothing to translate
    if not kind.one:
        return f"trans.__({', '.join([_message(kind.words, list(kind.facts)), *_arguments(kind)])})"
    count = next(name for name, meaning in kind.facts.items() if meaning == "number")
    order = [count, *(name for name in kind.facts if name != count)]  # the number that decides comes first
    texts = [_message(kind.one, order), _message(kind.words, order), f"facts.count({_quoted(count)})"]
    return f"trans._n({', '.join([*texts, *_arguments(kind, without=count)])})"


def _message(words: str, order: list[str]) -> str:
    """The words with ``%1``, ``%2`` in place of the facts."""
    parts = Formatter().parse(words)
    return _quoted("".join(literal + (f"%{order.index(name) + 1}" if name else "") for literal, name, _, _ in parts))


def _arguments(kind: ReasonKind, without: str = "") -> Iterator[str]:
    for name, meaning in kind.facts.items():
        if name != without:
            yield f"facts.words({_quoted(name)}, {_quoted(meaning)})"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if "'" in text else f"'{text}'"


def reasons_page() -> str:
    """``docs/reasons.md``."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield f"<!-- {_GENERATED} -->\n"
    yield "# Reasons"
    yield _INTRODUCTION
    yield "| code | words, with the facts in braces |"
    yield "|---|---|"
    for kind in REASONS.values():
        words = "".join(
            literal + (f"`{{{name}}}`" if name else "") for literal, name, _, _ in Formatter().parse(kind.words)
        )
        yield f"| `{kind.code}` | {words} |"
