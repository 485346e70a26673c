"""What this machine has, and which environment processes get. Used by ``backend``."""

from __future__ import annotations

import fnmatch
import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from zoe_hub.backends.base import Permanent


def cores() -> int:
    """Logical cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def memory() -> int:
    """Bytes of memory that this process and its like may use: the machine's, or less if a control group says so."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


def prefix(image: str, prefixes: Mapping[str, str]) -> str:
    """The environment for an image: that of the first pattern that matches, else the hub's own.

    ``Permanent`` ``environment-missing`` if it does not exist.
    """
    path = next((path for pattern, path in prefixes.items() if fnmatch.fnmatchcase(image, pattern)), sys.prefix)
    expanded = os.path.expanduser(path)
    if not os.path.isdir(expanded):
        raise Permanent(
            "environment-missing",
            f"The environment {expanded} for the image {image} does not exist. Create it, or correct"
            " LocalBackend.prefixes.",
        )
    return expanded


def environment(
    image: str, prefixes: Mapping[str, str], passed: Iterable[str], given: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a program: what is passed on from the hub's own, the image's programs first, and what was
    given.
    """
    patterns = tuple(passed)
    result = {
        name: value
        for name, value in os.environ.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }
    if os.path.isabs(home := os.path.expanduser("~")):  # a user without an entry has none
        result.setdefault("HOME", home)
    result.update(given)
    programs = os.path.join(prefix(image, prefixes), "bin")
    path = result.get("PATH", os.defpath)
    result["PATH"] = os.pathsep.join(
        [programs, *(item for item in path.split(os.pathsep) if item and item != programs)]
    )
    return result


def require(requirement: str, environment: Mapping[str, str]) -> None:
    """That a program can be found, for ``java`` also of what version: ``java>=17``, ``git``.

    ``Permanent`` ``java-missing`` or ``environment-missing`` otherwise.
    """
    match = re.fullmatch(r"\s*([\w.+-]+?)\s*(?:>=\s*(\d+))?\s*", requirement)
    if match is None:
        raise Permanent(
            "bad-definition", f"The requirement {requirement!r} is neither a program nor of the form java>=17."
        )
    program, least = match[1], int(match[2] or 0)
    if program != "java":
        if shutil.which(program, path=environment["PATH"]) is None:
            raise Permanent(
                "environment-missing", f"The program {program} was not found on {environment['PATH']}. Install it."
            )
        return
    place = java(environment)
    if place is None:
        raise Permanent(
            "java-missing",
            f"Java was not found on {environment['PATH']}, and JAVA_HOME does not name one. Java {least or 17} or newer"
            " is needed.",
        )
    version = java_version(place, os.stat(place).st_mtime)
    if version < least:
        what = f"is version {version}" if version else "does not run"
        raise Permanent("java-missing", f"{place} {what}; Java {least} or newer is needed.")


def java(environment: Mapping[str, str]) -> str | None:
    """The Java that a program with this environment would use."""
    home = environment.get("JAVA_HOME")
    if home and os.access(os.path.join(home, "bin", "java"), os.X_OK):
        return os.path.join(home, "bin", "java")
    return shutil.which("java", path=environment["PATH"])


@functools.lru_cache(maxsize=16)
def java_version(place: str, changed: float) -> int:
    """The major version of a Java, 0 if it does not run. ``changed``: when its file did, so that an upgrade is
    noticed.
    """
    try:
        result = subprocess.run([place, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', result.stderr + result.stdout)
    return int(found[1]) if found else 0


def umask() -> int:
    """The user's umask, for the programs; the hub's and the shim's own files are private anyway."""
    before = os.umask(0o077)
    os.umask(before)
    return before
