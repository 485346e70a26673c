"""A hub that is killed at any moment while it starts a process leaves nothing, or one process: never two, never a lost
one.

The seed is printed; ZOE_TEST_SEED repeats a run, ZOE_TEST_CRASHES says how many kills.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zoe_hub.backends.local import LocalBackend
from zoe_hub.testing.backend_harness import BackendHarness, Programs

HUB = """
import asyncio, sys, msgspec
from zoe_hub.backends.base import ProcessSpec
from zoe_hub.backends.local import LocalBackend

async def main():
    backend = LocalBackend(deployment="one", data=sys.argv[1])
    await backend.open()
    await backend.prepare("e1", "ann")
    for line in sys.stdin:
        spec = msgspec.json.decode(line, type=ProcessSpec)
        print("go", flush=True)
        await backend.start(spec)
        print("started", flush=True)

asyncio.run(main())
"""


def marked():
    """The processes of all trees that were started here, by their mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if b"ZOE_CRASH_TEST=" + str(os.getpid()).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


class TestCrash(BackendHarness):
    @pytest.fixture
    def backend_factory(self, tmp_path):
        return lambda deployment="one": LocalBackend(deployment=deployment, data=str(tmp_path))

    @pytest.fixture
    def programs(self):
        return Programs(python=sys.executable)

    async def test_killed_while_it_starts(self, backends, programs, tmp_path):
        import msgspec

        seed = int(os.environ.get("ZOE_TEST_SEED") or random.randrange(2**32))
        print(f"ZOE_TEST_SEED={seed}")
        chance = random.Random(seed)
        outcomes = {"nothing": 0, "running": 0}
        for index in range(int(os.environ.get("ZOE_TEST_CRASHES") or 12)):
            last = backends()
            spec = await self.spec(
                last,
                programs,
                "e1",
                programs.sleeping(),
                index=index,
                environment={"ZOE_CRASH_TEST": str(os.getpid()), "PAD": "x" * 100_000},
            )
            hub = subprocess.Popen(
                [sys.executable, "-c", HUB, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            try:
                hub.stdin.write(msgspec.json.encode(spec) + b"\n")
                hub.stdin.flush()
                assert hub.stdout.readline() == b"go\n"
                time.sleep(chance.random() * 0.06)  # the moment of the kill, not a wait for anything
            finally:
                os.kill(hub.pid, signal.SIGKILL)
                hub.communicate()
            await last.open()
            found = await self.seen(last, spec.name)
            outcomes["running" if found else "nothing"] += 1
            assert (await last.start(spec)).state == "running"
            await self.logged(last, spec.name, "ready")
            await last.start(spec)
            assert len([process for process in await last.processes() if process.state == "running"]) == 1
            assert len(marked()) == 1
            assert await self.log(last, spec.name) == b"ready\n"
            await last.stop(spec.name, 0)
            assert (await self.exited(last, spec.name)).exit_code == -9
            assert marked() == []
            await last.close()
        print(outcomes)
