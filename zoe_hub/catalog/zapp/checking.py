"""Everything that is wrong with a ZApp whose frameworks and parameters are known. Called by ``reading``."""

from __future__ import annotations

from typing import Any

from zoe_hub.catalog import parameters
from zoe_hub.catalog.cycles import cycles
from zoe_hub.catalog.document import pointer
from zoe_hub.catalog.fields import Fields
from zoe_hub.catalog.icon import bad_icon
from zoe_hub.catalog.schema import check as check_value
from zoe_hub.catalog.scopes import RESERVED, Scope, in_expression, late, opened
from zoe_hub.catalog.zapp import scopes
from zoe_hub.catalog.zapp.definition import ZApp, ZAppPart
from zoe_hub.catalog.zapp.rendering import render_sample
from zoe_hub.core.errors import ZoeError
from zoe_hub.language import expressions
from zoe_hub.language.words import suggestion


def check(zapp: ZApp, fields: Fields) -> None:
    """Note everything that is wrong in ``fields``; make ``zapp.sample`` if nothing is."""
    _check_names(zapp, fields)
    _check_attach(zapp, fields)
    if fields.errors:
        return
    creation = scopes.at_creation(
        zapp, opened(parameters.in_expressions(zapp.parameters, parameters.samples(zapp.parameters)))
    )
    for index, rule in enumerate(zapp.rules):
        fields.check(f"/rules/{index}/that", rule["that"], creation)
    for part in zapp.parts:
        _check_values(zapp, fields, part, creation)
    _check_wiring(zapp, fields, creation)
    _check_needs(zapp, fields)
    decides = (process.get("decides_result") for part in zapp.parts for process in part.framework.processes.values())
    if zapp.ends and not any(decides):
        fields.error("/ends", "no group says decides_result, so nothing would end it")
    message = bad_icon(zapp.icon)
    if message:
        fields.error("/icon", message)
    if not fields.errors:
        _check_by_rendering(zapp, fields)


def _check_names(zapp: ZApp, fields: Fields) -> None:
    """No name of an expression means two things, and no two frameworks have a thing of the same name."""
    taken = dict.fromkeys(RESERVED, "a name that expressions use already")
    for name in zapp.parameters:
        if name in taken:
            fields.error(f"/parameters/{name}", f"'{name}' is {taken[name]} too; choose another name", key=True)
        taken[name] = "a parameter"
    used: dict[str, str] = {}
    for part in zapp.parts:
        framework = part.framework
        if in_expression(part.alias) in taken:
            fields.error(
                part.path,
                f"'{part.alias}' is {taken[in_expression(part.alias)]} too; choose another name and say 'framework:"
                f" {framework.name}'",
                key=True,
            )
        things = [f"group '{name}'" for name in framework.processes]
        things += [f"output '{name}'" for name in framework.outputs]
        things += [f"secret '{name}'" for name, source in framework.secrets.items() if source != "token"]
        for thing in things:
            if thing in used:
                fields.error(
                    part.path,
                    f"the frameworks '{used[thing]}' and '{part.alias}' both have a {thing}; they cannot be put"
                    " together",
                    key=True,
                )
            used[thing] = part.alias
        for name in framework.secrets:
            if name in zapp.secret_parameters:
                fields.error(
                    part.path,
                    f"the secret '{name}' of '{part.alias}' is also a secret parameter; choose another name for the"
                    " parameter",
                    key=True,
                )


def _check_attach(zapp: ZApp, fields: Fields) -> None:
    """One framework says how kernels of a language connect."""
    found = zapp.connecting_parts()
    for language, (first, *others) in found.items():
        for other in others:
            fields.error(
                other.path,
                f"'{first.alias}' and '{other.alias}' both say how a kernel of {language} connects;"
                f" choose with attach: {{{language}: {other.alias}}}",
                key=True,
            )
    for language, alias in zapp.attach.items():
        if language not in found:
            fields.error(pointer("/attach", language), f"'{alias}' does not say how a kernel of {language} connects")


def _check_values(zapp: ZApp, fields: Fields, part: ZAppPart, creation: Scope) -> None:
    """The values that the ZApp gives to a framework's parameters."""
    known = part.framework.parameters
    for name, value in part.values.items():
        here = pointer(f"{part.path}/parameters", name)
        if name not in known:
            fields.error(
                here,
                f"the framework '{part.framework.name}' has no parameter '{name}'{suggestion(name, known)}",
                key=True,
            )
        elif parameters.is_secret(known[name]):
            if _is_secret_expression(value):
                fields.check(here, value, scopes.of_parameter(zapp, creation, secret=True))
            else:
                fields.error(
                    here,
                    "a secret does not stand in a definition: ask for it, or write {{ secret('name') }} with a"
                    " secret parameter of this ZApp",
                )
        else:
            texts = list(parameters.texts_in(value, here))
            for below, text in texts:
                fields.check(below, text, scopes.of_parameter(zapp, creation, secret=False))
            if not any(expressions.has_expressions(text) for _, text in texts):
                for fault in check_value(known[name], value, here):
                    fields.error(fault.path, fault.message, key=fault.key)
    for name, schema in known.items():
        if parameters.required(schema) and name not in part.values and name not in part.ask:
            fields.error(
                part.path,
                f"'{part.framework.name}' needs its parameter '{name}': give it a value under 'parameters' or add"
                " it to 'ask'",
                key=True,
            )


def _is_secret_expression(value: Any) -> bool:
    """Whether it is ``{{ secret('name') }}`` and nothing else."""
    try:
        template = expressions.parse(value) if isinstance(value, str) else None
    except expressions.TemplateError:
        return False
    return (
        template is not None
        and template.whole
        and len(list(expressions.secrets_used(template))) == 1
        and not list(expressions.names_used(template))
    )


def _check_wiring(zapp: ZApp, fields: Fields, creation: Scope) -> None:
    """What the ZApp adds to the environment and files of groups."""
    groups = zapp.groups()
    outputs = {part.alias: dict.fromkeys(part.framework.outputs, late("host")) for part in zapp.parts}
    for section, wiring in (("environment", zapp.environment), ("files", zapp.files)):
        for group, items in wiring.items():
            path = pointer(f"/{section}", group)
            if group not in groups:
                fields.error(path, f"there is no group '{group}'{suggestion(group, groups)}", key=True)
                continue
            scope = scopes.of_wiring(zapp, group, creation, zapp.own_secrets(), outputs)
            for name, item in items.items():
                fields.check(pointer(path, name), item, scope)


def _check_needs(zapp: ZApp, fields: Fields) -> None:
    """Which groups the ZApp lets wait for which."""
    groups = zapp.groups()
    for group, items in zapp.needs.items():
        path = pointer("/needs", group)
        if group not in groups:
            fields.error(path, f"there is no group '{group}'{suggestion(group, groups)}", key=True)
            continue
        for index, item in enumerate(items):
            if item not in groups:
                fields.error(pointer(path, index), f"there is no group '{item}'{suggestion(item, groups)}")
    needs = {
        name: (*part.framework.processes[name].get("needs", ()), *zapp.needs.get(name, ()))
        for name, part in groups.items()
    }
    for cycle in cycles(needs):
        fields.error(
            "/needs",
            f"the groups wait for each other: {' -> '.join((*cycle, cycle[0]))}; remove one of these needs",
        )


def _check_by_rendering(zapp: ZApp, fields: Fields) -> None:
    """Render it once. Samples may not fit together, so only defaults prove an error."""
    attempt = Fields(zapp.document)
    try:
        zapp.sample = render_sample(zapp, attempt)
    except ZoeError as error:
        attempt.error("", f"cannot be started with its defaults: {error.detail} {'; '.join(map(str, error.errors))}")
    if parameters.has_defaults_for_all(zapp.parameters):
        fields.errors += attempt.errors
