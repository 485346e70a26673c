"""Which of Jinja2's expressions definitions may use. Used by ``expressions`` when a text is read.

A white list of nodes of Jinja2's tree: names, members, arithmetic, comparisons, lists, mappings, the filters and tests
of ``filters``, and ``secret('name')``.
"""

from __future__ import annotations

from jinja2 import nodes

from zoe_hub.core.text import has_bracket
from zoe_hub.language.filters import FILTERS, TESTS
from zoe_hub.language.problems import TemplateError
from zoe_hub.language.walking import BINARY
from zoe_hub.language.words import suggestion

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
    *BINARY,
)


def refuse_unknown(node: nodes.Node) -> None:
    """Refuse what is not in the language of definitions.

    :raises TemplateError: with what to write instead
    """
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
    elif isinstance(node, nodes.Const) and isinstance(node.value, str) and has_bracket(node.value):
        raise TemplateError("the characters ⟦ and ⟧ are reserved, also as '\\u27e6' and '\\u27e7'", line)
    elif not isinstance(node, _PLAIN):
        raise TemplateError(f"'{type(node).__name__}' is not allowed in an expression", line)
    for child in node.iter_child_nodes():
        refuse_unknown(child)
