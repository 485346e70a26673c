"""From a document to a ZApp that can be started: its frameworks, its parameters, its checks. Called by ``catalog``."""

from __future__ import annotations

from collections.abc import Mapping

from zoe_hub.catalog import parameters
from zoe_hub.catalog.document import Document, pointer
from zoe_hub.catalog.fields import Fields
from zoe_hub.catalog.framework import Framework
from zoe_hub.catalog.zapp.checking import check
from zoe_hub.catalog.zapp.definition import ZApp, ZAppPart
from zoe_hub.core.errors import FieldError
from zoe_hub.language.words import suggestion

CHANGEABLE = (  # what a ZApp may say differently of a parameter that it asks for
    "title",
    "description",
    "default",
    "minimum",
    "maximum",
    "enum",
    "examples",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
)


def read(
    document: Document, frameworks: Mapping[str, Framework], broken: frozenset[str] = frozenset()
) -> tuple[ZApp, list[FieldError]]:
    """A ZApp, and everything that is wrong with it; it can be started if nothing is.

    :param document: it fits the published schema
    :param frameworks: those that work
    :param broken: names of those that do not
    """
    fields = Fields(document)
    zapp = ZApp(document, _parts(fields, frameworks, broken))
    if not fields.errors:
        _gather_parameters(zapp, fields)
    if not fields.errors:
        check(zapp, fields)
    return zapp, fields.errors


def _parts(fields: Fields, frameworks: Mapping[str, Framework], broken: frozenset[str]) -> list[ZAppPart]:
    parts = []
    for alias, source in fields.document.data["frameworks"].items():
        path = f"/frameworks/{alias}"
        explicit = "framework" in (source or {})
        name = source["framework"] if explicit else alias
        where = f"{path}/framework" if explicit else path
        if name in frameworks:
            parts.append(ZAppPart(alias, source, frameworks[name]))
        elif name in broken:
            fields.error(where, f"the framework '{name}' has problems of its own; correct them first", key=not explicit)
        else:
            fields.error(where, f"there is no framework '{name}'{suggestion(name, frameworks)}", key=not explicit)
    return parts


def _gather_parameters(zapp: ZApp, fields: Fields) -> None:
    """The ZApp's own parameters, and those of its frameworks that it asks for."""
    for fault in parameters.check_schemas(zapp.parameters, "/parameters"):
        fields.error(fault.path, fault.message, key=fault.key)
    for part in zapp.parts:
        for index, name in enumerate(part.ask):
            _add_asked(zapp, part, name, f"{part.path}/ask/{index if part.asks_by_list else name}", fields)


def _add_asked(zapp: ZApp, part: ZAppPart, name: str, path: str, fields: Fields) -> None:
    known, changes = part.framework.parameters, part.ask[name]
    if name not in known:
        fields.error(
            path,
            f"the framework '{part.framework.name}' has no parameter '{name}'{suggestion(name, known)}",
            key=True,
        )
    elif name in zapp.parameters:
        fields.error(path, f"the ZApp has another parameter '{name}'; wire one of them under 'parameters'", key=True)
    elif name in part.values:
        fields.error(path, f"'{name}' is asked for and has a value under 'parameters'; keep one", key=True)
    else:
        for key in changes:
            if key not in CHANGEABLE:
                fields.error(
                    pointer(path, key), f"'{key}' cannot be different here{suggestion(key, CHANGEABLE)}", key=True
                )
        zapp.parameters[name] = {**known[name], **changes}
        if not fields.errors:
            for fault in parameters.check_schemas({name: zapp.parameters[name]}, ""):
                fields.error(path + fault.path.removeprefix(f"/{name}"), fault.message, key=fault.key)
