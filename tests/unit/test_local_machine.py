"""Environments, requirements, ports and records of the local backend."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from traitlets import TraitError

from zoe_hub.backends.base import Permanent, Temporary
from zoe_hub.backends.local import LocalBackend, compiling, identity, machine, ports, records, reserving
from zoe_hub.backends.local.layout import checked
from zoe_hub.backends.local.shim.life import Payload
from zoe_hub.backends.local.shim.system import port_free, stat_of
from zoe_hub.backends.local.translating import translated
from zoe_hub.core.executions.spec import Port


def test_the_first_matching_prefix_counts_and_the_hub_is_the_default(tmp_path):
    prefixes = {"zoe/spark:4.1*": str(tmp_path), "zoe/spark:*": "/nowhere"}
    assert machine.prefix("zoe/spark:4.1.1", prefixes) == str(tmp_path)
    assert machine.prefix("zoe/python:3", prefixes) == sys.prefix
    with pytest.raises(Permanent, match="/nowhere") as error:
        machine.prefix("zoe/spark:4.0", prefixes)
    assert error.value.code == "environment-missing"


def test_the_environment_is_clean(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("LC_TIME", "C")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("PATH", f"/usr/bin:{tmp_path}/bin:/bin")
    found = machine.environment("x", {"*": str(tmp_path)}, ["PATH", "HOME", "LC_*"], {"A": "b"})
    assert found == {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": "/home/ann", "LC_TIME": "C", "A": "b"}


def java(folder, text, code=0):
    folder.mkdir(parents=True)
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho '{text}' >&2\nexit {code}\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("text", "wanted", "fine"),
    [
        ('openjdk version "17.0.9" 2023-10-17', "java>=17", True),
        ('openjdk version "21" 2023-09-19', "java >= 17", True),
        ('openjdk version "11.0.2"', "java>=17", False),
        ('java version "1.8.0_381"', "java>=9", False),
        ('java version "1.8.0_381"', "java>=8", True),
        ("cannot execute", "java>=17", False),
        ('openjdk version "11.0.2"', "java", True),
    ],
)
def test_java_is_looked_at(tmp_path, text, wanted, fine):
    java(tmp_path / "bin", text)
    for environment in ({"PATH": str(tmp_path / "bin")}, {"PATH": "/nowhere", "JAVA_HOME": str(tmp_path)}):
        if fine:
            machine.require(wanted, environment)
        else:
            with pytest.raises(Permanent) as error:
                machine.require(wanted, environment)
            assert error.value.code == "java-missing"


def test_missing_programs_are_told():
    for what, code in (
        ("java>=17", "java-missing"),
        ("no-such-program", "environment-missing"),
        ("!", "bad-definition"),
    ):
        with pytest.raises(Permanent) as error:
            machine.require(what, {"PATH": "/nowhere"})
        assert error.value.code == code
    machine.require("sh", {"PATH": "/usr/bin:/bin"})


async def test_check_looks_at_environment_and_requirements(tmp_path):
    backend = LocalBackend(deployment="one", data=str(tmp_path), prefixes={"bad": "/nowhere"})
    await backend.open()
    await backend.check("good", ("sh",))
    for image, requires, code in (("bad", (), "environment-missing"), ("good", ("java>=999",), "java-missing")):
        with pytest.raises(Permanent) as error:
            await backend.check(image, requires)
        assert error.value.code == code
    await backend.close()


async def test_the_node_is_the_machine_or_what_the_options_say(tmp_path):
    (node,) = await LocalBackend(deployment="one", data=str(tmp_path)).nodes()
    assert node.cores == machine.cores() * 4
    assert 0 < node.memory < machine.memory()
    (node,) = await LocalBackend(
        deployment="one", data=str(tmp_path), cores=3.0, memory=5, overcommit_cores=9.0
    ).nodes()
    assert (node.cores, node.memory) == (3.0, 5)
    (node,) = await LocalBackend(deployment="one", data=str(tmp_path), reserved_memory=0, overcommit_cores=1.0).nodes()
    assert (node.cores, node.memory) == (machine.cores(), machine.memory())


@pytest.mark.parametrize("wrong", [(1, 2), (30000, 20000), (20000, 70000)])
def test_a_wrong_port_range_is_refused(tmp_path, wrong):
    with pytest.raises(TraitError, match="port_range"):
        LocalBackend(deployment="one", data=str(tmp_path), port_range=wrong)


def some_free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_reserved_port_is_no_other_hubs(tmp_path):
    number = some_free_port()
    mine = reserving.reserve(number, tmp_path)
    assert reserving.reserve(number, tmp_path) is None
    mine.unbind()  # its process is about to start
    assert reserving.reserve(number, tmp_path) is None
    mine.close()
    again = reserving.reserve(number, tmp_path)
    assert again is not None
    again.close()


@pytest.mark.parametrize("options", [(), (socket.SO_REUSEADDR,), (socket.SO_REUSEADDR, socket.SO_REUSEPORT)])
@pytest.mark.parametrize(
    ("family", "host"),
    [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::")],
)
def test_nor_any_other_programs_until_its_process_starts(tmp_path, family, host, options):
    mine = reserving.reserve(some_free_port(), tmp_path)

    def take():
        with socket.socket(family) as other:
            for each in options:
                other.setsockopt(socket.SOL_SOCKET, each, 1)
            other.bind((host, mine.number))
            other.listen()

    with pytest.raises(OSError, match="in use"):
        take()
    mine.unbind()
    take()
    mine.close()


def test_connections_of_the_process_before_it_do_not_keep_a_port_from_being_reserved(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", number)) as client:
            server.accept()[0].close()  # ends first: its end of the connection waits for a minute
            assert client.recv(1) == b""
    mine = reserving.reserve(number, tmp_path)
    assert not mine.is_bound
    assert port_free(number)
    mine.close()


def test_the_folder_of_reservations_is_private_or_another_one_is_taken(tmp_path):
    (tmp_path / "open").mkdir(mode=0o777)
    assert reserving.first_usable([tmp_path / "open"]) == tmp_path / "open"
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "open")
    usable = reserving.first_usable([tmp_path / "file" / "x", tmp_path / "link", tmp_path / "mine"])
    assert usable == tmp_path / "mine"
    with pytest.raises(OSError, match="not a folder of this user"):
        reserving.first_usable([tmp_path / "link"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_nor_is_a_folder_of_another_user_taken(tmp_path):
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65534, 65534)
    assert reserving.first_usable([tmp_path / "theirs", tmp_path / "mine"]) == tmp_path / "mine"


def test_hubs_of_a_user_share_a_folder_in_the_state_of_the_user(monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert reserving.usual_folder() == Path("/state/zoe/ports")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # to be ignored, says the specification
    monkeypatch.setenv("HOME", "/home/ann")
    assert reserving.usual_folder() == Path("/home/ann/.local/state/zoe/ports")


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_port_with_a_listener_is_not_free(family, host):
    with socket.socket(family) as taken:
        try:
            taken.bind((host, 0))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            pytest.skip("no IPv6 here")
        taken.listen()
        assert not port_free(taken.getsockname()[1])
    assert port_free(some_free_port())


def test_an_exhausted_range_is_temporary(tmp_path):
    number = some_free_port()
    all_ports = ports.Ports(number, number, lambda: tmp_path)
    given = all_ports.allocate("e", "p", (Port(name="a", number=1),))
    assert given["a"].number == number
    assert all_ports.allocate("e", "p", (Port(name="a", number=1),)) == given
    with pytest.raises(Temporary) as error:
        all_ports.allocate("e", "q", (Port(name="a", number=1),))
    assert error.value.code == "port-taken"
    all_ports.release_execution("e")
    assert all_ports.allocate("e", "q", (Port(name="a", number=1),))["a"].number == number
    all_ports.close()


def test_grpc_clients_get_localhost():
    assert ports.address(Port(name="grpc", number=1, protocol="tcp"), 5).endpoint_host == "localhost"
    assert ports.address(Port(name="ui", number=1, protocol="http"), 5).endpoint_host == "127.0.0.1"


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../x", "a\0b", "-x", "x" * 300])
def test_names_cannot_leave_the_data_folder(name):
    with pytest.raises(Permanent):
        checked(name)


def test_errors_of_the_system_are_translated():
    full = translated(OSError(errno.ENOSPC, "No space"), "x")
    assert isinstance(full, Temporary)
    assert full.code == "storage-full"
    assert isinstance(translated(OSError(errno.EMFILE, "Too many"), "x"), Temporary)
    assert isinstance(translated(OSError(errno.EACCES, "No"), "x"), Permanent)


def test_a_torn_record_is_none(tmp_path):
    (tmp_path / "alive.json").write_text('{"incarnation": 1, "boo')
    assert records.read(tmp_path / "alive.json", records.Alive) is None
    assert records.read(tmp_path / "nothing.json", records.Alive) is None


def test_a_reused_pid_is_not_taken_for_the_old_process():
    pid, started = os.getpid(), stat_of(os.getpid())[1]
    assert identity.is_same_process((pid, started), identity.boot())
    assert not identity.is_same_process((pid, started - 1), identity.boot())
    assert not identity.is_same_process((pid, started), "another-boot")
    assert not identity.is_same_process((2**22 + 1, started), identity.boot())


def test_an_incomplete_payload_is_refused():
    for data in (b"", b"20\0a\0b", b"x"):
        with pytest.raises(ValueError):  # noqa: PT011
            Payload(data)


def test_the_shim_is_compiled_once_and_what_was_before_goes(tmp_path):
    for old in (tmp_path / "shim.cpython-311.0123.pyc", tmp_path / "shim.new.killed" / "made" / "x.pyc"):
        old.parent.mkdir(parents=True, exist_ok=True)
        old.write_bytes(b"old")
    program = compiling.compiled_shim(tmp_path)
    (kept,) = tmp_path.iterdir()
    files = {path: path.stat().st_mtime_ns for path in kept.rglob("*")}
    assert compiling.compiled_shim(tmp_path) == program
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*")} == files
    assert list(tmp_path.iterdir()) == [kept]


def test_the_compiled_shim_runs_without_anything_else_and_starts_nothing_half(tmp_path):
    command = [sys._base_executable, "-I", "-S", "-E", compiling.compiled_shim(tmp_path)]
    said = subprocess.run(
        [*command], input=b"14\0incomplete", env={}, cwd="/", capture_output=True, timeout=30, check=False
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, b"", b"")


def test_the_shim_imports_nothing_that_costs_time(tmp_path):
    def imported(*arguments):
        command = [sys._base_executable, "-X", "importtime", "-I", "-S", "-E", *arguments]
        told = subprocess.run(command, input=b"1\0", env={}, capture_output=True, timeout=30, check=False).stderr
        return {line.rpartition(b"|")[2].strip().decode() for line in told.splitlines()}

    more = imported(compiling.compiled_shim(tmp_path)) - imported("-c", "pass")
    assert more == {"zoe_shim", "zoe_shim.life", "zoe_shim.log", "zoe_shim.system", "select"}
