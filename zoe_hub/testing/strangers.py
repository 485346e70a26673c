"""Another user of the machine who listens where a process or a hub should, and keeps every byte that comes.

For tests of who gets what: a real process with a user id of its own (``nobody``), so root alone can start it. It
answers whatever it is asked with a harmless page, so that a client which sends before it looks goes on and is caught.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from types import TracebackType
from typing import Self

NOBODY = 65534
_PROGRAM = """
import os, selectors, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
host, port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if mode == "defer":
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
listener.bind((host, port))
listener.listen(128)
print("at", listener.getsockname()[1], flush=True)
selector = selectors.DefaultSelector()
selector.register(sys.stdin, selectors.EVENT_READ)
if mode != "wait":
    selector.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        if key.fileobj is sys.stdin:
            if not sys.stdin.readline():
                sys.exit()
            selector.register(listener, selectors.EVENT_READ)  # accept what has come meanwhile
        elif key.fileobj is listener:
            connection, _ = listener.accept()
            selector.register(connection, selectors.EVENT_READ)
            print("met", flush=True)
        else:
            try:
                data = key.fileobj.recv(65536)
                if data:
                    print("got", data.hex(), flush=True)
                    key.fileobj.sendall(b"\\r\\n".join([b"HTTP/1.1 200 OK", b"Content-Length: 2", b"", b"{}"]))
                    continue
            except OSError:
                pass
            selector.unregister(key.fileobj)
            key.fileobj.close()
            print("left", flush=True)
"""


def possible() -> bool:
    """Whether this test run may start processes of other users."""
    return sys.platform == "linux" and os.geteuid() == 0


class Listener:
    """A listener of user ``nobody``. A context manager."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1", mode: str = "accept") -> None:
        """:param port: 0: any
        :param mode: ``accept``; ``wait``: accepts nothing before ``accept`` is called; ``defer``: the kernel holds a
            connection back until something was sent over it
        """
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _PROGRAM, host, str(port), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            text=True,
            bufsize=1,
        )
        assert self._process.stdout is not None
        first = self._process.stdout.readline().split()
        if first[:1] != ["at"]:
            raise OSError(f"the stranger cannot listen at {host}:{port}")
        self.host, self.port = host, int(first[1])
        self._changed = threading.Condition()
        self._received = b""
        self._counts = {"met": 0, "left": 0}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            what, _, rest = line.strip().partition(" ")
            with self._changed:
                if what == "got":
                    self._received += bytes.fromhex(rest)
                else:
                    self._counts[what] += 1
                self._changed.notify_all()

    def accept(self) -> None:
        """Accept what has come until now, and what comes."""
        assert self._process.stdin is not None
        self._process.stdin.write("accept\n")

    def received(self, connections: int = 1, timeout: float = 30.0) -> bytes:
        """All that came, once so many connections have come and ended.

        :raises TimeoutError: not within ``timeout`` seconds
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._counts["left"] >= connections, timeout):
                raise TimeoutError(f"{self._counts} instead of {connections} connections; {self._received!r}")
            return self._received

    @property
    def met(self) -> int:
        """How many connections it has accepted."""
        with self._changed:
            return self._counts["met"]

    @property
    def so_far(self) -> bytes:
        """What came until now."""
        with self._changed:
            return self._received

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
