# ruff: noqa: SIM105 - contextlib costs milliseconds, and bytes have no other way to be formatted
"""System calls of the shim: processes, ports, signals, records on a full disk. The hub uses some of them as well.

Imports only what is built into the interpreter; see the package.
"""

import _signal  # type: ignore[import-not-found]
import posix
import sys

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LINUX = sys.platform == "linux"
BLOCK = 65536
RESERVED = 512  # bytes of a record, reserved by the hub before the start


def prctl(option: int, value: int) -> None:
    """The system call, without the cost of importing ``ctypes`` whole where that can be avoided."""
    if not LINUX:
        return
    try:
        import _ctypes  # noqa: PLC0415

        _ctypes.call_function(_ctypes.dlsym(_ctypes.dlopen(None, 2), "prctl"), (option, value, 0, 0, 0))  # type: ignore[arg-type]
    except (ImportError, AttributeError):
        import ctypes  # noqa: PLC0415

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def stat_of(pid: int) -> tuple[int, int] | None:
    """Parent and start time (clock ticks since boot) of a process, ``None`` if there is none (or no /proc)."""
    try:
        descriptor = posix.open(f"/proc/{pid}/stat", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        fields = posix.read(descriptor, 4096).rpartition(b")")[2].split()
    except OSError:
        return None
    finally:
        posix.close(descriptor)
    return (int(fields[1]), int(fields[19])) if len(fields) > 19 else None


def port_free(number: int) -> bool:
    """Whether a program may listen on ``number`` now, on every address, IPv4 and IPv6 (``localhost`` may be either)."""
    import _socket  # noqa: PLC0415

    for family, address in ((_socket.AF_INET, "0.0.0.0"), (_socket.AF_INET6, "::")):  # noqa: S104
        try:
            probe = _socket.socket(family, _socket.SOCK_STREAM)
        except OSError:
            continue  # no IPv6 here
        try:
            probe.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            if family == _socket.AF_INET6:
                probe.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
            probe.bind((address, number))
        except OSError as error:
            if error.errno == 98 or (
                not LINUX and error.errno == 48
            ):  # EADDRINUSE; anything else says nothing of others
                return False
        finally:
            probe.close()
    return True


def signal_tree(root: int, number: int) -> None:
    """Send a signal to everything below the shim. ``root``: the program, leader of its process group."""
    if not LINUX:
        try:
            posix.killpg(root, number)
        except OSError:
            pass
        return
    children: dict[int, list[tuple[int, int]]] = {}
    for name in posix.listdir("/proc"):
        if name.isdigit():
            found = stat_of(int(name))
            if found is not None:
                children.setdefault(found[0], []).append((int(name), found[1]))
    todo = [posix.getpid()]
    while todo:
        for pid, started in children.get(todo.pop(), ()):
            todo.append(pid)
            signal_one(pid, started, number)


def signal_one(pid: int, started: int, number: int) -> None:
    """Send a signal to the process that started then; to nobody if the pid was reused."""
    descriptor = -1
    try:
        descriptor = posix.pidfd_open(pid)
        found = stat_of(pid)
        if found is not None and found[1] == started:
            _signal.pidfd_send_signal(descriptor, number)
    except (OSError, AttributeError):
        found = stat_of(pid)
        if descriptor < 0 and found is not None and found[1] == started:
            try:
                posix.kill(pid, number)
            except OSError:
                pass
    finally:
        if descriptor >= 0:
            posix.close(descriptor)


def write_reserved(folder: bytes, reserve: bytes, name: bytes, text: str, durable: bool) -> None:
    """Put ``text`` under ``name``, all or nothing, into blocks that were reserved before: works on a full disk as
    well.
    """
    descriptor = posix.open(folder + b"/" + reserve, posix.O_WRONLY | posix.O_CREAT | posix.O_CLOEXEC, 0o600)
    try:
        data = text.encode()
        posix.write(descriptor, data + b" " * (RESERVED - len(data)))
        if durable:
            posix.fsync(descriptor)
    finally:
        posix.close(descriptor)
    posix.rename(folder + b"/" + reserve, folder + b"/" + name)


def read_some(descriptor: int) -> bytes:
    """What is there, at most a block; nothing at the end or if there is nothing now."""
    try:
        return posix.read(descriptor, BLOCK)
    except BlockingIOError:
        return b""
