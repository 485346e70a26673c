"""The extension as Jupyter Server sees it: its settings, its routes, and what kernels are told."""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from traitlets import Float, List, Unicode

from jupyter_zoe.extension.holders import Holders
from jupyter_zoe.extension.keeper import Keeper
from jupyter_zoe.extension.pages import Pages, routes
from jupyter_zoe.extension.relay import ApiRelay, StatusHandler
from jupyter_zoe.hub import settings
from jupyter_zoe.hub.info import HubError, HubInfo
from jupyter_zoe.hub.variables import DATA_VARIABLE, OPTIONS_VARIABLE, TOKEN_VARIABLE, URL_VARIABLE, USER_VARIABLE
from zoe_proxy.pages import origins
from zoe_proxy.pages.options import PagesOptions

PREFIX_VARIABLE = "ZOE_WEB_PREFIX"
"""Tells kernels and terminals under which path the browser reaches the hub, for what they start themselves."""

_VALID_PREFIX = re.compile(r"(/[A-Za-z0-9._~@-]+)+")


class ZoeExtension(PagesOptions, ExtensionApp):
    """Zoe for JupyterLab."""

    name = "zoe"
    load_other_extensions = True

    hub_url = Unicode(
        help=(
            "URL of a hub elsewhere. Empty: $ZOE_HUB_URL, and if that is empty as well, a hub of the user's own on this"
            " machine, which needs no configuration but shares nothing with others."
        )
    ).tag(config=True)
    hub_token = Unicode(
        help=(
            "Token for the hub at hub_url. Better in a file (hub_token_file) or in $ZOE_HUB_TOKEN, where fewer people"
            " see it."
        )
    ).tag(config=True)
    hub_token_file = Unicode(
        help="File with the token for the hub at hub_url; readable by its owner alone (mode 0600)."
    ).tag(config=True)
    hub_user = Unicode(
        help=(
            "User to whom the hub at hub_url belongs if it is on this machine, beside the server's own user and root:"
            " name or number. '*': anybody. Empty: $ZOE_HUB_USER. Nothing is sent to a hub of another user, since any"
            " user may take the port of a hub that has ended; '*' gives the token to whoever has it."
        )
    ).tag(config=True)
    data = Unicode(
        help=(
            "Folder of the user's own hub: database, logs, processes' folders. Empty: $ZOE_DATA, or the platform's"
            " folder for a user's data."
        )
    ).tag(config=True)
    hub_options = List(
        Unicode(),
        help=(
            "Command-line options for the user's own hub, used when this server, or a kernel or terminal of it, is the"
            " one that starts it, such as --backend=docker. $ZOE_HUB_OPTIONS comes after them."
        ),
    ).tag(config=True)
    start_timeout = Float(
        30.0,
        help=(
            "Seconds that the user's own hub may take to start and answer. Longer suits slow disks; shorter shows a"
            " failure sooner."
        ),
    ).tag(config=True)
    retry_interval = Float(
        5.0,
        help=(
            "Seconds after a failed start of the hub until it is tried again. Longer spares the machine; shorter"
            " recovers sooner."
        ),
    ).tag(config=True)

    body_timeout = Float(
        60.0,
        help=(
            "Seconds that a browser may be silent in the middle of a body that is passed on to the hub or a page. 0:"
            " for ever. Shorter frees abandoned requests sooner; longer suits slow networks."
        ),
    ).tag(config=True)

    pages_life = Float(
        43200.0,
        help=(
            "Seconds that a browser's session with a page lasts. Longer asks less often for a new one; it also outlives"
            " a logout from Jupyter for longer."
        ),
    ).tag(config=True)

    def initialize_settings(self) -> None:
        """Find out which hub it is, begin to start it, and tell kernels."""
        remote, wrong = None, None
        try:
            remote = self._remote()
        except HubError as error:
            # The page shows it: a hub of the user's own instead would be another one than is meant.
            wrong = error
            self.log.error("Zoe: %s %s", error.detail, error.remedy)
        data = Path(self.data).expanduser().absolute() if self.data else None
        self._tell_options(remote)
        self.keeper = Keeper(
            remote=remote,
            wrong=wrong,
            data=data,
            start_timeout=self.start_timeout,
            retry_interval=self.retry_interval,
            log=self.log,
        )
        self.settings["zoe_keeper"] = self.keeper
        self.settings["zoe_body_timeout"] = self.body_timeout
        base_url = self.serverapp.web_app.settings["base_url"] if self.serverapp else "/"
        prefix = url_path_join(base_url, "zoe")
        self.settings["zoe_prefix"] = prefix
        self.settings["zoe_web_prefix"] = prefix if _VALID_PREFIX.fullmatch(prefix) else ""
        self.pages = Pages(
            origins=origins.Origins(self.pages_origin),
            life=self.pages_life,
            base=f"{prefix}/pages",
            ip=self.pages_ip,
            port=self.pages_port,
        )
        self.settings["zoe_door"] = self.pages.door
        self._tell_kernels(remote, data)

    def initialize_handlers(self) -> None:
        """All routes; each asks for a user of this server, or for a session that such a user has begun."""
        self.handlers.extend([("/zoe/status", StatusHandler), ("/zoe/api/.*", ApiRelay), *routes()])

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """Begin to start the hub as soon as the server runs: the panel finds it ready. Listen for pages."""
        self.keeper.begin()
        try:
            self.pages.listen(
                getattr(serverapp, "ssl_options", None),
                body_timeout=self.body_timeout,
                zoe_keeper=self.keeper,
                zoe_body_timeout=self.body_timeout,
            )
        except OSError as error:
            self.log.error(
                "Zoe: pages get no origin of their own: ZoeExtension.pages_port=%d cannot be used: %s",
                self.pages_port,
                error,
            )
        self.holders = Holders(serverapp, self.keeper, self.log)
        self.holders.begin()

    async def stop_extension(self) -> None:
        """Let go. The hub goes on: clusters survive a restart of Jupyter."""
        await self.holders.stop()
        await self.keeper.stop()
        await self.pages.stop()

    def _remote(self) -> HubInfo | None:
        """The hub elsewhere that is configured, if one is. :raises HubError: it cannot be used like this"""
        if not self.hub_url:
            if self.hub_user:
                os.environ[USER_VARIABLE] = self.hub_user
            return settings.configured() if not self.data else None
        token = (
            self.hub_token
            or (self._token_of_file() if self.hub_token_file else "")
            or os.environ.get(TOKEN_VARIABLE, "")
        )
        if not token.strip():
            raise HubError(
                "ZoeExtension.hub_url is set without a token.",
                remedy=f"Set ZoeExtension.hub_token_file or {TOKEN_VARIABLE}.",
            )
        user = self.hub_user or os.environ.get(USER_VARIABLE, "").strip()
        return HubInfo(
            url=settings.checked_url(self.hub_url, "ZoeExtension.hub_url"),
            token=token.strip(),
            users=settings.checked_users(user, "ZoeExtension.hub_user"),
        )

    def _token_of_file(self) -> str:
        path = Path(self.hub_token_file).expanduser()
        try:
            if stat.S_IMODE(path.stat().st_mode) & 0o077:
                raise HubError(
                    f"The token file {path} can be read by others and is not used.",
                    remedy=f"Make a new token, and chmod 600 {path}.",
                )
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise HubError(
                f"The token file {path} cannot be read: {error.strerror}.",
                remedy="Correct ZoeExtension.hub_token_file.",
            ) from error

    def _tell_options(self, remote: HubInfo | None) -> None:
        """Whoever starts the user's own hub, this server, a kernel or a terminal in it, starts it with the same
        options.
        """
        if self.hub_options and remote is None:
            os.environ[OPTIONS_VARIABLE] = " ".join(
                filter(None, (shlex.join(self.hub_options), os.environ.get(OPTIONS_VARIABLE, "")))
            )

    def _tell_kernels(self, remote: HubInfo | None, data: Path | None) -> None:
        """Kernels and terminals inherit this server's environment. Nothing secret when the hub is the user's own: its
        runtime file says it.
        """
        if self.settings["zoe_web_prefix"]:
            os.environ[PREFIX_VARIABLE] = self.settings["zoe_web_prefix"]
        if remote is not None:
            os.environ[URL_VARIABLE], os.environ[TOKEN_VARIABLE] = remote.url, remote.token
            if self.hub_user:
                os.environ[USER_VARIABLE] = self.hub_user
        elif data is not None:
            os.environ[DATA_VARIABLE] = str(data)
