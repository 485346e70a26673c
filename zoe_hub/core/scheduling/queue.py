"""What wants and what holds resources, kept up to date record by record, so that a policy looks only at what matters.

Five thousand may wait: a decision costs what changes, not what there is. ``put`` takes a record in; what is asked of
the queue follows from the records that were put and the nodes alone, whatever their order in time (a test compares with
a queue that is made anew). No I/O. Kept by ``controllers.executions.admission``, read by policies and by views.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from zoe_hub.core.executions.model import Execution
from zoe_hub.core.executions.resources import held, never_fits, total
from zoe_hub.core.executions.spec import Resources
from zoe_hub.core.executions.standing import QueuePlace
from zoe_hub.core.nodes import Node
from zoe_hub.core.reasons import Reason, because


class Queue:
    """The executions that have not ended, sorted by what they wait for."""

    def __init__(self, executions: Iterable[Execution] = (), nodes: tuple[Node, ...] = ()) -> None:
        """:param executions: in order of creation"""
        self.nodes = nodes
        self.moves = 0  # counts how often somebody left the queue, so that those behind have another place
        self._order: dict[str, int] = {}  # execution -> when it was first put; the order of creation
        self._records: dict[str, Execution] = {}
        self._waiting: dict[str, Execution] = {}
        self._stuck: dict[str, Execution] = {}
        self._admitted: dict[str, Execution] = {}
        self._held: dict[str, Resources] = {}
        self._uneven: set[str] = set()
        self._untold: dict[str, Reason] = {}
        self._owners: Counter[str] = Counter()  # of those that wait
        self._places: dict[str, int] | None = None
        self._put = 0
        for execution in executions:
            self.put(execution)

    # --- keeping it up to date ---

    def put(self, execution: Execution) -> None:
        """Take in the present record of an execution; of new ones in order of creation."""
        if not execution.active:
            self.drop(execution.id)
            return
        if execution.id not in self._order:
            self._put += 1
            self._order[execution.id] = self._put
        self._records[execution.id] = execution
        if execution.granted is not None:
            self._leave(execution.id)
            self._admit(execution)
        elif execution.desired == "ended":
            self._leave(execution.id)
        else:
            self._wait(execution)

    def drop(self, identifier: str) -> None:
        """Forget an execution that has ended, if it is in here."""
        self._leave(identifier)
        self._order.pop(identifier, None)
        self._records.pop(identifier, None)
        self._admitted.pop(identifier, None)
        self._held.pop(identifier, None)
        self._uneven.discard(identifier)

    def use(self, nodes: tuple[Node, ...]) -> None:
        """Take in the nodes as they are now. If they are others, everybody who waits is looked at again."""
        if nodes == self.nodes:
            return
        self.nodes = nodes
        everybody = sorted({**self._waiting, **self._stuck}.values(), key=lambda each: self._order[each.id])
        self._waiting.clear()
        self._stuck.clear()
        self._owners.clear()
        for execution in everybody:
            self._wait(execution)

    def _admit(self, execution: Execution) -> None:
        self._admitted[execution.id] = execution
        self._held[execution.id] = held(execution)
        if execution.desired != "ended" and any(
            (execution.granted or {}).get(group.name, 0) != execution.counts.get(group.name, group.count)
            for group in execution.spec.groups
        ):
            self._uneven.add(execution.id)
        else:
            self._uneven.discard(execution.id)

    def _wait(self, execution: Execution) -> None:
        never = never_fits(execution.spec, self.nodes)
        mine, other = (self._waiting, self._stuck) if never is None else (self._stuck, self._waiting)
        if execution.id not in self._waiting and execution.id not in self._stuck:
            self._owners[execution.owner] += 1
        if other.pop(execution.id, None) is not None:
            mine[execution.id] = execution
            self._sort(mine)
            self.moves += 1
        mine[execution.id] = execution
        self._places = None
        reason = execution.reason
        if never is not None:
            reason = because("queued-until-nodes", cause=never)
        elif reason.code == "queued-until-nodes":
            reason = because("admission-pending")
        if reason == execution.reason:
            self._untold.pop(execution.id, None)
        else:
            self._untold[execution.id] = reason

    def _sort(self, executions: dict[str, Execution]) -> None:
        ordered = sorted(executions.values(), key=lambda each: self._order[each.id])
        executions.clear()
        executions.update((each.id, each) for each in ordered)

    def _leave(self, identifier: str) -> None:
        execution = self._waiting.pop(identifier, None)
        if execution is not None:
            self._places = None
            self.moves += 1
        execution = execution or self._stuck.pop(identifier, None)
        if execution is not None:
            self._owners[execution.owner] -= 1
            if not self._owners[execution.owner]:
                del self._owners[execution.owner]
        self._untold.pop(identifier, None)

    # --- what policies ask ---

    @property
    def records(self) -> Mapping[str, Execution]:
        """All that have not ended, as they were put."""
        return self._records

    @property
    def waiting(self) -> Iterable[Execution]:
        """Those that may be admitted as soon as there is room, oldest first."""
        return self._waiting.values()

    @property
    def untold(self) -> Mapping[str, Reason]:
        """Of those that wait: what their records should say and do not, since the nodes are others than they were."""
        return self._untold

    @property
    def uneven(self) -> list[Execution]:
        """The admitted ones that want more or fewer processes than they are granted, oldest first."""
        return sorted((self._admitted[each] for each in self._uneven), key=lambda each: self._order[each.id])

    def used(self) -> Resources:
        """What the admitted ones hold together."""
        return total(self._held.values())

    # --- what people ask ---

    @property
    def owners(self) -> tuple[str, ...]:
        """Who has something in the queue."""
        return tuple(self._owners)

    @property
    def length(self) -> int:
        """How many wait."""
        return len(self._waiting) + len(self._stuck)

    def place(self, identifier: str) -> QueuePlace | None:
        """Where an execution is in the queue; None if it is not in there, or cannot run on the nodes that there are."""
        if identifier not in self._waiting:
            return None
        if self._places is None:
            self._places = {each: number for number, each in enumerate(self._waiting, 1)}
        position = self._places[identifier]
        head = next(iter(self._waiting.values()))
        return QueuePlace(position=position, behind=head.name if position > 1 else "")
