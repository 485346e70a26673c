"""A ZApp: frameworks put together, checked, and rendered into the specification of an execution. Called by
``catalog``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from zoe_hub.catalog import parameters
from zoe_hub.catalog.framework import Framework, RenderedFramework, broken_rules, cycles, process_scope
from zoe_hub.catalog.icon import bad_icon
from zoe_hub.catalog.rendering import RESERVED, Fields, Scope, in_expression, late, names_in, opened, secret_lookup
from zoe_hub.catalog.schema import check
from zoe_hub.catalog.source import Document, pointer
from zoe_hub.core.errors import FieldError, ZoeError
from zoe_hub.core.executions.spec import Connector, ExecutionSpec, Group, Secret
from zoe_hub.core.record import Record
from zoe_hub.core.text import OPEN, references
from zoe_hub.language import expressions
from zoe_hub.language.expressions import Hidden
from zoe_hub.language.words import suggestion

_CHANGEABLE = (
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


class Rendered(Record, kw_only=True):
    """A ZApp with its parameters filled in.

    ``given`` holds the values of secret parameters, which are nowhere else; ``counts`` the initial number of processes
    of each group; ``sized`` names the groups whose number the given parameters say.
    """

    spec: ExecutionSpec
    given: Mapping[str, str] = {}
    counts: Mapping[str, int] = {}
    sized: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"Rendered({self.spec.zapp!r})"


class Part:
    """One framework within a ZApp."""

    def __init__(self, alias: str, source: Mapping[str, Any] | None, framework: Framework) -> None:
        source = source or {}
        self.alias, self.framework = alias, framework
        self.values: Mapping[str, Any] = source.get("parameters", {})
        ask = source.get("ask", ())
        self.ask: dict[str, Mapping[str, Any]] = {
            name: (ask[name] or {}) if isinstance(ask, Mapping) else {} for name in ask
        }
        self.asks_by_list = not isinstance(ask, Mapping)


class ZApp:
    """A ZApp of the shop. ``errors`` is empty if it can be started."""

    def __init__(
        self, document: Document, frameworks: Mapping[str, Framework], broken: frozenset[str] = frozenset()
    ) -> None:
        """:param document: it fits the published schema
        :param frameworks: those that work
        :param broken: names of those that do not
        """
        self.document = document
        data: dict[str, Any] = document.data
        self.data = data
        self.name: str = data["zapp"]
        self.version: str = data["version"]
        self.title: str = data["title"]
        self.description: str = data.get("description", "")
        self.icon: str = data.get("icon", "")
        self.protected: bool = data.get("protected", False)
        self.parts: list[Part] = []
        self.parameters: dict[str, dict[str, Any]] = {}
        fields = Fields(document)
        self._find_frameworks(fields, frameworks, broken)
        self.kind: str = data.get("kind") or (self.parts[0].framework.kind if self.parts else "")
        self.sample: Rendered | None = None
        if not fields.errors:
            self._gather_parameters(fields)
        if not fields.errors:
            self._check(fields)
        self.errors: tuple[FieldError, ...] = tuple(fields.errors)

    @property
    def secret_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that are secrets."""
        return tuple(name for name, schema in self.parameters.items() if parameters.is_secret(schema))

    def groups(self) -> dict[str, Part]:
        """All groups, with the part each comes from."""
        return {name: part for part in self.parts for name in part.framework.processes}

    # --- checking ---

    def _find_frameworks(self, fields: Fields, frameworks: Mapping[str, Framework], broken: frozenset[str]) -> None:
        for alias, source in self.data["frameworks"].items():
            path = f"/frameworks/{alias}"
            explicit = "framework" in (source or {})
            name = source["framework"] if explicit else alias
            where = f"{path}/framework" if explicit else path
            if name in frameworks:
                self.parts.append(Part(alias, source, frameworks[name]))
            elif name in broken:
                fields.error(
                    where, f"the framework '{name}' has problems of its own; correct them first", key=not explicit
                )
            else:
                fields.error(where, f"there is no framework '{name}'{suggestion(name, frameworks)}", key=not explicit)

    def _gather_parameters(self, fields: Fields) -> None:
        own = self.data.get("parameters", {})
        self.parameters.update(own)
        for fault in parameters.check_schemas(own, "/parameters"):
            fields.error(fault.path, fault.message, key=fault.key)
        for part in self.parts:
            known = part.framework.parameters
            for index, (name, changes) in enumerate(part.ask.items()):
                path = f"/frameworks/{part.alias}/ask/{index if part.asks_by_list else name}"
                if name not in known:
                    fields.error(
                        path,
                        f"the framework '{part.framework.name}' has no parameter '{name}'{suggestion(name, known)}",
                        key=True,
                    )
                elif name in self.parameters:
                    fields.error(
                        path, f"the ZApp has another parameter '{name}'; wire one of them under 'parameters'", key=True
                    )
                elif name in part.values:
                    fields.error(path, f"'{name}' is asked for and has a value under 'parameters'; keep one", key=True)
                else:
                    for key in changes:
                        if key not in _CHANGEABLE:
                            fields.error(
                                pointer(path, key),
                                f"'{key}' cannot be different here{suggestion(key, _CHANGEABLE)}",
                                key=True,
                            )
                    self.parameters[name] = {**known[name], **changes}
                    if not fields.errors:
                        for fault in parameters.check_schemas({name: self.parameters[name]}, ""):
                            fields.error(path + fault.path.removeprefix(f"/{name}"), fault.message, key=fault.key)

    def _check(self, fields: Fields) -> None:
        self._check_names(fields)
        if fields.errors:
            return
        groups = self.groups()
        early = self._early(opened(parameters.in_expressions(self.parameters, self._sample())))
        for index, rule in enumerate(self.data.get("rules", ())):
            fields.check(f"/rules/{index}/that", rule["that"], early)
        for part in self.parts:
            self._check_values(fields, part, early)
        for section in ("environment", "files", "needs"):
            for group, items in self.data.get(section, {}).items():
                path = pointer(f"/{section}", group)
                if group not in groups:
                    fields.error(path, f"there is no group '{group}'{suggestion(group, groups)}", key=True)
                    continue
                scope = self._wiring(
                    group,
                    early,
                    self._secrets(),
                    {name: dict.fromkeys(part.framework.outputs, late("host")) for name, part in self._aliases()},
                )
                for key, item in enumerate(items) if section == "needs" else items.items():
                    if section != "needs":
                        fields.check(pointer(path, key), item, scope)
                    elif item not in groups:
                        fields.error(pointer(path, key), f"there is no group '{item}'{suggestion(item, groups)}")
        needs = {
            name: (*part.framework.processes[name].get("needs", ()), *self.data.get("needs", {}).get(name, ()))
            for name, part in groups.items()
        }
        for cycle in cycles(needs):
            fields.error(
                "/needs",
                f"the groups wait for each other: {' -> '.join((*cycle, cycle[0]))}; remove one of these needs",
            )
        if self.data.get("ends") and not any(
            process.get("decides_result") for part in self.parts for process in part.framework.processes.values()
        ):
            fields.error("/ends", "no group says decides_result, so nothing would end it")
        message = bad_icon(self.icon)
        if message:
            fields.error("/icon", message)
        if not fields.errors:
            self._try(fields)

    def _check_names(self, fields: Fields) -> None:
        taken = dict.fromkeys(RESERVED, "a name that expressions use already")
        for name in self.parameters:
            if name in taken:
                fields.error(f"/parameters/{name}", f"'{name}' is {taken[name]} too; choose another name", key=True)
            taken[name] = "a parameter"
        used: dict[str, str] = {}
        for part in self.parts:
            path = f"/frameworks/{part.alias}"
            if in_expression(part.alias) in taken:
                fields.error(
                    path,
                    f"'{part.alias}' is {taken[in_expression(part.alias)]} too; choose another name and say 'framework:"
                    f" {part.framework.name}'",
                    key=True,
                )
            things = [("group", name) for name in part.framework.processes] + [
                ("output", name) for name in part.framework.outputs
            ]
            things += [("secret", name) for name, source in part.framework.secrets.items() if source != "token"]
            for what, name in things:
                key = f"{what} '{name}'"
                if key in used:
                    fields.error(
                        path,
                        f"the frameworks '{used[key]}' and '{part.alias}' both have a {key}; they cannot be put"
                        " together",
                        key=True,
                    )
                used[key] = part.alias
            for name in part.framework.secrets:
                if name in self.secret_parameters:
                    fields.error(
                        path,
                        f"the secret '{name}' of '{part.alias}' is also a secret parameter; choose another name for the"
                        " parameter",
                        key=True,
                    )
        self._attach_parts(fields)

    def _attach_parts(self, fields: Fields) -> dict[str, Part]:
        """Language -> the framework that says how its kernels connect."""
        chosen: dict[str, Part] = {}
        wanted = self.data.get("attach", {})
        for part in self.parts:
            for language in part.framework.attach:
                if wanted.get(language, part.alias) != part.alias:
                    continue
                if language in chosen:
                    fields.error(
                        f"/frameworks/{part.alias}",
                        f"'{chosen[language].alias}' and '{part.alias}' both say how a kernel of {language} connects;"
                        f" choose with attach: {{{language}: {part.alias}}}",
                        key=True,
                    )
                chosen[language] = part
        for language, alias in wanted.items():
            if language not in chosen:
                fields.error(
                    pointer("/attach", language), f"'{alias}' does not say how a kernel of {language} connects"
                )
        return chosen

    def _check_values(self, fields: Fields, part: Part, early: Scope) -> None:
        known = part.framework.parameters
        path = f"/frameworks/{part.alias}/parameters"
        scope = {**early, "secret": secret_lookup({name: name for name in self.secret_parameters}, allowed=True)}
        for name, value in part.values.items():
            here = pointer(path, name)
            if name not in known:
                fields.error(
                    here,
                    f"the framework '{part.framework.name}' has no parameter '{name}'{suggestion(name, known)}",
                    key=True,
                )
            elif parameters.is_secret(known[name]):
                if not _is_secret_expression(value):
                    fields.error(
                        here,
                        "a secret does not stand in a definition: ask for it, or write {{ secret('name') }} with a"
                        " secret parameter of this ZApp",
                    )
                else:
                    fields.check(here, value, scope)
            else:
                for below, text in _texts(value, here):
                    fields.check(
                        below,
                        text,
                        {
                            **early,
                            "secret": secret_lookup({}, allowed=False, field="a parameter that is not secret itself"),
                        },
                    )
                if not _has_expression(value):
                    for fault in check(known[name], value, here):
                        fields.error(fault.path, fault.message, key=fault.key)
        for name, schema in known.items():
            if parameters.required(schema) and name not in part.values and name not in part.ask:
                fields.error(
                    f"/frameworks/{part.alias}",
                    f"'{part.framework.name}' needs its parameter '{name}': give it a value under 'parameters' or add"
                    " it to 'ask'",
                    key=True,
                )

    def _try(self, fields: Fields) -> None:
        attempt = Fields(self.document)
        try:
            self.sample = self._render(self._sample(), attempt, trial=True)
        except ZoeError as error:
            attempt.error(
                "", f"cannot be started with its defaults: {error.detail} {'; '.join(map(str, error.errors))}"
            )
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

    # --- scopes ---

    def _early(self, values: Mapping[str, Any]) -> dict[str, Any]:
        scope: dict[str, Any] = {"zapp": self.name, "version": self.version}
        scope |= {
            name: Hidden(f"'{name}' is a secret: write secret('{name}') in environment or files")
            for name in self.secret_parameters
        }
        scope |= values
        return scope

    def _aliases(self) -> Iterator[tuple[str, Part]]:
        return ((part.alias, part) for part in self.parts)

    def _secrets(self) -> dict[str, str]:
        names = [*self.secret_parameters, *(name for part in self.parts for name in part.framework.secrets)]
        return {name: name for name in names}

    def _wiring(
        self, group: str, early: Scope, secrets: Mapping[str, str], outputs: Mapping[str, Mapping[str, Any]]
    ) -> Scope:
        """What the environment and files of a group may name: outputs of all frameworks, the group's own ports."""
        scope = {**early, **process_scope(group, self.groups()[group].framework.processes[group].get("ports", {}))}
        for part in self.parts:
            framework = part.framework
            codes = {in_expression(language): how["code"] for language, how in framework.attach.items()}
            scope[in_expression(part.alias)] = {
                "version": framework.version,
                "folder": late("folder", framework.name),
                "attach": codes,
                **outputs[part.alias],
            }
        scope["secret"] = secret_lookup(secrets, allowed=True)
        return scope

    # --- rendering ---

    def render(self, given: Mapping[str, Any]) -> Rendered:
        """The ZApp for given parameters.

        :raises ZoeError: ``bad-parameter`` with every wrong place
        """
        values, errors = parameters.fill(self.parameters, given, f"ZApp '{self.name}'")
        if errors:
            raise ZoeError("bad-parameter", _summary(self.name, errors), tuple(errors))
        fields = Fields(self.document)
        rendered = self._render(values, fields)
        if fields.errors:
            raise ZoeError(
                "bad-definition", f"ZApp '{self.name}' cannot be made from these parameters.", tuple(fields.errors)
            )
        return replace(
            rendered, sized=frozenset(group for group in rendered.counts if not self._sizing(group).isdisjoint(given))
        )

    def _sizing(self, group: str) -> frozenset[str]:
        """The ZApp's parameters that the number of a group's processes depends on."""
        part = self.groups()[group]
        names = part.framework.sizing(group)
        wired = (names_in(text) for name in names if name in part.values for _, text in _texts(part.values[name], ""))
        return names.intersection(part.ask).union(*wired)

    def _render(self, values: Mapping[str, Any], fields: Fields, *, trial: bool = False) -> Rendered:
        """:param trial: rules are not applied, since samples need not obey them"""
        early = self._early(parameters.in_expressions(self.parameters, values))
        errors: list[FieldError] = [] if trial else broken_rules(self.data.get("rules", ()), early, fields)
        pieces: dict[str, RenderedFramework] = {}
        secrets = {name: Secret(name=name, source="given") for name in self.secret_parameters}
        for part in self.parts:
            inner = Fields(part.framework.document)
            filled, names, wrong = self._fill(part, values, early, fields)
            errors += wrong
            if wrong:
                continue
            if not trial:
                errors += self._translated(part, part.framework.rules(filled, inner))
            pieces[part.alias] = part.framework.render(filled, names, inner)
            errors += self._counts(inner)
            fields.errors += inner.errors
            for name, source in part.framework.secrets.items():
                secrets[name] = Secret(name=name, source=source)  # type: ignore[arg-type]
            for name in part.framework.secret_parameters:
                if names[name] not in secrets:  # neither asked for nor wired: empty
                    secrets[names[name]] = Secret(name=names[name], source="given")
        if errors:
            raise ZoeError("bad-parameter", _summary(self.name, errors), tuple(errors))
        given = {name: str(values.get(name, "")) for name, secret in secrets.items() if secret.source == "given"}
        groups = tuple(self._wired(pieces, early, {name: name for name in secrets}, fields))
        outputs = {name: text for piece in pieces.values() for name, text in piece.outputs.items()}
        attach: dict[str, Connector] = {
            language: pieces[part.alias].attach[language]
            for language, part in self._attach_parts(fields).items()
            if language in pieces[part.alias].attach
        }
        spec = ExecutionSpec(
            zapp=self.name,
            title=self.title,
            version=self.version,
            kind=self.kind,
            groups=groups,
            parameters={
                name: parameters.shortened(value)
                for name, value in values.items()
                if name not in self.secret_parameters
            },
            outputs=outputs,
            secrets=tuple(secrets.values()),
            attach=attach,
            frameworks=tuple(dict.fromkeys(part.framework.name for part in self.parts)),
            ends=any(group.decides_result for group in groups),
            protected=self.protected,
        )
        return Rendered(spec=spec, given=given, counts={group.name: group.count for group in groups})

    def _fill(
        self, part: Part, values: Mapping[str, Any], early: Scope, fields: Fields
    ) -> tuple[dict[str, Any], dict[str, str], list[FieldError]]:
        """The framework's parameters, its names of secrets, and what is wrong with them."""
        framework = part.framework
        wanted: dict[str, Any] = {name: values[name] for name in part.ask if name in values}
        names = {name: name for name in framework.secrets}
        names |= {
            name: name if name in part.ask else f"{in_expression(part.alias)}_{name}"
            for name in framework.secret_parameters
        }
        for name, source in part.values.items():
            path = f"/frameworks/{part.alias}/parameters/{name}"
            if name in framework.secret_parameters:
                text = fields.text(
                    path,
                    source,
                    {
                        **early,
                        "secret": secret_lookup({known: known for known in self.secret_parameters}, allowed=True),
                    },
                )
                names[name] = references((text or "",))[0].name
            else:
                wanted[name] = _deep(fields, path, source, early, framework.parameters[name])
        filled, wrong = parameters.fill(
            {name: schema for name, schema in framework.parameters.items() if not parameters.is_secret(schema)},
            {name: value for name, value in wanted.items() if name not in framework.secret_parameters},
            f"framework '{framework.name}'",
        )
        return filled, names, self._translated(part, wrong)

    def _translated(self, part: Part, errors: list[FieldError]) -> list[FieldError]:
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

    def _counts(self, inner: Fields) -> list[FieldError]:
        """Numbers of processes that do not fit together come from parameters, not from the definition."""
        found = [error for error in inner.errors if "essential <= count <= maximum" in error.message]
        inner.errors = [error for error in inner.errors if error not in found]
        return [FieldError(path="", message=f"{error.path.split('/')[2]}: {error.message}") for error in found]

    def _wired(
        self, pieces: Mapping[str, RenderedFramework], early: Scope, secrets: Mapping[str, str], fields: Fields
    ) -> Iterator[Group]:
        absent = frozenset(name for piece in pieces.values() for name in piece.absent)
        outputs: dict[str, dict[str, Any]] = {}
        for part in self.parts:
            piece = pieces[part.alias]
            # a process of the same execution reaches the others by the addresses for peers
            peers: dict[str, Any] = {
                name: expressions.Late(text.replace(f"{OPEN}endpoint:", f"{OPEN}address:"))
                for name, text in piece.outputs.items()
            }
            off = {
                name: Hidden(f"'{part.alias}.{name}' is switched off here", absent=True)
                for name in part.framework.outputs
                if name not in peers
            }
            outputs[part.alias] = peers | off
        for piece in pieces.values():
            for group in piece.groups:
                environment, files, needs = (
                    self.data.get(section, {}).get(group.name, {}) for section in ("environment", "files", "needs")
                )
                if environment or files or needs:
                    scope = self._wiring(group.name, early, secrets, outputs)
                    more = fields.texts(pointer("/environment", group.name), environment, scope)
                    yield replace(
                        group,
                        environment={**group.environment, **more},
                        files={**group.files, **fields.texts(pointer("/files", group.name), files, scope)},
                        needs=tuple(dict.fromkeys((*group.needs, *(name for name in needs if name not in absent)))),
                    )
                else:
                    yield group


def _deep(fields: Fields, path: str, value: Any, scope: Scope, schema: Mapping[str, Any]) -> Any:
    """A value of a parameter, expressions in it evaluated. Bytes become text again where memory is wanted."""
    if isinstance(value, dict):
        return {name: _deep(fields, pointer(path, name), item, scope, {}) for name, item in value.items()}
    if isinstance(value, list):
        return [_deep(fields, pointer(path, index), item, scope, {}) for index, item in enumerate(value)]
    found = fields.value(path, value, scope) if isinstance(value, str) and "{{" in value else value
    unit = {"memory": "B", "duration": "s"}.get(schema.get("format", ""))
    if unit and isinstance(found, int | float) and not isinstance(found, bool):
        return f"{int(found) if unit == 'B' else round(found, 3)}{unit}"
    return found


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, pointer(path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, pointer(path, index))


def _has_expression(value: Any) -> bool:
    return any("{{" in text for _, text in _texts(value, ""))


def _is_secret_expression(value: Any) -> bool:
    """Whether it is ``{{ secret('name') }}`` and nothing else."""
    try:
        template = expressions.parse(value) if isinstance(value, str) else None
    except expressions.TemplateError:
        return False
    return (
        template is not None
        and template.whole
        and len(list(expressions.secrets(template))) == 1
        and not list(expressions.named(template))
    )


def _summary(name: str, errors: list[FieldError]) -> str:
    first = errors[0]
    rest = f" ({len(errors)} places are wrong.)" if len(errors) > 1 else ""
    return (
        f"ZApp '{name}' cannot be started like this:"
        f" {first.path.lstrip('/') + ' ' if first.path else ''}{first.message}.{rest}"
    )
