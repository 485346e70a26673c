"""The Docker backend against a real engine: what is Docker's own, beside the contract that all backends keep."""

import asyncio
import http.server
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from docker import APIClient

from zoe_hub import __version__
from zoe_hub.backends.base import Permanent, ProcessSpec, Resync, Temporary
from zoe_hub.backends.docker import DockerBackend, objects
from zoe_hub.core.executions.model import Observed, process_name
from zoe_hub.core.executions.spec import Port, Resources
from zoe_hub.core.reasons import because
from zoe_hub.images.building import Builder, connect
from zoe_hub.testing.backend_contract import BackendContract, Programs
from zoe_hub.testing.dockerd import dockerd as dockerd  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.docker


@pytest.fixture(scope="session")
def image(dockerd) -> str:
    builder = Builder(connect(dockerd))
    try:
        return builder.build(["os"], [])["os"]
    finally:
        builder.close()


@pytest.fixture
def api(dockerd):
    client = APIClient(base_url=dockerd, version="auto")
    yield client
    client.close()


@pytest.fixture
async def backend(dockerd, image, tmp_path, api):
    backend = DockerBackend(deployment=f"t{uuid4().hex[:8]}", data=str(tmp_path), url=dockerd)
    await backend.open()
    yield backend
    await backend.close()
    sweep(api, backend.deployment)


def sweep(api, deployment: str) -> None:
    filters = {"label": f"zoe.deployment={deployment}"}
    for each in api.containers(all=True, filters=filters):
        api.remove_container(each["Id"], force=True, v=True)
    for each in api.networks(filters=filters):
        api.remove_network(each["Id"])


class TestDockerBackend(BackendContract):
    """The contract."""

    DEADLINE = 60.0

    @pytest.fixture
    def backend_factory(self, dockerd, image, tmp_path):
        suffix = f"-{uuid4().hex[:6]}"  # others may use the engine at the same time

        def make(deployment="one"):
            return DockerBackend(deployment=deployment.removesuffix(suffix) + suffix, data=str(tmp_path), url=dockerd)

        return make

    @pytest.fixture
    def programs(self, image):
        return Programs(image=image)

    async def visible(self, backend, name):
        lists = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        return b"".join(lists).decode(errors="replace")

    async def test_addresses_differ(self, backend, execution):
        """Within an execution: each has a network of its own, in which names and ports are free."""
        ports = (Port(name="a", number=4000), Port(name="b", number=4001))
        answers = [
            await backend.allocate(execution, process_name(backend.deployment, execution, "main", i), ports)
            for i in range(10)
        ]
        assert len({(address.host, address.port) for answer in answers for address in answer.values()}) == 20


class Case:
    """One execution of a backend, and how to wait for its processes."""

    def __init__(self, backend: DockerBackend, image: str, execution: str = "e1") -> None:
        self.backend, self.image, self.execution = backend, image, execution

    def spec(self, code: str, index: int = 0, **changes) -> ProcessSpec:
        values = {
            "name": process_name(self.backend.deployment, self.execution, "job", index),
            "deployment": self.backend.deployment,
            "execution": self.execution,
            "owner": "ada",
            "group": "job",
            "index": index,
            "incarnation": 1,
            "framework": "test",
            "image": self.image,
            "command": ("python3", "-c", code),
            "environment": {},
            "resources": Resources(cores=0.5, memory=128 * 2**20),
        }
        return ProcessSpec(**{**values, **changes})

    async def run(self, code: str, **changes) -> tuple[Observed, str]:
        """Run to its end: how it ended, and what it wrote."""
        spec = self.spec(code, **changes)
        await self.backend.prepare(self.execution, "ada")
        await self.backend.allocate(self.execution, spec.name, spec.ports)
        await self.backend.start(spec)
        seen = await self.ended(spec.name)
        return seen, (await self.log(spec.name)).decode()

    async def log(self, name: str, offset: int = 0) -> bytes:
        return b"".join([chunk.data async for chunk in self.backend.logs(name, offset=offset)])

    async def ended(self, name: str) -> Observed:
        return await self.until(lambda seen: seen if seen is not None and seen.state == "exited" else None, name)

    async def until(self, wanted: Callable, name: str):
        async with asyncio.timeout(60):
            while not (
                result := wanted(next((each for each in await self.backend.processes() if each.name == name), None))
            ):
                await asyncio.sleep(0.05)
            return result


@pytest.fixture
def case(backend, image) -> Case:
    return Case(backend, image)


async def test_a_process_has_no_privileges(case):
    code = (
        "import os; print(os.getuid(), os.getcwd(), os.environ['ZOE_FOLDER']); print(open('/proc/self/status').read())"
    )
    seen, log = await case.run(code)
    assert seen.exit_code == 0
    assert log.startswith("1000 /zoe /zoe\n")
    status = dict(line.split(":\t", 1) for line in log.splitlines()[1:] if ":\t" in line)
    assert {status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"


async def test_files_are_private_and_in_no_image(case, api):
    before = {each["Id"] for each in api.images(all=True)}
    code = (
        "import os; s = os.stat('/zoe/sub/key'); print(oct(s.st_mode & 0o777), s.st_uid, oct(os.stat('/zoe').st_mode &"
        " 0o777), open('/zoe/sub/key').read())"
    )
    _, log = await case.run(code, files={"sub/key": "s3cret"})
    assert log == "0o600 1000 0o700 s3cret\n"
    assert {each["Id"] for each in api.images(all=True)} == before


async def test_the_memory_limit_is_the_reason(case):
    seen, _ = await case.run("x = bytearray(10**9)", resources=Resources(cores=0.5, memory=40 * 2**20))
    assert (seen.exit_code, seen.reason) == (-9, because("out-of-memory"))


async def test_shared_memory_is_half_of_what_was_asked_for(case):
    code = "import os; s = os.statvfs('/dev/shm'); print(s.f_frsize * s.f_blocks // 2**20)"
    _, log = await case.run(code, resources=Resources(cores=0.5, memory=400 * 2**20))
    assert log == "200\n"


async def test_ports_are_published_on_this_machine_alone(case, api):
    ports = (Port(name="web", number=8000, protocol="http"), Port(name="rpc", number=7000))
    spec = case.spec(
        "import http.server as h; h.HTTPServer(('0.0.0.0', 8000), h.SimpleHTTPRequestHandler).serve_forever()",
        ports=ports,
    )
    await case.backend.prepare("e1", "ada")
    before = await case.backend.allocate("e1", spec.name, ports)
    assert (before["rpc"].host, before["rpc"].port, before["rpc"].endpoint_host) == ("job-0", 7000, "localhost")
    await case.backend.start(spec)
    after = await case.backend.addresses(spec.name)
    published = api.inspect_container(spec.name)["NetworkSettings"]["Ports"]
    assert {binding["HostIp"] for bindings in published.values() for binding in bindings} == {"127.0.0.1"}
    url = f"http://{after['web'].endpoint_host}:{after['web'].endpoint_port}/"
    async with asyncio.timeout(30), httpx.AsyncClient() as client:
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(url)).status_code == 200:
                    break
            await asyncio.sleep(0.05)


SERVE = "import http.server as h; h.HTTPServer(('0.0.0.0', 8000), h.SimpleHTTPRequestHandler).serve_forever()"
ASK = """
import sys, time, urllib.request
for _ in range(int(sys.argv[2])):
    try:
        print(urllib.request.urlopen(sys.argv[1], timeout=2).status); break
    except OSError as error:
        print(error); time.sleep(0.1)
else:
    sys.exit(1)
"""


async def test_peers_reach_each_other_and_other_executions_do_not(case, backend, image, api):
    server = case.spec(SERVE)
    await backend.prepare("e1", "ada")
    await backend.start(server)
    address = api.inspect_container(server.name)["NetworkSettings"]["Networks"][
        objects.network_name(backend.deployment, "e1")
    ]["IPAddress"]
    for host in ("job-0", address):
        seen, log = await case.run(
            "", index=1 if host == "job-0" else 2, command=("python3", "-c", ASK, f"http://{host}:8000/", "100")
        )
        assert seen.exit_code == 0, log
    other = Case(backend, image, "e2")
    for index, host in enumerate(("job-0.e1", address)):
        seen, log = await other.run("", index=index + 1, command=("python3", "-c", ASK, f"http://{host}:8000/", "1"))
        assert seen.exit_code == 1, log


async def test_a_process_reaches_the_hub(case):
    server = http.server.ThreadingHTTPServer(
        (case.backend.capabilities().hub_host, 0), http.server.SimpleHTTPRequestHandler
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        seen, log = await case.run(
            "", command=("python3", "-c", ASK, f"http://{server.server_address[0]}:{server.server_port}/", "50")
        )
    finally:
        server.shutdown()
        server.server_close()
    assert seen.exit_code == 0, log


async def test_one_created_by_a_hub_that_died_is_started_with_its_files(case, api):
    spec = case.spec("print(open('/zoe/key').read())", files={"key": "s3cret"})
    await case.backend.prepare("e1", "ada")
    api.create_container_from_config(objects.container(spec, objects.ContainerOptions(), datetime.now(UTC)), spec.name)
    assert await case.backend.processes() == ()
    assert await case.backend.executions() == ("e1",)
    await case.backend.start(spec)
    assert (await case.ended(spec.name)).exit_code == 0
    assert await case.log(spec.name) == b"s3cret\n"


async def test_an_unstarted_one_goes_with_its_execution(case, api):
    spec = case.spec("")
    await case.backend.prepare("e1", "ada")
    api.create_container_from_config(objects.container(spec, objects.ContainerOptions(), datetime.now(UTC)), spec.name)
    await case.backend.clean("e1")
    assert api.containers(all=True, filters={"name": spec.name}) == []
    assert await case.backend.executions() == ()


async def test_a_foreign_container_of_that_name_is_left_alone(case, api, image):
    spec = case.spec("")
    foreign = api.create_container(image, command="true", name=spec.name)["Id"]
    try:
        await case.backend.prepare("e1", "ada")
        with pytest.raises(Permanent, match="not of this hub"):
            await case.backend.start(spec)
        await case.backend.remove(spec.name)
        await case.backend.stop(spec.name, 0)
        assert api.inspect_container(spec.name)["Id"] == foreign
    finally:
        api.remove_container(foreign, force=True)


async def test_a_lost_network_is_made_again(case, api):
    await case.backend.prepare("e1", "ada")
    api.remove_network(objects.network_name(case.backend.deployment, "e1"))
    spec = case.spec("print('works')")
    await case.backend.start(spec)
    assert (await case.ended(spec.name)).exit_code == 0


async def test_what_is_missing_is_told_and_nothing_remains(case, api):
    await case.backend.prepare("e1", "ada")
    with pytest.raises(Permanent) as error:
        await case.backend.start(case.spec("", image="zoe/none:1"))
    assert error.value.code == "image-missing"
    assert not await case.backend.image_present("zoe/none:1")
    assert await case.backend.image_present(case.image)
    assert api.containers(all=True, filters={"label": f"zoe.deployment={case.backend.deployment}"}) == []


WRITER = """
import sys
for number in range(200):
    sys.stdout.write(f'out {number} é\\n'); sys.stdout.flush()
    sys.stderr.write(f'err {number}\\n'); sys.stderr.flush()
sys.stdout.write('x' * 50000 + '\\n'); sys.stdout.write('no newline at the end'); sys.stdout.flush()
"""


async def test_the_log_is_the_same_while_following_afterwards_and_without_the_container(case):
    await case.backend.prepare("e1", "ada")
    spec = case.spec(WRITER)
    await case.backend.start(spec)
    async with asyncio.timeout(60):
        followed = [chunk async for chunk in case.backend.logs(spec.name, follow=True)]
    offset = 0
    for chunk in followed:
        assert chunk.offset == offset
        offset += len(chunk.data)
    text = b"".join(chunk.data for chunk in followed)
    assert len(text) == sum(len(f"out {n} é\nerr {n}\n".encode()) for n in range(200)) + 50001 + 21
    assert text.endswith(b"no newline at the end")
    assert await case.log(spec.name) == text
    await case.ended(spec.name)
    await case.backend.remove(spec.name)
    assert await case.log(spec.name) == text
    assert await case.log(spec.name, offset=-7) == b"the end"
    again = DockerBackend(deployment=case.backend.deployment, data=case.backend.data, url=case.backend.url)
    await again.open()
    try:
        assert await Case(again, case.image).log(spec.name, offset=1000) == text[1000:]
    finally:
        await again.close()


async def test_two_readers_follow_one_log_and_one_may_leave(case):
    await case.backend.prepare("e1", "ada")
    spec = case.spec(
        "from signal import *\npthread_sigmask(SIG_BLOCK, [SIGUSR1])\nprint('first',"
        " flush=True)\nsigwait([SIGUSR1])\nprint('last', flush=True)"
    )
    await case.backend.start(spec)
    stays, leaves = case.backend.logs(spec.name, follow=True), case.backend.logs(spec.name, follow=True)
    async with asyncio.timeout(60):
        assert (await anext(stays)).data == b"first\n"
        assert (await anext(leaves)).data == b"first\n"
        await leaves.aclose()
        rest = asyncio.create_task(collect(stays))
        while not rest.done():
            await case.backend.signal(spec.name, "USR1")
            await asyncio.sleep(0.05)
        assert (await rest) == b"last\n"


async def collect(chunks) -> bytes:
    return b"".join([chunk.data async for chunk in chunks])


async def test_a_log_that_the_engine_rotated_keeps_true_offsets(dockerd, image, tmp_path, api):
    backend = DockerBackend(
        deployment=f"t{uuid4().hex[:8]}", data=str(tmp_path), url=dockerd, log_size=20_000, log_parts=3
    )
    await backend.open()
    try:
        case = Case(backend, image)
        spec = case.spec("for n in range(20000): print(f'{n:09d}', flush=True)")
        await backend.prepare("e1", "ada")
        await backend.start(spec)
        await case.ended(spec.name)
        chunks = [chunk async for chunk in backend.logs(spec.name)]
        text = b"".join(chunk.data for chunk in chunks)
        assert text.endswith(b"000019999\n")
        assert chunks[0].offset + len(text) == chunks[-1].offset + len(chunks[-1].data)
        middle = chunks[0].offset + len(text) // 2
        assert await case.log(spec.name, middle) == text[len(text) // 2 :]
    finally:
        await backend.close()
        sweep(api, backend.deployment)


async def test_a_container_that_somebody_removes_leaves_its_log(case, api):
    await case.backend.prepare("e1", "ada")
    spec = case.spec("print('done'); raise SystemExit(7)")
    watch = case.backend.watch()
    async with asyncio.timeout(60):
        assert isinstance(await anext(watch), Resync)
        await case.backend.start(spec)
        async for item in watch:
            if isinstance(item, Observed) and item.state == "exited":
                break
        assert (item.name, item.exit_code) == (spec.name, 7)
        api.remove_container(spec.name, force=True)
        async for item in watch:
            if isinstance(item, Resync):
                break
    await watch.aclose()
    assert item.reason == because("removed-elsewhere", process=spec.name)
    assert await case.log(spec.name) == b"done\n"


async def test_a_framework_that_the_image_lacks_is_brought_along(case, tmp_path):
    source = tmp_path / "mine"
    source.mkdir()
    (source / "hello.py").write_text("print('from the folder')")
    folder = case.backend.folder("mine", str(source))
    seen, log = await case.run("", framework="mine", command=("python3", f"{folder}/hello.py"))
    assert (seen.exit_code, log) == (0, "from the folder\n")


async def test_an_old_image_runs_the_hubs_files(case, dockerd, tmp_path):
    source = tmp_path / "frameworks" / "zoetest"
    source.mkdir(parents=True)
    (source / "Dockerfile").write_text("ARG BASE=zoe/os\nFROM ${BASE}\nCOPY . /opt/zoe/frameworks/zoetest/\n")
    (source / "hello.py").write_text("print('old')")
    builder = Builder(connect(dockerd))
    try:
        image = builder.build(["zoetest"], [source.parent])["zoetest"]
        folder = case.backend.folder("zoetest", str(source))
        changes = {"image": image, "framework": "zoetest", "command": ("python3", f"{folder}/hello.py")}
        assert (await case.run("", **changes))[1] == "old\n"
        (source / "hello.py").write_text("print('new')")
        assert (await case.run("", index=1, **changes))[1] == "new\n"
        await case.backend.clean("e1")
        builder.build(["zoetest"], [source.parent])
        assert builder.built == [image, image]
    finally:
        builder.api.remove_image("zoe/zoetest:" + __version__)
        builder.close()


async def test_what_somebody_connected_to_the_network_is_named_and_left_alone(case, api, image):
    await case.backend.prepare("e1", "ada")
    network = objects.network_name(case.backend.deployment, "e1")
    foreign = api.create_container(image, command=["sleep", "600"], name=f"foreign-{case.backend.deployment}")["Id"]
    try:
        api.start(foreign)
        api.connect_container_to_network(foreign, network)
        with pytest.raises(Temporary, match=f"foreign-{case.backend.deployment}"):
            await case.backend.clean("e1")
        assert await case.backend.executions() == ("e1",)
        api.disconnect_container_from_network(foreign, network)
        await case.backend.clean("e1")
        assert await case.backend.executions() == ()
    finally:
        api.remove_container(foreign, force=True)


async def test_a_job_that_outlived_a_starved_child_is_told_by_its_exit_code(case):
    code = (
        "import subprocess, sys\nchild = subprocess.run([sys.executable, '-c', 'x ="
        " bytearray(10**9)'])\nprint(child.returncode)\nsys.exit(3)"
    )
    seen, log = await case.run(code, resources=Resources(cores=0.5, memory=60 * 2**20))
    assert (seen.exit_code, seen.reason, log) == (3, None, "-9\n")


async def test_read_only_containers_still_have_their_folder(dockerd, image, tmp_path, api):
    backend = DockerBackend(deployment=f"t{uuid4().hex[:8]}", data=str(tmp_path), url=dockerd, read_only=True)
    await backend.open()
    try:
        code = (
            "print(open('/zoe/key').read()); open('/zoe/x', 'w'); open('/tmp/x', 'w')\ntry: open('/opt/zoe/x',"
            " 'w')\nexcept OSError as error: print(error.strerror)"
        )
        seen, log = await Case(backend, image).run(code, files={"key": "s3cret"})
        assert (seen.exit_code, log) == (0, "s3cret\nRead-only file system\n")
        volumes = {each["Name"] for each in api.volumes()["Volumes"] or ()}
        await backend.clean("e1")
        assert len({each["Name"] for each in api.volumes()["Volumes"] or ()}) == len(volumes) - 1
    finally:
        await backend.close()
        sweep(api, backend.deployment)


@asynccontextmanager
async def relay(target: str, path: Path) -> AsyncIterator[Callable]:
    """A socket in front of the engine's, whose connections can be cut."""
    writers: set[asyncio.StreamWriter] = set()
    up = True

    async def copy(reader, writer) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader, writer) -> None:
        if not up:
            writer.close()
            return
        there, back = await asyncio.open_unix_connection(target)
        writers.update((writer, back))
        await asyncio.gather(copy(reader, back), copy(there, writer))
        writers.difference_update((writer, back))

    def switch(on: bool) -> None:
        nonlocal up
        up = on
        if not on:
            for writer in writers:
                writer.transport.abort()

    server = await asyncio.start_unix_server(serve, path)
    yield switch
    switch(False)
    server.close()


async def test_an_engine_that_is_away_is_told_and_found_again(dockerd, image, tmp_path, api):
    assert dockerd.startswith("unix://")
    async with relay(dockerd.removeprefix("unix://"), tmp_path / "s") as switch:
        backend = DockerBackend(deployment=f"t{uuid4().hex[:8]}", data=str(tmp_path), url=f"unix://{tmp_path / 's'}")
        await backend.open()
        try:
            watch = backend.watch()
            async with asyncio.timeout(60):
                assert isinstance(await anext(watch), Resync)
                switch(False)
                with pytest.raises(Temporary) as broken:
                    await anext(watch)
                assert broken.value.code == "backend-unavailable"
                with pytest.raises(Temporary) as away:
                    await backend.processes()
                assert away.value.code == "backend-unavailable"
                switch(True)
                watch = backend.watch()
                assert isinstance(await anext(watch), Resync)
                seen, _ = await Case(backend, image).run("")
                assert seen.exit_code == 0
                assert isinstance(await anext(watch), Observed)
            await watch.aclose()
        finally:
            await backend.close()
            sweep(api, backend.deployment)


async def test_a_silent_watch_is_renewed(dockerd, image, tmp_path):
    backend = DockerBackend(deployment="silent", data=str(tmp_path), url=dockerd, silence=0.2)
    await backend.open()
    try:
        watch = backend.watch()
        async with asyncio.timeout(30):
            codes = [(await anext(watch)).reason.code for _ in range(3)]
        await watch.aclose()
        assert codes == ["watch-begins", "watch-silent", "watch-silent"]
    finally:
        await backend.close()


async def test_no_engine_is_told(tmp_path):
    backend = DockerBackend(deployment="none", data=str(tmp_path), url=f"unix://{tmp_path / 'none'}")
    with pytest.raises(Temporary) as error:
        await backend.open()
    assert error.value.code == "backend-unavailable"
