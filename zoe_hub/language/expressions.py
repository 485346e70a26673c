"""Expressions in ``{{ }}``: what they may say, and what they are worth.

Jinja2's sandbox environment reads them, with block tags switched off; ``grammar`` says what of it is allowed, and the
values come from ``walking`` the tree, not from generated code. An unknown name is an error (as with StrictUndefined).
What is not known before a process starts is a ``Late`` text that holds a reference of ``core.text``. Called by
``catalog`` (definitions) and by the controllers (``evaluate``, for ``Drain.until``).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment

from zoe_hub.language.filters import FILTERS, Late, as_text
from zoe_hub.language.grammar import refuse_unknown
from zoe_hub.language.problems import Absent, Hidden, TemplateError, unknown
from zoe_hub.language.walking import Walk

__all__ = [
    "FILTERS",
    "Absent",
    "Hidden",
    "Late",
    "Template",
    "TemplateError",
    "as_text",
    "evaluate",
    "has_expressions",
    "names_used",
    "parse",
    "secrets_used",
    "unknown",
]

LONGEST_EXPRESSION = 64 * 1024  # characters of one template with expressions


class Template(NamedTuple):
    """A text that was read. ``whole``: it is one expression and nothing else, so the value keeps its type."""

    source: str
    parts: tuple[nodes.Expr | str, ...]
    whole: bool

    def expressions(self) -> Iterator[nodes.Expr]:
        """The expressions in it."""
        return (part for part in self.parts if not isinstance(part, str))

    def value(self, scope: Mapping[str, Any]) -> Any:
        """What it is worth. :raises TemplateError:"""
        walk = Walk(scope)
        if self.whole:
            value = walk.value(self.parts[0])
            walk.weigh(value)  # whoever keeps it writes it out
            return value
        texts = [part if isinstance(part, str) else walk.text(part) for part in self.parts]
        return walk.bounded(Late("".join(texts)) if any(isinstance(text, Late) for text in texts) else "".join(texts))


# Block and comment tags begin with characters that YAML does not allow, so only {{ }} means something.
_ENVIRONMENT = SandboxedEnvironment(
    block_start_string="\x01{",
    block_end_string="}\x01",
    comment_start_string="\x02{",
    comment_end_string="}\x02",
    keep_trailing_newline=True,
    autoescape=False,
    cache_size=0,
    optimized=False,
)


def has_expressions(source: str) -> bool:
    """Whether a text holds expressions; whether they are right, ``parse`` says."""
    return "{{" in source


@functools.lru_cache(4096)
def parse(source: str) -> Template:
    """A text as a template. :raises TemplateError: it is no expression, or one that is not allowed"""
    if not has_expressions(source):
        return Template(source, (source,) if source else (), False)
    if len(source) > LONGEST_EXPRESSION:
        raise TemplateError(f"a text with expressions may have at most {LONGEST_EXPRESSION} characters")
    if "\x01" in source or "\x02" in source:
        raise TemplateError("holds a control character; remove it")
    try:
        tree = _ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        raise TemplateError(
            f"the expression is not complete: {error.message}; write it as {{{{ name }}}}", error.lineno
        ) from error
    except (RecursionError, ValueError, MemoryError) as error:
        raise TemplateError("the expression is too deep or has too large a number; write it more simply") from error
    parts: list[nodes.Expr | str] = []
    for output in tree.body:
        for node in getattr(output, "nodes", ()):
            if isinstance(node, nodes.TemplateData):
                parts.append(node.data)
            else:
                try:
                    refuse_unknown(node)
                except RecursionError as error:
                    raise TemplateError("the expression is too deep; write it more simply") from error
                parts.append(node)
    whole = len(parts) == 1 and not isinstance(parts[0], str)
    if not whole and all((isinstance(part, str) and not part.strip()) or not isinstance(part, str) for part in parts):
        inner = [part for part in parts if not isinstance(part, str)]
        if len(inner) == 1:  # blanks around a lone expression do not make it a text
            return Template(source, tuple(inner), True)
    return Template(source, tuple(parts), whole)


def evaluate(expression: str, **names: Any) -> Any:
    """What an expression (without braces) is worth, for example the ``until`` of a drain.

    :param names: JSON-like values (mappings, lists, texts, numbers, booleans, null)
    :raises TemplateError: it is not allowed, names what is not there, or is too costly
    """
    template = parse("{{ (" + expression + ") }}")
    if not template.whole:
        raise TemplateError("must be one expression without braces")
    return template.value(names)


def names_used(template: Template) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """The names that a template uses, each with the attributes behind it and its line: ``master.rpc.address``."""
    for expression in template.expressions():
        yield from _chains(expression)


def secrets_used(template: Template) -> Iterator[tuple[str, int]]:
    """The names of the secrets that a template asks for, with the line."""
    for expression in template.expressions():
        for call in _calls(expression):
            yield call.args[0].value, call.lineno  # type: ignore[attr-defined]  # ``grammar`` lets nothing else through


def _chains(node: nodes.Node) -> Iterator[tuple[str, tuple[str, ...], int]]:
    attributes: list[str] = []
    inner = node
    while isinstance(inner, nodes.Getattr) or (isinstance(inner, nodes.Getitem) and isinstance(inner.arg, nodes.Const)):
        attributes.append(str(inner.attr if isinstance(inner, nodes.Getattr) else inner.arg.value))  # type: ignore[attr-defined]
        inner = inner.node
    if isinstance(inner, nodes.Name):
        yield inner.name, tuple(reversed(attributes)), inner.lineno
        return
    for child in node.iter_child_nodes():
        if not (isinstance(node, nodes.Call) and child is node.node):
            yield from _chains(child)


def _calls(node: nodes.Node) -> Iterator[nodes.Call]:
    if isinstance(node, nodes.Call):
        yield node
    yield from node.find_all(nodes.Call)
