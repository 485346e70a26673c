"""Who may do what: every scope against every action, on what is one's own, another's and nobody's."""

from __future__ import annotations

import pytest

from zoe_hub.core.access import Grounds, Principal, may, sees_only


def principal(*scopes: str) -> Principal:
    return Principal(name="ada", scopes=scopes)


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ((), set()),
        (("read",), {"read"}),
        (("write",), {"read", "write"}),
        (("read", "write"), {"read", "write"}),
        (("admin",), {"read", "write", "admin"}),
        (("something-new",), set()),
    ],
)
def test_a_scope_implies_the_lesser_ones(scopes, allowed):
    for owner in (None, "ada"):
        for action in ("read", "write", "admin"):
            permission = may(principal(*scopes), action, owner)
            assert permission.allowed is (action in allowed)
            assert permission.grounds is (Grounds.OWN if action in allowed else Grounds.SCOPE)


@pytest.mark.parametrize("action", ["read", "write"])
def test_what_is_anothers_is_for_admins_alone_and_goes_on_record(action):
    assert may(principal("read", "write"), action, "bob") == may(principal("write"), action, "bob")
    assert may(principal("write"), action, "bob").grounds is Grounds.FOREIGN
    assert not may(principal("write"), action, "bob").allowed
    assert may(principal("admin"), action, "bob").allowed
    assert may(principal("admin"), action, "bob").grounds is Grounds.ADMIN


def test_a_missing_scope_is_told_before_whose_it_is():
    """Who may not write anything learns nothing about whether something exists."""
    assert may(principal("read"), "write", "bob").grounds is Grounds.SCOPE


def test_whose_records_lists_show():
    assert sees_only(principal("read", "write")) == "ada"
    assert sees_only(principal("admin")) is None
