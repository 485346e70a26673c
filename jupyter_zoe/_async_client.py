"""The hub from asyncio: ``AsyncClient``. See ``client``, which has the same for threads and from where it is
imported.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jupyter_zoe import _wire
from jupyter_zoe._operations import OPERATIONS, AsyncOperations, EventView, ExecutionView, Operation, Options
from jupyter_zoe._wire import (
    PAUSES,
    READ_TIMEOUT,
    STREAM_TIMEOUT,
    UNAUTHORIZED,
    Connection,
    Progress,
    Request,
    Until,
    ZoeProblem,
    chosen,
    client_options,
    failures,
    late,
    reached,
    repeatable,
)

if TYPE_CHECKING:
    import httpx

    from jupyter_zoe.hub import HubInfo


class AsyncClient(AsyncOperations):
    """The hub, asynchronous. An asynchronous context manager; belongs to one event loop. Parameters as of ``Client``;
    finding the hub happens at the first request, in a thread.
    """

    def __init__(self, info: HubInfo | None = None, *, start: bool = True, pauses: tuple[float, ...] = PAUSES) -> None:
        self._given, self._start, self._pauses = info, start, pauses
        self._connection: Connection | None = None
        self._http: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections. The hub goes on."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _open(self) -> tuple[httpx.AsyncClient, Connection]:
        import httpx  # noqa: PLC0415

        async with self._opening:
            if self._connection is None:
                self._connection = await asyncio.to_thread(Connection, self._given, start=self._start)
            if self._http is None:
                self._http = httpx.AsyncClient(**client_options(self._connection.info))
            return self._http, self._connection

    async def _call(
        self,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Mapping[str, Any] | None,
        options: Options,
    ) -> Any:
        _, connection = await self._open()
        _, broken = failures()
        async with self._send(
            _wire.request(connection.info, operation, path, query, body, options), READ_TIMEOUT
        ) as answer:
            try:
                content = await answer.aread()
            except broken as error:
                raise _wire.unreachable(connection.info, error) from None
            return _wire.content_of(operation, answer.status_code, content)

    async def _stream(
        self,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Mapping[str, Any] | None,
        options: Options,
    ) -> AsyncIterator[bytes]:
        _, connection = await self._open()
        _, broken = failures()
        async with self._send(
            _wire.request(connection.info, operation, path, query, body, options),
            None if query.get("follow") else READ_TIMEOUT,
        ) as answer:
            try:
                async for data in answer.aiter_bytes():
                    yield data
            except broken as error:
                raise _wire.unreachable(connection.info, error) from None

    async def _events(
        self,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Mapping[str, Any] | None,
        options: Options,
    ) -> AsyncIterator[EventView]:
        async for event in self._wakes(operation, path, query, options):
            if event is not None:
                yield event

    async def _wakes(
        self, operation: Operation, path: Mapping[str, str], query: Mapping[str, Any], options: Options
    ) -> AsyncGenerator[EventView | None, None]:
        """Events; None when a connection stands."""
        _, connection = await self._open()
        _, broken = failures()
        events = _wire.Events(options.get("last_event_id", query.get("since")))
        fruitless = 0
        while True:
            if events.cursor is not None:
                options = {**options, "last_event_id": events.cursor}
            events.connected()
            try:
                async with self._send(
                    _wire.request(connection.info, operation, path, {**query, "since": None}, None, options),
                    STREAM_TIMEOUT,
                ) as answer:
                    async for data in answer.aiter_bytes():
                        if not events.begun:
                            yield None
                        for event in events.feed(data):
                            yield event
            except broken as error:
                if not events.begun and fruitless >= len(self._pauses):
                    raise _wire.unreachable(connection.info, error) from None
            fruitless = 0 if events.begun else fruitless + 1
            await asyncio.sleep(self._pauses[min(fruitless, len(self._pauses) - 1)] if self._pauses else 0)

    @contextlib.asynccontextmanager
    async def _send(self, request: Request, timeout: float | None) -> AsyncIterator[httpx.Response]:  # noqa: ASYNC109
        _, broken = failures()
        answer = await self._opened(request, timeout)
        try:
            if answer.status_code >= 300:
                try:
                    body = await answer.aread()
                except broken:
                    body = b""
                raise _wire.problem_of(answer.status_code, body)
            yield answer
        finally:
            await answer.aclose()

    async def _opened(self, request: Request, timeout: float | None) -> httpx.Response:  # noqa: ASYNC109
        answer = await self._sent(request, timeout)
        _, connection = await self._open()
        if (
            answer.status_code == UNAUTHORIZED
            and (anew := await asyncio.to_thread(connection.again, request)) != request
        ):
            await answer.aclose()  # refused unread, so it may be sent again whatever it asks
            answer = await self._sent(anew, timeout)
        return answer

    async def _sent(self, request: Request, timeout: float | None) -> httpx.Response:  # noqa: ASYNC109
        http, connection = await self._open()
        _, broken = failures()
        for pause in (*self._pauses, None):
            try:
                built = http.build_request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    content=request.content,
                    timeout=(timeout and min(timeout, 10.0)) or 10.0,
                )
                built.extensions["timeout"]["read"] = timeout
                return await http.send(built, stream=True)
            except broken as error:
                if pause is None or not repeatable(request, error):
                    raise _wire.unreachable(connection.info, error) from None
            await asyncio.sleep(pause)
            request = await asyncio.to_thread(connection.again, request)
        raise AssertionError

    async def find(self, name: str) -> ExecutionView:
        """As ``Client.find``."""
        try:
            return await self.get_execution(name)
        except ZoeProblem as problem:
            if problem.code not in ("unknown-execution", "not-found", "bad-parameter"):
                raise
        return chosen((await self.list_executions(name=name, limit=100))["items"], name)

    async def wait(
        self,
        execution: str,
        until: Until = "ended",
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        progress: Progress | None = None,
    ) -> ExecutionView:
        """As ``Client.wait``, without ticks."""
        begun = time.monotonic()
        view: ExecutionView | None = None
        try:
            async with asyncio.timeout(timeout):
                async with contextlib.aclosing(
                    self._wakes(OPERATIONS["stream_events"], {}, {"execution": execution}, {})
                ) as wakes:
                    async for _ in wakes:
                        view = await self.get_execution(execution)
                        if progress is not None:
                            progress(view, time.monotonic() - begun)
                        if reached(view, until):
                            return view
        except TimeoutError:
            raise late(view, until, timeout or 0.0) from None
        raise AssertionError
