"""What an admin can set about the hub itself, and what follows from it. Used by ``program`` and ``running``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from traitlets import Bool, Float, List, TraitError, Unicode, validate

from zoe_hub.app.parts import part_names
from zoe_hub.app.web_options import LONGEST, WebOptions
from zoe_hub.run import runtime

EMBEDDED_IDLE = 1800.0  # seconds


class HubOptions(WebOptions):
    """The options of a hub. Their section is ``ZoeHub``, which has them all."""

    embedded = Bool(
        False,
        help=(
            "Be the hub of this user on this machine, as JupyterLab starts it. Changes what is chosen for port,"
            " idle_timeout and log_file."
        ),
    ).tag(config=True)
    data = Unicode(
        help=(
            "Folder for database, logs and runtime file, of mode 0700. Default: $ZOE_DATA, or the platform's folder for"
            " a user's data."
        )
    ).tag(config=True)
    database = Unicode(help="URL or path of the database. Default: zoe.db in the data folder.").tag(config=True)
    deployment = Unicode(
        help=(
            "Name of this hub among those that share an engine: lower-case letters and digits, at most 20. Default:"
            " made once and kept in the data folder."
        )
    ).tag(config=True)
    backend = Unicode(
        help=(
            "Where processes run: an entry point of the group zoe.backends, such as local or docker. Default: where"
            " executions are active from last time, else local."
        )
    ).tag(config=True)
    authenticator = Unicode(
        "embedded", help="Who may use the hub: an entry point of the group zoe.authenticators."
    ).tag(config=True)
    catalog_folders = List(
        Unicode(),
        help=(
            "Folders with definitions of frameworks and ZApps, earlier ones win; those that come with Zoe are added at"
            " the end."
        ),
    ).tag(config=True)
    trusted_frameworks = List(
        Unicode(),
        default_value=None,
        allow_none=True,
        help=(
            "Frameworks whose pages may be shown at the address of JupyterLab or of the hub where they get no origin of"
            " their own. Their scripts can then do there whatever the person who opens them can. Default: jupyter, if"
            " the hub is embedded and processes are local (it is the program, and the user, of the JupyterLab around"
            " it); otherwise none."
        ),
    ).tag(config=True)
    idle_timeout = Float(
        None,
        allow_none=True,
        min=0.0,
        max=LONGEST,
        help=(
            "Seconds without an active execution and a request after which the hub ends. 0: never. Default: 1800 if"
            " embedded, else 0. Shorter frees memory sooner; the next use waits a second."
        ),
    ).tag(config=True)
    log_file = Unicode(
        help=(
            "File for the log; '-': the standard error. Default: hub.log in the data folder if embedded, else the"
            " standard error."
        )
    ).tag(config=True)
    config_file = Unicode(
        help="Python file with settings. Default: zoe_hub_config.py in the data folder, if there is one."
    ).tag(config=True)

    @validate("deployment")
    def _check_deployment(self, proposal: Any) -> str:
        if proposal["value"] and not re.fullmatch("[a-z0-9]{1,20}", proposal["value"]):
            raise TraitError("a deployment has lower-case letters and digits, at most 20.")
        return str(proposal["value"])

    @validate("backend", "authenticator")
    def _check_part(self, proposal: Any) -> str:
        name, group = proposal["value"], f"zoe.{proposal['trait'].name}s"
        if name not in (names := part_names(group, name)) and (name or group != "zoe.backends"):
            raise TraitError(f"there is only {', '.join(names)}.")
        return str(name)

    def data_folder(self) -> Path:
        """The data folder, as far as the settings are known."""
        return runtime.expanded(self.data).absolute() if self.data else runtime.data_folder()

    def database_place(self) -> str | Path:
        """URL or path of the database."""
        place: str = self.database
        return str(runtime.expanded(place)) if place.startswith("~") else place or self.data_folder() / "zoe.db"

    def log_path(self) -> Path | None:
        """The file for the log; None: the standard error."""
        if not self.log_file:
            return self.data_folder() / "hub.log" if self.embedded else None
        return None if self.log_file == "-" else runtime.expanded(self.log_file)

    def seconds_until_idle_end(self) -> float:
        """Seconds without use after which the hub ends; 0: never."""
        if self.idle_timeout is None:
            return EMBEDDED_IDLE if self.embedded else 0.0
        return float(self.idle_timeout)

    def trusted_on(self, backend: str) -> list[str]:
        """Frameworks whose pages act as whoever opens them, on this backend."""
        given: list[str] | None = self.trusted_frameworks
        return given if given is not None else ["jupyter"] if self.embedded and backend == "local" else []
