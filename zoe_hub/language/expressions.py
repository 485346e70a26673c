"""Expressions in ``{{ }}``: what they may say, and what they are worth.

Jinja2's sandbox environment reads them, with block tags switched off; the values come from walking the tree that it
returns, not from generated code, so that every step is counted and every value measured: an expression can neither run
for long nor grow large, and nothing of Python is within reach. An unknown name is an error (as with StrictUndefined).
What is not known before a process starts is a ``Late`` text that holds a reference of ``core.text``.
Called by ``render`` (definitions) and by the controllers (``evaluate``, for ``Drain.until``).
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment

from zoe_hub.core.errors import ZoeError
from zoe_hub.language.filters import COMPARE, FILTERS, TESTS, Late, as_text
from zoe_hub.language.words import shown, suggestion

__all__ = [
    "FILTERS",
    "Absent",
    "Hidden",
    "Late",
    "Template",
    "TemplateError",
    "as_text",
    "evaluate",
    "named",
    "parse",
    "secrets",
    "unknown",
]

MOST_STEPS = 200_000
LONGEST_TEXT = 4 * 2**20  # characters of one value
MOST_ITEMS = 20_000
LONGEST_EXPRESSION = 64 * 1024  # characters of one template with expressions
LARGEST_NUMBER = 2**63


class TemplateError(ZoeError):
    """An expression that is not allowed, or has no value. ``line`` counts within the template, from 1."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__("bad-definition", message)
        self.line = line


class Absent(TemplateError):
    """The expression names something that is switched off (``when``)."""


class Hidden(NamedTuple):
    """A name that exists and must not be used like this. ``absent``: it is switched off in this rendering."""

    message: str
    absent: bool = False


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
        walk = _Walk(scope)
        if self.whole:
            return walk.value(self.parts[0])
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


@functools.lru_cache(4096)
def parse(source: str) -> Template:
    """A text as a template. :raises TemplateError: it is no expression, or one that is not allowed"""
    if "{{" not in source:
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
                    _allow(node)
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


def named(template: Template) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """The names that a template uses, each with the attributes behind it and its line: ``master.rpc.address``."""
    for expression in template.expressions():
        yield from _chains(expression)


def secrets(template: Template) -> Iterator[tuple[str, int]]:
    """The names of the secrets that a template asks for, with the line."""
    for expression in template.expressions():
        for call in _every(expression, nodes.Call):
            yield call.args[0].value, call.lineno  # type: ignore[attr-defined]  # ``_allow`` lets nothing else through


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


def _every(node: nodes.Node, kind: type[nodes.Call]) -> Iterator[nodes.Call]:
    if isinstance(node, kind):
        yield node
    yield from node.find_all(kind)


# --- what is allowed -----------------------------------------------------------------------------------------------

_BINARY: Mapping[type[nodes.Node], tuple[str, Callable[[Any, Any], Any]]] = {
    nodes.Add: ("+", operator.add),
    nodes.Sub: ("-", operator.sub),
    nodes.Mul: ("*", operator.mul),
    nodes.Div: ("/", operator.truediv),
    nodes.FloorDiv: ("//", operator.floordiv),
    nodes.Mod: ("%", operator.mod),
}
_PLAIN: tuple[type[nodes.Node], ...] = (
    nodes.Const,
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Pos,
    nodes.Compare,
    nodes.Operand,
    nodes.CondExpr,
    nodes.Concat,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.Keyword,
    *_BINARY,
)


def _allow(node: nodes.Node) -> None:
    """Refuse what is not in the language of definitions."""
    line = node.lineno or 1
    if isinstance(node, nodes.Filter):
        if node.name not in FILTERS:
            raise TemplateError(f"the filter '{node.name}' is not there{suggestion(node.name, FILTERS)}", line)
        if node.dyn_args or node.dyn_kwargs or node.node is None:
            raise TemplateError(f"the filter '{node.name}' cannot be used like this", line)
    elif isinstance(node, nodes.Test):
        if node.name not in TESTS and node.name != "defined":
            raise TemplateError(f"the test '{node.name}' is not there{suggestion(node.name, TESTS)}", line)
        if node.dyn_args or node.dyn_kwargs or node.kwargs:
            raise TemplateError(f"the test '{node.name}' cannot be used like this", line)
    elif isinstance(node, nodes.Call):
        plain = len(node.args) == 1 and isinstance(node.args[0], nodes.Const) and isinstance(node.args[0].value, str)
        if (
            not isinstance(node.node, nodes.Name)
            or node.node.name != "secret"
            or not plain
            or node.kwargs
            or node.dyn_args
            or node.dyn_kwargs
        ):
            raise TemplateError("only secret('name') can be called; use a filter instead, such as {{ x | int }}", line)
        return
    elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        raise TemplateError(f"'{node.attr}' is not within reach of an expression", line)
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        raise TemplateError("slices are not allowed", line)
    elif isinstance(node, nodes.Pow):
        raise TemplateError("'**' is not allowed; write the number itself", line)
    elif not isinstance(node, _PLAIN):
        raise TemplateError(f"'{type(node).__name__}' is not allowed in an expression", line)
    for child in node.iter_child_nodes():
        _allow(child)


# --- what it is worth ------------------------------------------------------------------------------------------------


class _Walk:
    """One evaluation, with its budget."""

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.scope = scope
        self.steps = MOST_STEPS

    def text(self, node: nodes.Expr) -> str:
        value = self.value(node)
        try:
            return as_text(value)
        except TypeError as error:
            raise TemplateError(str(error), node.lineno) from error

    def value(self, node: Any) -> Any:
        self.spend(1, node.lineno)
        try:
            return self.bounded(self._value(node))
        except TemplateError:
            raise
        except RecursionError as error:
            raise TemplateError("the expression is too deep; write it more simply", node.lineno) from error
        except ZeroDivisionError as error:
            raise TemplateError("divides by zero", node.lineno) from error
        except (TypeError, ValueError, OverflowError, KeyError, IndexError, AttributeError) as error:
            raise TemplateError(f"has no value: {error}", node.lineno) from error

    def spend(self, steps: int, line: int | None = 1) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise TemplateError("takes too long; write it more simply", line or 1)

    def bounded(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise TemplateError(f"makes a text of more than {LONGEST_TEXT} characters")
        if isinstance(value, list) and len(value) > MOST_ITEMS:
            raise TemplateError(f"makes a list of more than {MOST_ITEMS} items")
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and not -LARGEST_NUMBER < value < LARGEST_NUMBER
        ):
            raise TemplateError("makes a number that is too large")
        return value

    def known(self, node: Any) -> Any:
        """A value that an operator needs now."""
        value = self.value(node)
        if isinstance(value, Late):
            raise TemplateError(
                "uses in a calculation what is known only when the process starts; it can only be part of a text",
                node.lineno,
            )
        return value

    def _value(self, node: Any) -> Any:
        kind = type(node)
        if kind is nodes.Const:
            return node.value
        if kind is nodes.Name:
            return self.name(node)
        if kind in (nodes.Getattr, nodes.Getitem):
            return self.member(node)
        if kind is nodes.Call:
            if "secret" not in self.scope:
                raise TemplateError("secrets are not within reach here", node.lineno)
            return self.scope["secret"](node.args[0].value)
        if kind in _BINARY:
            return self.binary(kind, self.known(node.left), self.known(node.right))
        if kind is nodes.Concat:
            texts = [self.text(item) for item in node.nodes]
            self.measure(sum(map(len, texts)))
            return Late("".join(texts)) if any(isinstance(text, Late) for text in texts) else "".join(texts)
        if kind is nodes.And:
            left = self.known(node.left)
            return self.value(node.right) if left else left
        if kind is nodes.Or:
            left = self.known(node.left)
            return left if left else self.value(node.right)
        if kind is nodes.Not:
            return not self.known(node.node)
        if kind is nodes.Neg:
            return -self.known(node.node)
        if kind is nodes.Pos:
            return +self.known(node.node)
        if kind is nodes.CondExpr:
            if self.known(node.test):
                return self.value(node.expr1)
            return self.value(node.expr2) if node.expr2 is not None else None
        if kind is nodes.Compare:
            return self.compare(node)
        if kind in (nodes.List, nodes.Tuple):
            return [self.value(item) for item in node.items]
        if kind is nodes.Dict:
            return {as_text(self.known(pair.key)): self.value(pair.value) for pair in node.items}
        if kind is nodes.Test:
            if node.name == "defined":
                return self.defined(node.node)
            return bool(TESTS[node.name](self.known(node.node), *map(self.known, node.args)))
        return self.filtered(node)

    def name(self, node: nodes.Name) -> Any:
        if node.name not in self.scope or node.name == "secret":
            raise TemplateError(unknown(node.name, self.scope), node.lineno)
        return self.seen(self.scope[node.name], node)

    def member(self, node: Any) -> Any:
        holder = self.value(node.node)
        key = node.attr if isinstance(node, nodes.Getattr) else self.known(node.arg)
        if isinstance(holder, Mapping):
            if key not in holder:
                raise TemplateError(f"'{key}' is not there{suggestion(str(key), map(str, holder))}", node.lineno)
            return self.seen(holder[key], node)
        if isinstance(holder, list) and isinstance(key, int) and not isinstance(key, bool):
            if not -len(holder) <= key < len(holder):
                raise TemplateError(f"the list has {len(holder)} items, there is none number {key}", node.lineno)
            return holder[key]
        raise TemplateError(
            f"{'this' if isinstance(holder, Late) else shown(holder)} has no member '{key}'", node.lineno
        )

    def seen(self, value: Any, node: Any) -> Any:
        if isinstance(value, Hidden):
            raise (Absent if value.absent else TemplateError)(value.message, node.lineno)
        return value

    def defined(self, node: Any) -> bool:
        try:
            self.value(node)
        except TemplateError:
            return False
        return True

    def measure(self, length: int) -> None:
        if length > LONGEST_TEXT:
            raise TemplateError(f"makes a text of more than {LONGEST_TEXT} characters")

    def binary(self, kind: type[nodes.Node], left: Any, right: Any) -> Any:
        sign, function = _BINARY[kind]
        numbers = all(isinstance(side, int | float) for side in (left, right))
        if not numbers:
            if sign != "+" or type(left) is not type(right) or not isinstance(left, str | list):
                raise TypeError(f"'{sign}' is for numbers, not for {shown(left)} and {shown(right)}")
            self.measure(len(left) + len(right))
        return function(left, right)

    def compare(self, node: nodes.Compare) -> bool:
        left = self.known(node.expr)
        for operand in node.ops:
            right = self.known(operand.expr)
            if operand.op in ("in", "notin") and isinstance(right, list | str):
                self.spend(len(right) // 100, node.lineno)
            if not COMPARE[operand.op](left, right):
                return False
            left = right
        return True

    def filtered(self, node: nodes.Filter) -> Any:
        if node.name in ("default", "d"):
            instead = self.value(node.args[0]) if node.args else ""
            return self.value(node.node) if self.defined(node.node) else instead
        value = (
            self.value(node.node)
            if node.name in ("json", "jws", "tojson", "string", "join", "list")
            else self.known(node.node)
        )
        arguments = [self.known(item) for item in node.args]
        options: dict[str, Any] = {str(item.key): self.known(item.value) for item in node.kwargs}
        if isinstance(value, str | list | dict):
            self.spend(len(value) // 100, node.lineno)
        return FILTERS[node.name](self, value, *arguments, **options)


def unknown(name: str, scope: Iterable[str]) -> str:
    """The message about a name that is not there."""
    return f"'{name}' is not there{suggestion(name, scope)}"
