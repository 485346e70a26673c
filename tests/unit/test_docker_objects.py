"""What is sent to the engine, and what its answers mean."""

import io
import tarfile
from datetime import UTC, datetime

import pytest
from docker.utils import parse_host

from zoe_hub.backends.base import Permanent, ProcessSpec, Temporary
from zoe_hub.backends.docker import objects
from zoe_hub.backends.docker.engine import Engine, is_here, translate
from zoe_hub.core.executions.spec import Port, Resources
from zoe_hub.core.reasons import because

NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, UTC)


def spec(**changes) -> ProcessSpec:
    values = {
        "name": "zoe-lab-ab12-worker-3",
        "deployment": "lab",
        "execution": "ab12",
        "owner": "ada",
        "group": "worker",
        "index": 3,
        "incarnation": 2,
        "framework": "spark",
        "image": "zoe/spark:4.3.0",
        "command": ("python", "launch.py", "worker"),
        "environment": {"TOKEN": "s3cret"},
        "ports": (Port(name="rpc", number=7077), Port(name="ui", number=8080, protocol="http")),
        "resources": Resources(cores=0.5, memory=2**30),
    }
    return ProcessSpec(**{**values, **changes})


def test_a_container_has_no_privileges_and_publishes_on_the_machine_alone():
    body = objects.container(spec(), objects.ContainerOptions(cores_most=8), NOW)
    host = body["HostConfig"]
    assert body["User"] == "1000:1000"
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["Privileged"] is False
    assert not {"Binds", "Mounts", "Devices", "PidMode", "IpcMode", "CapAdd"} & set(host)
    assert host["NetworkMode"] == "zoe-lab-ab12"
    assert {each["HostIp"] for bindings in host["PortBindings"].values() for each in bindings} == {"127.0.0.1"}
    assert host["RestartPolicy"]["Name"] == "no"


def test_secrets_are_in_the_environment_alone():
    body = objects.container(spec(files={"key": "s3cret"}), objects.ContainerOptions(), NOW)
    assert "TOKEN=s3cret" in body["Env"]
    assert "s3cret" not in repr({**body, "Env": []})


def test_limits():
    host = objects.container(spec(), objects.ContainerOptions(cores_factor=4, cores_floor=1, cores_most=8), NOW)[
        "HostConfig"
    ]
    assert host["Memory"] == host["MemorySwap"] == 2**30
    assert host["ShmSize"] == 2**29, "workers of a data loader share arrays there"
    assert host["NanoCpus"] == 2e9
    assert host["CpuShares"] == 512
    small = objects.container(
        spec(resources=Resources(cores=0.01, memory=1)), objects.ContainerOptions(cores_most=8), NOW
    )["HostConfig"]
    assert (small["NanoCpus"], small["Memory"]) == (1e9, objects.SMALLEST_MEMORY)
    large = objects.container(spec(resources=Resources(cores=64)), objects.ContainerOptions(cores_most=8), NOW)[
        "HostConfig"
    ]
    assert large["NanoCpus"] == 8e9


def test_the_folder_is_the_backends_word():
    body = objects.container(spec(environment={"ZOE_FOLDER": "/etc", "HOME": "/tmp"}), objects.ContainerOptions(), NOW)
    assert "ZOE_FOLDER=/zoe" in body["Env"]
    assert "HOME=/tmp" in body["Env"]


def test_labels_say_what_adoption_needs():
    seen = objects.observed(objects.labels(spec()), state="running")
    assert seen is not None
    assert (seen.name, seen.execution, seen.group, seen.index, seen.incarnation) == (
        "zoe-lab-ab12-worker-3",
        "ab12",
        "worker",
        3,
        2,
    )
    assert objects.ports_from_label(objects.labels(spec())["zoe.ports"]) == spec().ports
    assert objects.ports_from_label("") == ()
    assert objects.observed({"zoe.name": "x"}, state="running") is None


def test_files_are_private_and_the_users():
    with tarfile.open(
        fileobj=io.BytesIO(
            objects.archive_of_files({"a/b/key": "x", "conf": "ü"}, objects.ContainerOptions(user="7:8"))
        )
    ) as tar:
        members = {member.name: member for member in tar}
        assert {(member.uid, member.gid) for member in members.values()} == {(7, 8)}
        assert {name: member.mode for name, member in members.items()} == {
            ".": 0o700,
            "a": 0o700,
            "a/b": 0o700,
            "a/b/key": 0o600,
            "conf": 0o600,
        }
        content = tar.extractfile("conf")
        assert content is not None
        assert content.read().decode() == "ü"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", "a\0b"])
def test_files_stay_inside(name):
    with pytest.raises(Permanent, match="does not stay inside"):
        objects.archive_of_files({name: "x"}, objects.ContainerOptions())


def test_a_process_gets_the_frameworks_it_was_told_of():
    told = spec(
        framework="spark-job",
        environment={"ZOE_SPARK_FOLDER": "/opt/zoe/frameworks/spark"},
        command=("python", "/opt/zoe/frameworks/tool/x.py"),
    )
    assert [name for name in ("spark", "spark-job", "tool", "spar", "jupyter") if objects.mentions(told, name)] == [
        "spark",
        "spark-job",
        "tool",
    ]
    assert not objects.mentions(spec(framework="x", environment={"A": "/opt/zoe/frameworks/spark-job"}), "spark")


def test_a_framework_is_copied_within_bounds(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "launch.py").write_text("print(1)")
    with tarfile.open(fileobj=io.BytesIO(objects.archive_of_framework(tmp_path, "mine"))) as tar:
        assert tar.getnames() == ["opt/zoe/frameworks/mine/sub/launch.py"]
    monkeypatch.setattr(objects, "FRAMEWORK_LIMIT", 3)
    with pytest.raises(Permanent, match="larger than"):
        objects.archive_of_framework(tmp_path, "mine")


@pytest.mark.parametrize(
    ("status", "code"),
    [(0, 0), (1, 1), (127, 127), (128, 128), (137, -9), (143, -15), (129, 129), (139, 139), (255, 255)],
)
def test_exit_codes(status, code):
    assert objects.exit_code(status, {9, 15}) == code
    assert objects.exit_code(status) == status, "nobody has sent a signal"


def inspection(**state):
    values = {
        "Status": "exited",
        "ExitCode": 137,
        "OOMKilled": False,
        "Error": "",
        "StartedAt": "2026-01-31T12:00:00.123456789Z",
        "FinishedAt": "2026-01-31T12:00:05+01:00",
    }
    return {
        "State": {**values, **state},
        "Config": {"Labels": objects.container(spec(), objects.ContainerOptions(), NOW)["Labels"]},
    }


def test_observations():
    killed = objects.from_inspection(inspection(), {9})
    assert killed is not None
    assert (killed.state, killed.exit_code, killed.reason) == ("exited", -9, None)
    assert killed.started == NOW
    assert killed.ended == datetime(2026, 1, 31, 11, 0, 5, 0, UTC)
    starved = objects.from_inspection(inspection(OOMKilled=True))
    assert starved is not None
    assert starved.reason == because("out-of-memory")
    assert objects.from_inspection(inspection(Status="created")) is None
    running = objects.from_inspection(inspection(Status="running", FinishedAt="0001-01-01T00:00:00Z"))
    assert running is not None
    assert (running.state, running.exit_code, running.ended) == ("running", None, None)


@pytest.mark.parametrize(("status", "code"), [(0, 0), (1, 1), (143, -15)])
def test_a_process_that_outlived_a_starved_child_is_told_by_its_exit_code(status, code):
    seen = objects.from_inspection(inspection(OOMKilled=True, ExitCode=status), {15})
    assert seen is not None
    assert (seen.exit_code, seen.reason) == (code, None)


def test_addresses_are_known_once_published():
    before = objects.addresses(spec().ports, "worker-3", {})
    assert {address.endpoint_port for address in before.values()} == {0}
    after = objects.addresses(
        spec().ports, "worker-3", {"7077/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32768"}], "8080/tcp": None}
    )
    assert (after["rpc"].host, after["rpc"].port, after["rpc"].endpoint_host, after["rpc"].endpoint_port) == (
        "worker-3",
        7077,
        "localhost",
        32768,
    )
    assert (after["ui"].endpoint_host, after["ui"].endpoint_port) == ("127.0.0.1", 0)


def refusal(status: int, text: str):
    import requests
    from docker.errors import APIError

    response = requests.Response()
    response.status_code = status
    return APIError("refused", response=response, explanation=text)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (refusal(404, "No such image: zoe/none:1"), Permanent, "image-missing"),
        (refusal(500, "mkdir /var/lib/docker/x: no space left on device"), Temporary, "storage-full"),
        (
            refusal(500, "driver failed: Bind for 127.0.0.1:8080 failed: port is already allocated"),
            Temporary,
            "port-taken",
        ),
        (
            refusal(500, "could not find an available, non-overlapping IPv4 address pool among the defaults"),
            Temporary,
            "backend-refused",
        ),
        (
            refusal(403, "error while removing network: network zoe-lab-e1 id abc has active endpoints"),
            Temporary,
            "backend-refused",
        ),
        (refusal(400, "network zoe-lab-e1 is ambiguous (8 matches found on name)"), Temporary, "backend-refused"),
        (refusal(400, "invalid reference format"), Permanent, "backend-refused"),
        (refusal(500, "OCI runtime create failed: no such user"), Permanent, "backend-refused"),
        (refusal(500, "context deadline exceeded"), Temporary, "backend-refused"),
        (refusal(503, "shutting down"), Temporary, "backend-unavailable"),
        (ConnectionRefusedError("no"), Temporary, "backend-unavailable"),
        (TimeoutError(), Temporary, "backend-unavailable"),
    ],
)
def test_errors_are_translated(error, kind, code):
    translated = translate(error, "unix:///x")
    assert type(translated) is kind
    assert translated.code == code


@pytest.mark.parametrize(
    "url",
    [
        "",
        "unix:///var/run/docker.sock",
        "npipe:////./pipe/docker_engine",
        "tcp://127.0.0.1:2375",
        "tcp://localhost:2376",
        "tcp://[::1]:2375",
    ],
)
def test_engines_of_this_machine(url):
    assert is_here(parse_host(url))


@pytest.mark.parametrize("url", ["tcp://10.1.2.3:2376", "https://engine.example.org:2376", "ssh://ada@engine"])
def test_an_engine_on_another_machine_is_refused(url):
    with pytest.raises(Permanent, match="on another machine") as error:
        Engine(url, threads=1, timeout=1)
    assert error.value.code == "not-supported"
