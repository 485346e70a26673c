"""No circles: a module that needs another one is never needed by it, not even through a third one or for types alone.
And where capabilities live side by side, none knows another one, except where that is said here.

The direction of imports between packages is in ``.importlinter``; this looks at modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import grimp
import pytest

ROOTS = ("zoe_hub", "jupyter_zoe", "zoe_proxy", "zoe_loopback")

Graph = Mapping[str, set[str]]


class Room(NamedTuple):
    """A package whose modules and folders are capabilities, but for these."""

    kit: frozenset[str]
    """What every capability may use, and what knows none."""
    composition: str
    """What puts the capabilities together, and may know all of them."""
    between: Mapping[str, frozenset[str]] = {}
    """Which capability may use which."""


ROOMS = {
    "zoe_hub.core": Room(
        kit=frozenset(
            ["access", "clock", "errors", "events", "ids", "nodes", "plan", "reasons", "record", "text", "words"]
        ),
        composition="commands",
        between={  # both are about executions
            "attachments": frozenset({"executions"}),
            "scheduling": frozenset({"executions"}),
        },
    ),
    "zoe_hub.contract": Room(
        kit=frozenset({"bounds", "types_in_words", "common", "table"}),
        composition="operations",
        between={
            "attachments": frozenset({"executions"}),  # an attachment is shown with its execution
            "executions": frozenset({"processes"}),
            "generate": frozenset({"events", "operations"}),
            "leases": frozenset({"executions"}),
            "plans": frozenset({"executions"}),  # a plan is asked for with the request that it is about
        },
    ),
    "zoe_hub.controllers": Room(
        kit=frozenset({"kit"}), composition="hub", between={"attachments": frozenset({"executions"})}
    ),
    "zoe_hub.web.operations": Room(kit=frozenset(), composition="", between={"leases": frozenset({"executions"})}),
    "jupyter_zoe.verbs": Room(
        kit=frozenset({"options", "parser", "target", "verb"}),
        composition="",
        between={"run": frozenset({"following", "logs"})},  # a run is followed, and its log is shown
    ),
}


@cache
def imports() -> Graph:
    """Module -> the modules that it imports, in functions and for types too."""
    graph = grimp.build_graph(*ROOTS, cache_dir=None)
    return {each: set(graph.find_modules_directly_imported_by(each)) for each in graph.modules}


def circle(graph: Graph) -> list[str]:
    """The modules of one circle, in order; none: there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def acquaintances(package: str, graph: Graph) -> dict[str, set[str]]:
    """Which of the direct parts of a package use which others."""
    found: dict[str, set[str]] = {}

    def part(module: str) -> str:
        return module.removeprefix(f"{package}.").partition(".")[0] if module.startswith(f"{package}.") else ""

    for module, needs in graph.items():
        if (user := part(module)) != "":
            found.setdefault(user, set()).update({part(each) for each in needs} - {"", user})
    return found


def strangers(room: Room, known: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """What the parts of a room use and may not."""
    allowed = {
        each: set(known) if each == room.composition else room.kit | room.between.get(each, frozenset())
        for each in known
    }
    return {each: used - allowed[each] for each, used in known.items() if used - allowed[each]}


def test_no_module_needs_one_that_needs_it() -> None:
    assert len(imports()) > 100
    assert " -> ".join(circle(imports())) == ""


@pytest.mark.parametrize("needs", [{"a": {"b"}, "b": {"a"}}, {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}])
def test_a_circle_is_told_as_a_path(needs: dict[str, set[str]]) -> None:
    assert set(circle(needs)) == {"a", "b", "c"} & set(needs)


@pytest.mark.parametrize("package", ROOMS)
def test_capabilities_do_not_know_each_other(package: str) -> None:
    room, known = ROOMS[package], acquaintances(package, imports())
    assert strangers(room, known) == {}
    assert {each: used - known[each] for each, used in room.between.items() if used - known[each]} == {}, "not needed"
    assert room.kit <= set(known)


def test_who_knows_a_stranger_is_named() -> None:
    room = Room(kit=frozenset({"kit"}), composition="all", between={"b": frozenset({"a"})})
    graph = {"p.all": {"p.a"}, "p.a.x": {"p.kit", "p.a.y"}, "p.a.y": {"p.b"}, "p.b": {"p.a.x", "q.c"}, "p.kit": {"p.b"}}
    assert strangers(room, acquaintances("p", graph)) == {"a": {"b"}, "kit": {"b"}}
