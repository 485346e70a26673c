"""Executions as the interface shows them, and the cache of their JSON.

An execution's view depends on its record and, while it waits, on its place in the queue. A record's version counts its
changes, so the encoded bytes are kept by id, version and place: a list of a thousand is a join of a thousand byte
strings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from zoe_hub.contract.executions import Endpoint, ExecutionView, GroupView, IdleView, ParentView
from zoe_hub.controllers.executions.binding import proxy_path
from zoe_hub.core.executions.model import Execution, Parent, ProcessState, process_name
from zoe_hub.core.executions.spec import Group
from zoe_hub.core.executions.standing import QueuePlace, standing
from zoe_hub.web.views.processes import process_view
from zoe_hub.web.views.reasons import reason_view

_encode = msgspec.json.Encoder().encode


def group_view(execution: Execution, group: Group) -> GroupView:
    """The processes of one kind."""
    own = [process for process in execution.processes if process.group == group.name]
    return GroupView(
        name=group.name,
        framework=group.framework,
        count=execution.counts.get(group.name, group.count),
        granted=None if execution.granted is None else execution.granted.get(group.name, 0),
        live=sum(process.live for process in own),
        ready=sum(process.state is ProcessState.READY for process in own),
        essential=group.essential,
        maximum=group.maximum,
        scalable=group.maximum > group.essential,
    )


def endpoints(execution: Execution) -> Iterable[Endpoint]:
    """The web pages of an execution's processes."""
    groups = {group.name: group for group in execution.spec.groups}
    for process in execution.processes:
        group = groups.get(process.group)
        if group is None or not process.live:
            continue
        for port in group.ports:
            if port.protocol == "http":
                path = proxy_path(execution, process, port.name) + port.start.lstrip("/")
                ready = process.state in (ProcessState.READY, ProcessState.DRAINING)
                yield Endpoint(
                    process=process.id,
                    port=port.name,
                    title=port.title or port.name,
                    path=path,
                    show=port.show,
                    ready=ready,
                )


def parent_view(parent: Parent) -> ParentView:
    """What an execution was started for."""
    return ParentView(kind=parent.kind, id=parent.id, step=parent.step, attempt=parent.attempt)


def execution_view(execution: Execution, place: QueuePlace | None = None) -> ExecutionView:
    """One execution, and its place in the queue. Secret parameters are in no record, so in no view either."""
    spec = execution.spec
    groups = {group.name: group for group in spec.groups}
    idle = execution.idle
    return ExecutionView(
        id=execution.id,
        name=execution.name,
        owner=execution.owner,
        zapp=spec.zapp,
        title=spec.title,
        kind=spec.kind,
        zapp_version=spec.version,
        version=execution.version,
        phase=execution.phase,
        desired=execution.desired,
        outcome=execution.outcome,
        exit_code=execution.exit_code,
        reason=reason_view(standing(execution, place)),
        parent=parent_view(execution.parent) if execution.parent else None,
        created=execution.created,
        running_since=execution.running_since,
        ended=execution.ended,
        idle=IdleView(since=idle.since, action=idle.action, at=idle.at) if idle else None,
        kept_until=execution.kept_until,
        parameters=dict(spec.parameters),
        labels=dict(execution.labels),
        groups=tuple(group_view(execution, group) for group in spec.groups),
        processes=tuple(
            process_view(process, groups[process.group]) for process in execution.processes if process.group in groups
        ),
        endpoints=tuple(endpoints(execution)),
        attach=tuple(spec.attach),
        ends=spec.ends,
        protected=spec.protected,
    )


class ExecutionViews:
    """The encoded views of executions, kept by id, version and place in the queue."""

    def __init__(self, deployment: str, place: Callable[[Execution], QueuePlace | None], limit: int = 5000) -> None:
        """:param place: where an execution is in the queue at this moment
        :param limit: how many views are kept; at some 2 KB each
        """
        self._deployment = deployment
        self.place = place
        self._limit = limit
        self._kept: dict[str, tuple[int, QueuePlace | None, bytes]] = {}

    def execution(self, execution: Execution) -> bytes:
        """The JSON of an execution's view."""
        place = self.place(execution)
        kept = self._kept.get(execution.id)
        if kept is not None and kept[0] == execution.version and kept[1] == place:
            return kept[2]
        encoded = _encode(execution_view(execution, place))
        if execution.id not in self._kept and len(self._kept) >= self._limit:
            del self._kept[next(iter(self._kept))]
        self._kept[execution.id] = (execution.version, place, encoded)
        return encoded

    def page(self, executions: Iterable[Execution], following: str | None) -> bytes:
        """The JSON of a page of executions. What is kept is looked up here, since a page may have a thousand."""
        kept, parts = self._kept, []
        for execution in executions:
            known = kept.get(execution.id)
            if known is not None and known[0] == execution.version and execution.granted is not None:
                parts.append(known[2])  # it does not wait, so it has no place in the queue that could be another now
            else:
                parts.append(self.execution(execution))
        last = b'],"next":' + _encode(following) + b"}"
        if not parts:
            return b'{"items":[' + last
        # In one piece at once: a page may have megabytes.
        parts[0] = b'{"items":[' + parts[0]
        parts[-1] += last
        return b",".join(parts)

    def process_name(self, execution: Execution, identifier: str) -> str | None:
        """The backend's name of the process with this id in the interface, of a present or past process; None: never
        one.
        """
        group, _, index = identifier.rpartition("-")
        if not index.isascii() or not index.isdigit() or str(int(index[:6])) != index:
            return None
        if all(each.name != group for each in execution.spec.groups):
            return None
        return process_name(self._deployment, execution.id, group, int(index))
