"""Reading logs while containers come and go, with an engine in memory."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from zoe_hub.backends.docker.logs import ContainerLogs


class Container:
    """A log that grows until the container ends."""

    def __init__(self, name: str) -> None:
        self.id, self.messages, self.running = name, [], True
        self.changed = threading.Condition()

    def say(self, second: int, text: bytes) -> None:
        with self.changed:
            self.messages.append(f"2026-01-31T12:00:{second:02d}.000000000Z ".encode() + text)
            self.changed.notify_all()

    def end(self) -> None:
        with self.changed:
            self.running = False
            self.changed.notify_all()

    def stream(self, follow: bool):
        sent = 0
        while True:
            with self.changed:
                while sent == len(self.messages):
                    if not follow or not self.running:
                        return
                    self.changed.wait()
                message = self.messages[sent]
            sent += 1
            yield message


class World:
    """What ``ContainerLogs`` asks of the engine and the backend."""

    url = "test"

    def __init__(self) -> None:
        self.containers: dict[str, Container] = {}
        self.current = ""
        self.api = SimpleNamespace(logs=lambda container, follow, **_: self.containers[container].stream(follow))

    def life(self, name: str) -> Container:
        self.current = name
        self.containers[name] = Container(name)
        return self.containers[name]

    async def run(self, function, *arguments):
        return await asyncio.get_running_loop().run_in_executor(None, lambda: function(*arguments))

    def own(self, _):
        return {
            "Id": self.current,
            "State": {"Status": "running", "Running": self.containers[self.current].running},
            "Config": {"Labels": {"zoe.execution": "e1"}},
        }


@pytest.mark.parametrize("ended", [False, True])
async def test_a_reader_that_stalls_hides_no_later_life_from_others(tmp_path, ended):
    logs, world = ContainerLogs(tmp_path, part_size=1 << 20, parts=3), World()
    one = world.life("a")
    one.say(1, b"life 1\n")
    async with asyncio.timeout(30):
        stalled = logs.read(world, world.own, "p", offset=0, follow=True)
        assert (await anext(stalled)).data == b"life 1\n"
        one.end()
        two = world.life("b")
        two.say(20, b"life 2\n")
        if ended:
            two.end()
        assert (
            b"".join([chunk.data async for chunk in logs.read(world, world.own, "p", offset=0, follow=False)])
            == b"life 1\nlife 2\n"
        )
        follows = logs.read(world, world.own, "p", offset=0, follow=True)
        assert [(await anext(follows)).data] == [b"life 1\nlife 2\n"]
        two.end()
        assert [chunk.data async for chunk in follows] == []
        assert [chunk.data async for chunk in stalled] == [b"life 2\n"]
    await logs.close()
