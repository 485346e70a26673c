# ruff: noqa: SIM105, UP031 - contextlib costs milliseconds, and bytes have no other way to be formatted
"""The life of one process, from the fork to the exit record: the shim itself. Run compiled; see the package."""

import _signal  # type: ignore[import-not-found]
import posix
import select
import time

from .log import Log
from .system import (
    BLOCK,
    PR_SET_CHILD_SUBREAPER,
    PR_SET_PDEATHSIG,
    port_free,
    prctl,
    read_some,
    signal_tree,
    stat_of,
    write_reserved,
)

# Reasons of exit records, as ``core.reasons`` declares them, in JSON.
PORT_LOST = '{"code":"port-lost"}'
KILLED_LATE = '{"code":"killed-late","facts":{"grace":%g}}'


class Payload:
    """What the hub says of the process: fields separated by NUL, the first one counts the others."""

    def __init__(self, data: bytes) -> None:
        items = data.split(b"\0")
        if not items[0] or int(items[0]) != len(items) - 1:
            raise ValueError("incomplete")  # the hub died while it wrote
        (
            self.folder,
            self.logs,
            self.cwd,
            incarnation,
            self.boot,
            grace,
            log_size,
            log_files,
            control,
            descriptors,
            ports,
            umask,
            argc,
        ) = items[1:14]
        self.incarnation, self.grace = int(incarnation), float(grace)
        self.log_size, self.log_files, self.control = int(log_size), int(log_files), int(control)
        self.descriptors = [int(item) for item in descriptors.split()]
        self.ports = [int(item) for item in ports.split()]
        self.umask = int(umask)
        self.argv = items[14 : 14 + int(argc)]
        self.environment = dict(item.split(b"=", 1) for item in items[14 + int(argc) :])


class Shim:
    """The life of one process, from the fork to the exit record."""

    def __init__(self, payload: Payload) -> None:
        self.payload = payload
        self.log = Log(payload.logs, payload.log_size, payload.log_files)
        self.child = 0
        self.output = -1
        self.code: int | None = None  # of the program, once it has ended
        self.alone = False  # nothing of the tree is left
        self.deadline: float | None = None  # when what is left gets killed
        self.grace: float | None = None  # as asked
        self.reason = "null"  # JSON

    def run(self, acknowledge: int) -> None:
        """Start the program, tell the hub, serve until all has ended, write the exit record."""
        payload = self.payload
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        wake_read, wake_write = posix.pipe()
        posix.set_blocking(wake_read, False)
        posix.set_blocking(wake_write, False)
        for name in ("SIGINT", "SIGHUP", "SIGQUIT"):
            _signal.signal(getattr(_signal, name), _signal.SIG_IGN)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)
        _signal.signal(_signal.SIGTERM, lambda *_: self.stop(payload.grace))  # the machine shuts down
        _signal.set_wakeup_fd(wake_write)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())

        if not all(port_free(number) for number in payload.ports):
            self.reason = PORT_LOST
            self.finish()
            answer(acknowledge, b"ended")
            return
        try:
            self.fork()
        except OSError as error:
            answer(acknowledge, b"error %d" % (error.errno or 5))
            return
        answer(acknowledge, b"ok")
        null = posix.open("/dev/null", posix.O_RDWR)
        posix.dup2(null, 1)
        posix.dup2(null, 2)
        posix.close(acknowledge)
        self.serve(wake_read)
        if self.code and self.grace is None and not all(port_free(number) for number in payload.ports):
            self.reason = PORT_LOST  # somebody was quicker between the check and the program's own bind
        self.finish()

    def fork(self) -> None:
        """Fork; the child runs the program only after it is on record, so that no unknown program can ever run."""
        payload = self.payload
        go_read, go_write = posix.pipe()
        self.output, output = posix.pipe()
        shim = posix.getpid()
        self.child = posix.fork()
        if self.child == 0:
            try:
                become(payload, shim, go_read, go_write, output)
            finally:
                posix._exit(126)
        posix.close(go_read)
        posix.close(output)
        mine, its = stat_of(shim), stat_of(self.child)
        record = '{"incarnation":%d,"boot":"%s","shim":[%d,%d],"child":[%d,%d],"started":%.6f}' % (
            payload.incarnation,
            payload.boot.decode(),
            shim,
            mine[1] if mine else 0,
            self.child,
            its[1] if its else 0,
            time.time(),
        )
        try:
            write_reserved(payload.folder, b"alive.reserve", b"alive.json", record, durable=False)
            posix.write(go_write, b"!")
        finally:
            posix.close(go_write)  # without the byte, the child ends

    def serve(self, wake: int) -> None:
        """Log, obey and reap until nothing is left."""
        control, output = self.payload.control, self.output
        poll = select.poll()
        for descriptor in (control, output, wake):
            posix.set_blocking(descriptor, False)
            poll.register(descriptor, select.POLLIN)
        self.reap()
        while not (self.alone and self.code is not None):
            wait = None if self.deadline is None else max(self.deadline - time.monotonic(), 0) * 1000
            for descriptor, _ in poll.poll(wait):
                data = read_some(descriptor)
                if descriptor == control:
                    for line in data.splitlines():
                        self.obey(line)
                elif descriptor == output:
                    if data:
                        self.log.write(data)
                    else:
                        poll.unregister(output)  # the program has closed its output
            self.reap()
            if self.deadline is not None and time.monotonic() >= self.deadline:
                if self.code is None and self.grace:
                    self.reason = KILLED_LATE % self.grace
                signal_tree(self.child, _signal.SIGKILL)
                self.deadline = time.monotonic() + 0.1  # again, for what was forked meanwhile
        while data := read_some(output):
            self.log.write(data)
        if self.log.dropped:
            self.log.write(b"")

    def obey(self, line: bytes) -> None:
        """One command of a hub: ``stop GRACE`` or ``signal NUMBER``. An unknown one is one of a newer hub: ignored."""
        verb, _, value = line.partition(b" ")
        try:
            if verb == b"stop":
                self.stop(float(value))
            elif verb == b"signal" and self.code is None:
                posix.kill(self.child, int(value))  # not reaped yet, so the pid is still its own
        except (ValueError, OSError):
            pass

    def stop(self, grace: float) -> None:
        """Ask the tree to end, and kill it after ``grace`` seconds. Asked again, it can only become sooner."""
        until = time.monotonic() + grace
        if self.deadline is None or until < self.deadline:
            self.deadline = until
            self.grace = grace
        if grace > 0:
            signal_tree(self.child, _signal.SIGTERM)

    def reap(self) -> None:
        """Take the exit status of everything that has ended. When the program ends, the rest of its tree is killed."""
        while True:
            try:
                pid, status = posix.waitpid(-1, posix.WNOHANG)
            except ChildProcessError:
                self.alone = True
                break
            if pid == 0:
                break
            if pid == self.child:
                self.code = posix.waitstatus_to_exitcode(status)
        if self.code is not None and not self.alone and self.deadline is None:
            self.deadline = time.monotonic()

    def finish(self) -> None:
        """Write the exit record, the last thing a shim does. It is made durable: the machine may stop, the result
        stays.
        """
        code = "null" if self.code is None else str(self.code)
        record = '{"incarnation":%d,"code":%s,"ended":%.6f,"reason":%s}' % (
            self.payload.incarnation,
            code,
            time.time(),
            self.reason,
        )
        write_reserved(self.payload.logs, b"exit.reserve", b"exit.json", record, durable=True)


def become(payload: Payload, shim: int, go_read: int, go_write: int, output: int) -> None:
    """In the forked child: become the program, or say in the log why not and exit with 127 (126: not executable)."""
    prctl(PR_SET_PDEATHSIG, _signal.SIGKILL)
    if posix.getppid() != shim:
        posix._exit(126)
    posix.setsid()
    _signal.set_wakeup_fd(-1)
    for number in range(1, _signal.NSIG):
        try:
            _signal.signal(number, _signal.SIG_DFL)  # whatever somebody above has set
        except (OSError, ValueError):
            pass  # SIGKILL, SIGSTOP, those of the C library
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    posix.close(go_write)
    posix.dup2(output, 1)
    posix.dup2(output, 2)
    posix.umask(payload.umask)
    posix.chdir(payload.cwd)
    if not posix.read(go_read, 1):
        posix._exit(126)
    program = payload.argv[0]
    path = payload.environment.get(b"PATH", b"/usr/bin:/bin")
    places = [program] if b"/" in program else [folder + b"/" + program for folder in path.split(b":") if folder]
    problem = OSError(2, "No such file or directory")
    for place in places:
        try:
            posix.execve(place, payload.argv, payload.environment)
        except OSError as error:
            if error.errno not in {2, 20}:  # keep what is more telling than "not found"
                problem = error
    code = 127 if problem.errno == 2 else 126
    hint = b"" if b"/" in program else b" (searched in " + path + b")"
    posix.write(2, b"zoe: cannot run '" + program + b"': " + str(problem.strerror).encode() + hint + b"\n")
    posix._exit(code)


def answer(acknowledge: int, what: bytes) -> None:
    """Tell the hub that waits for this start, if it still lives."""
    try:
        posix.write(acknowledge, what)
    except OSError:
        pass


def main() -> None:
    """Read the payload and run. An incomplete payload starts nothing: the hub has died and will start it again."""
    parts = []
    while data := posix.read(0, BLOCK):
        parts.append(data)
    try:
        payload = Payload(b"".join(parts))
    except ValueError:
        return
    null = posix.open("/dev/null", posix.O_RDONLY)
    posix.dup2(null, 0)
    for descriptor in payload.descriptors:
        posix.set_inheritable(descriptor, False)
    acknowledge = posix.dup(1)
    posix.umask(0o077)
    shim = Shim(payload)
    try:
        shim.run(acknowledge)
    except BaseException as error:
        shim.log.write(f"\nzoe: the supervisor failed: {error!r}\n".encode())
        raise
