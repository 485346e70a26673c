"""The shop: frameworks and ZApps."""

from __future__ import annotations

from zoe_hub.contract.catalog import Frameworks, FrameworkView, ZApps, ZAppView
from zoe_hub.core.errors import ZoeError
from zoe_hub.web.call import Call, bind
from zoe_hub.web.problems import wrong_place


@bind("list_frameworks")
async def list_frameworks(call: Call) -> Frameworks:
    """All frameworks, by name."""
    return Frameworks(items=tuple(view for _, view in sorted(call.hub.catalog.frameworks.items())))


@bind("get_framework")
async def get_framework(call: Call) -> FrameworkView:
    """One framework."""
    found = call.hub.catalog.frameworks.get(call.path["framework"])
    if found is None:
        raise ZoeError("unknown-framework", f"The catalog has no framework {call.path['framework']!r}.")
    return found


@bind("list_zapps")
async def list_zapps(call: Call) -> ZApps:
    """The shop."""
    catalog = call.hub.catalog
    return ZApps(
        items=tuple(view for _, view in sorted(catalog.zapps.items())),
        problems=tuple(map(wrong_place, catalog.problems)),
    )


def _zapp(call: Call) -> ZAppView:
    return call.hub.catalog.zapp(call.path["zapp"])


@bind("get_zapp")
async def get_zapp(call: Call) -> ZAppView:
    """One ZApp."""
    return _zapp(call)


@bind("get_zapp_schema")
async def get_zapp_schema(call: Call) -> dict[str, object]:
    """The JSON Schema of a ZApp's parameters."""
    return _zapp(call).parameters
