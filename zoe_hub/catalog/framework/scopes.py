"""Which names the fields of a framework's definition may use. Used by ``checking`` and ``rendering``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from zoe_hub.catalog.framework.definition import Framework
from zoe_hub.catalog.scopes import (
    PROCESS_NAMES,
    Scope,
    hidden,
    hidden_secrets,
    in_expression,
    late,
    process_scope,
    secret_lookup,
)
from zoe_hub.language.expressions import Hidden

_KNOWN_LATER = "is known only when a process starts; this field is needed before"


class GroupScopes(NamedTuple):
    """The scopes of a group's fields."""

    creation: Scope  # what is needed when the execution is created: image, numbers, resources
    page: Scope  # the path that says whether a page is ready
    command: Scope
    private: Scope  # environment, files and headers, which the process alone reads


def at_creation(framework: Framework, values: Mapping[str, Any]) -> dict[str, Any]:
    """What is known when the execution is created.

    :param values: parameters and variables
    """
    names: dict[str, Any] = {"version": framework.version, "framework": framework.name}
    return names | hidden_secrets(framework.secret_parameters, "environment, files or headers") | dict(values)


def of_peers(framework: Framework, absent: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The groups with their ports.

    :param absent: groups that are switched off
    """
    names: dict[str, Any] = {}
    for group in framework.processes:
        if group in absent:
            names[in_expression(group)] = Hidden(f"'{group}' is switched off here", absent=True)
        else:
            names[in_expression(group)] = {
                in_expression(port): {
                    "address": late("address", f"{group}.{port}"),
                    "endpoint": late("endpoint", f"{group}.{port}"),
                }
                for port in framework.ports(group)
            }
    return names


def of_group(
    framework: Framework,
    group: str,
    values: Mapping[str, Any],
    secrets: Mapping[str, str],
    absent: frozenset[str] = frozenset(),
) -> GroupScopes:
    """The scopes of a group's fields.

    :param secrets: the framework's names of secrets -> the execution's
    """
    creation = at_creation(framework, values)
    peers = of_peers(framework, absent)
    own = process_scope(framework.ports(group)) | {"folder": late("folder", framework.name)}
    later = hidden((*peers, *own), _KNOWN_LATER)
    no_secret = {"secret": secret_lookup(secrets, allowed=False)}
    seen_by_all = secret_lookup(secrets, allowed=False, field="a command, which everybody on the machine can read")
    return GroupScopes(
        creation=creation | later | no_secret,
        page=creation | later | {"path": own["path"]} | no_secret,
        command=creation | peers | own | {"secret": seen_by_all},
        private=creation | peers | own | {"secret": secret_lookup(secrets, allowed=True)},
    )


def of_outputs(framework: Framework, values: Mapping[str, Any], absent: frozenset[str] = frozenset()) -> Scope:
    """The scope of outputs, which belong to no process."""
    refused = secret_lookup({}, allowed=False, field="an output, which everybody sees who sees the execution")
    return (
        at_creation(framework, values)
        | of_peers(framework, absent)
        | hidden(PROCESS_NAMES, "belongs to one process; an output names GROUP.PORT.endpoint")
        | {"secret": refused}
    )
