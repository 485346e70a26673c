"""What people see of records: pure functions from the records of ``core`` to wire types, and the cache of their JSON.

An execution's view depends on its record and, while it waits, on its place in the queue. A record's version counts its
changes, so the encoded bytes are kept by id, version and place: a list of a thousand is a join of a thousand byte
strings. Called by the handlers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from zoe_hub.contract import types as t
from zoe_hub.controllers.executions.binding import proxy_path
from zoe_hub.core.attachments.model import Attachment
from zoe_hub.core.events import Event
from zoe_hub.core.executions.model import Execution, Process, ProcessState, process_name
from zoe_hub.core.executions.spec import Group
from zoe_hub.core.executions.standing import QueuePlace, standing
from zoe_hub.core.reasons import Fact, Reason
from zoe_hub.core.words import words

_encode = msgspec.json.Encoder().encode


def reason_view(reason: Reason) -> t.ReasonView:
    """A reason, with its words."""
    facts = {name: _fact(fact) for name, fact in reason.facts.items()}
    return t.ReasonView(code=reason.code, facts=facts, words=words(reason), tail=reason.tail)


def _fact(fact: Fact) -> Any:
    if isinstance(fact, Reason):
        return reason_view(fact)
    return [_fact(each) for each in fact] if isinstance(fact, tuple) else fact


def process_view(process: Process, group: Group) -> t.ProcessView:
    """One process."""
    return t.ProcessView(
        id=process.id,
        name=process.name,
        group=process.group,
        index=process.index,
        state=process.state,
        reason=reason_view(process.reason),
        since=process.since,
        started=process.started,
        ended=process.ended,
        exit_code=process.exit_code,
        starts=process.incarnation + 1,
        cores=group.resources.cores,
        memory=group.resources.memory,
    )


def group_view(execution: Execution, group: Group) -> t.GroupView:
    """The processes of one kind."""
    own = [process for process in execution.processes if process.group == group.name]
    return t.GroupView(
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


def endpoints(execution: Execution) -> Iterable[t.Endpoint]:
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
                yield t.Endpoint(
                    process=process.id,
                    port=port.name,
                    title=port.title or port.name,
                    path=path,
                    show=port.show,
                    ready=ready,
                )


def execution_view(execution: Execution, place: QueuePlace | None = None) -> t.ExecutionView:
    """One execution, and its place in the queue. Secret parameters are in no record, so in no view either."""
    spec = execution.spec
    groups = {group.name: group for group in spec.groups}
    return t.ExecutionView(
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
        created=execution.created,
        running_since=execution.running_since,
        ended=execution.ended,
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


def attachment_view(
    attachment: Attachment, execution: Execution, place: QueuePlace | None, *, found: bool
) -> t.AttachmentView:
    """A notebook bound to an execution."""
    return t.AttachmentView(
        id=attachment.id,
        owner=attachment.owner,
        key=attachment.key,
        kernel=attachment.kernel,
        execution=execution_view(execution, place),
        created=attachment.created,
        renewed=attachment.renewed,
        found=found,
    )


def event_view(event: Event) -> t.EventView:
    """One line of the history."""
    return t.EventView(
        seq=event.seq,
        time=event.time,
        kind=event.kind,
        owner=event.owner,
        execution=event.execution,
        process=event.process,
        reason=reason_view(event.reason),
        data=dict(event.data),
    )


class Views:
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
        """The JSON of a page of executions."""
        return b'{"items":[' + b",".join(map(self.execution, executions)) + b'],"next":' + _encode(following) + b"}"

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


def find_process(execution: Execution, identifier: str) -> Process | None:
    """The process with this id in the interface."""
    return next((process for process in execution.processes if process.id == identifier), None)
