"""The hub itself, the shop, and tickets: operations that read or that concern the caller alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

import zoe_hub
from zoe_hub import contract
from zoe_hub.contract import types as t
from zoe_hub.core.errors import ZoeError
from zoe_hub.web.call import Answer, Call, bind
from zoe_hub.web.pages.target import PREFIX as PAGES
from zoe_hub.web.problems import wrong_place

LOGIN = "/zoe/login"

# --- system --------------------------------------------------------------------------------------------------------


@bind("get_health")
async def get_health(call: Call) -> t.Health:
    """Whether the hub works."""
    hub = call.hub
    reason = str((getattr(hub.controllers, "degraded", "") if hub.controllers is not None else "") or "")
    return t.Health(
        status="degraded" if reason else "ok",
        version=zoe_hub.__version__,
        deployment=hub.deployment,
        backend=hub.backend.capabilities().backend,
        reason=reason,
        started=hub.started,
        last_event=hub.store.last_seq,
        active=sum(1 for _ in hub.store.active()),
    )


@bind("get_user")
async def get_user(call: Call) -> t.User:
    """Who the token belongs to."""
    return t.User(name=call.principal.name, scopes=call.principal.scopes)


@bind("get_capabilities")
async def get_capabilities(call: Call) -> t.CapabilitiesView:
    """What the backend can do."""
    can = call.hub.backend.capabilities()
    return t.CapabilitiesView(
        backend=can.backend,
        isolation=can.isolation,
        limits=can.limits,
        images=can.images,
        volumes=can.volumes,
        nodes=can.nodes,
    )


@bind("list_nodes")
async def list_nodes(call: Call) -> t.Nodes:
    """The machines and what is reserved."""
    nodes = await call.hub.backend.nodes()
    reserved = await call.hub.service.reserved()
    items = tuple(
        t.NodeView(name=node.name, cores=node.cores, memory=node.memory, labels=dict(node.labels)) for node in nodes
    )
    return t.Nodes(items=items, reserved_cores=reserved.cores, reserved_memory=reserved.memory)


@bind("get_metrics")
async def get_metrics(call: Call) -> Answer:
    """Measurements."""
    return Answer(call.hub.metrics.render(call.hub), media="text/plain")


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
    from zoe_hub.web.operations.reference import page  # noqa: PLC0415 - seldom wanted

    text, policy = page(_openapi())
    return Answer(text, headers={"Content-Security-Policy": policy})


# --- catalog -------------------------------------------------------------------------------------------------------


@bind("list_frameworks")
async def list_frameworks(call: Call) -> t.Frameworks:
    """All frameworks, by name."""
    return t.Frameworks(items=tuple(view for _, view in sorted(call.hub.catalog.frameworks.items())))


@bind("get_framework")
async def get_framework(call: Call) -> t.FrameworkView:
    """One framework."""
    found = call.hub.catalog.frameworks.get(call.path["framework"])
    if found is None:
        raise ZoeError("unknown-framework", f"The catalog has no framework {call.path['framework']!r}.")
    return found


@bind("list_zapps")
async def list_zapps(call: Call) -> t.ZApps:
    """The shop."""
    catalog = call.hub.catalog
    return t.ZApps(
        items=tuple(view for _, view in sorted(catalog.zapps.items())),
        problems=tuple(map(wrong_place, catalog.problems)),
    )


def _zapp(call: Call) -> t.ZAppView:
    found = call.hub.catalog.zapps.get(call.path["zapp"])
    if found is None:
        raise ZoeError("unknown-zapp", f"The shop has no ZApp {call.path['zapp']!r}.")
    return found


@bind("get_zapp")
async def get_zapp(call: Call) -> t.ZAppView:
    """One ZApp."""
    return _zapp(call)


@bind("get_zapp_schema")
async def get_zapp_schema(call: Call) -> dict[str, object]:
    """The JSON Schema of a ZApp's parameters."""
    return _zapp(call).parameters


# --- tickets -------------------------------------------------------------------------------------------------------


@bind("create_ticket")
async def create_ticket(call: Call) -> Answer:
    """An address that works once in a browser."""
    tickets, path = call.hub.tickets, call.body.path
    execution = await call.own_execution(path.removeprefix(PAGES).split("/")[1].partition("?")[0])
    page = tickets.page(execution, path)
    ticket, expires = tickets.issue(call.principal, page)
    own = tickets.own(call.principal, page, call.body.ancestors)
    url = f"{LOGIN}?ticket={ticket}"
    answer = t.Ticket(
        url=url,
        expires=expires,
        own=None if own is None else t.OwnOrigin(url=own.url, here=own.here, proof=own.proof),
        prefix=page.prefix,
        trusted=page.trusted,
        needs_origin=page.needs_origin,
    )
    return Answer(msgspec.json.encode(answer), headers={"Location": url})
