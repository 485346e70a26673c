"""The terminal as a frontend: results to the standard output, progress and problems to the standard error."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from types import TracebackType
from typing import Any, Self, TextIO

from jupyter_zoe import words
from jupyter_zoe.attaching import Attaching
from jupyter_zoe.attaching.holder import folder
from jupyter_zoe.client import Client, ZoeProblem
from jupyter_zoe.client.operations import ExecutionView
from jupyter_zoe.harmless import COLOUR, NO_COLOUR, LogCleaner, escaped, harmless
from jupyter_zoe.verbs.parser import Verbs, zapp_of
from jupyter_zoe.verbs.verb import Prog, Result, argument

DESCRIPTION = "Zoe: analytics applications on containers."
EPILOG = """exit codes: 0 done, 1 failed, 2 not understood, 3 refused by the hub (its problem code is on the standard
error), 4 the hub cannot be reached, 130 interrupted; 'run --wait' ends with the exit code of the job.
EXECUTION is a name or an id. Every verb takes --json. The hub: $ZOE_HUB_URL and $ZOE_HUB_TOKEN, else your own,
which is started when it is needed."""
JSON = argument("--json", action="store_true", help="print JSON, errors too")


class Terminal:
    """``zoe``, on one connection to the hub, made when it is needed."""

    prog: Prog = "zoe"
    waits = False
    patience: float | None = None
    streams = True

    def __init__(self) -> None:
        self.for_program = False
        self._client: Client | None = None
        self._line = Line()
        self.attaching = Attaching(lambda: self.client, folder)

    @property
    def client(self) -> Client:
        """The hub, started if it is the user's own and does not run."""
        if self._client is None:
            self._client = Client()
        return self._client

    def close(self) -> None:
        """Close the connection."""
        self._line.close()
        if self._client is not None:
            self._client.close()

    def run(self, arguments: list[str]) -> Result:
        """Do what the arguments say, and show the result.

        :raises ZoeProblem: it cannot be done; :raises Help: help was asked for
        """
        verbs = Verbs(
            self,
            lambda name, attach: zapp_of(self.client, name, attach),
            description=DESCRIPTION,
            epilog=EPILOG,
            common=(JSON,),
        )
        call = verbs.parse(arguments)
        self.for_program = call.given.json
        result = call.verb.run(self, call)
        self._show(result)
        return result

    def _show(self, result: Result) -> None:
        if self.for_program:
            if result.data is not None:
                print(escaped(json.dumps(result.data, indent=2, ensure_ascii=False)), flush=True)
            return
        terminal = sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if terminal else 0  # for a pipe nothing is cut
        for index, part in enumerate(result.parts):
            text = part.text(width)
            if not part.is_log:
                text = harmless(text).replace("`", "'")
            elif terminal:  # for a pipe a log is what it is
                text = harmless(text, colours=True) + NO_COLOUR * (COLOUR in text)
            if text:
                print(f"{chr(10) if index else ''}{text}", flush=True)

    def live(self, verb: str) -> Line:
        """What happens meanwhile."""
        return self._line

    def write(self, data: bytes) -> None:
        """Output of a process, from any thread; beside a result in JSON it is no result."""
        self._line.write(data, to_stderr=self.for_program)


class Line:
    """What happens meanwhile, on the standard error: one line written over on a terminal, else a line for each
    change.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = ""
        self._open = False
        self._lock = threading.Lock()
        self._cleaner = LogCleaner()
        self._written: TextIO | None = None  # where output of a process went

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._clear()

    def about(self, **facts: Any) -> None:
        """For programs, which get the result alone."""

    def say(self, text: str) -> None:
        """What is being done; of no interest where each line stays."""
        if self._terminal:
            self._write(harmless(text), text)

    def progress(self, view: ExecutionView, seconds: float) -> None:
        """For ``Client.wait``."""
        line = harmless(words.progress_line(view, seconds))
        self._write(line, line.rpartition(" (")[0])

    def _write(self, line: str, what: str) -> None:
        with self._lock:
            if what == self._last and not self._terminal:
                return
            self._last = what
            if self._terminal:
                width = shutil.get_terminal_size().columns
                print("\r\x1b[K" + line[: width - 1], end="", file=sys.stderr, flush=True)
                self._open = True
            else:
                print(line, file=sys.stderr, flush=True)

    def write(self, data: bytes, *, to_stderr: bool) -> None:
        """Output of a process, from any thread."""
        with self._lock:
            self._clear()
            stream = sys.stderr if to_stderr else sys.stdout
            stream.flush()
            stream.buffer.write(self._cleaner.feed(data) if stream.isatty() else data)
            stream.buffer.flush()
            self._written = stream

    def close(self) -> None:
        """No more output comes: a terminal gets the rest, and its colours back."""
        with self._lock:
            if self._written is not None and self._written.isatty():
                self._written.buffer.write(self._cleaner.end())
                self._written.buffer.flush()
            self._written = None

    def _clear(self) -> None:
        if self._open:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._open = False


def tell(problem: ZoeProblem, *, as_json: bool) -> None:
    """A problem on the standard error: the code, what happened, what to do, in one line. (The end of a log takes lines
    of its own.)
    """
    if as_json:
        told = {
            "code": problem.code,
            "detail": problem.detail,
            "remedy": problem.remedy,
            "errors": problem.errors,
            "status": problem.status,
        }
        print(json.dumps(told), file=sys.stderr)
        return
    first, *rest = problem.lines()
    lines = f"zoe: {problem.code}: {first}".splitlines()
    if len(lines) == 1:
        print(" ".join([lines[0], *(line.strip() for line in rest)]), file=sys.stderr)
    else:
        print("\n".join([*lines, *rest]), file=sys.stderr)
