"""Knows the hub: finds it, starts it, notices when it is gone, and says how things are. One for each Jupyter server.

Used by the relay for every request and by ``GET zoe/status``. What blocks runs in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from typing import Literal

from jupyter_zoe.hub import finding, health, settings
from jupyter_zoe.hub.info import HubError, HubInfo, HubStranger
from jupyter_zoe.hub.runtime import alive

State = Literal["ready", "starting", "failed"]
_TRUSTED = 10.0  # seconds that a remote hub's last good answer is believed


class Keeper:
    """The hub of this Jupyter server."""

    def __init__(
        self,
        *,
        remote: HubInfo | None,
        wrong: HubError | None = None,
        data: Path | None,
        start_timeout: float,
        retry_interval: float,
        log: logging.Logger,
    ) -> None:
        """:param remote: a configured hub, which is neither started nor watched
        :param wrong: why the configured hub cannot be used; there is none then
        :param data: folder of the embedded hub, ``None`` for the usual one
        :param start_timeout: seconds; :param retry_interval: seconds between two attempts to start it
        """
        self._remote, self._wrong, self._data = remote, wrong, data
        self._start_timeout, self._retry_interval, self._log = start_timeout, retry_interval, log
        self._info = remote
        self._failure: HubError | None = None
        self._tried = 0.0
        self._starting: asyncio.Task[HubInfo] | None = None
        self._checked = 0.0

    def begin(self) -> None:
        """Find or start the hub in the background."""
        if self._remote is None and self._wrong is None and self._starting is None:
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def stop(self) -> None:
        """Wait for nothing any more. The hub itself goes on."""
        if self._starting is not None:
            self._starting.cancel()
            with contextlib.suppress(asyncio.CancelledError, HubError):
                await self._starting

    async def get(self) -> HubInfo:
        """The hub, which may have to be started first. It is on this machine and alive, or it is configured.

        :raises HubError: it cannot be started; asked again within ``retry_interval``, the same error at once
        """
        if self._remote is not None:
            return self._remote
        if self._wrong is not None:
            raise self._wrong
        # Checked each time: its port could be another program's by now, and that must not get the token.
        if self._info is not None and alive(self._info):
            return self._info
        self._info = None
        if self._starting is None:
            if self._failure is not None and time.monotonic() - self._tried < self._retry_interval:
                raise self._failure
            self.begin()
        assert self._starting is not None
        return await asyncio.shield(self._starting)

    def known(self) -> HubInfo | None:
        """The hub, if it is configured or lives; nothing is started."""
        if self._remote is not None:
            return self._remote
        return self._info if self._info is not None and alive(self._info) else None

    def lost(self, info: HubInfo) -> None:
        """``info`` does not accept connections: look for it anew at the next request."""
        if self._info is info and self._remote is None:
            self._info = None

    async def status(self) -> tuple[State, str]:
        """How things are, and why. Begins another attempt if one is due."""
        if self._remote is not None:
            return await self._remote_status(self._remote)
        if self._wrong is not None:
            return "failed", f"{self._wrong.detail} {self._wrong.remedy}"
        if self._starting is not None:
            return "starting", "The hub is starting."
        if self._info is not None and alive(self._info):
            return "ready", ""
        if self._failure is not None and time.monotonic() - self._tried < self._retry_interval:
            return "failed", f"{self._failure.detail} {self._failure.remedy}"
        self.begin()
        return "starting", "The hub is starting."

    async def _remote_status(self, remote: HubInfo) -> tuple[State, str]:
        if time.monotonic() - self._checked > _TRUSTED:
            trouble = await asyncio.to_thread(health.trouble, remote)
            if isinstance(trouble, HubStranger):
                return "failed", f"{trouble.detail} {trouble.remedy}"
            if trouble is not None:
                return (
                    "failed",
                    (
                        f"The hub at {remote.url} does not answer, or refuses its token. Check ZoeExtension.hub_url and"
                        " its token."
                    ),
                )
            self._checked = time.monotonic()
        return "ready", ""

    async def _start(self) -> HubInfo:
        self._tried = time.monotonic()
        try:
            info = await asyncio.to_thread(finding.ensure, self._start_timeout, self._data or settings.data_folder())
        except HubError as error:
            self._failure = error
            self._log.warning("Zoe: %s %s", error.detail, error.remedy)
            raise
        except OSError as error:
            self._failure = HubError(f"The hub cannot be started: {error}.")
            self._log.warning("Zoe: %s", self._failure.detail)
            raise self._failure from error
        else:
            self._info, self._failure = info, None
            self._log.info("Zoe: the hub is at %s (process %d)", info.url, info.pid)
            return info
        finally:
            self._tried = time.monotonic()
            self._starting = None
