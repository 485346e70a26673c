"""Everything that is wrong with the definition of a framework, beside what the published schema says. Called by
``catalog``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoe_hub.catalog import parameters
from zoe_hub.catalog.cycles import cycles
from zoe_hub.catalog.document import pointer
from zoe_hub.catalog.fields import Fields
from zoe_hub.catalog.framework import scopes
from zoe_hub.catalog.framework.definition import Framework
from zoe_hub.catalog.framework.rendering import render
from zoe_hub.catalog.scopes import RESERVED, in_expression, opened, secret_lookup
from zoe_hub.core.errors import FieldError
from zoe_hub.language import expressions
from zoe_hub.language.words import suggestion

_WEB_PORT_FIELDS = ("show", "start", "strip", "needs_origin", "headers", "title")


def check(framework: Framework) -> list[FieldError]:
    """Everything that is wrong, each with its place; nothing if the framework can be used."""
    fields = Fields(framework.document)
    for fault in parameters.check_schemas(framework.parameters, "/parameters"):
        fields.error(fault.path, fault.message, key=fault.key)
    _check_names(framework, fields)
    if fields.errors:
        return fields.errors
    _check_processes(framework, fields)
    _check_expressions(framework, fields)
    if not fields.errors:
        _check_by_rendering(framework, fields)
    return fields.errors


def _check_names(framework: Framework, fields: Fields) -> None:
    """No name of an expression means two things."""
    taken: dict[str, str] = dict.fromkeys(RESERVED, "a name that expressions use already")
    sections: tuple[tuple[str, Mapping[str, Any], str], ...] = (
        ("parameters", framework.parameters, "a parameter"),
        ("variables", framework.variables, "a variable"),
        ("processes", framework.processes, "a group of processes"),
    )
    for section, names, what in sections:
        for name in names:
            if in_expression(name) in taken:
                fields.error(
                    f"/{section}/{name}",
                    f"'{name}' is {taken[in_expression(name)]} too; choose another name",
                    key=True,
                )
            taken[in_expression(name)] = what
    for name in framework.secrets:
        if name in framework.secret_parameters:
            fields.error(f"/secrets/{name}", f"'{name}' is a secret parameter too; choose another name", key=True)
    for group in framework.processes:
        ports = list(framework.ports(group))
        for name in ports:
            if sum(in_expression(other) == in_expression(name) for other in ports) > 1:
                fields.error(f"/processes/{group}/ports/{name}", "two ports differ only in '-' and '_'", key=True)


def _check_processes(framework: Framework, fields: Fields) -> None:
    """Groups and ports that are named exist and can do what is asked of them."""
    for group, process in framework.processes.items():
        path = pointer("/processes", group)
        ports = framework.ports(group)
        for index, name in enumerate(process.get("needs", ())):
            if name not in framework.processes:
                fields.error(
                    f"{path}/needs/{index}", f"there is no group '{name}'{suggestion(name, framework.processes)}"
                )
        for name, port in ports.items():
            for key in _WEB_PORT_FIELDS:
                if isinstance(port, dict) and key in port and port.get("protocol") != "http":
                    fields.error(
                        f"{path}/ports/{name}/{key}", f"'{key}' is for web ports; add protocol: http", key=True
                    )
        _check_ready(fields, f"{path}/ready", process.get("ready", {}), ports)
        if "drain" in process:
            _check_drain(framework, fields, f"{path}/drain", process["drain"], group)
        if "activity" in process:
            _check_activity(fields, f"{path}/activity", process["activity"], ports)
    for cycle in cycles({name: process.get("needs", ()) for name, process in framework.processes.items()}):
        fields.error(
            f"/processes/{cycle[0]}/needs",
            f"the groups wait for each other: {' -> '.join((*cycle, cycle[0]))}; remove one of these needs",
        )


def _check_ready(fields: Fields, path: str, ready: Mapping[str, Any], ports: Mapping[str, Any]) -> None:
    ways = [way for way in ("http", "tcp", "log") if way in ready]
    if len(ways) > 1:
        fields.error(path, f"says {' and '.join(ways)}; keep one")
    if "path" in ready and "http" not in ready:
        fields.error(f"{path}/path", "'path' belongs to http; name a port with http", key=True)
    for way in ("http", "tcp"):
        if way in ready and ready[way] not in ports:
            fields.error(
                f"{path}/{way}",
                f"this process has no port '{ready[way]}'{suggestion(ready[way], ports) or '; add it under ports'}",
            )


def _check_drain(framework: Framework, fields: Fields, path: str, drain: Mapping[str, Any], group: str) -> None:
    until = drain.get("until")
    if until is None:
        return
    name, _, port = until["http"].rpartition(".")
    name = name or group
    if name not in framework.processes:
        fields.error(f"{path}/until/http", f"there is no group '{name}'{suggestion(name, framework.processes)}")
    elif port not in framework.ports(name):
        fields.error(
            f"{path}/until/http",
            f"the group '{name}' has no port '{port}'{suggestion(port, framework.ports(name))}",
        )
    known = {"body": None, "host": "", "port": dict.fromkeys(framework.ports(group), 0)}
    _check_condition(fields, f"{path}/until/condition", until["condition"], known)


def _check_activity(fields: Fields, path: str, activity: Mapping[str, Any], ports: Mapping[str, Any]) -> None:
    port = activity["http"]
    if port not in ports:
        fields.error(f"{path}/http", f"this process has no port '{port}'{suggestion(port, ports) or '; add it'}")
    _check_condition(fields, f"{path}/condition", activity["condition"], {"body": None})


def _check_condition(fields: Fields, where: str, condition: str, known: Mapping[str, Any]) -> None:
    """An expression without braces over what a page says."""
    if expressions.has_expressions(condition) or "}}" in condition:
        fields.error(where, "is an expression already; write it without braces")
        return
    fields.check(where, "{{ (" + condition + ") }}", {**known, "secret": secret_lookup({}, allowed=False)})


def _check_expressions(framework: Framework, fields: Fields) -> None:
    """Every expression can be read and names only what it may."""
    values = opened(parameters.in_expressions(framework.parameters, parameters.samples(framework.parameters)))
    values |= _check_variables(framework, fields, values)
    creation = scopes.at_creation(framework, values)
    for index, rule in enumerate(framework.rules):
        fields.check(f"/rules/{index}/that", rule["that"], creation)
        if "parameter" in rule and rule["parameter"] not in framework.parameters:
            fields.error(
                f"/rules/{index}/parameter",
                f"there is no parameter '{rule['parameter']}'{suggestion(rule['parameter'], framework.parameters)}",
            )
    for group in framework.processes:
        _check_group(framework, fields, group, values)
    for name, output in framework.outputs.items():
        fields.check(pointer("/outputs", name), output, scopes.of_outputs(framework, values))
    secrets = framework.own_secrets()
    for language, attach in framework.attach.items():
        path = pointer("/attach", language)
        fields.check(f"{path}/requires", attach.get("requires"), creation)
        fields.check(f"{path}/when", attach.get("when"), creation)
        if language in framework.unreadable:
            fields.error(f"{path}/file", f"{attach['file']} cannot be used: {framework.unreadable[language]}")
        for index, name in enumerate(attach.get("secrets", ())):
            if name not in secrets:
                fields.error(
                    f"{path}/secrets/{index}",
                    f"there is no secret '{name}'{suggestion(name, secrets) or '; declare it under secrets'}",
                )


def _check_variables(framework: Framework, fields: Fields, values: Mapping[str, Any]) -> dict[str, Any]:
    """:return: the variables, with values that nobody knows yet"""
    known: dict[str, Any] = {}
    for name, source in framework.variables.items():
        fields.check(f"/variables/{name}", source, scopes.at_creation(framework, {**values, **known}))
        known[name] = None
    return known


def _check_group(framework: Framework, fields: Fields, group: str, values: Mapping[str, Any]) -> None:
    process, path = framework.processes[group], pointer("/processes", group)
    scope = scopes.of_group(framework, group, values, framework.own_secrets())
    for key in ("when", "image", "count", "essential", "maximum", "more_environment"):
        fields.check(f"{path}/{key}", process.get(key), scope.creation)
    for key, item in process.get("resources", {}).items():
        fields.check(f"{path}/resources/{key}", item, scope.creation)
    for index, item in enumerate(process["command"]):
        fields.check(f"{path}/command/{index}", item, scope.command)
    for key in ("environment", "files"):
        for name, item in process.get(key, {}).items():
            fields.check(pointer(f"{path}/{key}", name), item, scope.private)
    for name, port in framework.ports(group).items():
        for header, item in (port.get("headers", {}) if isinstance(port, dict) else {}).items():
            fields.check(pointer(f"{path}/ports/{name}/headers", header), item, scope.private)
    fields.check(f"{path}/ready/path", process.get("ready", {}).get("path"), scope.page)


def _check_by_rendering(framework: Framework, fields: Fields) -> None:
    """Render it once. Samples may not fit together, so only defaults prove an error."""
    attempt = Fields(framework.document)
    made = render(framework, parameters.samples(framework.parameters), framework.own_secrets(), attempt)
    if parameters.has_defaults_for_all(framework.parameters):
        fields.errors += attempt.errors
        for misfit in made.misfits:
            fields.error(misfit.path, misfit.message)
