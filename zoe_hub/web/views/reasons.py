"""Reasons as the interface shows them."""

from __future__ import annotations

from typing import Any

from zoe_hub.contract.common import ReasonView
from zoe_hub.core.reasons import Fact, Reason
from zoe_hub.core.words import words


def reason_view(reason: Reason) -> ReasonView:
    """A reason, with its words."""
    facts = {name: _fact(fact) for name, fact in reason.facts.items()}
    return ReasonView(code=reason.code, facts=facts, words=words(reason), tail=reason.tail)


def _fact(fact: Fact) -> Any:
    if isinstance(fact, Reason):
        return reason_view(fact)
    return [_fact(each) for each in fact] if isinstance(fact, tuple) else fact
