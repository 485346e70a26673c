"""The hub as a program: ``zoe-hub``. The only place where parts are chosen and put together.

``zoe-hub --embedded`` is the hub of one user on this machine, started by JupyterLab and the command line when it is
needed; it ends by itself when it is not. ``zoe-hub validate PATH`` checks definitions. Exit codes: 0 ended as asked, 1
cannot start (or definitions are wrong), 2 wrong options, 3 another hub of this data folder runs already.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import getpass
import logging
import signal
import socket
import sys
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.netutil import bind_sockets
from traitlets import Bool, Float, Int, List, TraitError, Unicode, default, validate
from traitlets.config import Application, catch_config_error

import zoe_hub
from zoe_hub.backends.open_files import raise_limit
from zoe_hub.controllers.attachments.leases import Leases
from zoe_hub.controllers.hub import Controllers
from zoe_hub.controllers.kit.tokens import random_token
from zoe_hub.controllers.retention import Retention
from zoe_hub.core.errors import ZoeError
from zoe_hub.run import logs, runtime
from zoe_hub.web.access.auth import EmbeddedAuthenticator
from zoe_hub.web.connections import HubServer
from zoe_hub.web.context import WebHub
from zoe_hub.web.limits import Limits
from zoe_hub.web.server import make_server
from zoe_proxy.pages import origins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoe_hub.backends.base import Backend
    from zoe_hub.store.base import Store
    from zoe_hub.web.access.auth import Authenticator

BACKLOG = 1024  # connections that wait to be accepted; more are asked by the system to come again, a second later
OK, CANNOT_START, WRONG_OPTIONS, ALREADY_RUNS = 0, 1, 2, 3

# also entry points of the installed package; known here, since reading those of all packages takes 15 ms at each start
_OWN = {
    "zoe.backends": {
        "local": "zoe_hub.backends.local:LocalBackend",
        "docker": "zoe_hub.backends.docker:DockerBackend",
        "fake": "zoe_hub.backends.fake:FakeBackend",
    },
    "zoe.authenticators": {"embedded": "zoe_hub.web.access.auth:EmbeddedAuthenticator"},
}


def load_part(group: str, name: str) -> Any:
    """The class that the entry point ``name`` of ``group`` names.

    :raises ZoeError: ``not-supported``
    """
    from importlib.metadata import EntryPoint, entry_points  # noqa: PLC0415

    own = _OWN[group]
    if name in own:
        point = EntryPoint(name, own[name], group)
    else:
        found = {each.name: each for each in entry_points(group=group)}
        if name not in found:
            raise ZoeError("not-supported", f"There is no {name!r} among {group}: {', '.join(sorted({*found, *own}))}.")
        point = found[name]
    try:
        return point.load()
    except ImportError as error:
        raise ZoeError(
            "not-supported",
            f"{name!r} of {group} needs more than is installed: {error}. Install it with: pip install"
            f" 'jupyter-zoe[{name}]'.",
        ) from error


def choose_backend(wanted: str, last: object, *, active: bool) -> str:
    """Where processes run. What is active stays where it is: on another backend everything would be started a second
    time.

    :param wanted: the setting, perhaps empty
    :param last: the backend of the hub before, if one is known
    :param active: whether there are executions that have not ended
    :raises ZoeError: ``backend-changed``
    """
    if not active or not isinstance(last, str):
        return wanted or "local"
    if wanted and wanted != last:
        raise ZoeError(
            "backend-changed",
            f"Executions are active on the backend {last!r}, and the hub is to start with {wanted!r}.",
        )
    return last


class Validate(Application):
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

    def start(self) -> None:
        """Check, print every wrong place, and end."""
        from zoe_hub.catalog import check  # noqa: PLC0415

        if not self.extra_args:
            print("Name a file or a folder: zoe-hub validate PATH", file=sys.stderr)
            sys.exit(WRONG_OPTIONS)
        folders = [Path(folder) for folder in self.catalog_folders] or None
        wrong = [error for path in self.extra_args for error in check(Path(path), folders)]
        for error in wrong:
            print(error)
        if not wrong:
            print(f"Correct: {', '.join(self.extra_args)}")
        sys.exit(CANNOT_START if wrong else OK)


class ZoeHub(Application):
    """The hub."""

    name = "zoe-hub"
    version = zoe_hub.__version__
    description = "The Zoe hub: runs analytics applications on local processes and containers."
    examples = "zoe-hub --embedded\nzoe-hub --backend=docker --port=8470\nzoe-hub validate frameworks/"
    subcommands = {"validate": (Validate, "Check definitions of frameworks and ZApps.")}
    classes = [Controllers, Leases, Retention, EmbeddedAuthenticator]
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

    embedded = Bool(
        False,
        help=(
            "Be the hub of this user on this machine, as JupyterLab starts it. Changes what is chosen for port,"
            " idle_timeout and log_file."
        ),
    ).tag(config=True)
    ip = Unicode(
        "127.0.0.1",
        help=(
            "Address to listen at. 0.0.0.0: all. Other machines reach the hub only at addresses beside 127.0.0.1; put"
            " it behind TLS then."
        ),
    ).tag(config=True)
    port = Int(0, help="TCP port. 0: 8470; embedded: the one of last time, or a free one.").tag(config=True)
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
    idle_timeout = Float(
        None,
        allow_none=True,
        help=(
            "Seconds without an active execution and a request after which the hub ends. 0: never. Default: 1800 if"
            " embedded, else 0. Shorter frees memory sooner; the next use waits a second."
        ),
    ).tag(config=True)
    allowed_hosts = List(
        Unicode(),
        help=(
            "Further names under which the hub may be reached, without a port. Each is a name that a page of another"
            " site could use to reach it, too."
        ),
    ).tag(config=True)
    allowed_origins = List(
        Unicode(),
        help=(
            "Further origins of pages that may call the hub, such as https://lab.example.org. They can do whatever"
            " their user can."
        ),
    ).tag(config=True)
    max_body = Int(
        2**20,
        help=(
            "Bytes of a request to the REST interface. More lets bigger parameters through and takes more memory for"
            " each request."
        ),
    ).tag(config=True)
    max_connections = Int(
        4096,
        min=16,
        help=(
            "Connections of clients at a time, not more than half of the limit of open files. When there are as many,"
            " the one that has been idle for longest is closed, and if none is, new ones are refused. More serves more"
            " people and takes some 20 KiB for each."
        ),
    ).tag(config=True)
    header_timeout = Float(
        20.0,
        help=(
            "Seconds after connecting in which a client must have sent the head of its first request. Shorter frees"
            " abandoned connections sooner; longer suits slow networks."
        ),
    ).tag(config=True)
    body_timeout = Float(
        30.0,
        help=(
            "Seconds in which the body of a request to the REST interface must have come, or the next piece of one that"
            " is passed on to a page. Shorter frees abandoned requests sooner; longer suits slow networks."
        ),
    ).tag(config=True)
    keep_alive = Float(
        120.0,
        help=(
            "Seconds that a connection is kept open after a request for the next one. Longer spares clients new"
            " connections; shorter frees memory."
        ),
    ).tag(config=True)
    heartbeat = Float(
        15.0,
        help=(
            "Seconds between two signs of life in a quiet event stream. Shorter finds dead connections sooner and wakes"
            " clients more."
        ),
    ).tag(config=True)
    stall = Float(
        30.0,
        help=(
            "Seconds after which a client that does not read its events or its answer is disconnected; it can resume or"
            " ask again. Longer suits slow networks and holds memory."
        ),
    ).tag(config=True)
    session_life = Float(
        43200.0,
        help=(
            "Seconds that a browser's session with proxied pages lasts, opened by a ticket. Longer asks less often for"
            " a new one and is longer open to whoever has the browser."
        ),
    ).tag(config=True)
    pages_origin = Unicode("auto", help=origins.HELP).tag(config=True)
    pages_ip = Unicode(
        help=(
            "Address at which the second listener, for pages with origins of their own, listens. Empty: this machine"
            " alone. Another one lets a reverse proxy, or a published port of a container, reach it."
        )
    ).tag(config=True)
    pages_port = Int(
        0,
        help=(
            "TCP port of the second listener. 0: the one of last time, or a free one. A fixed one can be forwarded"
            " through a tunnel beside the hub's, or be named in a reverse proxy."
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
    log_file = Unicode(
        help=(
            "File for the log; '-': the standard error. Default: hub.log in the data folder if embedded, else the"
            " standard error."
        )
    ).tag(config=True)
    config_file = Unicode(
        help="Python file with settings. Default: zoe_hub_config.py in the data folder, if there is one."
    ).tag(config=True)

    @validate("pages_origin")
    def _check_pages_origin(self, proposal: Any) -> str:
        try:
            return origins.Origins(proposal["value"]).setting
        except ValueError as error:
            raise TraitError(f"ZoeHub.pages_origin: {error}.") from error

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
        """Nothing: ``initialize`` does it, once all settings are known."""

    @catch_config_error
    def initialize(self, argv: Any = None) -> None:
        """Read the settings."""
        self.parse_command_line(argv)
        if self.subapp is not None:
            return
        if self.extra_args:
            print(f"zoe-hub does not understand {self.extra_args[0]!r}. See zoe-hub --help.", file=sys.stderr)
            self.exit(WRONG_OPTIONS)
        given = deepcopy(self.cli_config)
        before = self._data_folder()
        file = Path(self.config_file).expanduser() if self.config_file else before / "zoe_hub_config.py"
        if self.config_file and not file.is_file():
            self._stop_with(f"There is no configuration file {file}.")
        if file.is_file():
            self.load_config_file(file.name, str(file.parent))
            self.update_config(given)
        if not self.config_file and self._data_folder() != before:
            self._stop_with(
                f"{file} belongs to the data folder {before} and cannot name another one. Use --data, $ZOE_DATA or"
                " --config."
            )

    def _data_folder(self) -> Path:
        """The data folder, as far as the settings are known."""
        return Path(self.data).expanduser().absolute() if self.data else runtime.data_folder()

    def print_help(self, classes: bool = False) -> None:
        """Show the options, with ``--help-all`` those of the backends too."""
        if classes:
            for name in _OWN["zoe.backends"]:
                try:
                    self.classes = [*self.classes, load_part("zoe.backends", name)]
                except ZoeError:
                    continue
        super().print_help(classes)

    def _stop_with(self, message: str, code: int = CANNOT_START) -> None:
        self.log.error("%s", message)
        print(f"zoe-hub: {logs.redact(message)}", file=sys.stderr)
        self.exit(code)

    def start(self) -> None:
        """Run until the end; exits the program."""
        if self.subapp is not None:
            self.subapp.start()
            return
        data = self._data_folder()
        lock = runtime.Lock(data)
        try:
            runtime.private_folder(data)
            own = data / "hub.log" if self.embedded else None
            file = own if not self.log_file else None if self.log_file == "-" else Path(self.log_file)
            logs.configure(
                int(str(self.log_level)) if str(self.log_level).isdigit() else str(self.log_level),
                self.log_format,
                self.log_datefmt,
                file,
            )
            if not lock.take():
                running = runtime.read(data / runtime.RUNTIME)
                where = f" as process {running['pid']} at {running['url']}" if {"pid", "url"} <= set(running) else ""
                self._stop_with(f"A hub with the data folder {data} runs already{where}.", ALREADY_RUNS)
            asyncio.run(self._main())
        except ZoeError as error:
            places = "".join(f"\n  {place}" for place in error.errors)
            self._stop_with(f"{error.kind.title}: {error.detail}{places}\n{error.kind.remedy}")
        except OSError as error:
            self._stop_with(f"The hub cannot start: {error}.")
        except Exception:
            self.log.exception("The hub failed.")
            self._stop_with(f"The hub failed for a reason it does not know. Its log has more: {file or 'above'}.")
        finally:
            lock.release()
        self.exit(OK)

    async def _main(self) -> None:
        running = Running(self)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, running.end, f"signal {number.name}")
        try:
            await running.start()
            await running.ended.wait()
        finally:
            await running.stop()


class Running:
    """The parts of a hub that runs, made in the order in which they need each other and stopped in the other one."""

    def __init__(self, app: ZoeHub) -> None:
        self.app = app
        self.log = app.log
        self.data = app._data_folder()
        self.ended = asyncio.Event()
        self.store: Store | None = None
        self.backend: Backend | None = None
        self.controllers: Controllers | None = None
        self.hub: WebHub | None = None
        self.servers: list[HubServer] = []
        self._sockets: list[socket.socket] = []
        self._idle: asyncio.TimerHandle | None = None

    def end(self, reason: str) -> None:
        """Have the hub end soon."""
        self.log.info("The hub ends: %s. Processes keep running.", reason)
        self.ended.set()

    async def start(self) -> None:
        """Open everything, adopt what runs, then listen."""
        from zoe_hub.catalog import Catalog, default_folders  # noqa: PLC0415
        from zoe_hub.store.sql import SQLStore  # noqa: PLC0415
        from zoe_hub.web.pages.proxy import make_page_server, routes  # noqa: PLC0415

        app = self.app
        open_files = raise_limit()
        state = runtime.read(self.data / runtime.STATE)
        deployment = app.deployment or str(state.get("deployment") or runtime.new_deployment(getpass.getuser()))
        self._sockets, port = self._listen(state.get("port"))
        page_sockets, pages_port = self._listen_for_pages(state.get("pages_port"))
        self._sockets += page_sockets
        kept = {"deployment": deployment, "port": port, "pages_port": pages_port or state.get("pages_port")}
        runtime.write_private(self.data / runtime.STATE, {**state, **kept})
        store = SQLStore(app.database or self.data / "zoe.db")
        opening = asyncio.ensure_future(store.open())
        catalog = Catalog((*map(Path, app.catalog_folders), *default_folders()))
        await asyncio.sleep(0)  # the database opens in its thread while the definitions are read
        catalog.load()
        for problem in catalog.problems:
            self.log.warning("A definition cannot be used: %s", problem)
        await opening
        self.store = store
        chosen = choose_backend(app.backend, state.get("backend"), active=any(True for _ in store.active()))
        folder = runtime.private_folder(self.data / chosen)
        backend: Backend = load_part("zoe.backends", chosen)(deployment=deployment, data=str(folder), parent=app)
        runtime.write_private(self.data / runtime.STATE, {**kept, "backend": chosen})
        await backend.open()
        self.backend = backend
        reached = backend.capabilities().hub_host
        self._listen_also(reached, port)
        self.controllers = Controllers(
            store=store,
            backend=backend,
            catalog=catalog,
            deployment=deployment,
            hub_url=f"http://{_host(reached)}:{port}",
            parent=app,
        )
        now = self.controllers.clock.now
        authenticator: Authenticator = load_part("zoe.authenticators", app.authenticator)(
            store=store, now=now, parent=app
        )
        self.hub = WebHub(
            controllers=self.controllers,
            catalog=catalog,
            authenticator=authenticator,
            now=now,
            hosts=(app.ip, reached, *app.allowed_hosts),
            origins=app.allowed_origins,
            limits=Limits(
                header_timeout=app.header_timeout,
                keep_alive=app.keep_alive,
                body_timeout=app.body_timeout,
                max_body=app.max_body,
                max_connections=min(app.max_connections, open_files // 2),
            ),
            heartbeat=app.heartbeat,
            stall=app.stall,
            session=app.session_life,
            pages=origins.Origins(app.pages_origin, pages_port),
            trusted=self._trusted(chosen),
        )
        await self.controllers.start()
        for server, sockets in (
            (make_server(self.hub, routes()), [each for each in self._sockets if each not in page_sockets]),
            (make_page_server(self.hub), page_sockets),
        ):
            self.servers.append(server)
            server.add_sockets(sockets)
        self._announce(authenticator, port, chosen)
        gc.freeze()
        gc.enable()
        self._look_idle()

    def _listen(self, last: object) -> tuple[list[socket.socket], int]:
        """Sockets at the chosen port, which is known before anything else is made."""
        app = self.app
        wanted = app.port or (8470 if not app.embedded else last if isinstance(last, int) else 0)
        try:
            sockets = bind_sockets(wanted, app.ip, backlog=BACKLOG)
        except OSError as error:
            if app.port or not app.embedded:
                raise ZoeError(
                    "port-taken",
                    f"The hub cannot listen at {app.ip}:{wanted}: {error.strerror or error}. Choose another one with"
                    " --port.",
                ) from error
            sockets = bind_sockets(0, app.ip, backlog=BACKLOG)
        return sockets, int(sockets[0].getsockname()[1])

    def _listen_for_pages(self, last: object) -> tuple[list[socket.socket], int]:
        """Sockets of the second listener, and its port: the one of last time, so that what a page keeps in its browser
        stays there. Nothing, and 0, if there is none.
        """
        from zoe_proxy.pages.listener import bind  # noqa: PLC0415

        app = self.app
        if app.pages_origin == origins.NONE:
            return [], 0
        for port in (app.pages_port,) if app.pages_port else (last, 0) if isinstance(last, int) else (0,):
            try:
                return bind(app.pages_ip, port)
            except OSError as error:
                problem = error
        raise ZoeError(
            "port-taken",
            f"The hub cannot listen for pages at port {port}: {problem.strerror or problem}. Choose another one with"
            " --ZoeHub.pages_port.",
        )

    def _trusted(self, backend: str) -> list[str]:
        """Frameworks whose pages act as whoever opens them."""
        given: list[str] | None = self.app.trusted_frameworks
        return given if given is not None else ["jupyter"] if self.app.embedded and backend == "local" else []

    def _listen_also(self, host: str, port: int) -> None:
        """Listen where processes reach the hub, too."""
        everywhere = ("", "0.0.0.0", "::")  # noqa: S104 - compared
        if host in ("", "localhost", "127.0.0.1", "::1", self.app.ip) or self.app.ip in everywhere:
            return
        try:
            self._sockets += bind_sockets(port, host, backlog=BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
                self.log.warning(
                    "Processes look for the hub at %s, which is no address of this machine (%s): Zoe inside"
                    " applications does not work, such as '%%zoe' and the panel in 'notebook'. Set"
                    " --DockerBackend.hub_host to an address of this machine that containers reach.",
                    host,
                    error.strerror or error,
                )
                return
            raise ZoeError(
                "port-taken",
                f"The hub cannot listen at {host}:{port}, where processes would reach it: {error.strerror or error}.",
            ) from error

    def _announce(self, authenticator: Authenticator, port: int, backend: str) -> None:
        host = "127.0.0.1" if self.app.ip in ("", "0.0.0.0", "::") else self.app.ip  # noqa: S104 - compared
        url = f"http://{_host(host)}:{port}"
        if isinstance(authenticator, EmbeddedAuthenticator):
            token = random_token()
            authenticator.accept(token)
            runtime.write_runtime_file(self.data, url, token)
        self.log.info("Zoe %s listens at %s with the backend %s.", zoe_hub.__version__, url, backend)

    def _look_idle(self) -> None:
        """End an embedded hub that nobody uses."""
        assert self.hub is not None
        assert self.store is not None
        timeout = self.app.idle_timeout if self.app.idle_timeout is not None else 1800.0 if self.app.embedded else 0.0
        if timeout <= 0:
            return
        if any(True for _ in self.store.active()):
            self.hub.touch()
        left = timeout - self.hub.idle()
        if left <= 0:
            self.end(f"nothing was active and nobody asked for {timeout:g} s")
        else:
            self._idle = asyncio.get_running_loop().call_later(min(max(left, 0.05), 60.0), self._look_idle)

    async def stop(self) -> None:
        """Stop everything that was started, whatever state it is in; processes keep running."""
        if self._idle is not None:
            self._idle.cancel()
        runtime.remove_runtime_file(self.data)
        for server in self.servers:
            server.stop()
        if self.hub is not None:
            self.hub.streams.close()
            for _ in range(100):  # streams end by themselves, at once
                if not self.hub.streams:
                    break
                await asyncio.sleep(0.02)
        for server in self.servers:
            try:
                async with asyncio.timeout(2.0):
                    await server.close_all_connections()
            except TimeoutError:
                self.log.info("A connection did not end.")
        for each in self._sockets:
            each.close()
        for part in (self.controllers, self.backend, self.store):
            if part is not None:
                try:
                    async with asyncio.timeout(5.0):  # what does not end must not keep the others from ending well
                        await (part.stop() if isinstance(part, Controllers) else part.close())
                except Exception:
                    self.log.exception("A part of the hub did not end well.")


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def main(argv: Sequence[str] | None = None) -> None:
    """The program."""
    ZoeHub.launch_instance(None if argv is None else list(argv))
