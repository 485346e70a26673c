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


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    from jupyter_zoe.client import ZoeProblem  # noqa: PLC0415 - imported in order of need: '--version' needs nothing
    from jupyter_zoe.options import Help  # noqa: PLC0415

    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in (arguments[: arguments.index("--")] if "--" in arguments else arguments)
    try:
        if arguments[:1] == ["--version"]:
            from jupyter_zoe import __version__  # noqa: PLC0415

            print(__version__)
            return OK
        from jupyter_zoe.cli.commands import Commands  # noqa: PLC0415

        with contextlib.closing(Commands()) as commands:
            code = commands.run(arguments)
        sys.stdout.flush()
    except Help as asked:
        print(asked)
        return OK
    except ZoeProblem as problem:
        _tell(problem, as_json)
        return OWN[problem.code].exit_code if problem.code in OWN else REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # 'zoe logs ... | head': whoever read has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return code


def _tell(problem: object, as_json: bool) -> None:
    """One line on the standard error: the code, what happened, what to do. (The end of a log takes lines of its
    own.)
    """
    import json  # noqa: PLC0415

    from jupyter_zoe.client import ZoeProblem  # noqa: PLC0415

    assert isinstance(problem, ZoeProblem)
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
