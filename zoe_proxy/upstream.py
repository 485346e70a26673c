"""One request to an upstream server over a connection of its own: body up and answer down, streamed with backpressure.

Used by ``zoe_proxy.handler``. Built on ``tornado.iostream`` and ``tornado.http1connection``: reading stops while the
consumer is busy, so what lies between the two sides is one piece of ``PIECE`` bytes and the sockets' buffers.
"""

from __future__ import annotations

import asyncio
import http.client
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tornado import httputil
from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters
from tornado.iostream import IOStream, StreamClosedError, UnsatisfiableReadError

from zoe_proxy.connecting import PIECE, UpstreamError
from zoe_proxy.rewrite import Pairs

_UNLIMITED = 2**62
_END = b""
_SWITCHING = 101
_FIRST_STATUS = 100
_LENGTH = re.compile(r"[0-9]{1,18}")
_USUALLY_WITH_BODY = ("POST", "PUT", "PATCH")


@dataclass(frozen=True)
class Timeouts:
    """Seconds; 0 waits for ever. Streams and long polls are silent by design, so only the connection is limited by
    default.
    """

    connect: float = 5.0
    response: float = 0.0  # from the end of the request to the headers of its answer
    idle: float = 0.0  # between two pieces of the answer
    upgrade: float = 60.0  # from the request to leave HTTP to its answer


@dataclass(frozen=True)
class Head:
    """Status line and headers of an answer."""

    code: int
    reason: str | None
    headers: httputil.HTTPHeaders

    def words(self) -> str:
        """The upstream's words for its status, if they are harmless."""
        said = self.reason or ""  # Tornado gives None for none at all
        harmless = said and said.isascii() and said.isprintable()
        return said if harmless else http.client.responses.get(self.code, "Unknown")


def _wrong_head(code: int, headers: httputil.HTTPHeaders) -> str:
    """Why the head of an answer cannot be passed on, or nothing. A length that is said several times, each time the
    same (RFC 9110, 8.6), is made one: a client takes "2, 2" for no number and waits.
    """
    if code < _FIRST_STATUS:
        return f"the status is {code:03}"
    if "Content-Length" not in headers:
        return ""
    lengths = {part.strip() for part in headers["Content-Length"].split(",")}
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        return f"Content-Length is {headers['Content-Length'][:80]!r}"
    if "Transfer-Encoding" in headers:  # RFC 9112, 6.1: one of the two is there to deceive whoever believes the other
        return "it has both Content-Length and Transfer-Encoding"
    headers["Content-Length"] = length
    return ""


class Exchange(httputil.HTTPMessageDelegate):
    """One request and its answer. ``begin``, ``send`` and ``end`` write; ``head`` and ``body`` read, at the same time
    if need be.
    """

    def __init__(self, stream: IOStream, timeouts: Timeouts) -> None:
        self._stream = stream
        self._timeouts = timeouts
        parameters = HTTP1ConnectionParameters(no_keep_alive=True, chunk_size=PIECE, max_body_size=_UNLIMITED)
        self._connection = HTTP1Connection(stream, is_client=True, params=parameters)
        self._chunked = False
        self._upgrade = False
        self._bodiless = False
        self._sending = True
        self._head: asyncio.Future[Head] = asyncio.get_running_loop().create_future()
        self._pieces: asyncio.Queue[bytes | UpstreamError] = asyncio.Queue()
        self._wanted = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    # -- the request

    async def begin(
        self, method: str, target: str, headers: Pairs, *, chunked: bool = False, upgrade: str = ""
    ) -> None:
        """Send the head of the request and begin to read the answer.

        :param headers: end-to-end headers, ``Content-Length`` among them if the length is known
        :param chunked: a body of unknown length follows
        :param upgrade: the protocol that the connection shall change to
        """
        sent = [(name, value) for name, value in headers if not (chunked and name.lower() == "content-length")]
        if upgrade:
            sent += [("Connection", "Upgrade"), ("Upgrade", upgrade)]
        else:
            sent.append(("Connection", "close"))
        if chunked:
            sent.append(("Transfer-Encoding", "chunked"))
        elif method in _USUALLY_WITH_BODY and not any(name.lower() == "content-length" for name, _ in sent):
            sent.append(("Content-Length", "0"))
        self._chunked, self._upgrade, self._bodiless = chunked, bool(upgrade), method == "HEAD"
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent)]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header with a line break")
        self._reader = asyncio.create_task(self._read())
        await self._write("".join(line + "\r\n" for line in [*lines, ""]).encode("latin-1", "replace"))

    async def send(self, piece: bytes) -> None:
        """Send a piece of the body; returns when the upstream is ready for the next."""
        if piece:
            await self._write(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)

    async def end(self) -> None:
        """The request is complete."""
        if self._chunked:
            await self._write(b"0\r\n\r\n")

    async def _write(self, data: bytes) -> None:
        if self._sending:
            try:
                await self._stream.write(data)
            except StreamClosedError:
                self._sending = False  # it may have answered before it closed; the reader finds out

    # -- the answer

    async def head(self) -> Head:
        """Status and headers of the answer.

        :raises UpstreamError: ``timeout``, ``died`` or ``malformed``
        """
        limit = self._timeouts.upgrade if self._upgrade else self._timeouts.response
        try:
            return await asyncio.wait_for(asyncio.shield(self._head), limit or None)
        except TimeoutError as error:
            self.close()
            raise UpstreamError("timeout", f"no answer within {limit:g} s") from error

    async def body(self) -> AsyncIterator[bytes]:
        """The pieces of the answer's body. The next is read from the upstream when it is asked for.

        :raises UpstreamError: ``died`` or ``timeout``: what came is not all
        """
        while True:
            self._wanted.set()
            try:
                piece = await asyncio.wait_for(self._pieces.get(), self._timeouts.idle or None)
            except TimeoutError as error:
                self.close()
                raise UpstreamError("timeout", f"silent for {self._timeouts.idle:g} s") from error
            if isinstance(piece, UpstreamError):
                raise piece
            if piece == _END:
                return
            yield piece

    def detach(self) -> IOStream:
        """The connection itself, once ``head`` said 101: nothing more is read or written here."""
        stream = self._connection.detach()
        self._wanted.set()
        return stream

    def close(self) -> None:
        """Give up: the upstream sees the connection end."""
        self._sending = False
        self._wanted.set()
        self._stream.close()

    async def _read(self) -> None:
        error: UpstreamError | None = None
        try:
            await self._connection.read_response(self)
        except (StreamClosedError, OSError) as closed:
            error = UpstreamError(
                "died", f"the connection ended too early: {getattr(closed, 'real_error', None) or closed}"
            )
        except (httputil.HTTPInputError, UnsatisfiableReadError, ValueError) as wrong:
            error = UpstreamError("malformed", f"not a proper answer: {wrong}")
        self._fail(
            error or UpstreamError("malformed" if not self._stream.error else "died", "the answer is not complete")
        )

    def _fail(self, error: UpstreamError) -> None:
        """The end in any case; without meaning after a complete answer."""
        if not self._head.done():
            self._head.set_exception(error)
            self._head.exception()  # whoever waits gets it; nobody may be waiting any more
        self._pieces.put_nowait(error)

    # -- called by the connection while it reads

    async def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> None:
        """Hand over the head and wait until somebody wants more."""
        assert isinstance(start_line, httputil.ResponseStartLine)
        if 100 <= start_line.code < 200 and not (start_line.code == _SWITCHING and self._upgrade):
            return  # only a note before the answer
        wrong = _wrong_head(start_line.code, headers)
        if wrong:
            self._fail(UpstreamError("malformed", f"not a proper answer: {wrong}"))
            self._stream.close()
            return
        self._wanted.clear()
        if not self._head.done():
            self._head.set_result(Head(start_line.code, start_line.reason, headers))
        if self._bodiless:
            self._pieces.put_nowait(_END)
            self._connection.detach()  # what its headers announce does not come
            return
        await self._wanted.wait()

    async def data_received(self, chunk: bytes) -> None:
        """Hand over a piece and wait until somebody wants the next."""
        self._wanted.clear()
        self._pieces.put_nowait(chunk)
        await self._wanted.wait()

    def finish(self) -> None:
        """The answer is complete, unless the connection broke where its end was to be the body's."""
        if self._stream.error is not None:
            self._pieces.put_nowait(UpstreamError("died", f"the connection broke: {self._stream.error}"))
        else:
            self._pieces.put_nowait(_END)

    def on_connection_close(self) -> None:
        """The connection ended too early; ``_read`` says so."""
