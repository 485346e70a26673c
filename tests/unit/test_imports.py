"""No circles: a module that needs another one is never needed by it, not even through a third one or for types alone.

The direction of imports between packages is in ``.importlinter``; this looks at modules.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

ROOTS = ("zoe_hub", "jupyter_zoe", "zoe_proxy", "zoe_loopback")


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one circle, in order; none: there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def test_no_module_needs_one_that_needs_it() -> None:
    graph = grimp.build_graph(*ROOTS, cache_dir=None)
    needs = {each: set(graph.find_modules_directly_imported_by(each)) for each in graph.modules}
    assert len(needs) > 100
    assert " -> ".join(circle(needs)) == ""


@pytest.mark.parametrize("needs", [{"a": {"b"}, "b": {"a"}}, {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}])
def test_a_circle_is_told_as_a_path(needs: dict[str, set[str]]) -> None:
    assert set(circle(needs)) == {"a", "b", "c"} & set(needs)
