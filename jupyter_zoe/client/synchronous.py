"""The hub as a client, synchronous.

Generated from ``asynchronous.py`` by ``python -m jupyter_zoe.client.generate``; do not edit.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jupyter_zoe.client import threads as runtime
from jupyter_zoe.client.connection import Connection
from jupyter_zoe.client.events import Events, Reset
from jupyter_zoe.client.hubtime import HubTime
from jupyter_zoe.client.operations import OPERATIONS, SyncOperations, EventView, ExecutionView, Operation, Options
from jupyter_zoe.client.problems import ZoeProblem, problem_of_answer, pruned, unreachable
from jupyter_zoe.client.requests import (
    PAUSES,
    READ_TIMEOUT,
    STREAM_TIMEOUT,
    UNAUTHORIZED,
    Request,
    client_options,
    content_of,
    failures,
    may_repeat,
    request_of,
    timeouts,
)
from jupyter_zoe.client.waiting import Progress, Until, chosen, last_lines, late, reached

if TYPE_CHECKING:
    import httpx

    from jupyter_zoe.hub.info import HubInfo

_WINDOW = 65536  # bytes from the end of a log in which its last lines are looked for first


class Client(SyncOperations):
    """The hub. A context manager.

    The synchronous one may be used by several threads; the asynchronous one belongs to one event loop. The hub is
    looked for when it is first needed.

    :param info: which hub; ``None``: the one of the environment, or the user's own
    :param start: whether to start the user's own hub if it does not run
    :param pauses: seconds before each repetition of a request whose connection failed
    """

    def __init__(self, info: HubInfo | None = None, *, start: bool = True, pauses: tuple[float, ...] = PAUSES) -> None:
        self._connection = Connection(info, start=start)
        self._pauses = pauses
        self._time = HubTime()
        self._http: httpx.Client | None = None
        self._opening = runtime.Lock()

    @property
    def info(self) -> HubInfo:
        """Where the hub is. Blocks while it is looked for, once. :raises ZoeProblem: ``hub-unreachable``"""
        return self._connection.info

    def now(self) -> datetime:
        """The present time at the hub, as its last answer told it: what ages and countdowns are shown against."""
        return self._time.now()

    def companion(self) -> Client:
        """Another client of the same hub, with connections of its own; it starts none."""
        return Client(self._connection.given, start=False, pauses=self._pauses)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. The hub goes on."""
        with self._opening:
            if self._http is not None:
                self._http.close()
                self._http = None

    # --- what the generated methods call ---

    def _call(
        self,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Mapping[str, Any] | None,
        options: Options,
    ) -> Any:
        with self._send(operation, path, query, body, options, READ_TIMEOUT) as answer:
            return content_of(operation, answer.status_code, self._whole(answer))

    def _stream(
        self,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Mapping[str, Any] | None,
        options: Options,
    ) -> Iterator[bytes]:
        timeout = None if query.get("follow") else READ_TIMEOUT
        with self._send(operation, path, query, body, options, timeout) as answer:
            for data in self._pieces(answer):
                yield data

    def _events(
        self,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Mapping[str, Any] | None,
        options: Options,
    ) -> Iterator[EventView]:
        return EventStream(self, operation, path, query, options)

    @contextlib.contextmanager
    def _send(  # noqa: PLR0917
        self,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        body: Mapping[str, Any] | None,
        options: Options,
        timeout: float | None,
    ) -> Iterator[httpx.Response]:
        """The answer, its body not read yet.

        :param timeout: seconds without a byte of it; ``None``: for ever
        :raises ZoeProblem: the hub refuses or cannot be reached
        """
        http = self._open()
        answer = self._answer(http, request_of(self.info, operation, path, query, body, options), timeout)
        self._time.heard(answer.headers.get("Date"))
        try:
            if answer.status_code >= 300:
                raise problem_of_answer(answer.status_code, self._whole(answer))
            yield answer
        finally:
            answer.close()

    def _open(self) -> httpx.Client:
        with self._opening:
            if self._http is None:
                info = runtime.run_blocking(lambda: self._connection.info)
                self._http = runtime.new_http(client_options(info), lambda: self._connection.info)
            return self._http

    def _answer(self, http: httpx.Client, request: Request, timeout: float | None) -> httpx.Response:
        answer = self._repeated(http, request, timeout)
        if answer.status_code == UNAUTHORIZED:
            renewed = runtime.run_blocking(self._connection.renewed, request)
            if renewed != request:
                answer.close()  # refused unread, so it may be sent again whatever it asks
                answer = self._repeated(http, renewed, timeout)
        return answer

    def _repeated(self, http: httpx.Client, request: Request, timeout: float | None) -> httpx.Response:
        _, broken = failures()
        for pause in (*self._pauses, None):
            try:
                built = http.build_request(
                    request.method, request.url, headers=request.headers, content=request.content
                )
                built.extensions["timeout"] = timeouts(timeout)
                return http.send(built, stream=True)
            except broken as error:
                if pause is None or not may_repeat(request, error):
                    raise unreachable(self.info, error) from None
            runtime.sleep(pause)
            request = runtime.run_blocking(self._connection.renewed, request)
        raise AssertionError

    def _pieces(self, answer: httpx.Response) -> Iterator[bytes]:
        _, broken = failures()
        try:
            for data in answer.iter_bytes():
                yield data
        except broken as error:
            raise unreachable(self.info, error) from None

    def _whole(self, answer: httpx.Response) -> bytes:
        _, broken = failures()
        try:
            return answer.read()
        except broken as error:
            raise unreachable(self.info, error) from None

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
        return chosen((self.list_executions(name=name, limit=100))["items"], name)

    def read_log(
        self, execution: str, process: str, *, offset: int = 0, follow: bool = False
    ) -> Iterator[tuple[bytes, int]]:
        """Pieces of a process's log, each with the offset behind it, from which reading can go on; older output may be
        gone.

        :param offset: first byte; negative: counted from the end
        :param follow: stay until the process has ended
        :raises ZoeProblem: ``unknown-execution``, ``unknown-process``, ``no-log``
        """
        operation, path = OPERATIONS["get_logs"], {"execution": execution, "process": process}
        query = {"offset": offset, "follow": follow}
        with self._send(operation, path, query, None, {}, None if follow else READ_TIMEOUT) as answer:
            at = int(answer.headers.get("Zoe-Log-Offset", "0"))
            for data in self._pieces(answer):
                at += len(data)
                yield data, at

    def tail(self, execution: str, process: str, lines: int) -> tuple[bytes, int]:
        """The last lines of a process's log, and the offset behind them.

        :raises ZoeProblem: as ``read_log``
        """
        window = _WINDOW
        while True:
            data, behind = b"", 0
            for piece, offset in self.read_log(execution, process, offset=-window):
                data, behind = data + piece, offset
            if len(data) < window or data.count(b"\n") > lines:
                return last_lines(data, lines), behind
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
        reader = runtime.Reader(EventStream.of(self, execution))
        try:
            changed = reader.wait(None)  # the stream stands: nothing that happens after the first look is missed
            while True:
                if changed:
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
                changed = reader.wait(left if tick is None else tick if left is None else min(tick, left))
        finally:
            reader.stop()


class EventStream(Iterator[EventView]):
    """Events as they happen, over as many connections as it takes; ``close`` may be called from elsewhere.

    Raises ``history-pruned`` where events have been missed that the hub does not keep any more (``first_seq`` of the
    problem's ``members`` is the first that it keeps). Whoever reads on after that gets what is left.
    """

    @classmethod
    def of(cls, client: Client, execution: str) -> Self:
        """What happens to an execution from now on."""
        return cls(client, OPERATIONS["stream_events"], {}, {"execution": execution}, {})

    def __init__(
        self,
        client: Client,
        operation: Operation,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        options: Options,
    ) -> None:
        self._client, self._operation, self._path = client, operation, path
        self._query, self._options = {**query, "since": None}, options
        self._events = Events(options.get("last_event_id", query.get("since")))
        self._answer: httpx.Response | None = None
        self._is_closed = False
        self._wakes = self.wakes()

    def __next__(self) -> EventView:
        while True:
            event = self._wakes.__next__()
            if isinstance(event, Reset):
                raise pruned(event.first_seq)
            if event is not None:
                return event

    def close(self) -> None:
        """End the stream, even while somebody waits for its next event."""
        self._is_closed = True
        if self._answer is not None:
            runtime.cut(self._answer)

    def wakes(self) -> Iterator[EventView | Reset | None]:
        """The events, and ``None`` each time that a connection stands: what happens from then on will be told. A
        ``Reset`` is news as well: what was read before is to be read again.
        """
        _, broken = failures()
        pauses, fruitless = self._client._pauses, 0
        while not self._is_closed:
            if self._events.cursor is not None:
                self._options = {**self._options, "last_event_id": self._events.cursor}
            self._events.connected()
            try:
                with self._client._send(
                    self._operation, self._path, self._query, None, self._options, STREAM_TIMEOUT
                ) as answer:
                    self._answer = answer
                    for data in answer.iter_bytes():
                        if not self._events.begun:
                            yield None
                        for event in self._events.feed(data):
                            yield event
            except broken as error:
                if self._is_closed:
                    return
                if not self._events.begun and fruitless >= len(pauses):
                    raise unreachable(self._client.info, error) from None
            finally:
                self._answer = None
            fruitless = 0 if self._events.begun else fruitless + 1
            if not self._is_closed:
                runtime.sleep(pauses[min(fruitless, len(pauses) - 1)] if pauses else 0)
