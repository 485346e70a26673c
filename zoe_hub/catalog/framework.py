"""A framework: its definition checked, and rendered into groups of processes. Called by ``zapp`` and ``catalog``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoe_hub.catalog import parameters
from zoe_hub.catalog.rendering import (
    RESERVED,
    Fields,
    Scope,
    hidden,
    in_expression,
    late,
    names_in,
    opened,
    seconds,
    secret_lookup,
)
from zoe_hub.catalog.schema import is_type
from zoe_hub.catalog.source import Document, pointer
from zoe_hub.core.errors import FieldError
from zoe_hub.core.executions.spec import Connector, Drain, Group, Port, Ready, Resources, Restart
from zoe_hub.core.record import Record
from zoe_hub.language import expressions
from zoe_hub.language.expressions import Hidden
from zoe_hub.language.words import suggestion

_LATE_WHY = "is known only when a process starts; this field is needed before"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,120}")


class RenderedFramework(Record, kw_only=True):
    """What a framework gives to an execution."""

    groups: tuple[Group, ...]
    outputs: Mapping[str, str]
    attach: Mapping[str, Connector]
    absent: frozenset[str]  # groups that are switched off


class Framework:
    """A framework of the catalog. ``errors`` is empty if it can be used."""

    def __init__(self, document: Document, folder: Path) -> None:
        """:param document: it fits the published schema"""
        self.document, self.folder = document, folder
        data: dict[str, Any] = document.data
        self.data = data
        self.name: str = data["framework"]
        self.version: str = data["version"]
        self.kind: str = data["kind"]
        self.title: str = data.get("title", self.name)
        self.description: str = data.get("description", "")
        self.parameters: dict[str, dict[str, Any]] = data.get("parameters", {})
        self.processes: dict[str, dict[str, Any]] = data["processes"]
        self.secrets: dict[str, str] = data.get("secrets", {})
        self.outputs: dict[str, str] = data.get("outputs", {})
        self.attach: dict[str, dict[str, Any]] = data.get("attach", {})
        self.secret_parameters = tuple(name for name, schema in self.parameters.items() if parameters.is_secret(schema))
        self.errors: tuple[FieldError, ...] = tuple(self._check())

    # --- scopes ---

    def _early(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What is known when the execution is created."""
        scope: dict[str, Any] = {"version": self.version, "framework": self.name}
        scope |= {
            name: Hidden(f"'{name}' is a secret: write secret('{name}') in environment, files or headers")
            for name in self.secret_parameters
        }
        scope |= values
        return scope

    def _peers(self, absent: frozenset[str] = frozenset()) -> dict[str, Any]:
        """The groups with their ports."""
        scope: dict[str, Any] = {}
        for name, process in self.processes.items():
            if name in absent:
                scope[in_expression(name)] = Hidden(f"'{name}' is switched off here", absent=True)
            else:
                scope[in_expression(name)] = {
                    in_expression(port): {
                        "address": late("address", f"{name}.{port}"),
                        "endpoint": late("endpoint", f"{name}.{port}"),
                    }
                    for port in process.get("ports", {})
                }
        return scope

    def _scopes(
        self, group: str, values: Mapping[str, Any], secrets: Mapping[str, str], absent: frozenset[str] = frozenset()
    ) -> dict[str, Scope]:
        """The scopes of a group's fields, by reach."""
        early = self._early(values)
        peers = self._peers(absent)
        own = process_scope(group, self.processes[group].get("ports", {})) | {"folder": late("folder", self.name)}
        return {
            "early": early | hidden((*peers, *own), _LATE_WHY) | {"secret": secret_lookup(secrets, allowed=False)},
            "page": (
                early
                | hidden((*peers, *own), _LATE_WHY)
                | {
                    "path": own["path"],
                    "secret": secret_lookup(secrets, allowed=False),
                }
            ),
            "command": (
                early
                | peers
                | own
                | {
                    "secret": secret_lookup(
                        secrets, allowed=False, field="a command, which everybody on the machine can read"
                    )
                }
            ),
            "private": early | peers | own | {"secret": secret_lookup(secrets, allowed=True)},
        }

    def _output_scope(self, values: Mapping[str, Any], absent: frozenset[str] = frozenset()) -> Scope:
        refused = secret_lookup({}, allowed=False, field="an output, which everybody sees who sees the execution")
        return (
            self._early(values)
            | self._peers(absent)
            | hidden(
                ("port", "path", "bind", "host", "index", "process", "folder"),
                "belongs to one process; an output names GROUP.PORT.endpoint",
            )
            | {"secret": refused}
        )

    # --- checking ---

    def _check(self) -> list[FieldError]:
        fields = Fields(self.document)
        for fault in parameters.check_schemas(self.parameters, "/parameters"):
            fields.error(fault.path, fault.message, key=fault.key)
        self._check_names(fields)
        if fields.errors:
            return fields.errors
        self._check_processes(fields)
        self._check_expressions(fields)
        if not fields.errors:
            self._try(fields)
        return fields.errors

    def _check_names(self, fields: Fields) -> None:
        """No name of an expression means two things."""
        taken: dict[str, str] = dict.fromkeys(RESERVED, "a name that expressions use already")
        kinds = (("parameters", "a parameter"), ("variables", "a variable"), ("processes", "a group of processes"))
        for section, what in kinds:
            for name in self.data.get(section, {}):
                if in_expression(name) in taken:
                    fields.error(
                        f"/{section}/{name}",
                        f"'{name}' is {taken[in_expression(name)]} too; choose another name",
                        key=True,
                    )
                taken[in_expression(name)] = what
        for name in self.secrets:
            if name in self.secret_parameters:
                fields.error(f"/secrets/{name}", f"'{name}' is a secret parameter too; choose another name", key=True)
        for group, process in self.processes.items():
            ports = list(process.get("ports", {}))
            for name in ports:
                if sum(in_expression(other) == in_expression(name) for other in ports) > 1:
                    fields.error(f"/processes/{group}/ports/{name}", "two ports differ only in '-' and '_'", key=True)

    def _check_processes(self, fields: Fields) -> None:
        """Groups and ports that are named exist and can do what is asked of them."""
        for group, process in self.processes.items():
            path = pointer("/processes", group)
            ports = process.get("ports", {})
            for index, name in enumerate(process.get("needs", ())):
                if name not in self.processes:
                    fields.error(
                        f"{path}/needs/{index}", f"there is no group '{name}'{suggestion(name, self.processes)}"
                    )
            for name, port in ports.items():
                for key in ("show", "start", "strip", "needs_origin", "headers", "title"):
                    if isinstance(port, dict) and key in port and port.get("protocol") != "http":
                        fields.error(
                            f"{path}/ports/{name}/{key}", f"'{key}' is for web ports; add protocol: http", key=True
                        )
            self._check_ready(fields, f"{path}/ready", process.get("ready", {}), ports)
            if "drain" in process:
                self._check_drain(fields, f"{path}/drain", process["drain"], group)
        for cycle in cycles({name: process.get("needs", ()) for name, process in self.processes.items()}):
            fields.error(
                f"/processes/{cycle[0]}/needs",
                f"the groups wait for each other: {' -> '.join((*cycle, cycle[0]))}; remove one of these needs",
            )

    def _check_ready(self, fields: Fields, path: str, ready: Mapping[str, Any], ports: Mapping[str, Any]) -> None:
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

    def _check_drain(self, fields: Fields, path: str, drain: Mapping[str, Any], group: str) -> None:
        until = drain.get("until")
        if until is None:
            return
        name, _, port = until["http"].rpartition(".")
        name = name or group
        if name not in self.processes:
            fields.error(f"{path}/until/http", f"there is no group '{name}'{suggestion(name, self.processes)}")
        elif port not in self.processes[name].get("ports", {}):
            fields.error(
                f"{path}/until/http",
                f"the group '{name}' has no port '{port}'{suggestion(port, self.processes[name].get('ports', {}))}",
            )
        own = dict.fromkeys(self.processes[group].get("ports", {}), 0)
        condition = until["condition"]
        where = f"{path}/until/condition"
        if "{{" in condition or "}}" in condition:
            fields.error(where, "is an expression already; write it without braces")
        else:
            fields.check(
                where,
                "{{ (" + condition + ") }}",
                {"body": None, "host": "", "port": own, "secret": secret_lookup({}, allowed=False)},
            )

    def _check_expressions(self, fields: Fields) -> None:
        """Every expression can be read and names only what it may."""
        values = opened(parameters.in_expressions(self.parameters, self._sample()))
        values |= self._check_variables(fields, values)
        secrets = self._local_secrets()
        for index, rule in enumerate(self.data.get("rules", ())):
            fields.check(f"/rules/{index}/that", rule["that"], self._early(values))
            if rule.get("parameter", next(iter(self.parameters), "")) not in self.parameters:
                fields.error(
                    f"/rules/{index}/parameter",
                    f"there is no parameter '{rule['parameter']}'{suggestion(rule['parameter'], self.parameters)}",
                )
        for group, process in self.processes.items():
            path = pointer("/processes", group)
            scopes = self._scopes(group, values, secrets)
            for key in ("when", "image", "count", "essential", "maximum", "more_environment"):
                fields.check(f"{path}/{key}", process.get(key), scopes["early"])
            for key, item in process.get("resources", {}).items():
                fields.check(f"{path}/resources/{key}", item, scopes["early"])
            for index, item in enumerate(process["command"]):
                fields.check(f"{path}/command/{index}", item, scopes["command"])
            for key in ("environment", "files"):
                for name, item in process.get(key, {}).items():
                    fields.check(pointer(f"{path}/{key}", name), item, scopes["private"])
            for name, port in process.get("ports", {}).items():
                for header, item in (port.get("headers", {}) if isinstance(port, dict) else {}).items():
                    fields.check(pointer(f"{path}/ports/{name}/headers", header), item, scopes["private"])
            fields.check(f"{path}/ready/path", process.get("ready", {}).get("path"), scopes["page"])
        for name, output in self.outputs.items():
            fields.check(pointer("/outputs", name), output, self._output_scope(values))
        for language, attach in self.attach.items():
            path = pointer("/attach", language)
            fields.check(f"{path}/requires", attach.get("requires"), self._early(values))
            fields.check(f"{path}/when", attach.get("when"), self._early(values))
            for index, name in enumerate(attach.get("secrets", ())):
                if name not in secrets:
                    fields.error(
                        f"{path}/secrets/{index}",
                        f"there is no secret '{name}'{suggestion(name, secrets) or '; declare it under secrets'}",
                    )

    def _check_variables(self, fields: Fields, values: Mapping[str, Any]) -> dict[str, Any]:
        known: dict[str, Any] = {}
        for name, source in self.data.get("variables", {}).items():
            fields.check(f"/variables/{name}", source, self._early({**values, **known}))
            known[name] = None
        return known

    def _try(self, fields: Fields) -> None:
        """Render it once. Samples may not fit together, so only defaults prove an error."""
        attempt = Fields(self.document)
        self.render(self._sample(), self._local_secrets(), attempt)
        if not any(
            parameters.required(schema) and not parameters.is_secret(schema) for schema in self.parameters.values()
        ):
            fields.errors += attempt.errors

    def _sample(self) -> dict[str, Any]:
        return {
            name: schema["default"] if "default" in schema else parameters.sample(schema)
            for name, schema in self.parameters.items()
            if not parameters.is_secret(schema)
        }

    def _local_secrets(self) -> dict[str, str]:
        return {name: name for name in (*self.secrets, *self.secret_parameters)}

    # --- rendering ---

    def sizing(self, group: str) -> frozenset[str]:
        """The parameters that the number of a group's processes depends on, by itself or through variables."""
        variables: dict[str, Any] = self.data.get("variables", {})
        seen: set[str] = set()
        left = set(names_in(self.processes[group].get("count")))
        while left:
            name = left.pop()
            seen.add(name)
            left |= names_in(variables.get(name)) - seen
        return frozenset(seen.intersection(self.parameters))

    def rules(self, values: Mapping[str, Any], fields: Fields) -> list[FieldError]:
        """The rules that parameters break, as wrong places of a request."""
        scope = self._full(values, fields)
        return broken_rules(self.data.get("rules", ()), scope, fields)

    def _full(self, values: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
        seen = parameters.in_expressions(self.parameters, values)
        for name, source in self.data.get("variables", {}).items():
            seen[name] = fields.value(f"/variables/{name}", source, self._early(seen))
        return self._early(seen)

    def render(self, values: Mapping[str, Any], secrets: Mapping[str, str], fields: Fields) -> RenderedFramework:
        """The groups for given parameters.

        :param values: valid parameters, defaults filled in
        :param secrets: this framework's names of secrets -> the execution's
        :param fields: takes what is wrong
        """
        seen = self._full(values, fields)
        switched = {
            name: fields.flag(f"/processes/{name}/when", process.get("when"), seen, True)
            for name, process in self.processes.items()
        }
        absent = frozenset(name for name, on in switched.items() if not on)
        groups = tuple(
            self._group(name, self._scopes(name, seen, secrets, absent), absent, fields)
            for name, on in switched.items()
            if on
        )
        scope = self._output_scope(seen, absent)
        outputs = {
            name: fields.optional(pointer("/outputs", name), source, scope) for name, source in self.outputs.items()
        }
        attach = {
            language: Connector(
                requires=fields.text(f"/attach/{language}/requires", how.get("requires", ""), seen) or "",
                variable=how.get("variable", ""),
                code=how["code"],
                secrets=tuple(secrets[name] for name in how.get("secrets", ()) if name in secrets),
            )
            for language, how in self.attach.items()
            if fields.flag(f"/attach/{language}/when", how.get("when"), seen, True)
        }
        return RenderedFramework(
            groups=groups,
            outputs={name: text for name, text in outputs.items() if text is not None},
            attach=attach,
            absent=absent,
        )

    def _group(self, name: str, scopes: Mapping[str, Scope], absent: frozenset[str], fields: Fields) -> Group:
        process, path = self.processes[name], pointer("/processes", name)
        early = scopes["early"]
        count = fields.whole(f"{path}/count", process.get("count"), early, 1)
        maximum = fields.whole(f"{path}/maximum", process.get("maximum"), early, count)
        essential = fields.whole(
            f"{path}/essential", process.get("essential"), early, min(count, 1) if "maximum" in process else count
        )
        for key, low, high, other in (("essential", essential, count, "count"), ("maximum", count, maximum, "count")):
            if low > high:
                fields.error(
                    f"{path}/{key}" if key in process else path,
                    f"{key} is {essential if key == 'essential' else maximum} and {other} is {count}: essential <="
                    " count <= maximum must hold",
                )
        return Group(
            name=name,
            framework=self.name,
            image=fields.text(f"{path}/image", process["image"], early) or "",
            command=fields.command(f"{path}/command", process["command"], scopes["command"]),
            environment=self._more_environment(process, path, early, fields)
            | fields.texts(f"{path}/environment", process.get("environment", {}), scopes["private"]),
            files=fields.texts(f"{path}/files", process.get("files", {}), scopes["private"]),
            count=count,
            essential=essential,
            maximum=maximum,
            needs=tuple(needed for needed in process.get("needs", ()) if needed not in absent),
            ports=tuple(
                self._port(port, item, f"{path}/ports/{port}", scopes["private"], fields)
                for port, item in process.get("ports", {}).items()
            ),
            ready=self._ready(process.get("ready", {}), f"{path}/ready", scopes["page"], fields),
            drain=self._drain(process.get("drain"), absent),
            resources=Resources(
                cores=fields.number(
                    f"{path}/resources/cores", process.get("resources", {}).get("cores"), early, Resources().cores
                ),
                memory=fields.memory(
                    f"{path}/resources/memory", process.get("resources", {}).get("memory"), early, Resources().memory
                ),
            ),
            restart=Restart(
                limit=process.get("restart", {}).get("limit", Restart().limit),
                delay=seconds(process.get("restart", {}).get("delay"), Restart().delay),
                longest=seconds(process.get("restart", {}).get("longest"), Restart().longest),
            ),
            grace=seconds(process.get("grace"), 10.0),
            requires=tuple(process.get("requires", ())),
            decides_result=process.get("decides_result", False),
        )

    def _more_environment(self, process: Mapping[str, Any], path: str, scope: Scope, fields: Fields) -> dict[str, str]:
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

    def _port(self, name: str, source: Any, path: str, scope: Scope, fields: Fields) -> Port:
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

    def _ready(self, source: Mapping[str, Any], path: str, scope: Scope, fields: Fields) -> Ready:
        timeout = seconds(source.get("timeout"), Ready().timeout)
        if "http" in source:
            return Ready(
                kind="http",
                port=source["http"],
                path=fields.text(f"{path}/path", source.get("path", "/"), scope) or "/",
                timeout=timeout,
            )
        if "tcp" in source:
            return Ready(kind="tcp", port=source["tcp"], timeout=timeout)
        if "log" in source:
            return Ready(kind="log", pattern=source["log"], timeout=timeout)
        return Ready(timeout=timeout)

    def _drain(self, source: Mapping[str, Any] | None, absent: frozenset[str]) -> Drain | None:
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


def process_scope(group: str, ports: Mapping[str, Any]) -> dict[str, Any]:
    """What expressions of a process's fields may name of the process itself."""
    web = [name for name, port in ports.items() if isinstance(port, dict) and port.get("protocol") == "http"]
    return {
        "port": {in_expression(name): late("port", name) for name in ports},
        "path": {in_expression(name): late("path", name) for name in web},
        "bind": late("bind"),
        "host": late("host"),
        "index": late("index"),
        "process": late("name"),
    }


def broken_rules(rules: Any, scope: Scope, fields: Fields, section: str = "/rules") -> list[FieldError]:
    """The rules that do not hold, as wrong places of a request."""
    broken = []
    for index, rule in enumerate(rules):
        if not fields.flag(f"{section}/{index}/that", rule["that"], scope, True):
            broken.append(
                FieldError(path=pointer("", rule["parameter"]) if "parameter" in rule else "", message=rule["message"])
            )
    return broken


def cycles(needs: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Circles in a graph of needs: one for each way back that a walk through it finds."""
    found: list[tuple[str, ...]] = []
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            found.append(trail[trail.index(name) :])
        elif name not in done and name in needs:
            for needed in needs[name]:
                visit(needed, (*trail, name))
            done.add(name)

    for start in needs:
        visit(start, ())
    return found
