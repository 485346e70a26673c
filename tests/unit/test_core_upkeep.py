"""Holders that are reported, moved, deleted and gone: what the plans say, and that they fit the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zoe_hub.core import commands
from zoe_hub.core.attachments.leases import Terms, Use, outlook
from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.attachments.upkeep import KeepExecution, ReportedHolder, ReportHolders, TendLeases
from zoe_hub.core.executions.model import Execution, Outcome, Phase
from zoe_hub.core.executions.spec import ExecutionSpec, Group
from zoe_hub.core.plan import Plan
from zoe_hub.core.reasons import because

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Known:
    """Executions and attachments, and what plans make of them."""

    def __init__(self, *attachments: Attachment, protected: bool = False) -> None:
        self.attachments = {each.id: each for each in attachments}
        self.executions = {name: execution(name, protected) for name in {each.execution for each in attachments}}

    def records(self, type_: type[Any]) -> dict[Any, Any]:
        return {Execution: self.executions, Attachment: self.attachments}[type_]

    def do(self, command: commands.Command, now: datetime = NOW) -> Plan:
        plan = commands.plan(self, command, now)
        for each in plan.put_of(Execution):
            assert each.version == self.executions[each.id].version + 1
            self.executions[each.id] = each
        for each in plan.put_of(Attachment):
            assert each.version == self.attachments[each.id].version + 1
            self.attachments[each.id] = each
        for ref in plan.drop:
            del self.attachments[ref.key]
        places = [(each.owner, each.key, each.zapp) for each in self.attachments.values()]
        assert len(set(places)) == len(places), "two attachments with one key"
        return plan

    def keys(self) -> dict[str, str]:
        return {name: each.key for name, each in self.attachments.items()}


def execution(name: str, protected: bool = False) -> Execution:
    worker = Group(name="worker", framework="f", image="i", command=("w",), count=4, essential=1, maximum=8)
    spec = ExecutionSpec(zapp="cluster", title="C", version="1", kind="engine", groups=(worker,), protected=protected)
    return Execution(
        id=name,
        owner="ada",
        name=name,
        spec=spec,
        created=NOW,
        phase=Phase.RUNNING,
        running_since=NOW,
        counts={"worker": 4},
        granted={"worker": 4},
        reason=because("running"),
    )


def attachment(name: str, key: str, *, of: str = "e1", **fields: Any) -> Attachment:
    known: dict[str, Any] = {"kernel": f"k-{name}", "expires": True, "policy": "shrink", "renewed": NOW}
    return Attachment(id=name, owner="ada", execution=of, key=key, zapp="cluster", created=NOW, **{**known, **fields})


def report(**fields: Any) -> ReportHolders:
    return ReportHolders(owner="ada", **fields)


def test_a_renamed_notebook_keeps_its_cluster_and_the_old_name_is_free():
    known = Known(attachment("a1", "/n/Untitled.ipynb"))
    plan = known.do(report(moved=(("/n/Untitled.ipynb", "/n/sales.ipynb"),)))
    assert known.keys() == {"a1": "/n/sales.ipynb"}
    assert [each.kind for each in plan.events] == ["attachment.moved"]


def test_all_notebooks_of_a_folder_move_with_it_and_neighbours_stay():
    known = Known(attachment("a1", "/n/old/a.ipynb"), attachment("a2", "/n/old-and-new.ipynb", of="e2"))
    known.do(report(moved=(("/n/old", "/n/new"),)))
    assert known.keys() == {"a1": "/n/new/a.ipynb", "a2": "/n/old-and-new.ipynb"}


def test_a_kernel_says_which_notebook_it_is_of():
    """The session knows of a rename also where no file was moved: a notebook that was never saved."""
    known = Known(attachment("a1", "/n/Untitled.ipynb", expires=False))
    known.do(report(holders=(ReportedHolder(kernel="k-a1", kind="notebook", key="/n/sales.ipynb"),)))
    assert known.keys() == {"a1": "/n/sales.ipynb"}
    assert known.attachments["a1"].expires


def test_notebooks_that_swap_their_names_swap_nothing_else():
    known = Known(attachment("a1", "/n/a.ipynb"), attachment("a2", "/n/b.ipynb", of="e2"))
    known.do(report(moved=(("/n/a.ipynb", "/n/c.ipynb"), ("/n/b.ipynb", "/n/a.ipynb"), ("/n/c.ipynb", "/n/b.ipynb"))))
    assert known.keys() == {"a1": "/n/b.ipynb", "a2": "/n/a.ipynb"}


def test_a_notebook_that_replaces_another_one_takes_its_name_and_the_others_cluster_ends():
    known = Known(attachment("a1", "/n/new.ipynb"), attachment("a2", "/n/old.ipynb", of="e2"))
    known.do(report(moved=(("/n/new.ipynb", "/n/old.ipynb"),)))
    assert known.keys() == {"a1": "/n/old.ipynb"}
    assert known.executions["e2"].outcome is Outcome.CANCELLED
    assert known.executions["e1"].desired == "running"


@pytest.mark.parametrize(
    ("policy", "protected", "ends"), [("shrink", False, True), ("keep", False, False), ("terminate", True, False)]
)
def test_the_cluster_of_a_deleted_notebook_goes_unless_it_shall_stay(policy, protected, ends):
    known = Known(attachment("a1", "/n/a.ipynb", policy=policy), protected=protected)
    known.do(report(deleted=("/n",)))
    assert known.attachments == {}
    assert (known.executions["e1"].desired == "ended") is ends


def test_a_cluster_ends_with_the_last_of_its_deleted_notebooks():
    known = Known(attachment("a1", "/n/a.ipynb"), attachment("a2", "/m/b.ipynb"))
    known.do(report(deleted=("/n",)))
    assert known.executions["e1"].desired == "running"
    both = Known(attachment("a1", "/n/a.ipynb"), attachment("a2", "/n/b.ipynb"))
    plan = both.do(report(deleted=("/n",)))
    assert [each.id for each in plan.put_of(Execution)] == ["e1"]
    assert both.executions["e1"].desired == "ended"


def test_nobody_moves_what_is_anothers():
    known = Known(attachment("a1", "/n/a.ipynb"))
    plan = known.do(ReportHolders(owner="bob", moved=(("/n", "/m"),), deleted=("/m", "/n")))
    assert plan.changes == ()
    assert known.keys() == {"a1": "/n/a.ipynb"}


def test_a_report_of_what_is_known_changes_nothing():
    known = Known(attachment("a1", "/n/a.ipynb"))
    assert known.do(report(holders=(ReportedHolder(kernel="k-a1", kind="notebook", key="/n/a.ipynb"),))).changes == ()


def tended(known: Known, now: datetime, **fields: Any) -> Plan:
    use = Use(
        execution=known.executions["e1"], attachments=tuple(known.attachments.values()), used=NOW, resumed=NOW, **fields
    )
    return known.do(TendLeases(execution="e1", outlook=outlook(use, Terms(), now)), now)


def test_a_silent_notebook_stays_attached_to_what_was_shrunk_and_comes_back():
    known = Known(attachment("a1", "/n/a.ipynb"))
    tended(known, NOW + timedelta(seconds=130))
    assert known.executions["e1"].counts == {"worker": 1}
    assert known.attachments["a1"].gone == NOW + timedelta(seconds=130)
    later = NOW + timedelta(seconds=400)
    tended(known, later, renewed={"a1": later})
    assert known.attachments["a1"].gone is None


def test_a_batch_run_that_is_gone_leaves_nothing():
    known = Known(attachment("a1", "kernel-1", kind="batch", policy="terminate"))
    plan = tended(known, NOW + timedelta(seconds=130))
    assert known.attachments == {}
    assert known.executions["e1"].desired == "ended"
    assert plan.put_of(Execution)[0].reason.code == "holders-gone"


def test_what_is_idle_is_told_then_shrunk_then_ended_and_kept_when_somebody_wants_it():
    known = Known(attachment("a1", "/n/a.ipynb", expires=False))
    tended(known, NOW + timedelta(seconds=60))
    idle = known.executions["e1"].idle
    assert idle is not None
    assert (idle.action, idle.at) == ("shrink", NOW + timedelta(seconds=1800))
    known.do(KeepExecution(execution="e1", user="ada", until=NOW + timedelta(seconds=3600)))
    assert known.executions["e1"].idle is None
    tended(known, NOW + timedelta(seconds=5399))
    assert known.executions["e1"].counts == {"worker": 4}
    tended(known, NOW + timedelta(seconds=5400))
    assert known.executions["e1"].counts == {"worker": 1}
    tended(known, NOW + timedelta(seconds=5400))
    assert known.executions["e1"].idle is not None
    assert known.executions["e1"].idle.action == "end"
    tended(known, NOW + timedelta(seconds=3600 + 9000))
    assert known.executions["e1"].desired == "ended"
