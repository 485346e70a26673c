"""The program ``zoe-hub``: reads its options, holds the data folder against a second hub, and says why it cannot run.

Exit codes: 0 ended as asked, 1 cannot start (or definitions are wrong), 2 wrong options, 3 another hub of this data
folder runs already.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from traitlets import default
from traitlets.config import Configurable

import zoe_hub
from zoe_hub.app.checking import CheckedApplication, WrongOptions
from zoe_hub.app.exit_codes import ALREADY_RUNS, CANNOT_START, OK
from zoe_hub.app.options import HubOptions
from zoe_hub.app.parts import OWN, load_part, part_names
from zoe_hub.controllers.attachments.leases import Leases
from zoe_hub.controllers.hub import Controllers
from zoe_hub.controllers.retention import Retention
from zoe_hub.controllers.shop import ShopWatch
from zoe_hub.core.errors import ZoeError
from zoe_hub.run import logs, runtime
from zoe_hub.run.surroundings import put_right
from zoe_hub.web.access.auth import EmbeddedAuthenticator


class ZoeHub(HubOptions, CheckedApplication):
    """The hub."""

    name = "zoe-hub"
    version = zoe_hub.__version__
    description = "The Zoe hub: runs analytics applications on local processes and containers."
    examples = "zoe-hub --embedded\nzoe-hub --backend=docker --port=8470\nzoe-hub validate frameworks/"
    subcommands = {"validate": ("zoe_hub.app.validate.Validate", "Check definitions of frameworks and ZApps.")}
    classes = [Controllers, Leases, Retention, ShopWatch, EmbeddedAuthenticator]
    aliases = {
        **{name: f"ZoeHub.{name}" for name in ("ip", "port", "data", "deployment", "backend")},
        "config": "ZoeHub.config_file",
        "log-level": "ZoeHub.log_level",
    }
    flags = {
        "embedded": (
            {"ZoeHub": {"embedded": True}},
            "Be the hub of this user on this machine: own address, own log file, ends when idle.",
        ),
        "debug": ({"ZoeHub": {"log_level": 10}}, "Log every request and decision."),
    }

    @default("log")
    def _log_default(self) -> logging.Logger:
        return logging.getLogger("zoe_hub")

    @default("log_level")
    def _log_level_default(self) -> int:
        return logging.INFO

    @default("log_format")
    def _log_format_default(self) -> str:
        return "%(asctime)s %(levelname).1s %(name)s: %(message)s"

    def _configure_logging(self) -> None:
        """Nothing: ``start`` does it, once all settings are known."""

    def option_classes(self) -> Iterable[type[Configurable]]:
        """Those of the parts too, which are loaded only if a setting is for none of the hub's own."""
        yield from super().option_classes()
        for group in OWN:
            for name in part_names(group):
                with suppress(ZoeError):
                    yield load_part(group, name)

    def initialize(self, argv: Any = None) -> None:
        """Read the settings."""
        try:
            self._read_settings(argv)
        except WrongOptions as error:
            self.refuse(error.problems)
        except OSError as error:
            self._stop_with(f"The hub cannot start: {error}.")

    def _read_settings(self, argv: Any) -> None:
        self.parse_command_line(argv)
        if self.subapp is not None:
            return
        if self.extra_args:
            raise WrongOptions([f"{self.extra_args[0]!r} is not understood. See zoe-hub --help."])
        given = deepcopy(self.cli_config)
        before = self.data_folder()
        file = runtime.expanded(self.config_file) if self.config_file else before / "zoe_hub_config.py"
        if self.config_file and not file.is_file():
            self._stop_with(f"There is no configuration file {file}.")
        if file.is_file():
            try:
                runtime.refuse_shared(file)
            except OSError as error:
                self._stop_with(f"The configuration is not read: {error}.")
            self._read_file(file)
            self.update_config(given)
        if not self.config_file and self.data_folder() != before:
            self._stop_with(
                f"{file} belongs to the data folder {before} and cannot name another one. Use --data, $ZOE_DATA or"
                " --config."
            )

    def _read_file(self, file: Path) -> None:
        try:
            self.load_config_file(file.name, str(file.parent))
        except WrongOptions as error:
            raise WrongOptions([f"{file}: {problem}" for problem in error.problems]) from None
        except Exception as error:
            raise WrongOptions([f"{file} cannot be read: {type(error).__name__}: {error}"]) from error

    def print_help(self, classes: bool = False) -> None:
        """Show the options, with ``--help-all`` those of the backends too."""
        if classes:
            for name in OWN["zoe.backends"]:
                try:
                    self.classes = [*self.classes, load_part("zoe.backends", name)]
                except ZoeError:
                    continue
        super().print_help(classes)

    def start(self) -> None:
        """Run until the end; exits the program."""
        if self.subapp is not None:
            self.subapp.start()
            return
        data = self.data_folder()
        lock = runtime.Lock(data)
        try:
            runtime.private_folder(data)
            level = str(self.log_level)
            logs.configure(int(level) if level.isdigit() else level, self.log_format, self.log_datefmt, self.log_path())
            if not lock.take():
                running = runtime.read(data / runtime.RUNTIME)
                where = f" as process {running['pid']} at {running['url']}" if {"pid", "url"} <= set(running) else ""
                self._stop_with(f"A hub with the data folder {data} runs already{where}.", ALREADY_RUNS)
            self._run()
        except ZoeError as error:
            places = "".join(f"\n  {place}" for place in error.errors)
            self._stop_with(f"{error.kind.title}: {error.detail}{places}\n{error.kind.remedy}")
        except OSError as error:
            self._stop_with(f"The hub cannot start: {error}.")
        except Exception:
            self.log.exception("The hub failed.")
            where = str(self.log_path() or "above")
            self._stop_with(f"The hub failed for a reason it does not know. Its log has more: {where}.")
        finally:
            lock.release()
        self.exit(OK)

    def _run(self) -> None:
        from zoe_hub.app.running import run  # noqa: PLC0415 - help, and a second hub, need no catalog and no database

        asyncio.run(run(options=self, parent=self, log=self.log))

    def _stop_with(self, message: str, code: int = CANNOT_START) -> None:
        self.log.error("%s", message)
        print(f"zoe-hub: {logs.redact(message)}", file=sys.stderr)
        self.exit(code)


def main(argv: Sequence[str] | None = None) -> None:
    """The program."""
    put_right()
    ZoeHub.launch_instance(None if argv is None else list(argv))
