"""What an expression is worth: a walk through its tree, where every step is counted and every value measured.

So an expression can neither run for long nor grow large, and nothing of Python is within its reach. Used by
``expressions`` for trees that ``grammar`` has let through.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import nodes

from zoe_hub.language.filters import COMPARE, FILTERS, TESTS, Late, as_text
from zoe_hub.language.problems import Absent, Hidden, TemplateError, TooCostly, unknown
from zoe_hub.language.words import shown, suggestion

MOST_STEPS = 200_000
LONGEST_TEXT = 4 * 2**20  # characters of one value
MOST_ITEMS = 20_000
CHARACTERS = 100  # of a text are one step
LARGEST_NUMBER = 2**63
TAKE_LATE = ("json", "jws", "tojson", "string", "join", "list")  # filters whose value may be known later
LOOK_INSIDE = ("json", "max", "min", "sort", "tojson")  # filters that look at all that is in a value

BINARY: Mapping[type[nodes.Node], tuple[str, Callable[[Any, Any], Any]]] = {
    nodes.Add: ("+", operator.add),
    nodes.Sub: ("-", operator.sub),
    nodes.Mul: ("*", operator.mul),
    nodes.Div: ("/", operator.truediv),
    nodes.FloorDiv: ("//", operator.floordiv),
    nodes.Mod: ("%", operator.mod),
}


class Walk:
    """One evaluation, with its budget."""

    def __init__(self, scope: Mapping[str, Any]) -> None:
        """:param scope: what each name is worth; ``Hidden`` for one that exists and must not be used"""
        self._scope = scope
        self._steps = MOST_STEPS

    def value(self, node: Any) -> Any:
        """What a node is worth. :raises TemplateError: it has no value, or one that is too large"""
        self.spend(1, node.lineno)
        try:
            return self.bounded(self.VALUES[type(node)](self, node))
        except TemplateError:
            raise
        except RecursionError as error:
            raise TemplateError("the expression is too deep; write it more simply", node.lineno) from error
        except ZeroDivisionError as error:
            raise TemplateError("divides by zero", node.lineno) from error
        except (TypeError, ValueError, OverflowError, KeyError, IndexError, AttributeError) as error:
            raise TemplateError(f"has no value: {error}", node.lineno) from error

    def text(self, node: nodes.Expr) -> str:
        """The same as a part of a text."""
        value = self.value(node)
        try:
            return as_text(value)
        except TypeError as error:
            raise TemplateError(str(error), node.lineno) from error

    # --- the budget; the filters use it as well ---

    def spend(self, steps: int, line: int | None = 1) -> None:
        """Count steps. :raises TemplateError: there were too many"""
        self._steps -= steps
        if self._steps < 0:
            raise TooCostly("takes too long; write it more simply", line or 1)

    def measure(self, length: int) -> None:
        """Count the steps of making a text or list. :param length: characters or items
        :raises TooCostly: it is too long, or there were too many steps
        """
        if length > LONGEST_TEXT:
            raise TooCostly(f"makes a text of more than {LONGEST_TEXT} characters")
        self.spend(length // CHARACTERS)

    def weigh(self, value: Any) -> int:
        """Count the steps of looking at all that is in a value, however it is nested: they were made once, and may be
        there a thousand times. :raises TooCostly: there were too many
        """
        if isinstance(value, str):
            inside, steps = (), len(value) // CHARACTERS
        elif isinstance(value, Mapping):
            inside, steps = tuple(value.values()), len(value)
        elif isinstance(value, list):
            inside, steps = tuple(value), len(value)
        else:
            return 0
        self.spend(steps)
        return steps + sum(map(self.weigh, inside))

    def bounded(self, value: Any) -> Any:
        """``value``, if it is not too large. :raises TemplateError: it is"""
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise TooCostly(f"makes a text of more than {LONGEST_TEXT} characters")
        if isinstance(value, list) and len(value) > MOST_ITEMS:
            raise TooCostly(f"makes a list of more than {MOST_ITEMS} items")
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and not -LARGEST_NUMBER < value < LARGEST_NUMBER
        ):
            raise TemplateError("makes a number that is too large")
        return value

    # --- one kind of node each ---

    def _known(self, node: Any) -> Any:
        """A value that an operator needs now."""
        value = self.value(node)
        if isinstance(value, Late):
            raise TemplateError(
                "uses in a calculation what is known only when the process starts; it can only be part of a text",
                node.lineno,
            )
        return value

    def _usable(self, value: Any, node: Any) -> Any:
        if isinstance(value, Hidden):
            raise (Absent if value.absent else TemplateError)(value.message, node.lineno)
        return value

    def _name(self, node: nodes.Name) -> Any:
        if node.name not in self._scope or node.name == "secret":
            raise TemplateError(unknown(node.name, self._scope), node.lineno)
        return self._usable(self._scope[node.name], node)

    def _member(self, node: Any) -> Any:
        holder = self.value(node.node)
        key = node.attr if isinstance(node, nodes.Getattr) else self._known(node.arg)
        if isinstance(holder, Mapping):
            if key not in holder:
                raise TemplateError(f"'{key}' is not there{suggestion(str(key), map(str, holder))}", node.lineno)
            return self._usable(holder[key], node)
        if isinstance(holder, list) and isinstance(key, int) and not isinstance(key, bool):
            if not -len(holder) <= key < len(holder):
                raise TemplateError(f"the list has {len(holder)} items, there is none number {key}", node.lineno)
            return holder[key]
        raise TemplateError(
            f"{'this' if isinstance(holder, Late) else shown(holder)} has no member '{key}'", node.lineno
        )

    def _secret(self, node: nodes.Call) -> Any:
        if "secret" not in self._scope:
            raise TemplateError("secrets are not within reach here", node.lineno)
        return self._scope["secret"](node.args[0].value)  # type: ignore[attr-defined]  # ``grammar`` wants a constant

    def _binary(self, node: nodes.BinExpr) -> Any:
        left, right = self._known(node.left), self._known(node.right)
        sign, function = BINARY[type(node)]
        if not all(isinstance(side, int | float) for side in (left, right)):
            if sign != "+" or type(left) is not type(right) or not isinstance(left, str | list):
                raise TypeError(f"'{sign}' is for numbers, not for {shown(left)} and {shown(right)}")
            self.measure(len(left) + len(right))
        return function(left, right)

    def _concatenated(self, node: nodes.Concat) -> str:
        texts = [self.text(item) for item in node.nodes]
        self.measure(sum(map(len, texts)))
        return Late("".join(texts)) if any(isinstance(text, Late) for text in texts) else "".join(texts)

    def _and(self, node: nodes.And) -> Any:
        left = self._known(node.left)
        return self.value(node.right) if left else left

    def _or(self, node: nodes.Or) -> Any:
        left = self._known(node.left)
        return left if left else self.value(node.right)

    def _conditional(self, node: nodes.CondExpr) -> Any:
        if self._known(node.test):
            return self.value(node.expr1)
        return self.value(node.expr2) if node.expr2 is not None else None

    def _compared(self, node: nodes.Compare) -> bool:
        left = self._known(node.expr)
        self.weigh(left)
        for operand in node.ops:
            right = self._known(operand.expr)
            self.weigh(right)
            if not COMPARE[operand.op](left, right):
                return False
            left = right
        return True

    def _tested(self, node: nodes.Test) -> bool:
        if node.name == "defined":
            return self._is_defined(node.node)
        values = [self._known(each) for each in (node.node, *node.args)]
        self.weigh(values)
        return bool(TESTS[node.name](*values))

    def _is_defined(self, node: Any) -> bool:
        missing = object()
        return self._value_or(node, missing) is not missing

    def _value_or(self, node: Any, instead: Any) -> Any:
        try:
            return self.value(node)
        except TooCostly:
            raise
        except TemplateError:
            return instead

    def _filtered(self, node: nodes.Filter) -> Any:
        if node.name in ("default", "d"):
            return self._value_or(node.node, self.value(node.args[0]) if node.args else "")
        value = self.value(node.node) if node.name in TAKE_LATE else self._known(node.node)
        arguments = [self._known(item) for item in node.args]
        options: dict[str, Any] = {str(item.key): self._known(item.value) for item in node.kwargs}
        self.weigh([*arguments, *options.values()])
        if node.name in LOOK_INSIDE:
            self.weigh(value)
        elif isinstance(value, str | list | dict):
            self.spend(len(value) // CHARACTERS, node.lineno)
        return FILTERS[node.name](self, value, *arguments, **options)

    def _list(self, node: Any) -> list[Any]:
        return [self.value(item) for item in node.items]

    def _mapping(self, node: nodes.Dict) -> dict[str, Any]:
        return {as_text(self._known(pair.key)): self.value(pair.value) for pair in node.items}

    VALUES: Mapping[type[nodes.Node], Callable[[Walk, Any], Any]] = {
        **dict.fromkeys(BINARY, _binary),
        nodes.Const: lambda self, node: node.value,
        nodes.Name: _name,
        nodes.Getattr: _member,
        nodes.Getitem: _member,
        nodes.Call: _secret,
        nodes.Concat: _concatenated,
        nodes.And: _and,
        nodes.Or: _or,
        nodes.Not: lambda self, node: not self._known(node.node),
        nodes.Neg: lambda self, node: -self._known(node.node),
        nodes.Pos: lambda self, node: +self._known(node.node),
        nodes.CondExpr: _conditional,
        nodes.Compare: _compared,
        nodes.List: _list,
        nodes.Tuple: _list,
        nodes.Dict: _mapping,
        nodes.Test: _tested,
        nodes.Filter: _filtered,
    }
