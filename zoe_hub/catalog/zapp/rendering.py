"""A ZApp for given parameters: the specification of an execution. Called by ``catalog``, and by ``checking``, which
tries each definition once.

Each framework is rendered with the parameters that the ZApp asks for or gives, then the ZApp wires the results: outputs
of one into environment and files of another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from zoe_hub.catalog import framework as frameworks
from zoe_hub.catalog import parameters
from zoe_hub.catalog.document import pointer
from zoe_hub.catalog.fields import Fields
from zoe_hub.catalog.framework import RenderedFramework
from zoe_hub.catalog.scopes import Scope, in_expression
from zoe_hub.catalog.zapp import scopes
from zoe_hub.catalog.zapp.definition import ZApp, ZAppPart
from zoe_hub.core.errors import FieldError, ZoeError
from zoe_hub.core.executions.rendered import RenderedZApp
from zoe_hub.core.executions.spec import ExecutionSpec, Group, Secret
from zoe_hub.core.text import OPEN, references
from zoe_hub.language.expressions import Hidden, Late, has_expressions


def render(zapp: ZApp, given: Mapping[str, Any]) -> RenderedZApp:
    """The ZApp for given parameters.

    :raises ZoeError: ``bad-parameter`` with every wrong place
    """
    values, errors = parameters.fill(zapp.parameters, given, f"ZApp '{zapp.name}'")
    if errors:
        raise _cannot_start(zapp, errors)
    fields = Fields(zapp.document)
    rendered = _rendered(zapp, values, fields)
    if fields.errors:
        raise ZoeError(
            "bad-definition", f"ZApp '{zapp.name}' cannot be made from these parameters.", tuple(fields.errors)
        )
    groups = zapp.groups()
    sizing = {name: groups[name].sizing_parameters(name).intersection(given) for name in rendered.counts}
    sized = frozenset(name for name, names in sizing.items() if names)
    return replace(rendered, sized=sized, sizing=frozenset().union(*sizing.values()))


def render_sample(zapp: ZApp, fields: Fields) -> RenderedZApp:
    """The ZApp with its defaults, and samples where there are none. Rules are not applied: samples need not obey them.

    :param fields: takes what is wrong with the definition
    :raises ZoeError: ``bad-parameter``: what the ZApp gives to its frameworks does not fit
    """
    return _rendered(zapp, parameters.samples(zapp.parameters), fields, with_rules=False)


class _Pieces(NamedTuple):
    """What the frameworks of a ZApp give to it."""

    rendered: Mapping[str, RenderedFramework]  # by alias
    secrets: Mapping[str, Secret]
    errors: list[FieldError]  # as places of the ZApp's parameters


def _rendered(zapp: ZApp, values: Mapping[str, Any], fields: Fields, *, with_rules: bool = True) -> RenderedZApp:
    creation = scopes.at_creation(zapp, parameters.in_expressions(zapp.parameters, values))
    broken = fields.broken_rules("/rules", zapp.rules, creation) if with_rules else []
    pieces = _pieces(zapp, values, creation, fields, with_rules)
    if broken or pieces.errors:
        raise _cannot_start(zapp, [*broken, *pieces.errors])
    secrets = pieces.secrets
    groups = tuple(_wired(zapp, pieces.rendered, creation, {name: name for name in secrets}, fields))
    spec = ExecutionSpec(
        zapp=zapp.name,
        title=zapp.title,
        version=zapp.version,
        kind=zapp.kind,
        groups=groups,
        parameters={
            name: parameters.shortened(value) for name, value in values.items() if name not in zapp.secret_parameters
        },
        outputs={name: text for piece in pieces.rendered.values() for name, text in piece.outputs.items()},
        secrets=tuple(secrets.values()),
        attach={
            language: pieces.rendered[part.alias].attach[language]
            for language, (part, *_) in zapp.connecting_parts().items()
            if language in pieces.rendered[part.alias].attach
        },
        frameworks=tuple(dict.fromkeys(part.framework.name for part in zapp.parts)),
        ends=any(group.decides_result for group in groups),
        protected=zapp.protected,
    )
    given = {name: str(values.get(name, "")) for name, secret in secrets.items() if secret.source == "given"}
    return RenderedZApp(spec=spec, given=given, counts={group.name: group.count for group in groups})


def _pieces(zapp: ZApp, values: Mapping[str, Any], creation: Scope, fields: Fields, with_rules: bool) -> _Pieces:
    rendered: dict[str, RenderedFramework] = {}
    secrets = {name: Secret(name=name, source="given") for name in zapp.secret_parameters}
    errors: list[FieldError] = []
    for part in zapp.parts:
        filled, names, wrong = _values_for(zapp, part, values, creation, fields)
        errors += _as_the_zapps(part, wrong)
        if wrong:
            continue
        inner = Fields(part.framework.document)
        if with_rules:
            errors += _as_the_zapps(part, frameworks.broken_rules(part.framework, filled, inner))
        piece = rendered[part.alias] = frameworks.render(part.framework, filled, names, inner)
        fields.errors += inner.errors
        # Numbers of processes that do not fit together come from parameters, not from the definition.
        errors += [FieldError(path="", message=f"{misfit.group}: {misfit.message}") for misfit in piece.misfits]
        for name, source in part.framework.secrets.items():
            secrets[name] = Secret(name=name, source=source)  # type: ignore[arg-type]  # the schema knows the sources
        for name in part.framework.secret_parameters:
            # One that is neither asked for nor wired is empty.
            secrets.setdefault(names[name], Secret(name=names[name], source="given"))
    return _Pieces(rendered, secrets, errors)


def _values_for(
    zapp: ZApp, part: ZAppPart, values: Mapping[str, Any], creation: Scope, fields: Fields
) -> tuple[dict[str, Any], dict[str, str], list[FieldError]]:
    """A framework's parameters, its names of secrets with those of the execution, and what is wrong with them."""
    framework = part.framework
    wanted: dict[str, Any] = {name: values[name] for name in part.ask if name in values}
    names = {name: name for name in framework.secrets}
    names |= {
        name: name if name in part.ask else f"{in_expression(part.alias)}_{name}"
        for name in framework.secret_parameters
    }
    for name, source in part.values.items():
        path = pointer(f"{part.path}/parameters", name)
        if name in framework.secret_parameters:
            text = fields.text(path, source, scopes.of_parameter(zapp, creation, secret=True))
            names[name] = references((text or "",))[0].name
        else:
            wanted[name] = _evaluated(fields, path, source, creation, framework.parameters[name])
    filled, wrong = parameters.fill(
        {name: schema for name, schema in framework.parameters.items() if not parameters.is_secret(schema)},
        {name: value for name, value in wanted.items() if name not in framework.secret_parameters},
        f"framework '{framework.name}'",
    )
    return filled, names, wrong


def _evaluated(fields: Fields, path: str, value: Any, scope: Scope, schema: Mapping[str, Any]) -> Any:
    """A value for a parameter, expressions in it evaluated. Bytes become text again where memory is wanted."""
    if isinstance(value, dict):
        return {name: _evaluated(fields, pointer(path, name), item, scope, {}) for name, item in value.items()}
    if isinstance(value, list):
        return [_evaluated(fields, pointer(path, index), item, scope, {}) for index, item in enumerate(value)]
    found = fields.value(path, value, scope) if isinstance(value, str) and has_expressions(value) else value
    unit = {"memory": "B", "duration": "s"}.get(schema.get("format", ""))
    if unit and isinstance(found, int | float) and not isinstance(found, bool):
        return f"{int(found) if unit == 'B' else round(found, 3)}{unit}"
    return found


def _as_the_zapps(part: ZAppPart, errors: list[FieldError]) -> list[FieldError]:
    """Wrong places of a framework's parameters as places of the ZApp's."""
    found = []
    for error in errors:
        name = error.path.split("/")[1] if error.path else ""
        asked = name in part.ask
        found.append(
            FieldError(
                path=error.path if asked else "",
                message=error.message if asked or not name else f"{part.alias}.{name}: {error.message}",
            )
        )
    return found


def _wired(
    zapp: ZApp,
    pieces: Mapping[str, RenderedFramework],
    creation: Scope,
    secrets: Mapping[str, str],
    fields: Fields,
) -> Iterator[Group]:
    """All groups, with what the ZApp adds to them."""
    absent = frozenset(name for piece in pieces.values() for name in piece.absent)
    outputs = {part.alias: _outputs_for_peers(part, pieces[part.alias]) for part in zapp.parts}
    for piece in pieces.values():
        for group in piece.groups:
            name = group.name
            if not any(name in section for section in (zapp.environment, zapp.files, zapp.needs)):
                yield group
                continue
            scope = scopes.of_wiring(zapp, name, creation, secrets, outputs)
            more = fields.texts(pointer("/environment", name), zapp.environment.get(name, {}), scope)
            files = fields.texts(pointer("/files", name), zapp.files.get(name, {}), scope)
            needs = (needed for needed in zapp.needs.get(name, ()) if needed not in absent)
            yield replace(
                group,
                environment={**group.environment, **more},
                files={**group.files, **files},
                needs=tuple(dict.fromkeys((*group.needs, *needs))),
            )


def _outputs_for_peers(part: ZAppPart, piece: RenderedFramework) -> dict[str, Any]:
    """A framework's outputs as other processes of the execution use them: they reach each other by the addresses for
    peers.
    """
    there = {name: Late(text.replace(f"{OPEN}endpoint:", f"{OPEN}address:")) for name, text in piece.outputs.items()}
    gone = {
        name: Hidden(f"'{part.alias}.{name}' is switched off here", absent=True)
        for name in part.framework.outputs
        if name not in there
    }
    return there | gone


def _cannot_start(zapp: ZApp, errors: list[FieldError]) -> ZoeError:
    first = errors[0]
    rest = f" ({len(errors)} places are wrong.)" if len(errors) > 1 else ""
    place = f"{first.path.lstrip('/')} " if first.path else ""
    return ZoeError(
        "bad-parameter", f"ZApp '{zapp.name}' cannot be started like this: {place}{first.message}.{rest}", tuple(errors)
    )
