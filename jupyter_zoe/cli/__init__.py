"""``zoe`` on the command line: the verbs of ``%zoe`` for terminals and scripts.

Exit codes: 0 done, 1 failed (also: a wait took too long, an application failed without a code), 2 not understood, 3 the
hub refuses (the problem's code is on the standard error), 4 the hub cannot be reached, 130 interrupted. ``zoe run
--wait`` ends with the exit code of the job.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from jupyter_zoe.codes import INTERRUPTED, OK, OWN, REFUSED


def _put_streams_right() -> None:
    """Standard streams that somebody has closed lead nowhere, and characters that a terminal lacks are written as
    codes: neither is a reason to fail.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # in the order of their descriptors
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - for good
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _readable(argument: str) -> str:
    """An argument as text, also where the locale lacks its characters: whatever terminal wrote it, most write UTF-8."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return os.fsencode(argument).decode("utf-8", "replace")
    return argument


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    _put_streams_right()
    arguments = [_readable(each) for each in (sys.argv[1:] if argv is None else argv)]
    if arguments[:1] == ["--version"]:
        from jupyter_zoe import __version__  # noqa: PLC0415 - nothing else is needed for it

        print(__version__)
        return OK
    from jupyter_zoe.cli.terminal import Terminal, tell  # noqa: PLC0415
    from jupyter_zoe.client import ZoeProblem  # noqa: PLC0415
    from jupyter_zoe.harmless import harmless  # noqa: PLC0415
    from jupyter_zoe.verbs.options import Help  # noqa: PLC0415

    as_json = "--json" in (arguments[: arguments.index("--")] if "--" in arguments else arguments)
    try:
        with contextlib.closing(Terminal()) as terminal:
            result = terminal.run(arguments)
        sys.stdout.flush()
    except Help as asked:
        print(harmless(str(asked)))
        return OK
    except ZoeProblem as problem:
        tell(problem, as_json=as_json)
        return OWN[problem.code].exit_code if problem.code in OWN else REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # 'zoe logs ... | head': whoever read has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    if result.problem is not None and not as_json:
        tell(result.problem, as_json=False)
    return result.exit_code
