"""What the local backend promises beyond the contract, with real processes: shims, kills, ports, secrets, full
disks.
"""

import asyncio
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from zoe_hub.backends import open_files
from zoe_hub.backends.base import Permanent, Temporary
from zoe_hub.backends.local import LocalBackend, identity, launch, watching
from zoe_hub.backends.local.shim.system import stat_of
from zoe_hub.core.executions.spec import Port
from zoe_hub.core.reasons import because
from zoe_hub.testing.backend_harness import BackendHarness, Programs

WEB = (Port(name="web", number=8080, protocol="http"),)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def known(backend, name):
    """What the shim of a process has recorded of itself."""
    execution = name.split("-")[2]
    return json.loads(Path(backend.data, "executions", execution, name, "alive.json").read_text())


class TestLocal(BackendHarness):
    @pytest.fixture
    def options(self):
        return {}

    @pytest.fixture
    def backend_factory(self, tmp_path, options):
        return lambda deployment="one": LocalBackend(deployment=deployment, data=str(tmp_path), **options)

    @pytest.fixture
    def programs(self):
        return Programs(python=sys.executable)

    async def gone(self, *pids):
        async def all_gone():
            return not any(alive(pid) for pid in pids)

        await self.until(f"end of {pids}", all_gone)

    # --- without a hub -----------------------------------------------------------------------------------------

    async def test_the_shim_kills_after_the_grace_without_a_hub(self, backend, backends, programs, execution):
        spec = await self.spec(backend, programs, execution, programs.stubborn())
        await self.ready(backend, spec)
        pids = known(backend, spec.name)
        await backend.stop(spec.name, 0.3)
        await backend.close()
        await self.gone(pids["shim"][0], pids["child"][0])
        second = backends()
        await second.open()
        ended = await self.exited(second, spec.name)
        assert (ended.exit_code, ended.reason) == (-9, because("killed-late", grace=0.3))

    @pytest.mark.parametrize("watched", [True, False])
    async def test_a_killed_shim_takes_the_whole_tree_along(self, backend, backends, programs, execution, watched):
        spec = await self.spec(backend, programs, execution, programs.family("web", "grandchild"), ports=WEB)
        await self.ready(backend, spec)
        address = spec.addresses["web"]
        await self.until("an answer of the grandchild", lambda: self.reach(address))
        pids = known(backend, spec.name)
        if not watched:
            await backend.close()
        os.kill(pids["shim"][0], signal.SIGKILL)
        await self.gone(pids["shim"][0], pids["child"][0])
        if not watched:
            assert (
                await self.reach(address) == b"grandchild"
            )  # ignores SIGTERM, in a session of its own, without a parent
            backend = backends()
            await backend.open()
        ended = await self.exited(backend, spec.name)
        assert (ended.exit_code, ended.reason) == (None, because("supervisor-killed"))
        assert await self.reach(address) is None
        again = await self.spec(backend, programs, execution, programs.sleeping(), incarnation=2)
        await self.ready(backend, again)

    async def test_a_program_has_the_limit_of_files_that_the_hub_was_started_with(
        self, backend, programs, execution, monkeypatch
    ):
        monkeypatch.setattr(open_files, "_before", None)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        try:
            assert open_files.raise_limit() == hard
            code = "import resource; say(str(resource.getrlimit(resource.RLIMIT_NOFILE)))"
            spec = await self.spec(backend, programs, execution, programs.run(code))
            await backend.start(spec)
            await self.exited(backend, spec.name)
            assert await self.log(backend, spec.name) == f"(512, {hard})\n".encode()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    async def test_sigterm_to_the_shim_ends_the_tree(self, backend, programs, execution):
        spec = await self.spec(backend, programs, execution, programs.polite(5), grace=30.0)
        await self.ready(backend, spec)
        os.kill(known(backend, spec.name)["shim"][0], signal.SIGTERM)
        assert (await self.exited(backend, spec.name)).exit_code == 5

    async def test_a_storm_of_forks_is_ended(self, backend, programs, execution):
        code = "say('ready')\nfor i in range(200):\n    if os.fork() == 0:\n        os.setsid()\n    time.sleep(0.01)"
        bounded = "import resource\n" + code.replace("range(200)", "range(6)").replace(
            "time.sleep(0.01)", "time.sleep(0.02)"
        )
        spec = await self.spec(
            backend, programs, execution, programs.run(bounded + "\nsignal.signal(15, signal.SIG_IGN); wait()")
        )
        await self.ready(backend, spec)
        launch = json.loads(Path(backend.data, "executions", execution, spec.name, "launch.json").read_text())
        await backend.stop(spec.name, 0)
        await self.exited(backend, spec.name)
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                assert launch["mark"].encode() not in path.read_bytes()

    async def test_a_reused_pid_is_left_alone(self, backend, backends, programs, execution):
        innocent = subprocess.Popen(["sleep", "600"])
        try:
            spec = await self.spec(backend, programs, execution, programs.sleeping())
            await self.ready(backend, spec)
            pids = known(backend, spec.name)
            await backend.close()
            os.kill(pids["shim"][0], signal.SIGKILL)
            await self.gone(pids["child"][0])
            # the machine gave both numbers to somebody else
            record = Path(backend.data, "executions", execution, spec.name, "alive.json")
            started = stat_of(innocent.pid)[1]
            for boot, begun in ((identity.boot(), started - 1), ("another-boot", started)):
                pids |= {"boot": boot, "shim": [innocent.pid, begun], "child": [innocent.pid, begun]}
                record.write_text(json.dumps(pids))
                second = backends()
                await second.open()
                ended = await self.exited(second, spec.name)
                assert ended.exit_code is None
                how = "supervisor-killed" if boot == identity.boot() else "machine-restarted"
                assert ended.reason == because(how)
                await second.stop(spec.name, 0)
                await second.signal(spec.name, "KILL")
                assert innocent.poll() is None
                Path(backend.data, "logs", execution, spec.name, "exit.json").unlink()
        finally:
            innocent.kill()
            innocent.wait()

    async def test_ends_are_noticed_without_pidfd(self, backends, programs, monkeypatch):
        def unknown(pid):
            raise OSError(38, "Function not implemented")

        monkeypatch.setattr(watching.os, "pidfd_open", unknown)
        backend = backends()
        backend.poll_interval = 0.02
        await backend.open()
        await backend.prepare("e1", "ann")
        watch = backend.watch()
        await anext(watch)
        spec = await self.spec(backend, programs, "e1", programs.printing("x", 3))
        await backend.start(spec)
        async with asyncio.timeout(self.DEADLINE):
            async for item in watch:
                if item.state == "exited":
                    break
        assert item.exit_code == 3
        await watch.aclose()

    # --- incarnations ----------------------------------------------------------------------------------------------

    async def test_an_older_incarnation_must_have_ended_and_a_newer_one_wins(self, backend, programs, execution):
        spec = await self.spec(backend, programs, execution, programs.sleeping(), incarnation=2)
        await self.ready(backend, spec)
        with pytest.raises(Temporary, match="still runs"):
            await backend.start(await self.spec(backend, programs, execution, programs.sleeping(), incarnation=3))
        with pytest.raises(Permanent) as error:
            await backend.start(await self.spec(backend, programs, execution, programs.sleeping(), incarnation=1))
        assert error.value.code == "conflict"

    async def test_a_listing_does_not_wait_for_the_next_start_to_be_done(self, backend, programs, execution):
        spec = await self.spec(backend, programs, execution, programs.run("sys.exit(3)"))
        await backend.start(spec)
        await self.exited(backend, spec.name)
        await self.gone(known(backend, spec.name)["shim"][0])
        held = identity.lock(
            Path(backend.data, "executions", execution, spec.name)
        )  # as a start does before its shim is there
        assert held is not None
        try:
            async with asyncio.timeout(launch.PATIENCE / 2):
                (seen,) = await backend.processes()
        finally:
            os.close(held)
        assert (seen.state, seen.exit_code) == ("exited", 3)

    async def test_each_incarnation_has_a_fresh_folder(self, backend, programs, execution):
        touch = programs.run("open(os.path.join(os.environ['ZOE_FOLDER'], 'left'), 'x').close(); say(os.getcwd())")
        for incarnation in (1, 2):
            spec = await self.spec(backend, programs, execution, touch, incarnation=incarnation)
            await backend.start(spec)
            assert (await self.exited(backend, spec.name)).exit_code == 0
        folder = Path(backend.data, "executions", execution, spec.name, "folder")
        assert (await self.log(backend, spec.name)).decode().split() == [str(folder.resolve())] * 2

    # --- what others see ---------------------------------------------------------------------------------------------

    async def test_nothing_on_disk_is_readable_by_others_or_holds_the_environment(self, backend, programs, execution):
        old = os.umask(0o022)
        try:
            secret = "hush-hush-hush"
            spec = await self.spec(
                backend,
                programs,
                execution,
                programs.sleeping(),
                environment={"TOKEN": secret},
                files={"conf/x.txt": "in a file"},
                ports=WEB,
            )
            await self.ready(backend, spec)
        finally:
            os.umask(old)
        seen = 0
        for path in Path(backend.data).rglob("*"):
            mode = path.lstat().st_mode
            assert stat.S_IMODE(mode) == (0o700 if stat.S_ISDIR(mode) else 0o600), path
            if stat.S_ISREG(mode):
                seen += 1
                assert secret.encode() not in path.read_bytes()
        assert seen > 4

    async def test_the_program_inherits_nothing(self, backend, programs, execution):
        show = "ignored = [n for n in signal.Signals if signal.getsignal(n) == signal.SIG_IGN and n not in (13, 25)]\n"
        show += (
            "say(repr((sorted(os.listdir('/proc/self/fd'), key=int)[:-1], os.readlink('/proc/self/fd/0'), ignored,"
            " signal.pthread_sigmask(0, []))))"
        )
        spec = await self.spec(backend, programs, execution, programs.run(show), ports=WEB)
        await backend.start(spec)
        assert (await self.exited(backend, spec.name)).exit_code == 0
        assert await self.log(backend, spec.name) == b"(['0', '1', '2'], '/dev/null', [], set())\n"

    async def test_the_users_umask_is_the_programs(self, backends, programs):
        old = os.umask(0o027)
        try:
            backend = backends()
            await backend.open()
        finally:
            os.umask(old)
        await backend.prepare("e1", "ann")
        spec = await self.spec(backend, programs, "e1", programs.run("say(oct(os.umask(0)))"))
        await backend.start(spec)
        await self.exited(backend, spec.name)
        assert await self.log(backend, spec.name) == b"0o27\n"

    # --- environments
    # ---------------------------------------------------------------------------------------------------

    async def test_an_image_is_an_environment(self, backends, programs, tmp_path):
        for version in ("1", "2"):
            place = tmp_path / f"env{version}" / "bin"
            place.mkdir(parents=True)
            (place / "tool").write_text(f"#!/bin/sh\necho version {version} $HOME\n")
            (place / "tool").chmod(0o755)
        backend = backends()
        backend.prefixes = {f"zoe/tool:{version}": str(tmp_path / f"env{version}") for version in ("1", "2")} | {
            "zoe/gone:*": "/nowhere"
        }
        await backend.open()
        await backend.prepare("e1", "ann")
        for incarnation in (1, 2):
            spec = await self.spec(
                backend, programs, "e1", ("tool",), image=f"zoe/tool:{incarnation}", incarnation=incarnation
            )
            await backend.start(spec)
            await self.exited(backend, spec.name)
        home = os.environ["HOME"]
        assert (await self.log(backend, spec.name)).decode() == f"version 1 {home}\nversion 2 {home}\n"
        with pytest.raises(Permanent) as error:
            await backend.start(await self.spec(backend, programs, "e1", ("tool",), image="zoe/gone:1", index=1))
        assert error.value.code == "environment-missing"
        assert len(await backend.processes()) == 1

    async def test_why_a_program_does_not_run_is_in_the_log(self, backend, programs, execution, tmp_path):
        (tmp_path / "plain").write_text("no program")
        for index, (command, code, text) in enumerate(
            [("no-such-tool", 127, b"cannot run 'no-such-tool'"), (str(tmp_path / "plain"), 126, b"Permission denied")]
        ):
            spec = await self.spec(backend, programs, execution, (command,), index=index)
            await backend.start(spec)
            assert (await self.exited(backend, spec.name)).exit_code == code
            assert text in await self.log(backend, spec.name)

    # --- ports
    # --------------------------------------------------------------------------------------------------------------

    async def test_a_port_stays_reserved_as_long_as_the_process_lives(
        self, backend, backends, programs, execution, tmp_path
    ):
        spec = await self.spec(backend, programs, execution, programs.sleeping(), ports=WEB)
        number = spec.addresses["web"].number
        await self.ready(backend, spec)
        await backend.close()
        (tmp_path / "other").mkdir()
        foreign = LocalBackend(deployment="three", data=str(tmp_path / "other"), port_range=(number, number))
        await foreign.open()
        with pytest.raises(Temporary) as error:
            await foreign.allocate("e1", "zoe-three-e1-main-0", WEB)
        assert error.value.code == "port-taken"
        second = backends()
        await second.open()
        assert await second.allocate(execution, spec.name, WEB) == spec.addresses
        await second.stop(spec.name, 0)
        await self.exited(second, spec.name)
        assert (await foreign.allocate("e1", "zoe-three-e1-main-0", WEB))["web"].number == number
        await foreign.close()

    async def test_other_users_see_no_reservation_and_cannot_take_one(self, backend, programs, execution):
        started = await self.spec(backend, programs, execution, programs.sleeping(), ports=WEB)
        await self.ready(backend, started)
        waiting = await self.spec(backend, programs, execution, programs.sleeping(), index=1, ports=WEB)
        folder = backend._reservations()
        number = waiting.addresses["web"].number
        taken = {int(name) for name in os.listdir(folder)}
        assert {started.addresses["web"].number, number} <= taken
        look = (
            "import os, socket, sys\nos.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "number, folder = int(sys.argv[1]), sys.argv[2]\n"
            "try: print(os.listdir(folder))\nexcept OSError as error: print(type(error).__name__)\n"
            "one = socket.socket(); one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
            "try: one.bind(('127.0.0.1', number)); print('bound')\nexcept OSError as error: print(error.errno)\n"
            "print([line for line in open('/proc/net/unix') if line.rstrip().endswith(str(number))])"
        )
        if os.geteuid() == 0:
            command = [sys.executable, "-c", look, str(number), folder]
            seen = subprocess.run(command, capture_output=True, text=True, check=True)
            assert seen.stdout.split("\n")[:3] == ["PermissionError", "98", "[]"], seen.stderr

    async def test_a_hub_restarted_after_allocate_starts_with_the_same_addresses(
        self, backend, backends, programs, execution
    ):
        spec = await self.spec(backend, programs, execution, programs.serving("web", "yes"), ports=WEB)
        await backend.close()
        second = backends()
        await second.open()
        await second.start(spec)
        assert await self.until("an answer", lambda: self.reach(spec.addresses["web"])) == b"yes"

    @pytest.mark.parametrize("when", ["before", "while"])
    async def test_a_port_taken_by_another_program_is_told(self, backend, backends, programs, execution, when):
        spec = await self.spec(
            backend,
            programs,
            execution,
            programs.run("signal.signal(10, lambda *a: sys.exit(1)); say('ready'); wait()"),
            ports=WEB,
        )
        with socket.socket() as other:
            if when == "while":
                await self.ready(backend, spec)
            else:  # a hub that dies between reserving and starting holds the port no more
                await backend.close()
                backend = backends()
                await backend.open()
            other.bind(("127.0.0.1", spec.addresses["web"].number))
            other.listen()
            if when == "while":
                await backend.signal(spec.name, "USR1")  # as a program does that cannot listen
            else:
                assert (await backend.start(spec)).state == "exited"
            ended = await self.exited(backend, spec.name)
            assert (ended.reason, ended.exit_code) == (because("port-lost"), 1 if when == "while" else None)
            fresh = await self.spec(
                backend, programs, execution, programs.serving("web", "new"), ports=WEB, incarnation=2
            )
            assert fresh.addresses != spec.addresses
        await backend.start(fresh)
        assert await self.until("an answer", lambda: self.reach(fresh.addresses["web"])) == b"new"

    # --- logs and disks
    # --------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("options", [{"log_size": 4096, "log_files": 3}])
    async def test_logs_rotate_and_offsets_stay_true(self, backend, programs, execution):
        spec = await self.spec(backend, programs, execution, programs.run("[say('%09d' % i) for i in range(10000)]"))
        await backend.start(spec)
        await self.exited(backend, spec.name)
        kept = [path.stat().st_size for path in Path(backend.data, "logs", execution, spec.name).glob("log.*")]
        assert len(kept) == 3
        assert sum(kept) <= 3 * 4096
        chunks = [chunk async for chunk in backend.logs(spec.name)]
        assert chunks[0].offset == 100_000 - sum(kept)
        data = b"".join(chunk.data for chunk in chunks)
        assert data == b"".join(b"%09d\n" % i for i in range(10000))[chunks[0].offset :]
        assert await self.log(backend, spec.name, 99_990) == b"000009999\n"

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")
    async def test_a_full_disk_refuses_starts_and_keeps_what_runs(self, tmp_path, programs):
        disk = tmp_path / "disk"
        disk.mkdir()
        if subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk], check=False, capture_output=True
        ).returncode:
            pytest.skip("may not mount")
        backend = LocalBackend(deployment="one", data=str(disk))
        try:
            await backend.open()
            await backend.prepare("e1", "ann")
            talk = (
                "signal.signal(10, lambda *a: [say('x' * 99) for i in range(20000)])\nsignal.signal(12, lambda *a:"
                " sys.exit(3))\nsay('ready'); wait()"
            )
            spec = await self.spec(backend, programs, "e1", programs.run(talk))
            await self.ready(backend, spec)
            await backend.signal(spec.name, "USR1")  # 2 MB of output on a disk of 512 kB

            async def full():
                return os.statvfs(disk).f_bavail == 0

            await self.until("a full disk", full)
            with pytest.raises(Temporary) as error:
                await backend.start(await self.spec(backend, programs, "e1", programs.sleeping(), index=1))
            assert error.value.code == "storage-full"
            with pytest.raises(Temporary) as error:
                await backend.prepare("e2", "ann")
            assert error.value.code == "storage-full"
            await backend.close()
            backend = LocalBackend(deployment="one", data=str(disk))
            await backend.open()  # a hub that comes back on a full disk
            assert [process.state for process in await backend.processes()] == ["running"]
            await backend.signal(spec.name, "USR2")
            assert (await self.exited(backend, spec.name)).exit_code == 3  # the place of the exit record was reserved
            assert (await self.log(backend, spec.name)).startswith(b"ready\nxxx")
        finally:
            try:
                await self.clear(backend)
                await backend.close()
            finally:
                subprocess.run(["umount", "-l", disk], check=True)
