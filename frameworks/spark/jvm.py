"""What Spark needs of the machine: a Java that is new enough and the installed pyspark, found without starting either.

Called by `launch.py` before every role, by `appcds.py` for the key of an archive set, and by `launch.py check`.
Nothing here imports pyspark or starts a JVM when a file tells the same, because this runs on every start.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

OLDEST_JAVA = 17
SCALA_VERSION = "2.13"

# Spark's own list (org.apache.spark.launcher.JavaModuleOptions of 4.3.0). IgnoreUnrecognizedVMOptions makes the
# options of newer JDKs harmless on older ones.
MODULE_OPTIONS: tuple[str, ...] = (
    "-XX:+IgnoreUnrecognizedVMOptions",
    "--add-modules=jdk.incubator.vector",
    *(
        f"--add-opens={package}=ALL-UNNAMED"
        for package in (
            "java.base/java.lang",
            "java.base/java.lang.invoke",
            "java.base/java.lang.reflect",
            "java.base/java.io",
            "java.base/java.net",
            "java.base/java.nio",
            "java.base/java.util",
            "java.base/java.util.concurrent",
            "java.base/java.util.concurrent.atomic",
            "java.base/jdk.internal.ref",
            "java.base/sun.nio.ch",
            "java.base/sun.nio.cs",
            "java.base/sun.security.action",
            "java.base/sun.util.calendar",
            "java.security.jgss/sun.security.krb5",
        )
    ),
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.allocator.type=pooled",
    "-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)


EXIT_PROBLEM = 3
EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h; the JVM itself ends with 3 when it runs out of memory
PASSING = ("master-unreachable", "folder-unusable", "disk-full", "archive-failed")  # another start may go better


class SparkProblem(Exception):
    """Something a person must put right before Spark can start; `code` is stable, `remedy` says what to do."""

    def __init__(self, code: str, remedy: str) -> None:
        super().__init__(code, remedy)
        self.code = code
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.code}: {self.remedy}"

    @property
    def exit_code(self) -> int:
        """With which a role ends because of it."""
        return EXIT_PROBLEM if self.code in PASSING else EXIT_CONFIGURATION


@dataclass(frozen=True)
class Java:
    """A Java to start Spark with; `libjvm` stands for the exact build."""

    executable: str
    home: str
    version: str
    libjvm: str

    @property
    def major(self) -> int:
        """17 for 17.0.15."""
        return java_major(self.version)


@dataclass(frozen=True)
class Pyspark:
    """An installed pyspark: `home` is Spark's SPARK_HOME."""

    home: str
    version: str
    jars: tuple[str, ...]


def java_major(version: str) -> int:
    """`17.0.15+6-Debian` is 17, `1.8.0_402` is 8, what cannot be read is 0."""
    found = re.match(r"(?:1\.)?(\d+)", version)
    return int(found.group(1)) if found else 0


def find_java(environment: Mapping[str, str]) -> Java:
    """The Java of JAVA_HOME, else the first on PATH; raises SparkProblem when there is none or it is too old."""
    install = f"Install it, for example with: apt-get install openjdk-{OLDEST_JAVA}-jre-headless"
    home = environment.get("JAVA_HOME", "")
    candidate = shutil.which(os.path.join(home, "bin", "java")) if home else None
    if candidate is None:
        candidate = shutil.which("java", path=environment.get("PATH", os.defpath))
    if candidate is None:
        raise SparkProblem(
            "java-missing", f"Java {OLDEST_JAVA} or newer was not found in JAVA_HOME or on PATH. {install}"
        )
    executable = os.path.realpath(candidate)
    root = Path(executable).parent.parent
    libjvm = root / "lib" / "server" / "libjvm.so"
    version = _released_version(root / "release") or _asked_version(executable)
    java = Java(executable, str(root), version, str(libjvm) if libjvm.is_file() else executable)
    if java.major < OLDEST_JAVA:
        raise SparkProblem(
            "java-too-old",
            f"Spark needs Java {OLDEST_JAVA} or newer, but {candidate} is {version or 'of an unknown version'}. "
            f"{install}, or point JAVA_HOME at a newer one.",
        )
    return java


def _released_version(release: Path) -> str:
    """The build from the `release` file of the JDK: 50 ms cheaper than `java -version` at every start."""
    try:
        lines = release.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return (values.get("JAVA_RUNTIME_VERSION") or values.get("JAVA_VERSION") or "").strip().strip('"')


def _asked_version(executable: str) -> str:
    try:
        told = subprocess.run(
            [executable, "-version"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(rb'version "([^"]+)"', told.stderr)
    return found.group(1).decode() if found else ""


def find_pyspark() -> Pyspark:
    """The pyspark of this interpreter and its jars in a fixed order; never imports it (that takes a second)."""
    install = f"Install it into {sys.prefix} with: {sys.executable} -m pip install 'pyspark[connect]~=4.3'"
    spec = importlib.util.find_spec("pyspark")
    if spec is None or not spec.submodule_search_locations:
        raise SparkProblem("pyspark-missing", f"pyspark is not installed for this Python. {install}")
    home = os.path.realpath(next(iter(spec.submodule_search_locations)))
    try:
        names = sorted(name for name in os.listdir(os.path.join(home, "jars")) if name.endswith(".jar"))
        version = importlib.metadata.version("pyspark")
    except (OSError, importlib.metadata.PackageNotFoundError) as error:
        raise SparkProblem("pyspark-missing", f"pyspark at {home} is incomplete ({error}). {install}") from error
    if not any(name.startswith("spark-connect_") for name in names):
        raise SparkProblem("pyspark-missing", f"pyspark at {home} has no Spark Connect server in its jars. {install}")
    # Spark's own launcher puts slf4j-api first, so that no other jar's copy of its classes wins.
    names.sort(key=lambda name: not name.startswith("slf4j-api-"))
    return Pyspark(home, version, tuple(os.path.join(home, "jars", name) for name in names))


def check(environment: Mapping[str, str]) -> dict[str, object]:
    """The report of `launch.py check`: what was found and, for each problem, its code and what to do."""
    problems: list[dict[str, str]] = []
    report: dict[str, object] = {"python": {"version": sys.version.split()[0], "path": sys.executable}}
    try:
        java = find_java(environment)
        report["java"] = {"version": java.version, "path": java.executable}
    except SparkProblem as problem:
        problems.append({"code": problem.code, "remedy": problem.remedy})
    try:
        pyspark = find_pyspark()
        report["pyspark"] = {"version": pyspark.version, "path": pyspark.home}
    except SparkProblem as problem:
        problems.append({"code": problem.code, "remedy": problem.remedy})
    report["problems"] = problems
    return report
