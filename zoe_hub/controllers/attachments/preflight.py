"""Compares what a kernel has installed with what an application wants, before anything starts. Called by
``controllers.attachments.service``.
"""

from __future__ import annotations

from collections.abc import Mapping

from packaging.requirements import InvalidRequirement, Requirement

from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.spec import ExecutionSpec


def check_versions(spec: ExecutionSpec, language: str, versions: Mapping[str, str]) -> None:
    """Refuse a kernel whose packages do not fit. A kernel that says nothing about its packages is not checked.

    :param versions: installed packages of the kernel; an empty version means not installed
    :raises ZoeError: ``client-mismatch``
    """
    how = spec.attach.get(language)
    if how is None or not versions:
        return
    for line in how.requires.splitlines():
        try:
            wanted = Requirement(line)
        except InvalidRequirement as error:
            raise ZoeError("bad-definition", f"{spec.zapp}: attach.{language}.requires: {error}") from error
        has = versions.get(wanted.name)
        if has is None:
            continue
        remedy = f"Run in the notebook: %pip install '{line}', then restart the kernel."
        if not has:
            raise ZoeError("client-mismatch", f"The kernel has no {wanted.name}; {spec.title} wants {line}. {remedy}")
        try:
            fits = wanted.specifier.contains(has, prereleases=True)
        except ValueError:  # no version, or one with a number that Python refuses to read
            fits = False
        if not fits:
            raise ZoeError(
                "client-mismatch", f"The kernel has {wanted.name} {has}; {spec.title} wants {line}. {remedy}"
            )
