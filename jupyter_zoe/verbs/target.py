"""Which execution a verb means, and which part of it. Used by verbs that take ``[EXECUTION] [PART]``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.client.operations import ExecutionView
from jupyter_zoe.verbs.verb import Frontend, Invocation


def execution_and_part(
    front: Frontend, call: Invocation, parts: Callable[[ExecutionView], Iterable[str]], part: str
) -> tuple[ExecutionView, str | None]:
    """The execution, and the part of it if one is named.

    One word alone names a part of what is attached here if that has one of this name, else an execution.

    :param parts: the names of an execution's parts, such as its groups
    :param part: the argument that names one, after the positional ``where``
    :raises ZoeProblem: ``not-attached``, ``unknown-execution``, ``ambiguous``, ``usage``
    """
    where, word, option = call.given.where, getattr(call.given, part), call.given.execution
    if option is not None:
        if where is not None and word is not None:
            raise ZoeProblem(
                "usage", f"Both {where!r} and --execution name an execution.", f"See {front.prog} {call.verb.name} -h."
            )
        return front.client.find(option), word or where
    if where is not None and word is None:
        try:
            attached = front.attaching.current()
        except ZoeProblem as problem:
            if problem.code != "not-attached":
                raise
        else:
            if where in parts(attached):
                return attached, where
    return front.attaching.current(where), word
