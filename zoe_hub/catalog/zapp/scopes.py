"""Which names the fields of a ZApp's definition may use. Used by ``checking`` and ``rendering``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoe_hub.catalog.scopes import Scope, hidden_secrets, in_expression, late, process_scope, secret_lookup
from zoe_hub.catalog.zapp.definition import ZApp


def at_creation(zapp: ZApp, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is known when the execution is created.

    :param values: the parameters as expressions see them
    """
    names: dict[str, Any] = {"zapp": zapp.name, "version": zapp.version}
    return names | hidden_secrets(zapp.secret_parameters, "environment or files") | dict(values)


def of_parameter(zapp: ZApp, creation: Scope, *, secret: bool) -> Scope:
    """The scope of a value for a framework's parameter.

    :param secret: whether that parameter is a secret: only then may the value be one
    """
    known = {name: name for name in zapp.secret_parameters} if secret else {}
    lookup = secret_lookup(known, allowed=secret, field="a parameter that is not secret itself")
    return {**creation, "secret": lookup}


def of_wiring(
    zapp: ZApp, group: str, creation: Scope, secrets: Mapping[str, str], outputs: Mapping[str, Mapping[str, Any]]
) -> Scope:
    """What the environment and files of a group may name: outputs of all frameworks, the group's own ports.

    :param secrets: the definition's names of secrets -> the execution's
    :param outputs: alias of a framework -> its outputs
    """
    scope = {**creation, **process_scope(zapp.groups()[group].framework.ports(group))}
    for part in zapp.parts:
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
