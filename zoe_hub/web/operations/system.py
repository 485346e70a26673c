"""The hub itself: health, what it can do, measurements, its interface as a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import zoe_hub
from zoe_hub import contract
from zoe_hub.contract.system import CapabilitiesView, Health, Nodes, NodeView, User
from zoe_hub.core.executions.model import Execution, Phase
from zoe_hub.store.base import Filter
from zoe_hub.web.call import Answer, Call, bind
from zoe_hub.web.context import WebHub
from zoe_hub.web.metrics import MetricReading
from zoe_hub.web.views.reasons import reason_view


@bind("get_health")
async def get_health(call: Call) -> Health:
    """Whether the hub works."""
    hub = call.hub
    problem = hub.controllers.problem
    return Health(
        status="degraded" if problem else "ok",
        version=zoe_hub.__version__,
        deployment=hub.deployment,
        backend=hub.backend.capabilities().backend,
        reason=None if problem is None else reason_view(problem),
        started=hub.started,
        last_event=hub.store.last_seq,
        active=len(hub.store.executions),
    )


@bind("get_user")
async def get_user(call: Call) -> User:
    """Who the token belongs to."""
    return User(name=call.principal.name, scopes=call.principal.scopes)


@bind("get_capabilities")
async def get_capabilities(call: Call) -> CapabilitiesView:
    """What the backend can do."""
    can = call.hub.backend.capabilities()
    return CapabilitiesView(
        backend=can.backend,
        isolation=can.isolation,
        limits=can.limits,
        images=can.images,
        volumes=can.volumes,
        nodes=can.nodes,
    )


@bind("list_nodes")
async def list_nodes(call: Call) -> Nodes:
    """The machines and what is reserved."""
    nodes = await call.hub.backend.nodes()
    reserved = call.hub.executions.reserved()
    items = tuple(
        NodeView(name=node.name, cores=node.cores, memory=node.memory, labels=dict(node.labels)) for node in nodes
    )
    return Nodes(items=items, reserved_cores=reserved.cores, reserved_memory=reserved.memory)


@bind("get_metrics")
async def get_metrics(call: Call) -> Answer:
    """Measurements."""
    ended = await call.hub.store.count(Execution, Filter(active=False))
    return Answer(call.hub.metrics.render(_readings(call.hub, ended)), media="text/plain")


def _readings(hub: WebHub, ended: int) -> Iterator[MetricReading]:
    """What is measured beside the requests. :param ended: number of executions that have ended"""
    phases = Counter(execution.phase.value for execution in hub.store.active())
    yield MetricReading("zoe_executions", "Executions by phase", {**phases, Phase.ENDED.value: ended}, "phase")
    yield MetricReading("zoe_attachments", "Attachments", len(hub.store.attachments))
    yield MetricReading("zoe_streams", "Open event streams and followed logs", len(hub.streams))
    yield MetricReading("zoe_connections", "Open HTTP connections by stage", hub.connections.counts(), "stage")
    yield MetricReading("zoe_events", "Events ever committed", hub.store.last_seq, kind="counter")
    for source, prefix in ((hub.controllers, "zoe_"), (hub.store, "zoe_store_")):
        for name, value in dict(getattr(source, "stats", None) or {}).items():
            yield MetricReading(prefix + name, name.replace("_", " ").capitalize(), float(value))


@cache
def _openapi() -> bytes:
    return Path(contract.__file__).with_name("openapi.json").read_bytes()


@bind("get_openapi")
async def get_openapi(_: Call) -> Answer:
    """The committed document."""
    return Answer(_openapi())


@bind("get_reference")
async def get_reference(_: Call) -> Answer:
    """The document as a page."""
    from zoe_hub.web.pages.reference import page  # noqa: PLC0415 - seldom wanted

    text, policy = page(_openapi())
    return Answer(text, headers={"Content-Security-Policy": policy})
