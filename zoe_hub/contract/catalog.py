"""The shop: frameworks and ZApps."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from zoe_hub.contract.common import WrongPlace
from zoe_hub.contract.table import Operation, capability
from zoe_hub.core.record import Record


class FrameworkView(Record, kw_only=True):
    """A building block of ZApps, which cannot run by itself. ``parameters`` is a JSON Schema of type object; those that
    it requires are what a ZApp has to give it.
    """

    name: str
    version: str
    kind: str
    title: str
    description: str = ""
    parameters: dict[str, Any]
    groups: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    zapps: Annotated[tuple[str, ...], Meta(description="the ZApps of the shop that use it")] = ()


class ZAppView(Record, kw_only=True):
    """What a user can start. ``parameters`` is a JSON Schema of type object, the form of the panel."""

    name: str
    version: str
    kind: str
    title: str
    description: str = ""
    icon: str = ""  # an inline SVG, or empty
    parameters: dict[str, Any]
    frameworks: tuple[str, ...]
    attach: tuple[str, ...] = ()  # languages of kernels that can connect
    attach_as: tuple[
        str, ...
    ] = ()  # what a kernel may call it to attach to it: its name, or a framework such as 'spark'
    scalable: tuple[str, ...] = ()  # groups
    ends: bool = False
    protected: bool = False


class Frameworks(Record, kw_only=True):
    """All frameworks."""

    items: tuple[FrameworkView, ...]


class ZApps(Record, kw_only=True):
    """The shop. ``problems`` names the definitions that could not be read."""

    items: tuple[ZAppView, ...]
    problems: tuple[WrongPlace, ...] = ()


OPERATIONS = capability(
    "catalog",
    Operation(
        id="list_frameworks",
        method="GET",
        path="/frameworks",
        summary="All frameworks",
        scope="read",
        output=Frameworks,
    ),
    Operation(
        id="get_framework",
        method="GET",
        path="/frameworks/{framework}",
        summary="One framework",
        scope="read",
        output=FrameworkView,
        errors=("unknown-framework",),
    ),
    Operation(id="list_zapps", method="GET", path="/zapps", summary="The shop", scope="read", output=ZApps),
    Operation(
        id="get_zapp",
        method="GET",
        path="/zapps/{zapp}",
        summary="One ZApp",
        scope="read",
        output=ZAppView,
        errors=("unknown-zapp", "framework-alone"),
    ),
    Operation(
        id="get_zapp_schema",
        method="GET",
        path="/zapps/{zapp}/schema",
        summary="The JSON Schema of a ZApp's parameters",
        scope="read",
        output=dict,
        media="application/schema+json",
        errors=("unknown-zapp", "framework-alone"),
    ),
)
