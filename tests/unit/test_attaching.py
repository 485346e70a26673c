"""Attaching without a hub: what a connection's code may do, how long a session lives, what comes back at the end."""

from __future__ import annotations

import operator
import os
import socket
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_zoe.attaching import handle, holder, keeping
from jupyter_zoe.attaching.connecting import connect, reach
from jupyter_zoe.attaching.handle import Handle, within
from jupyter_zoe.attaching.layers import Layers
from jupyter_zoe.attaching.session import Loss, Session, Sessions
from jupyter_zoe.client import ZoeProblem


def view(execution: str = "e1", *, starts: int = 1, workers: int = 1) -> Any:
    """A running execution with a server and workers that come and go."""
    processes = [("connect-0", starts), *((f"worker-{index}", 1) for index in range(workers))]
    return {
        "id": execution,
        "name": f"cluster-{execution}",
        "zapp": "spark-cluster",
        "phase": "running",
        "groups": [{"name": "connect", "scalable": False}, {"name": "worker", "scalable": True}],
        "processes": [
            {"id": name, "group": name.rpartition("-")[0], "starts": count, "started": "2026-01-01T00:00:00Z"}
            for name, count in processes
        ],
    }


def connection(code: str, **more: Any) -> Any:
    return {
        "requires": "thing~=1.0",
        "variable": "thing",
        "code": code,
        "check": "",
        "check_timeout": 10.0,
        "session": "",
        "outputs": {"address": "here:1"},
        "secrets": {"token": "hush-hush"},
        **more,
    }


def made_by(
    code: str, *, found: bool = False, sessions: Sessions | None = None, on: Any = None, **more: Any
) -> Session:
    """The session that a connection with this code makes."""
    attachment: Any = {"id": "a1", "found": found}
    return connect(connection(code, **more), attachment, "k1", on or view(), sessions or Sessions())


# --- connecting ---


def test_a_connection_gives_its_variable_alone() -> None:
    code = (
        "def _make(address, token):\n    return (address, len(token))\nthing = _make(outputs['address'],"
        " secrets['token'])\nother = 1"
    )
    assert made_by(code).value == ("here:1", 9)
    assert made_by("thing = (attachment, kernel)").value == ("a1", "k1")


@pytest.mark.parametrize(
    ("code", "expected", "words"),
    [
        ("raise RuntimeError('cannot use ' + secrets['token'] + '\\nand more')", "connect-failed", "cannot use ***"),
        ("import no_such_package_at_all", "client-mismatch", "no_such_package_at_all"),
        ("pass", "bad-definition", "'thing'"),
    ],
)
def test_a_connection_that_fails_says_why_and_no_secret(code: str, expected: str, words: str) -> None:
    with pytest.raises(ZoeProblem) as caught:
        made_by(code)
    error: BaseException | None = caught.value
    assert caught.value.code == expected
    assert words in caught.value.detail
    assert error is not None
    assert error.__context__ is None, "the frames of the failure hold secrets"
    assert "hush-hush" not in str(error)


def test_what_is_out_of_reach_is_told_at_once_and_its_code_does_not_run() -> None:
    with socket.socket() as open_, socket.socket() as shut:
        for each in (open_, shut):
            each.bind(("127.0.0.1", 0))
        open_.listen()
        here, nowhere = (f"127.0.0.1:{each.getsockname()[1]}" for each in (open_, shut))
        reach(connection("", addresses=[nowhere, here]), "x")
        with pytest.raises(ZoeProblem) as caught:
            made_by("1 / 0", addresses=[nowhere])
    assert caught.value.code == "connect-failed"
    assert f"cannot reach it at {nowhere}: Connection refused" in caught.value.detail
    assert "machine" in caught.value.remedy


def test_the_environment_is_as_it_was_after_a_detach_and_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THING_MODE", "mine")
    monkeypatch.delenv("THING_ADDRESS", raising=False)
    before = dict(os.environ)
    code = "import os\nos.environ |= {'THING_MODE': 'zoe', 'THING_ADDRESS': outputs['address']}\n"
    sessions = Sessions()
    with pytest.raises(ZoeProblem):
        made_by(code + "1 / 0", sessions=sessions)
    with pytest.raises(ZoeProblem):
        made_by(code + "thing = 1", check="1 / 0", sessions=sessions)
    assert dict(os.environ) == before
    made = made_by(code + "thing = object()", sessions=sessions)
    sessions.take(made)
    assert (os.environ["THING_MODE"], os.environ["THING_ADDRESS"]) == ("zoe", "here:1")
    # another one sets the same: the first one's end does not take it away
    sessions.take(made_by(code + "thing = object()", sessions=sessions, on=view("e2")))
    sessions.drop(made)
    assert os.environ["THING_MODE"] == "zoe"
    os.environ["THING_ADDRESS"] = "elsewhere"
    assert sessions.current is not None
    sessions.drop(sessions.current)
    assert dict(os.environ) == {**before, "THING_ADDRESS": "elsewhere"}, "what somebody else has set stays"


def test_connected_is_what_has_answered() -> None:
    with pytest.raises(ZoeProblem) as caught:
        made_by("thing = 1\ndef ask():\n    raise RuntimeError('nobody is in; ask hush-hush')", check="ask()")
    assert caught.value.code == "connect-failed"
    assert caught.value.detail.endswith("cannot connect to it: nobody is in; ask ***")
    assert made_by("thing = []", check="thing.append('asked')").value == ["asked"]


SILENT = """
import threading
class Thing:
    log = []
    def interrupt(self, label): self.log.append("interrupted"); waiting.set()
    def is_alive(self): return self.alive
    def close(self): self.log.append("closed")
waiting, thing = threading.Event(), Thing()
Thing.alive = True
"""


def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    log: list[str] = []
    with pytest.raises(ZoeProblem) as caught:
        made_by(
            f"{SILENT}\nThing.log = outputs['log']",
            check="waiting.wait(60)",
            check_timeout=0.05,
            session="thing",
            outputs={"log": log},
        )
    assert "has not answered within 0.05 s" in caught.value.detail
    assert log == ["interrupted", "closed"]
    # on a cluster that was there before others may be at work: it is enough that the session lives
    made = made_by(SILENT, found=True, check="waiting.wait(60)", check_timeout=0.05, session="thing")
    assert made.has_answered is False
    assert made.value.log == ["interrupted"]


# --- sessions ---


def made(value: Any, execution: str = "e1") -> Session:
    return Session(attachment="a1", view=view(execution), variable="spark", value=value)


def test_a_session_lives_while_its_servers_do() -> None:
    value = SimpleNamespace(is_stopped=False)
    here = made(value)
    assert here.lives(view())
    assert here.lives(view(workers=3))
    assert not here.lives(view(starts=2)), "the server has forgotten the session"
    assert not here.lives(view("e2"))
    value.is_stopped = True
    assert not here.lives(view())


def test_a_variable_of_the_users_own_comes_back() -> None:
    mine = object()
    names: dict[str, Any] = {"spark": mine}
    sessions = Sessions()
    sessions.show_in(names)
    first, second = made(object()), made(object(), "e2")
    sessions.take(first)
    assert sessions.show(first) is True, "to be told"
    sessions.take(second)
    assert sessions.show(second) is False
    assert names["spark"] is second.value
    renewed = made(object(), "e2")
    sessions.take(renewed)
    sessions.show(renewed)
    sessions.drop(renewed)
    assert names["spark"] is first.value
    sessions.drop(first)
    assert names == {"spark": mine}
    assert list(sessions) == []


def test_what_the_user_has_put_in_its_place_stays() -> None:
    names: dict[str, Any] = {}
    sessions = Sessions()
    sessions.show_in(names)
    here = made(object())
    sessions.take(here)
    assert sessions.show(here) is False
    names["spark"] = "another thing"
    sessions.drop(here)
    assert names == {"spark": "another thing"}


def test_a_session_that_was_found_is_not_closed() -> None:
    closed = []
    value = SimpleNamespace(stop=lambda: closed.append("found"))
    names: dict[str, Any] = {"spark": value}
    sessions = Sessions()
    sessions.show_in(names)
    found = Session(attachment="a1", view=view(), variable="spark", value=value, is_found=True)
    sessions.take(found)
    assert sessions.show(found) is False
    sessions.drop(found)
    assert (names, closed) == ({"spark": value}, [])


def test_a_session_that_the_kernel_has_had_from_its_start_takes_its_cluster_as_it_finds_it() -> None:
    heard: list[str] = []
    sessions = Sessions()
    sessions.take(Session.beside("e1", "spark", object(), SimpleNamespace(label=heard.append)))
    sessions.begin("cell 1")
    assert heard == ["", "cell 1"]
    mine = sessions.of("e1")
    assert mine is not None
    assert mine.lives(view(starts=5))
    assert mine.name == "cluster-e1"
    assert not mine.lives(view(starts=6))


def test_a_session_that_does_not_let_go_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(handle, "_CLOSING", 0.05)
    Handle(SimpleNamespace(stop=lambda: release.wait(10))).close()
    Handle(SimpleNamespace(close=lambda: 1 / 0)).close()
    Handle(object()).close()
    release.set()


def test_a_handle_can_do_what_its_object_can() -> None:
    log: list[Any] = []

    class Whole:
        holds, on_lost = "views", None

        def __getattr__(self, name: str) -> Any:
            return lambda *arguments: log.append((name, *arguments)) or name == "is_alive"

    whole, nothing = Handle(object(), Whole()), Handle(object())
    for each in (whole, nothing):
        each.label("a cell")
        each.interrupt("a cell")
        each.close()
    assert log == [("label", "a cell"), ("interrupt", "a cell"), ("close",)]
    assert (whole.holds, whole.is_alive(), nothing.holds, nothing.is_alive()) == ("views", True, "", None)
    broken = Handle(object(), SimpleNamespace(label=lambda text: 1 / 0, is_alive=lambda: 1 / 0))
    broken.label("x")
    assert broken.is_alive() is False
    assert Handle(SimpleNamespace(is_stopped=True), Whole()).is_alive() is False


def test_a_session_is_asked_and_not_guessed_about() -> None:
    answers = [True, False]
    asked = Session(
        attachment="a1",
        view=view(),
        variable="v",
        value=1,
        check=None,
        handle=Handle(1, SimpleNamespace(is_alive=lambda: answers.pop(0))),
    )
    assert [asked.lives(view()), asked.lives(view())] == [True, False]
    failing = Session(attachment="a1", view=view(), variable="v", value=1, check=answers.pop)
    assert not failing.lives(view()), "a check that fails is an answer"


def test_a_loss_is_told_in_full_until_its_cell_is_over() -> None:
    raised: list[Any] = []
    target = SimpleNamespace(fail=raised.append, holds="views")
    sessions = Sessions()
    lost = Session(attachment="a1", view=view(), variable="v", value=1, handle=Handle(1, target))
    sessions.take(lost)
    told: list[int] = []

    def tell() -> ZoeProblem:
        told.append(1)
        assert raised[0]().detail.startswith("This belongs to"), "who is needed for telling does not wait for it"
        return ZoeProblem("session-lost", keeping.gone_words(lost))

    error = lost.lose(Loss("session-lost", "it was evening"), tell)
    assert not lost.lives(view())
    for _ in range(2):
        assert raised[0]().detail == "The session of cluster-e1 is gone: it was evening. Gone with it: views."
    assert (error().code, told) == ("session-lost", [1])
    sessions.end()
    assert raised[0]().detail == "This belongs to a session of cluster-e1 that is gone."


def test_names_of_cells_reach_sessions_of_now_and_later() -> None:
    heard: list[tuple[int, str]] = []

    def session(number: int) -> Session:
        target = SimpleNamespace(label=lambda text: heard.append((number, text)))
        return Session(attachment="a", view=view(f"e{number}"), variable="v", value=1, handle=Handle(1, target))

    sessions = Sessions()
    sessions.take(session(1))
    sessions.begin("cell 1")
    sessions.take(session(2))
    sessions.end()
    assert heard == [(1, ""), (1, "cell 1"), (2, "cell 1"), (1, ""), (2, "")]


def test_a_thread_is_not_waited_for_longer_than_it_may_take() -> None:
    assert within(5, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)
    release = threading.Event()
    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        within(0.05, release.wait)
    release.set()


Step = tuple[str, str, str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "record", "fail", "release", "user"]),
        st.sampled_from("ABC"),
        st.sampled_from("xyz"),
        st.integers(0, 3),
    ),
    max_size=30,
)


@given(st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3)), STEPS)
def test_layers_leave_what_nobody_of_them_has_made(initial: dict[str, int], steps: list[Step]) -> None:
    """Whatever owners do in whatever order: once all have gone, each name has what the user last gave it."""
    mapping = dict(initial)
    layers: Layers[int] = Layers(mapping, operator.eq)
    users: dict[str, int] = dict(initial)
    number = 10  # each owner's value is one of its own, so that the user's are told apart from them
    for kind, owner, name, value in steps:
        number += 1
        if kind == "put":
            layers.put(owner, name, number)
        elif kind in ("record", "fail"):
            before = dict(mapping)
            try:
                with layers.recording(owner):
                    mapping[name] = number
                    if kind == "fail":
                        raise RuntimeError
            except RuntimeError:
                assert mapping == before
            else:
                assert mapping[name] == number
                assert {**mapping, name: 0} == {**before, name: 0}
        elif kind == "release":
            layers.release(owner)
        else:
            mapping[name] = users[name] = value
    for owner in "ABC":
        layers.release(owner)
    assert mapping == users


def test_a_value_that_two_owners_set_stays_until_both_have_gone() -> None:
    mapping: dict[str, str] = {}
    layers = Layers(mapping, operator.eq)
    for owner in "AB":
        with layers.recording(owner):
            mapping["MODE"] = "1"
    layers.release("A")
    assert mapping == {"MODE": "1"}
    layers.release("B")
    assert mapping == {}


# --- holders ---


def test_the_notebook_is_known_by_its_path_else_by_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holder, "kernel_id", lambda: "k1")
    monkeypatch.setenv("JPY_SESSION_NAME", "/a/b.ipynb")
    assert holder.notebook()[:2] == ("/a/b.ipynb", "k1")
    monkeypatch.delenv("JPY_SESSION_NAME")
    assert holder.here()[:2] == ("k1", "k1")


def test_a_kernel_that_a_program_in_a_notebook_has_started_is_not_that_notebooks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``!papermill`` in a cell: the variable comes along, and the program that starts the kernel has it as well."""
    program = subprocess.Popen(
        ["sh", "-c", "echo; read line"],
        env={**os.environ, "JPY_SESSION_NAME": "/a/b.ipynb"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert program.stdout is not None
    program.stdout.read(1)  # it runs: a moment before, its environment could not be read
    try:
        monkeypatch.setattr(holder, "kernel_id", lambda: "k2")
        monkeypatch.setenv("JPY_SESSION_NAME", "/a/b.ipynb")
        monkeypatch.setenv("JPY_PARENT_PID", str(program.pid))
        assert (holder.notebook().key, holder.notebook().kind) == ("k2", "batch")
        monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))  # a server, which tells its kernels alone
        assert (holder.notebook().key, holder.notebook().kind) == ("/a/b.ipynb", "notebook")
    finally:
        program.kill()
        program.wait()


def test_a_program_is_known_by_itself_and_a_terminal_by_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(holder, "kernel_id", lambda: "")
    monkeypatch.chdir(tmp_path)
    place = os.path.realpath(tmp_path)
    assert holder.folder() == (f"folder:{place}", "", f"The folder {place}", "terminal")
    program = holder.here()
    assert program.kind == "script"
    assert program.key == program.kernel == holder.program().key
    assert str(os.getpid()) in program.key


def test_versions_tell_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holder, "PACKAGES", ("tornado", "no-such-package-at-all"))
    found = holder.versions()
    assert found["tornado"]
    assert found["no-such-package-at-all"] == ""
    assert found["python"].startswith("3.")
