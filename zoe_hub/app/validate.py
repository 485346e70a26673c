"""``zoe-hub validate PATH``: checks definitions of frameworks and ZApps, for their authors.

A subcommand of ``program``, which names it and imports it only when it is asked for.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from traitlets import List, Unicode

from zoe_hub.app.checking import CheckedApplication, WrongOptions
from zoe_hub.app.exit_codes import CANNOT_START, OK, WRONG_OPTIONS
from zoe_hub.catalog import check
from zoe_hub.run import runtime


class Validate(CheckedApplication):
    """Checks definitions of frameworks and ZApps."""

    name = "zoe-hub-validate"
    description = (
        "Check definitions of frameworks and ZApps: a file, a folder of one, or a folder of folders. Exit code 0: all"
        " are right; 1: some are not; 2: nothing was named."
    )
    catalog_folders = List(
        Unicode(), help="Folders with the frameworks that the ZApps may name. Empty: those that come with Zoe."
    ).tag(config=True)
    aliases = {"catalog": "Validate.catalog_folders"}
    flags = {}

    def initialize(self, argv: Any = None) -> None:
        """Read the settings."""
        try:
            super().initialize(argv)
        except WrongOptions as error:
            self.refuse(error.problems)

    def start(self) -> None:
        """Check, print every wrong place, and end."""
        if not self.extra_args:
            print("Name a file or a folder: zoe-hub validate PATH", file=sys.stderr)
            sys.exit(WRONG_OPTIONS)
        folders = [runtime.expanded(folder) for folder in self.catalog_folders] or None
        wrong = [error for path in self.extra_args for error in check(Path(path), folders)]
        for error in wrong:
            print(error)
        if not wrong:
            print(f"Correct: {', '.join(self.extra_args)}")
        sys.exit(CANNOT_START if wrong else OK)
