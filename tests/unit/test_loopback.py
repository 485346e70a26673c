"""Whose socket is at the other end: over made-up tables (the traps of kernels), and over the real ones, two users."""

import asyncio
import os
import socket
import subprocess
import sys
import threading

import pytest

import zoe_loopback
from jupyter_zoe.hub import recognise
from jupyter_zoe.hub.info import HubInfo
from zoe_hub.testing import strangers
from zoe_hub.testing.strangers import NOBODY, Listener
from zoe_loopback import Stranger, checks, elsewhere, ends, sockets, trees
from zoe_loopback.sockets import ESTABLISHED, LISTEN, NEW_SYN_RECEIVED, Entry

SERVER, CLIENT = ("127.0.0.1", 20000), ("127.0.0.1", 40000)
FIN_WAIT = 5
two_users = pytest.mark.skipif(not strangers.possible(), reason="another user's process can be started by root alone")


class Tables:
    """Answers one after the other; the last one stays."""

    def __init__(self, server=(), listener=(None,), client=(None,)):
        self.ends = {SERVER: list(server), CLIENT: list(client)}
        self.listeners = list(listener)

    def connection(self, server, client):
        answers = self.ends[server]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def listener(self, server):
        return self.listeners.pop(0) if len(self.listeners) > 1 else self.listeners[0]


def found(**tables):
    return ends.far_end(Tables(**tables), SERVER, CLIENT)


MINE = Entry(LISTEN, 1000, 7)
THEIRS = Entry(LISTEN, 1001, 8)
WAITING = Entry(ESTABLISHED, 0, 0)  # as kernels before 6.17 tell a connection that nobody has accepted


def test_an_accepted_connection_is_its_owners():
    assert found(server=[Entry(ESTABLISHED, 1001, 5)], listener=[MINE]).uid == 1001


@pytest.mark.parametrize("state", [ESTABLISHED, NEW_SYN_RECEIVED])
def test_one_that_waits_is_its_listeners_whatever_user_the_kernel_tells(state):
    assert found(server=[Entry(state, 0, 0)], listener=[THEIRS]).uid == 1001


def test_one_that_is_accepted_just_now_is_looked_at_again():
    # The stranger accepts and closes its listener, and ours listens, between two looks.
    seen = found(server=[WAITING, Entry(ESTABLISHED, 1001, 5)], listener=[MINE])
    assert (seen.uid, seen.inode) == (1001, 5)


def test_user_and_inode_of_two_moments_do_not_count():
    # Before Linux 6.17: asked for the user before, and for the inode after it was accepted.
    assert found(server=[Entry(ESTABLISHED, 0, 5), Entry(ESTABLISHED, 1001, 5)], listener=[MINE]).uid == 1001


def test_one_that_changes_for_ever_is_nobodys():
    answers = [Entry(ESTABLISHED, 1000, number) for number in range(100)]
    assert found(server=answers, listener=[MINE]) is None


@pytest.mark.parametrize(
    ("seen", "listener"), [(None, MINE), (Entry(FIN_WAIT, 0, 0), MINE), (WAITING, None)], ids=["gone", "closed", "odd"]
)
def test_nothing_to_be_seen_is_nobodys(seen, listener):
    assert found(server=[seen], listener=[listener]) is None


def test_what_stands_without_an_end_here_was_redirected_and_its_placeholder_counts():
    own = Entry(ESTABLISHED, 1000, 9)
    seen = ends.redirected(Tables(server=[None], listener=[THEIRS], client=[own]), SERVER, CLIENT)
    assert (seen.uid, seen.listener) == (None, THEIRS)
    assert ends.redirected(Tables(server=[None], client=[Entry(8, 1000, 9)]), SERVER, CLIENT) is None  # closed
    assert ends.redirected(Tables(server=[WAITING], client=[own]), SERVER, CLIENT) is None


# --- the real tables ---


@pytest.fixture(params=["netlink", "proc"])
def real(request, monkeypatch):
    """Both ways to ask the kernel."""
    if request.param == "proc":
        monkeypatch.setattr(sockets, "_netlink_works", lambda: False)
    with sockets.tables() as tables:
        assert type(tables).__name__.lower().startswith(request.param)


def connected(port, host="127.0.0.1"):
    return socket.create_connection((host, port), timeout=5)


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
@pytest.mark.parametrize("accepted", [True, False])
def test_a_listener_of_this_user_is_known_before_and_after_it_accepts(host, accepted):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::") as listener,
        connected(listener.getsockname()[1], "::1" if host == "::1" else "127.0.0.1") as client,
    ):
        peer = listener.accept()[0] if accepted else None
        end = zoe_loopback.require_now(client, {os.geteuid()})
        held = peer or listener
        assert end.inode == os.fstat(held.fileno()).st_ino
        assert end.listener.inode == os.fstat(listener.fileno()).st_ino
        if peer:
            peer.close()


@two_users
@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
@pytest.mark.parametrize("mode", ["accept", "wait", "defer"])
def test_a_stranger_is_known_in_whatever_state_the_connection_is(host, mode):
    near = "::1" if host == "::1" else "127.0.0.1"
    with Listener(host=host, mode=mode) as stranger, connected(stranger.port, near) as client:
        with pytest.raises(Stranger, match="nobody"):
            zoe_loopback.require_now(client, {0, os.geteuid()})
        assert zoe_loopback.require_now(client, {NOBODY}).uid == NOBODY


@two_users
async def test_the_same_in_asyncio():
    with Listener() as stranger, connected(stranger.port) as client:
        with pytest.raises(Stranger) as refused:
            await zoe_loopback.require(client, {0})
        assert refused.value.user == f"nobody (user {NOBODY})"


def test_a_connection_that_the_server_has_closed_is_an_error_and_nobodys():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = connected(listener.getsockname()[1])
        listener.accept()[0].close()
        with client, pytest.raises(ConnectionError, match="closed"):
            zoe_loopback.far_end_now(client)


def test_a_kernel_that_cannot_be_asked_lets_nothing_pass(monkeypatch):
    def none_left(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(sockets, "Netlink", none_left)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        connected(listener.getsockname()[1]) as client,
        pytest.raises(OSError, match="Too many"),
    ):
        zoe_loopback.require_now(client, {0, os.geteuid()})


def test_which_connections_end_on_this_machine():
    with socket.create_server(("127.0.0.1", 0)) as listener, connected(listener.getsockname()[1]) as client:
        assert ends.is_here(client)
    assert ends._place(("::ffff:127.0.0.1", 80)) == ("127.0.0.1", 80)
    assert ends._place(("fe80::1%eth0", 80)) == ("fe80::1", 80)


# --- trees ---


def test_a_tree_holds_the_sockets_of_all_its_processes():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        inode = os.fstat(listener.fileno()).st_ino
        code = "import os, time\nif os.fork() == 0:\n    os.close({0})\nos.write(1, b'up\\n'); time.sleep(600)"
        command = [sys.executable, "-c", code.format(listener.fileno())]
        child = subprocess.Popen(command, pass_fds=[listener.fileno()], stdout=subprocess.PIPE, text=True)
        try:
            assert [child.stdout.readline(), child.stdout.readline()] == ["up\n", "up\n"]
            pids = trees.processes(child.pid)
            assert len(pids) == 2
            assert pids[0] == child.pid
            assert trees.holds(pids, frozenset({inode})) is True
            assert trees.holds([pids[1]], frozenset({inode})) is False
            assert trees.holds(pids, frozenset({0})) is False
            assert trees._children_by_parent(child.pid) == [pids[1]] == elsewhere.below(child.pid)[1:]
        finally:
            for pid in trees.processes(child.pid):
                os.kill(pid, 9)
            child.wait()
            child.stdout.close()
    assert trees.processes(child.pid) == []


# --- systems without such tables ---


@pytest.fixture
def no_tables(monkeypatch):
    monkeypatch.setattr(sockets, "usable", lambda: False)


@pytest.mark.usefixtures("no_tables")
@pytest.mark.parametrize("accepted", [True, False])
def test_elsewhere_an_end_of_a_known_process_is_known(accepted):
    with socket.create_server(("127.0.0.1", 0)) as listener, connected(listener.getsockname()[1]) as client:
        peer = listener.accept()[0] if accepted else None
        assert checks.far_end_now(client, [os.getpid()]).uid == os.geteuid()
        with pytest.raises(Stranger, match="does not tell"):
            checks.far_end_now(client, [os.getppid()])
        if peer:
            peer.close()


@two_users
@pytest.mark.usefixtures("no_tables")
async def test_elsewhere_what_no_own_process_holds_is_a_strangers():
    with Listener() as stranger, connected(stranger.port) as client, pytest.raises(Stranger, match="does not tell"):
        await zoe_loopback.require(client, {0, os.geteuid()})


def test_both_ways_of_asking_agree_among_many_sockets():
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        many = [connected(listener.getsockname()[1]) for _ in range(400)]
        server, client = ends.places(many[0])
        with sockets.Netlink() as netlink, sockets.ProcNet() as proc:
            assert netlink.connection(server, client) == proc.connection(server, client)
            assert netlink.listener(server) == proc.listener(server)
        for each in many:
            each.close()


def test_names_and_numbers_of_users():
    assert zoe_loopback.user_id("root") == zoe_loopback.user_id("0") == 0
    assert zoe_loopback.user_name(0) == "root (user 0)"
    assert zoe_loopback.user_name(4000000000) == "user 4000000000"
    with pytest.raises(ValueError, match="no-such-user"):
        zoe_loopback.user_id("no-such-user")


def test_many_threads_may_ask_at_the_same_time():
    wrong = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def ask():
            with connected(listener.getsockname()[1]) as client:
                try:
                    zoe_loopback.require_now(client, {os.geteuid()})
                except OSError as error:
                    wrong.append(error)

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert wrong == []


async def test_a_slow_handshake_is_waited_for(monkeypatch):
    looks = []
    real = ends.far_end

    def late(tables, server, client):
        looks.append(server)
        return real(tables, server, client) if len(looks) > 3 else None

    monkeypatch.setattr(ends, "far_end", late)
    with socket.create_server(("127.0.0.1", 0)) as listener, connected(listener.getsockname()[1]) as client:
        await asyncio.wait_for(zoe_loopback.require(client, {os.geteuid()}), 5)
    assert len(looks) == 4


def test_which_addresses_are_this_machines():
    assert all(map(zoe_loopback.is_own_address, ("localhost", "127.0.0.1", "127.0.0.9", "::1")))
    assert not any(map(zoe_loopback.is_own_address, ("198.51.100.1", "hub.example.org", "", "2001:db8::1")))


def test_the_own_hub_is_never_on_another_machine(monkeypatch):
    """The address of one interface may be another machine's by the time the runtime file is read."""
    info = HubInfo(url="http://192.0.2.9:8470", token="secret", embedded=True, pid=os.getpid())
    monkeypatch.setattr(zoe_loopback, "is_here", lambda _: False)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        pytest.raises(Stranger, match="another machine"),
    ):
        recognise.check_now(info, client)
