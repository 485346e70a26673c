"""The hub from Python: ``Client`` for scripts, magics and the command line, ``AsyncClient`` for asyncio.

Both have a typed method for each operation of the REST interface (``_operations``, generated) and a few that combine
them: ``find`` an execution by its name, ``wait`` until something has happened. Requests whose connection fails are
tried again where that is harmless; calls that create keep their Idempotency-Key meanwhile, so that nothing is made
twice. Event streams resume after the last event that was given. Errors are ``ZoeProblem``.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jupyter_zoe import _wire
from jupyter_zoe._operations import (
    OPERATIONS,
    EventView,
    ExecutionView,
    Operation,
    Options,
    SyncOperations,
)
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

    from jupyter_zoe._async_client import AsyncClient
    from jupyter_zoe.hub import HubInfo

__all__ = ["AsyncClient", "Client", "Progress", "Until", "ZoeProblem"]


def __getattr__(name: str) -> Any:
    if name == "AsyncClient":  # asyncio takes a while to import
        from jupyter_zoe._async_client import AsyncClient  # noqa: PLC0415

        return AsyncClient
    raise AttributeError(name)


class Client(SyncOperations):
    """The hub, synchronous. A context manager; may be used by several threads.

    :param info: which hub; ``None``: the one of the environment, or the user's own
    :param start: whether to start the user's own hub if it does not run
    :param pauses: seconds before each repetition of a request whose connection failed
    :raises ZoeProblem: ``hub-unreachable``
    """

    def __init__(self, info: HubInfo | None = None, *, start: bool = True, pauses: tuple[float, ...] = PAUSES) -> None:
        self._connection = Connection(info, start=start)
        self._pauses = pauses
        self._http_: httpx.Client | None = None
        self._lock = threading.Lock()

    @property
    def info(self) -> HubInfo:
        """Where the hub is."""
        return self._connection.info

    @property
    def _http(self) -> httpx.Client:
        with self._lock:
            if self._http_ is None:
                import httpx  # noqa: PLC0415

                self._http_ = httpx.Client(**client_options(self.info))
            return self._http_

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. The hub goes on."""
        with self._lock:
            if self._http_ is not None:
                self._http_.close()
                self._http_ = None

    # --- what the generated methods call ---

    def _call(
        self,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Mapping[str, Any] | None,
        options: Options,
    ) -> Any:
        with self._send(_wire.request(self.info, operation, path, query, body, options), READ_TIMEOUT) as answer:
            return _wire.content_of(operation, answer.status_code, b"".join(self._bytes(answer)))

    def _stream(
        self,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Mapping[str, Any] | None,
        options: Options,
    ) -> Iterator[bytes]:
        request = _wire.request(self.info, operation, path, query, body, options)
        with self._send(request, None if query.get("follow") else READ_TIMEOUT) as answer:
            yield from self._bytes(answer)

    def _events(
        self,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Mapping[str, Any] | None,
        options: Options,
    ) -> Iterator[EventView]:
        yield from EventStream(self, operation, path, query, options)

    def _bytes(self, answer: httpx.Response) -> Iterator[bytes]:
        _, broken = failures()
        try:
            yield from answer.iter_bytes()
        except broken as error:
            raise _wire.unreachable(self.info, error) from None

    @contextlib.contextmanager
    def _send(self, request: Request, timeout: float | None) -> Iterator[httpx.Response]:
        """The answer, its body not read yet. :raises ZoeProblem: the hub refuses or cannot be reached"""
        answer = self._opened(request, timeout)
        try:
            if answer.status_code >= 300:
                raise _wire.problem_of(answer.status_code, b"".join(self._bytes(answer)))
            yield answer
        finally:
            answer.close()

    def _opened(self, request: Request, timeout: float | None) -> httpx.Response:
        answer = self._sent(request, timeout)
        if answer.status_code == UNAUTHORIZED and (anew := self._connection.again(request)) != request:
            answer.close()  # refused unread, so it may be sent again whatever it asks
            answer = self._sent(anew, timeout)
        return answer

    def _sent(self, request: Request, timeout: float | None) -> httpx.Response:
        _, broken = failures()
        for pause in (*self._pauses, None):
            try:
                built = self._http.build_request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    content=request.content,
                    timeout=(timeout and min(timeout, 10.0)) or 10.0,
                )
                built.extensions["timeout"]["read"] = timeout
                return self._http.send(built, stream=True)
            except broken as error:
                if pause is None or not repeatable(request, error):
                    raise _wire.unreachable(self.info, error) from None
            time.sleep(pause)
            request = self._connection.again(request)
        raise AssertionError

    # --- combinations ---

    def find(self, name: str) -> ExecutionView:
        """The execution with this id, or of this name: the active one, else the newest.

        :raises ZoeProblem: ``unknown-execution``, or ``ambiguous``
        """
        try:
            return self.get_execution(name)
        except ZoeProblem as problem:
            if problem.code not in ("unknown-execution", "not-found", "bad-parameter"):
                raise
        return chosen(self.list_executions(name=name, limit=100)["items"], name)

    def read_log(
        self, execution: str, process: str, *, offset: int = 0, follow: bool = False
    ) -> Iterator[tuple[bytes, int]]:
        """Pieces of a process's log, each with the offset behind it, from which reading can go on; older output may be
        gone.

        :param offset: first byte; negative: counted from the end
        :param follow: stay until the process has ended
        :raises ZoeProblem: ``unknown-execution``, ``unknown-process``, ``no-log``
        """
        request = _wire.request(
            self.info,
            OPERATIONS["get_logs"],
            {"execution": execution, "process": process},
            {"offset": offset, "follow": follow},
            None,
            {},
        )
        with self._send(request, None if follow else READ_TIMEOUT) as answer:
            at = int(answer.headers.get("Zoe-Log-Offset", "0"))
            for data in self._bytes(answer):
                at += len(data)
                yield data, at

    def tail(self, execution: str, process: str, lines: int) -> tuple[bytes, int]:
        """The last lines of a process's log, and the offset behind them.

        :raises ZoeProblem: as ``read_log``
        """
        window = 65536
        while True:
            pieces = list(self.read_log(execution, process, offset=-window))
            data = b"".join(piece for piece, _ in pieces)
            if len(data) < window or data.count(b"\n") > lines:
                return b"".join(data.splitlines(keepends=True)[-lines:]) if lines > 0 else b"", pieces[-1][
                    1
                ] if pieces else 0
            window *= 4

    def wait(
        self,
        execution: str,
        until: Until = "ended",
        *,
        timeout: float | None = None,
        progress: Progress | None = None,
        tick: float | None = None,
    ) -> ExecutionView:
        """Wait until an execution is where it should be, woken by events.

        :param execution: its id
        :param timeout: seconds; ``None``: for ever
        :param progress: called at each change, and each ``tick`` seconds if that is given
        :return: the execution as it is then
        :raises ZoeProblem: ``timeout``, or what the hub says
        """
        begun = time.monotonic()
        view: ExecutionView | None = None
        with _Watcher(self, execution) as watcher:
            while True:
                if watcher.changed:
                    view = self.get_execution(execution)
                passed = time.monotonic() - begun
                if view is not None:
                    if progress is not None:
                        progress(view, passed)
                    if reached(view, until):
                        return view
                if timeout is not None and passed >= timeout:
                    raise late(view, until, timeout)
                left = None if timeout is None else timeout - passed
                watcher.wait(left if tick is None else tick if left is None else min(tick, left))


class EventStream(Iterator[EventView]):
    """Events as they happen, over as many connections as it takes; ``close`` may be called from another thread."""

    def __init__(  # noqa: PLR0917
        self,
        client: Client,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        options: Options,
        on_connect: Callable[[], None] = lambda: None,
    ) -> None:
        """:param on_connect: called when a connection stands: what happens from now on will be told"""
        self._client, self._operation, self._path, self._query, self._options = client, operation, path, query, options
        self._on_connect = on_connect
        self._answer: httpx.Response | None = None
        self._closed = False
        self._iterator = self._all()

    def __next__(self) -> EventView:
        return next(self._iterator)

    def close(self) -> None:
        """End the stream, even while somebody waits for its next event."""
        self._closed = True
        answer = self._answer
        stream = answer.extensions.get("network_stream") if answer is not None else None
        raw = stream.get_extra_info("socket") if stream is not None else None
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.shutdown(socket.SHUT_RDWR)

    def _all(self) -> Iterator[EventView]:
        _, broken = failures()
        events = _wire.Events(self._options.get("last_event_id", self._query.get("since")))
        fruitless = 0
        while not self._closed:
            if events.cursor is not None:
                self._options = {**self._options, "last_event_id": events.cursor}
            request = _wire.request(
                self._client.info, self._operation, self._path, {**self._query, "since": None}, None, self._options
            )
            events.connected()
            try:
                with self._client._send(request, STREAM_TIMEOUT) as answer:
                    self._answer = answer
                    for data in answer.iter_bytes():
                        if not events.begun:
                            self._on_connect()
                        yield from events.feed(data)
            except broken as error:
                if self._closed:
                    return
                if not events.begun and fruitless >= len(self._client._pauses):
                    raise _wire.unreachable(self._client.info, error) from None
            finally:
                self._answer = None
            fruitless = 0 if events.begun else fruitless + 1
            if not self._closed:
                time.sleep(
                    self._client._pauses[min(fruitless, len(self._client._pauses) - 1)] if self._client._pauses else 0
                )


class _Watcher:
    """Tells when an execution may have changed. A thread reads its events."""

    def __init__(self, client: Client, execution: str) -> None:
        self._news: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._stream = EventStream(
            client,
            OPERATIONS["stream_events"],
            {},
            {"execution": execution},
            {},
            on_connect=lambda: self._news.put(None),
        )
        self._thread = threading.Thread(target=self._read, name="zoe-events", daemon=True)
        self.changed = False

    def __enter__(self) -> Self:
        self._thread.start()
        self.wait(None)  # until the stream stands: nothing that happens after the first look is missed
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stream.close()
        self._thread.join(2.0)

    def _read(self) -> None:
        try:
            for _ in self._stream:
                self._news.put(None)
        except BaseException as error:
            self._news.put(error)

    def wait(self, timeout: float | None) -> None:
        """Return after a change (``changed``) or ``timeout`` seconds. Changes that came together are one."""
        self.changed = False
        with contextlib.suppress(queue.Empty):
            news = self._news.get(timeout=timeout)
            while True:
                if news is not None:
                    raise news
                self.changed = True
                news = self._news.get_nowait()
