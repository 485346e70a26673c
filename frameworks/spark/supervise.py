"""Runs the Connect server, and says in one line why it cannot work, if that is for a person to put right.

Called by `launch.py` in the place of an `exec`. Spark takes properties as they come and fails later, each time anew: at
its start, with the first session, or with the first query, far from who gave them. Its own output tells which property
it was, so it is read on its way to the log. A server whose properties do not work ends with `EXIT_CONFIGURATION`, after
which the hub does not start it again.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from types import FrameType

from jvm import EXIT_CONFIGURATION, SparkProblem
from roles import RoleLaunch

PR_SET_PDEATHSIG = 1
CHUNK = 65536  # bytes
LONGEST_LINE = 8192  # bytes of a line that are looked at

INVALID = re.compile(r"\[INVALID_CONF_VALUE[^\]]*\] (The value '(.*?)' in the config \"([^\"]+)\" is invalid\..*)")
THROWN = re.compile(r"Exception in thread \"main\" (?P<kind>[\w.$]+)(?:: (?P<words>.*))?$")
CAUSE = re.compile(r"Caused by: (?P<kind>[\w.$]+)(?:: (?P<words>.*))?$")
EXTENSION = re.compile(r"Cannot use (\S+) to configure session extensions")
UNRESOLVED = re.compile(r"unresolved dependency: ([^\]]+)")
PACKAGES = "spark.jars.packages"
EXTENSIONS = "spark.sql.extensions"
BEGUN = "SparkConnectServer: Starting Spark session"  # before it, properties are all that has been looked at
# What a property brings about; others, such as an address in use, may pass.
LASTING: tuple[str, ...] = (
    "ClassNotFoundException",
    "FileNotFoundException",
    "NoSuchMethodException",
    "NumberFormatException",
)
LASTING += ("IllegalArgumentException", "SparkIllegalArgumentException")
# Executors that end before they have said anything, one after the other.
REGISTERED = re.compile(r"Registered executor ")
REMOVED = re.compile(r"Executor \S+ removed: (?P<words>Command exited with code [1-9]\d*)")
MOST_REMOVED = 4


class Diagnosis:
    """Reads the server's output line by line. Pure.

    :param given: the properties that the user gave, which alone can be wrong
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._removed = 0
        self._has_begun = False
        self._has_thrown = False  # the server ends with an error, whose causes follow
        self._thrown: tuple[str, str] | None = None  # that names no property
        self.problem: SparkProblem | None = None  # what a person has to put right
        self.is_hopeless = False  # the server lives on, but nothing can work in it

    def line(self, line: str) -> None:
        """Look at a line."""
        if self.problem is not None or not self._given:
            return
        if (invalid := INVALID.search(line)) is not None:
            words, value, key = invalid.groups()
            if self._given.get(key) == value:  # what a session sets for itself is its own affair
                self._wrong(f"{key}={value}", words.partition(" SQLSTATE")[0])
                self.is_hopeless = True
        elif (thrown := (CAUSE if self._has_thrown else THROWN).match(line)) is not None:
            self._has_thrown = True
            self._explain(thrown["kind"].rpartition(".")[2], (thrown["words"] or "").strip())
        elif (extension := EXTENSION.search(line)) is not None and EXTENSIONS in self._given:
            self._wrong(f"{EXTENSIONS}={self._given[EXTENSIONS]}", f"There is no class {extension[1]}.")
            self.is_hopeless = True
        elif BEGUN in line:
            self._has_begun = True
        elif REGISTERED.search(line) is not None:
            self._removed = 0
        elif (removed := REMOVED.search(line)) is not None:
            self._removed += 1
            if self._removed >= MOST_REMOVED and (names := self._of_executors()):
                self._wrong(" ".join(names), f"Executors end as soon as they start: {removed['words']}.")
                self.is_hopeless = True

    def end(self) -> None:
        """There are no more lines. An error that names no property is the fault of one if it is of such a kind."""
        if self.problem is None and self._thrown is not None:
            kind, words = self._thrown
            if kind in LASTING or not self._has_begun:
                self._wrong("One of the properties that were given", f"({', '.join(self._given)}) {kind}: {words}")

    def _explain(self, kind: str, words: str) -> None:
        if (package := UNRESOLVED.search(words)) is not None and PACKAGES in self._given:
            name = package[1].replace("#", ":").replace(";", ":")
            self._wrong(f"{PACKAGES}={self._given[PACKAGES]}", f"{name}, in none of the repositories that were asked.")
            return
        message = f"{kind}: {words}" if words else kind
        culprit = next((pair for pair in self._pairs() if any(part in words for part in self._traces(pair))), None)
        if culprit is not None:
            self._wrong("=".join(culprit), message)
        elif self._thrown is None or kind in LASTING:
            self._thrown = (kind, words)

    def _pairs(self) -> Iterator[tuple[str, str]]:
        """The properties, the ones that say most about themselves first."""
        yield from sorted(self._given.items(), key=lambda pair: -len(pair[1]))

    @staticmethod
    def _traces(pair: tuple[str, str]) -> Iterator[str]:
        """What of a property would stand in a message about it."""
        key, value = pair
        yield key
        yield from (part for part in re.split(r"[,\s]+", value) if len(part) > 3)
        if key.startswith("spark.executor."):  # such as: Executor cores must be a positive number
            yield "Executor " + key.removeprefix("spark.executor.")

    def _of_executors(self) -> list[str]:
        return [
            f"{key}={value}" for key, value in self._given.items() if key.startswith(("spark.executor", "spark.task"))
        ]

    def _wrong(self, what: str, why: str) -> None:
        self.problem = SparkProblem("configuration-wrong", f"{what} does not work. {why}")


def supervise(launch: RoleLaunch, given: Mapping[str, str]) -> int:
    """Run the server until it ends; the exit code. TERM and INT are passed on; it does not outlive this process.

    :param given: the properties that the user gave
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _become(launch, writing)
    os.close(writing)

    def pass_on(number: int, frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, pass_on)
    diagnosis = Diagnosis(given)
    for line in _copied(reading):
        diagnosis.line(line)
        if diagnosis.is_hopeless:
            os.kill(child, signal.SIGTERM)
            diagnosis.is_hopeless = False
    diagnosis.end()
    _, status = os.waitpid(child, 0)
    if diagnosis.problem is not None:
        print(diagnosis.problem, file=sys.stderr, flush=True)
        return EXIT_CONFIGURATION
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _become(launch: RoleLaunch, output: int) -> None:
    """In the child: the server."""
    try:
        # The kernel keeps this wish across exec.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.execve(launch.argv[0], list(launch.argv), launch.environment)  # noqa: S606
    finally:
        os._exit(127)


def _copied(source: int) -> Iterator[str]:
    """Copy to the standard output whatever comes; its lines, once they have been copied."""
    rest = b""
    while data := os.read(source, CHUNK):
        written = 0
        while written < len(data):
            written += os.write(1, data[written:])
        *lines, rest = (rest + data).split(b"\n")
        rest = rest[:LONGEST_LINE]
        for line in lines:
            yield line[:LONGEST_LINE].decode("utf-8", "replace")
