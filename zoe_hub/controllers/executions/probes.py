"""Asks processes whether they are ready, and whether they have handed over their work.

Each question is asked in a task of its own, at first quickly, then more slowly, until the answer is yes or nobody wants
to know any more. Used by ``controllers.executions.reconciler``.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from logging import Logger
from typing import Any

import msgspec
from tornado.iostream import IOStream, StreamClosedError

from zoe_hub.backends.base import Backend
from zoe_hub.controllers.executions.binding import Binder
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.executions.model import Address, Execution, Process
from zoe_hub.core.executions.spec import Drain, Group
from zoe_hub.core.reasons import Reason, because
from zoe_hub.language.expressions import evaluate
from zoe_hub.language.lines import Lines
from zoe_hub.language.patterns import Pattern, compiled
from zoe_loopback import Stranger
from zoe_proxy.connecting import UpstreamError, connect
from zoe_proxy.upstream import Exchange, Timeouts

FIRST, LONGEST = 0.02, 0.5  # seconds between two questions
SILENCE = 0.05  # seconds a connection must stay open to count: a published port of a container accepts, then closes
ONE_TRY = 5.0  # seconds one question may take
LONGEST_PAGE = 2**20  # bytes of a page that are read
AT_A_TIME = 100  # questions about web pages
MEETINGS = 3  # in a row with somebody else at a port, until it counts as lost: a program may just be taking it over

ANSWERS = {  # how a question can fail -> what is said of it
    "connect": because("answer-none"),
    "timeout": because("answer-late", limit=ONE_TRY),
    "died": because("answer-died"),
    "malformed": because("answer-malformed"),
}

Key = tuple[str, int, str]  # process, incarnation, question


class _Refused(Exception):
    """A page that is none of success."""

    def __init__(self, answer: Reason) -> None:
        super().__init__(answer.code)
        self.answer = answer


class Probes:
    """The questions that are being asked."""

    def __init__(self, backend: Backend, binder: Binder, log: Logger) -> None:
        self._backend, self._binder, self._log = backend, binder, log
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._yes: set[Key] = set()
        self._slots = asyncio.Semaphore(AT_A_TIME)
        self._answers: dict[tuple[str, int], Reason] = {}  # the last ones to "are you ready?", of those that are not
        self._met: Counter[tuple[str, int]] = Counter()  # strangers at the ports of a process, in a row

    def taken(self, process: Process) -> bool:
        """Whether somebody else listens at a port of the process."""
        return self._met[process.name, process.incarnation] >= MEETINGS

    def last_answer(self, process: Process) -> Reason | None:
        """How the process answered the last time it was asked whether it is ready; None: there is nothing to tell."""
        return self._answers.get((process.name, process.incarnation))

    def answered(self, process: Process, question: str) -> bool:
        """Whether the answer was yes."""
        return (process.name, process.incarnation, question) in self._yes

    def ask(
        self,
        execution: Execution,
        process: Process,
        question: str,
        secrets: Mapping[str, str],
        on_yes: Callable[[], None],
    ) -> None:
        """Begin to ask, unless it is asked already.

        :param question: ``ready`` or ``drained``
        :param on_yes: called on a yes, and when the port turns out to be lost
        """
        key = (process.name, process.incarnation, question)
        if key in self._tasks or key in self._yes:
            return
        once = (
            self._ready(execution, process, secrets)
            if question == "ready"
            else self._drained(execution, process, secrets)
        )
        self._tasks[key] = asyncio.create_task(self._until_yes(key, once, on_yes), name=f"probe {process.name}")

    def forget(self, execution: Execution) -> None:
        """Stop asking what the record of an execution does not wait for any more."""
        waiting = {
            (
                process.name,
                process.incarnation,
                {"starting": "ready", "draining": "drained"}.get(process.state.value, ""),
            )
            for process in execution.processes
        }
        names = {process.name for process in execution.processes}
        for key in [key for key in self._tasks if key[0] in names and key not in waiting]:
            self._tasks.pop(key).cancel()
        self._yes = {key for key in self._yes if key[0] not in names or key in waiting}
        for known in (self._met, self._answers):
            for each in [each for each in known if each[0] in names and (*each, "ready") not in waiting]:
                del known[each]

    async def _until_yes(self, key: Key, once: Callable[[], Awaitable[bool]], on_yes: Callable[[], None]) -> None:
        delay = FIRST
        try:
            while not await self._try(key, once):
                if self._met[key[:2]] == MEETINGS:
                    on_yes()
                await asyncio.sleep(delay)
                delay = min(LONGEST, delay * 1.3)
        finally:
            self._tasks.pop(key, None)
        self._yes.add(key)
        on_yes()

    async def _try(self, key: Key, once: Callable[[], Awaitable[bool]]) -> bool:
        answer: Reason | None = None
        try:
            if await once():
                return True
        except _Refused as error:
            answer = error.answer
        except UpstreamError as error:
            answer = ANSWERS[error.kind]
        except TimeoutError:
            answer = ANSWERS["timeout"]
        except (OSError, ZoeError, ValueError):
            pass
        name, incarnation, question = key
        if answer is not None and question == "ready":
            self._answers[name, incarnation] = answer
        return False

    def _ready(
        self, execution: Execution, process: Process, secrets: Mapping[str, str]
    ) -> Callable[[], Awaitable[bool]]:
        group = execution.spec.group(process.group)
        ready, address = group.ready, (process.addresses or {}).get(group.ready.port)
        if ready.kind == "log":
            return lambda: self._logged(process, compiled(ready.pattern))
        if address is None:
            return _yes if ready.kind == "running" else _no
        if ready.kind == "tcp":
            return lambda: self._accepts(process, address)

        async def answers() -> bool:
            path = self._binder.bind(execution, process, secrets, ready.path)
            headers = self._headers(execution, process, group, ready.port, secrets)
            await self._get(process, address, path, headers)
            return True

        return answers

    def _headers(
        self, execution: Execution, process: Process, group: Group, name: str, secrets: Mapping[str, str]
    ) -> dict[str, str]:
        port = next((port for port in group.ports if port.name == name), None)
        return (
            {key: self._binder.bind(execution, process, secrets, value) for key, value in port.headers.items()}
            if port
            else {}
        )

    async def page(
        self, execution: Execution, process: Process, port: str, path: str, secrets: Mapping[str, str]
    ) -> bytes | None:
        """The page of a port of a process, asked once; None if it does not answer with success."""
        address = (process.addresses or {}).get(port)
        if address is None:
            return None
        headers = self._headers(execution, process, execution.spec.group(process.group), port, secrets)
        with suppress(OSError, TimeoutError, ZoeError, UpstreamError, ValueError, _Refused):
            return await self._get(process, address, path, headers)
        return None

    async def _get(self, process: Process, address: Address, path: str, headers: Mapping[str, str]) -> bytes:
        """The page of a port. Sent to the process alone: headers may be secret. :raises _Refused: it has none"""
        async with self._slots, asyncio.timeout(ONE_TRY):
            stream = await self._connect(process, address)
            exchange = Exchange(stream, Timeouts())
            try:
                host = f"{address.endpoint_host}:{address.endpoint_port}"
                await exchange.begin("GET", path, [("Host", host), ("Accept", "*/*"), *headers.items()])
                await exchange.end()
                head = await exchange.head()
                page = b""
                async for piece in exchange.body():
                    page += piece
                    if len(page) > LONGEST_PAGE:
                        raise _Refused(because("answer-too-long", limit=LONGEST_PAGE))
                if head.code >= 400:
                    raise _Refused(because("answer-status", status=head.code))
                return page
            finally:
                exchange.close()

    async def _accepts(self, process: Process, address: Address) -> bool:
        """Whether a connection is accepted and stays open for a moment."""
        stream = await self._connect(process, address)
        try:
            async with asyncio.timeout(SILENCE):
                await stream.read_bytes(1, partial=True)
        except TimeoutError:
            return True
        except StreamClosedError:
            raise _Refused(ANSWERS["died"]) from None
        finally:
            stream.close()
        return True

    async def _connect(self, process: Process, address: Address) -> IOStream:
        """A connection that ends at the process."""
        met = (process.name, process.incarnation)

        async def check(connection: socket.socket) -> None:
            try:
                await self._backend.check_listener(process.name, connection)
            except Stranger:
                self._met[met] += 1
                raise
            del self._met[met]

        return await connect(address.endpoint_host, address.endpoint_port, timeout=ONE_TRY, check=check)

    async def _logged(self, process: Process, pattern: Pattern) -> bool:
        """Whether there is such a line. What was logged before this start says nothing about it."""
        lines, begin = Lines(), await self._backend.log_start(process.name, process.incarnation)
        async for chunk in self._backend.logs(process.name, offset=begin, follow=True):
            if any(map(pattern.search, lines.feed(chunk.data))):
                return True
        return False

    def _drained(
        self, execution: Execution, process: Process, secrets: Mapping[str, str]
    ) -> Callable[[], Awaitable[bool]]:
        group = execution.spec.group(process.group)
        drain = group.drain
        if drain is None or not drain.until:
            return _no  # it only has its time
        return lambda: self._page_says(execution, process, drain, secrets)

    async def _page_says(
        self, execution: Execution, process: Process, drain: Drain, secrets: Mapping[str, str]
    ) -> bool:
        peer = (
            process
            if not drain.group
            else next((peer for peer in execution.processes if peer.group == drain.group and peer.index == 0), None)
        )
        address = (peer.addresses or {}).get(drain.port) if peer else None
        if peer is None or address is None:
            return False
        headers = self._headers(execution, peer, execution.spec.group(peer.group), drain.port, secrets)
        try:
            body: Any = msgspec.json.decode(await self._get(peer, address, drain.path, headers))
        except (msgspec.DecodeError, RecursionError):  # the latter: brackets without end
            return False
        ports = {name: each.number for name, each in (process.addresses or {}).items()}
        try:
            return bool(evaluate(drain.until, body=body, host=self._backend.host(process.name), port=ports))
        except ZoeError as error:
            self._log.warning("%s: its drain condition cannot be evaluated: %s", process.id, error)
            return False

    async def close(self) -> None:
        """Stop asking."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _yes() -> bool:
    return True


async def _no() -> bool:
    return False
