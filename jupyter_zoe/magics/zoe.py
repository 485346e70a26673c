"""The magic ``%zoe``: reads a line, has its verb run, and makes problems messages instead of tracebacks."""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from typing import Any

from jupyter_zoe.attaching.session import SESSIONS
from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.harmless import harmless
from jupyter_zoe.magics.cells import Cells
from jupyter_zoe.magics.notebook import Notebook
from jupyter_zoe.verbs.options import Help
from jupyter_zoe.verbs.parser import Verbs, zapp_of

DESCRIPTION = "Zoe: clusters and applications from inside the notebook."
EXAMPLES = """For example:
  %zoe attach spark --workers 2    a Spark cluster; `spark` is connected to it
  %zoe scale 4                     make it bigger, the session goes on
  %zoe detach                      end it"""


class ZoeMagicError(Exception):
    """What a person sees of an error: its message, without a traceback."""

    def __init__(self, problem: ZoeProblem) -> None:
        super().__init__("\n".join(problem.lines()))
        self.code, self._shown = problem.code, problem._render_traceback_()

    def _render_traceback_(self) -> list[str]:
        """IPython shows this instead of a traceback."""
        return self._shown


class Zoe:
    """``%zoe``."""

    def __init__(self, shell: Any) -> None:
        self.front = Notebook(shell)
        self.cells = Cells(shell, SESSIONS)
        self.verbs = Verbs(
            self.front, lambda name, attach: zapp_of(self.front.client, name, attach), description=DESCRIPTION
        )

    def run(self, line: str) -> None:
        """Zoe: attach this notebook to a cluster, make it bigger, run applications. ``%zoe help`` shows the verbs."""
        problem: ZoeProblem | None = None
        try:
            self.front.run(self.verbs.parse(split_line(line)))
        except Help as asked:
            of_one_verb = line.split(maxsplit=1)[:1] and line.split(maxsplit=1)[0] in self.verbs.verbs
            print(harmless(str(asked)) + ("" if of_one_verb else f"\n\n{EXAMPLES}"))
        except ZoeProblem as error:
            problem = error
        except KeyboardInterrupt:
            problem = ZoeProblem(
                "interrupted", "Interrupted. What was asked for goes on.", "See how far it is with '%zoe ps'."
            )
        if problem is not None:
            raise ZoeMagicError(problem)  # outside of 'except': frames that held secrets are no context of it


def split_line(line: str) -> list[str]:
    """The words of a line, up to a comment as Python's: a ``#`` that begins a word, outside of quotation marks."""
    for found in re.finditer(r"(?<!\S)#", line):
        with suppress(ValueError):  # a quotation mark is open there
            return shlex.split(line[: found.start()])
    try:
        return shlex.split(line)
    except ValueError as error:
        raise ZoeProblem("usage", f"The line cannot be understood: {error}.", "Close the quotation mark.") from None
