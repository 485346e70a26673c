# ruff: noqa: D102 - the names of the tests say what must hold
"""What every backend must do with the output of processes, as tests. Part of ``backend_contract``."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from zoe_hub.backends.base import Backend, Chunk, Permanent
from zoe_hub.testing.backend_harness import BackendFactory, BackendHarness, Programs


class LogContract(BackendHarness):
    """Logs: exact, followed, kept until they are forgotten."""

    async def chunks(self, backend: Backend, name: str, **how: Any) -> list[Chunk]:
        """All pieces of a log, proved to be without a gap."""
        result = [chunk async for chunk in backend.logs(name, **how)]
        for before, after in pairwise(result):
            assert before.offset + len(before.data) == after.offset
        assert all(chunk.data for chunk in result)
        return result

    async def test_logs_have_true_offsets(self, backend: Backend, programs: Programs, execution: str) -> None:
        spec = await self.spec(backend, programs, execution, programs.talking(300_000))
        await backend.start(spec)
        await self.exited(backend, spec.name)
        whole = await self.chunks(backend, spec.name)
        assert whole[0].offset == 0
        data = b"".join(chunk.data for chunk in whole)
        assert data == (b"x" * 99 + b"\n") * 3000
        for offset in (1, 99_999, 299_999):
            part = await self.chunks(backend, spec.name, offset=offset)
            assert part[0].offset == offset
            assert b"".join(chunk.data for chunk in part) == data[offset:]
        assert await self.chunks(backend, spec.name, offset=300_000) == []
        last = await self.chunks(backend, spec.name, offset=-150)
        assert last[0].offset == 300_000 - 150
        assert b"".join(chunk.data for chunk in last) == data[-150:]
        assert (await self.chunks(backend, spec.name, offset=-1_000_000))[0].offset == 0

    async def test_it_is_known_where_the_log_of_a_start_begins(
        self, backend: Backend, backends: BackendFactory, programs: Programs, execution: str
    ) -> None:
        first = await self.spec(backend, programs, execution, programs.printing("of the first start", 3))
        await backend.start(first)
        await self.exited(backend, first.name)
        assert await backend.log_start(first.name, 1) == 0
        second = await self.spec(backend, programs, execution, programs.printing("of the second", 3), incarnation=2)
        await backend.start(second)
        await self.exited(backend, first.name)
        begin = await backend.log_start(first.name, 2)
        assert begin == len(b"of the first start\n")
        assert await self.log(backend, first.name, begin) == b"of the second\n"
        await backend.clean(execution)
        await backend.close()
        other = backends()
        await other.open()
        assert await other.log_start(first.name, 2) == begin, "for another hub, when the process is gone"
        with pytest.raises(Permanent):
            await other.log_start(first.name + "x", 2)

    async def test_where_a_log_begins_is_known_while_it_is_followed(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        first = await self.spec(backend, programs, execution, programs.printing("first", 3))
        await backend.start(first)
        await self.exited(backend, first.name)
        second = await self.spec(backend, programs, execution, programs.sleeping(), incarnation=2)
        await backend.start(second)
        came = b""
        async with asyncio.timeout(self.DEADLINE):
            async for chunk in backend.logs(first.name, follow=True):
                came += chunk.data
                if came == b"first\nready\n":
                    assert await backend.log_start(first.name, 2) == len(b"first\n")
                    await backend.stop(first.name, 0)
        assert came == b"first\nready\n"

    async def test_a_followed_log_comes_as_it_is_written_and_ends_with_the_process(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.obeying("USR1", "more"))
        await self.ready(backend, spec)
        came = b""
        async with asyncio.timeout(self.DEADLINE):
            async for chunk in backend.logs(spec.name, follow=True):
                assert chunk.offset == len(came)
                came += chunk.data
                if came == b"ready\n":
                    await backend.signal(spec.name, "USR1")
                elif came == b"ready\nmore\n":
                    await backend.stop(spec.name, 0)
        assert came == b"ready\nmore\n"
        assert await self.log(backend, spec.name) == came

    async def test_logs_outlive_the_process_until_they_are_forgotten(
        self, backend: Backend, programs: Programs, execution: str
    ) -> None:
        spec = await self.spec(backend, programs, execution, programs.printing("remember", 3))
        await backend.start(spec)
        await self.exited(backend, spec.name)
        await backend.remove(spec.name)
        assert await self.seen(backend, spec.name) is None
        for step in (None, backend.clean):
            if step is not None:
                await step(execution)
            assert await self.log(backend, spec.name) == b"remember\n"
            assert [chunk.data async for chunk in backend.logs(spec.name, follow=True)] == [b"remember\n"]
        assert await backend.measure_logs(execution) >= len(b"remember\n")
        assert await backend.measure_logs() >= await backend.measure_logs(execution)
        assert await backend.measure_logs("e00000000") == 0
        await backend.forget_logs(execution)
        await backend.forget_logs(execution)
        assert await backend.measure_logs(execution) == 0
        with pytest.raises(Permanent) as error:
            await self.log(backend, spec.name)
        assert error.value.code == "no-log"
