"""A framework for given parameters: groups of processes, outputs, and how a kernel connects. Called by ``zapp``, and by
``checking``, which tries each definition once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from zoe_hub.catalog import parameters
from zoe_hub.catalog.document import pointer
from zoe_hub.catalog.fields import Fields, seconds
from zoe_hub.catalog.framework import scopes
from zoe_hub.catalog.framework.definition import Framework
from zoe_hub.catalog.schema import is_type
from zoe_hub.catalog.scopes import Scope
from zoe_hub.core.errors import FieldError
from zoe_hub.core.executions.spec import Activity, Connector, Drain, Group, Port, Ready, Resources, Restart
from zoe_hub.core.record import Record
from zoe_hub.language import expressions

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,120}")


class Misfit(Record, kw_only=True):
    """Numbers of processes of a group that contradict each other: with other parameters they need not."""

    group: str
    path: str  # JSON pointer within the definition
    message: str


class RenderedFramework(Record, kw_only=True):
    """What a framework gives to an execution."""

    groups: tuple[Group, ...]
    outputs: Mapping[str, str]
    attach: Mapping[str, Connector]
    absent: frozenset[str]  # groups that are switched off
    misfits: tuple[Misfit, ...]  # if there are any, the groups cannot be started like this


def broken_rules(framework: Framework, values: Mapping[str, Any], fields: Fields) -> list[FieldError]:
    """The framework's rules that parameters break, as wrong places of a request.

    :param values: valid parameters, defaults filled in
    """
    scope = scopes.at_creation(framework, _with_variables(framework, values, fields))
    return fields.broken_rules("/rules", framework.rules, scope)


def render(
    framework: Framework, values: Mapping[str, Any], secrets: Mapping[str, str], fields: Fields
) -> RenderedFramework:
    """The groups for given parameters.

    :param values: valid parameters, defaults filled in
    :param secrets: this framework's names of secrets -> the execution's
    :param fields: takes what is wrong
    """
    values = _with_variables(framework, values, fields)
    creation = scopes.at_creation(framework, values)
    switched = {
        name: fields.flag(f"/processes/{name}/when", process.get("when"), creation, True)
        for name, process in framework.processes.items()
    }
    absent = frozenset(name for name, on in switched.items() if not on)
    rendering = _Groups(framework, values, secrets, absent, fields)
    groups = tuple(rendering.group(name) for name, on in switched.items() if on)
    output_scope = scopes.of_outputs(framework, values, absent)
    outputs = {
        name: fields.optional(pointer("/outputs", name), source, output_scope)
        for name, source in framework.outputs.items()
    }
    attach = {
        language: Connector(
            requires=fields.text(f"/attach/{language}/requires", how.get("requires", ""), creation) or "",
            variable=how.get("variable", ""),
            code=how["code"],
            check=how.get("check", ""),
            check_timeout=seconds(how.get("check_timeout"), Connector().check_timeout),
            session=how.get("session", ""),
            secrets=tuple(secrets[name] for name in how.get("secrets", ()) if name in secrets),
        )
        for language, how in framework.attach.items()
        if fields.flag(f"/attach/{language}/when", how.get("when"), creation, True)
    }
    return RenderedFramework(
        groups=groups,
        outputs={name: text for name, text in outputs.items() if text is not None},
        attach=attach,
        absent=absent,
        misfits=tuple(rendering.misfits),
    )


def _with_variables(framework: Framework, values: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """The parameters as expressions see them, and the variables, each of which may use those before it."""
    seen = parameters.in_expressions(framework.parameters, values)
    for name, source in framework.variables.items():
        seen[name] = fields.value(f"/variables/{name}", source, scopes.at_creation(framework, seen))
    return seen


class _Groups:
    """Renders the groups of one framework."""

    def __init__(
        self,
        framework: Framework,
        values: Mapping[str, Any],
        secrets: Mapping[str, str],
        absent: frozenset[str],
        fields: Fields,
    ) -> None:
        self._framework, self._values, self._secrets = framework, values, secrets
        self._absent, self._fields = absent, fields
        self.misfits: list[Misfit] = []

    def group(self, name: str) -> Group:
        fields, framework = self._fields, self._framework
        process, path = framework.processes[name], pointer("/processes", name)
        scope = scopes.of_group(framework, name, self._values, self._secrets, self._absent)
        restart = process.get("restart", {})
        count, essential, maximum = self._numbers(name, path, scope.creation)
        return Group(
            name=name,
            framework=framework.name,
            image=fields.text(f"{path}/image", process["image"], scope.creation) or "",
            command=fields.command(f"{path}/command", process["command"], scope.command),
            environment=_more_environment(process, path, scope.creation, fields)
            | fields.texts(f"{path}/environment", process.get("environment", {}), scope.private),
            files=fields.texts(f"{path}/files", process.get("files", {}), scope.private),
            count=count,
            essential=essential,
            maximum=maximum,
            needs=tuple(needed for needed in process.get("needs", ()) if needed not in self._absent),
            ports=tuple(
                _port(port, source, f"{path}/ports/{port}", scope.private, fields)
                for port, source in framework.ports(name).items()
            ),
            ready=_ready(process.get("ready", {}), f"{path}/ready", scope.page, fields),
            drain=_drain(process.get("drain"), self._absent),
            activity=_activity(process.get("activity")),
            resources=_resources(process.get("resources", {}), f"{path}/resources", scope.creation, fields),
            restart=Restart(
                limit=restart.get("limit", Restart().limit),
                delay=seconds(restart.get("delay"), Restart().delay),
                longest=seconds(restart.get("longest"), Restart().longest),
                final=tuple(restart.get("final", ())),
            ),
            grace=seconds(process.get("grace"), 10.0),
            requires=tuple(process.get("requires", ())),
            decides_result=process.get("decides_result", False),
        )

    def _numbers(self, group: str, path: str, scope: Scope) -> tuple[int, int, int]:
        """How many processes a group has: at the start, at the least for it to run, at the most."""
        fields, process = self._fields, self._framework.processes[group]
        count = fields.whole(f"{path}/count", process.get("count"), scope, 1)
        maximum = fields.whole(f"{path}/maximum", process.get("maximum"), scope, count)
        usual = min(count, 1) if "maximum" in process else count
        essential = fields.whole(f"{path}/essential", process.get("essential"), scope, usual)
        for key, number, fits in (
            ("essential", essential, essential <= count),
            ("maximum", maximum, count <= maximum),
        ):
            if not fits:
                self.misfits.append(
                    Misfit(
                        group=group,
                        path=f"{path}/{key}" if key in process else path,
                        message=f"{key} is {number} and count is {count}: essential <= count <= maximum must hold",
                    )
                )
        return count, essential, maximum


def _resources(source: Mapping[str, Any], path: str, scope: Scope, fields: Fields) -> Resources:
    usual = Resources()
    return Resources(
        cores=fields.number(f"{path}/cores", source.get("cores"), scope, usual.cores),
        memory=fields.memory(f"{path}/memory", source.get("memory"), scope, usual.memory),
    )


def _more_environment(process: Mapping[str, Any], path: str, scope: Scope, fields: Fields) -> dict[str, str]:
    """Variables whose names are known only now, from one expression."""
    if "more_environment" not in process:
        return {}
    path = f"{path}/more_environment"
    value = fields.value(path, process["more_environment"], scope)
    if not isinstance(value, Mapping):
        if value is not None:
            fields.error(path, "must give a mapping of names to texts")
        return {}
    found: dict[str, str] = {}
    for name, item in value.items():
        if (
            not _VARIABLE.fullmatch(str(name))
            or str(name).startswith("ZOE_")
            or not (isinstance(item, str) or is_type(item, "number"))
        ):
            fields.error(
                path,
                f"'{str(name)[:60]}' is no environment variable that may be set: letters, digits and underscores,"
                " not beginning with ZOE_, and a text or number as value",
            )
        else:
            found[str(name)] = expressions.as_text(item)
    return found


def _port(name: str, source: Any, path: str, scope: Scope, fields: Fields) -> Port:
    if isinstance(source, int):
        return Port(name=name, number=source)
    return Port(
        name=name,
        number=source["port"],
        protocol=source.get("protocol", "tcp"),
        show=source.get("show", False),
        title=source.get("title", ""),
        start=source.get("start", "/"),
        strip=source.get("strip", True),
        needs_origin=source.get("needs_origin", False),
        headers=fields.texts(f"{path}/headers", source.get("headers", {}), scope),
    )


def _ready(source: Mapping[str, Any], path: str, scope: Scope, fields: Fields) -> Ready:
    timeout = seconds(source.get("timeout"), Ready().timeout)
    if "http" in source:
        page = fields.text(f"{path}/path", source.get("path", "/"), scope) or "/"
        return Ready(kind="http", port=source["http"], path=page, timeout=timeout)
    if "tcp" in source:
        return Ready(kind="tcp", port=source["tcp"], timeout=timeout)
    if "log" in source:
        return Ready(kind="log", pattern=source["log"], timeout=timeout)
    return Ready(timeout=timeout)


def _activity(source: Mapping[str, Any] | None) -> Activity | None:
    if source is None:
        return None
    return Activity(port=source["http"], path=source.get("path", "/"), busy=source["condition"])


def _drain(source: Mapping[str, Any] | None, absent: frozenset[str]) -> Drain | None:
    if source is None:
        return None
    timeout = seconds(source.get("timeout"), 60.0)
    until = source.get("until")
    group, _, port = until["http"].rpartition(".") if until else ("", "", "")
    if not until or group in absent:
        return Drain(signal=source["signal"], timeout=timeout)
    return Drain(
        signal=source["signal"],
        group=group,
        port=port,
        path=until.get("path", "/"),
        until=until["condition"],
        timeout=timeout,
    )
