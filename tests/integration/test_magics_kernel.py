"""``%zoe`` in a real kernel with a real hub. The framework is a small one of the test's own: a folder is all that it
takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_zoe.client import Client
from jupyter_zoe.hub.info import HubInfo
from zoe_hub.testing.kernels import NotebookKernel, clean_environment, eventually, own_hub

FRAMEWORK = """
framework: echo
version: "1.0"
kind: engine
title: Echo
description: Says what it is told.
parameters:
  workers: {type: integer, minimum: 1, maximum: 8, default: 2, title: Workers}
  mood: {type: string, default: "", title: Mood}
secrets: {key: random}
processes:
  server:
    image: zoe/echo
    command: [python, "{{ folder }}/serve.py"]
    environment: {ECHO_KEY: "{{ secret('key') }}", ECHO_MOOD: "{{ mood }}"}
    ports: {main: 9000}
    ready: {tcp: main}
    restart: {limit: 0}
  worker:
    image: zoe/echo
    command: [python, -c, "import time; print('works', flush=True); time.sleep(600)"]
    count: "{{ workers }}"
    essential: 1
    maximum: 8
outputs: {address: "{{ server.main.endpoint }}"}
attach:
  python:
    requires: "tornado>=1"
    variable: echo
    secrets: [key]
    session: session
    check: |
      if echo("hello") != "hello":
          raise RuntimeError("the server does not accept " + echo._key)
    code: |
      class Echo:
          is_stopped = False
          error = None

          def __init__(self, address, key):
              self.address, self._key = address, key

          def __call__(self, text):
              if self.error is not None:
                  raise self.error()
              import socket
              host, _, port = self.address.rpartition(":")
              with socket.create_connection((host, int(port)), 5) as connection:
                  connection.sendall((self._key + " " + text + "\\n").encode())
                  return connection.makefile().readline().strip()

          def __repr__(self):
              return "Echo(" + self.address + ")"

          def stop(self):
              self.is_stopped = True


      import os
      os.environ |= {"ECHO_MODE": "zoe", "ECHO_ADDRESS": outputs["address"]}
      class Session:
          holds = "all that it has heard"

          def is_alive(self):
              return echo("alive?") == "alive?"

          def fail(self, error):
              echo.error = error

          def label(self, text):
              echo.label = text


      echo = Echo(outputs["address"], secrets["key"])
      session = Session()
"""
SERVE = """
import os, socketserver, sys, time
if os.environ["ECHO_MOOD"] == "broken":
    sys.exit("echo is out of order today")
if os.environ["ECHO_MOOD"] == "slow":
    time.sleep(600)
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode()
        key, _, text = line.partition(" ")
        if key:
            right = key == os.environ["ECHO_KEY"] and os.environ["ECHO_MOOD"] != "deaf"
            self.wfile.write((text if right else "no\\n").encode())
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
print("listens", flush=True)
Server((os.environ["ZOE_BIND"], int(os.environ["ZOE_PORT_MAIN"])), Handler).serve_forever()
"""
ZAPP = """
zapp: echo-cluster
version: "1.0"
title: Echo cluster
description: Says what it is told, with several workers.
frameworks:
  echo: {ask: [workers, mood]}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("home")
    for name, content in (
        ("echo/framework.yaml", FRAMEWORK),
        ("echo/serve.py", SERVE),
        ("echo-cluster/zapp.yaml", ZAPP),
    ):
        (home / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "mine" / name).write_text(content)
    (home / "zoe").mkdir(mode=0o700)
    (home / "zoe" / "zoe_hub_config.py").write_text(f"c.ZoeHub.catalog_folders = [{str(home / 'mine')!r}]\n")
    (home / "job.py").write_text("import sys\nprint('did', *sys.argv[1:])\nsys.exit(len(sys.argv) - 2)\n")
    with own_hub(clean_environment(home)):
        yield home


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[NotebookKernel]:
    kernel = NotebookKernel(clean_environment(home), "/notebooks/a.ipynb")
    kernel.start()
    try:
        yield kernel
    finally:
        kernel.stop()


@pytest.fixture
def kernel(running: NotebookKernel, hub: Client) -> NotebookKernel:
    """A kernel that is attached to nothing."""
    running.ok(
        "from jupyter_zoe.attaching.session import SESSIONS as _all\n"
        "for _each in list(_all): _all.drop(_each)\n"
        "globals().pop('echo', None)"
    )
    for attachment in hub.list_attachments()["items"]:
        hub.detach(attachment["id"])
    for each in hub.list_executions(active=True)["items"]:
        hub.wait(hub.terminate_execution(each["id"])["id"], "ended", timeout=60)
    return running


@pytest.fixture
def hub(home: Path, running: NotebookKernel) -> Iterator[Client]:
    running.ok("%zoe ps")  # starts it
    found = json.loads((home / "zoe" / "hub.json").read_text())
    with Client(
        HubInfo(url=found["url"], token=found["token"], embedded=True, pid=found["pid"], started=found["started"])
    ) as client:
        yield client


def test_a_dropped_in_framework_is_attached_scaled_and_let_go(kernel: NotebookKernel, hub: Client) -> None:
    attached = kernel.ok("%zoe attach echo --workers 1")
    assert attached.text.startswith("Attached to echo-cluster-")
    assert "1 worker ready" in attached.text
    assert "`echo` is connected." in attached.text
    assert kernel.value("echo('good morning')") == "good morning"
    kernel.ok("mine = echo")
    assert "3 workers ready" in kernel.ok("%zoe scale 3").text
    assert "1 worker ready" in kernel.ok("%zoe scale worker 1").text
    status = kernel.ok("%zoe status").text
    assert "server-0" in status
    assert "worker-1" not in [line.split()[0] for line in status.splitlines() if "ready" in line]
    assert kernel.ok("%zoe logs server-0").text == "listens"
    name = status.split()[0]
    assert kernel.ok(f"%zoe logs {name} server-0").text == kernel.ok(f"%zoe logs --execution {name} server-0").text
    assert "works" in kernel.ok("%zoe logs").text
    again = kernel.ok("%zoe attach")
    assert "Attached again" in again.text
    assert kernel.value("echo is mine") is True
    assert "2 workers ready" in kernel.ok("%zoe attach echo --workers 2").text, "what is asked for is what there is"
    other = kernel.ok("%zoe attach echo --mood another").text
    assert "mood" in other
    assert "to change that, detach, then attach again" in other
    assert len(hub.list_executions(active=True)["items"]) == 1
    detached = kernel.ok("%zoe detach")
    assert detached.text.endswith("which has ended.")
    assert kernel.value("(mine.is_stopped, 'echo' in globals())") == [True, False]
    assert hub.list_executions(active=True)["items"] == []


def test_programs_read_what_happens_as_json(kernel: NotebookKernel, hub: Client) -> None:
    """As ``docs/decisions/attachment-output.md`` says: one display, working, then done or failed; no secrets."""

    def reports(line: str) -> list[dict[str, Any]]:
        outcome = kernel.run(line)
        shown = [
            each["content"] for each in outcome.messages if each["msg_type"] in ("display_data", "update_display_data")
        ]
        assert len({each["transient"]["display_id"] for each in shown}) == 1
        told = [each["data"]["application/vnd.zoe.attachment+json"] for each in shown]
        assert {each["version"] for each in told} == {1}
        assert {each["verb"] for each in told} == {line.split()[1]}
        assert [each["state"] for each in told[:-1]] == ["working"] * (len(told) - 1)
        return told

    *before, done = reports("%zoe attach echo --workers 1")
    (view,) = hub.list_executions(active=True)["items"]
    (attachment,) = hub.list_attachments()["items"]
    execution = {"id": view["id"], "name": view["name"]}
    assert done["state"] == "done"
    assert (done["execution"], done["attachment"], done["variable"]) == (execution, attachment["id"], "echo")
    assert done["session"] == "new"
    assert done["message"].endswith("echo is connected.")
    waited = [each for each in before if "share" in each]
    assert waited
    assert all(0 <= each["share"] <= 1 and each["execution"] == execution for each in waited)
    assert reports("%zoe attach")[-1]["session"] == "same"
    assert reports("%zoe scale 2")[-1]["execution"] == execution
    assert reports("%zoe detach")[-1]["state"] == "done"
    failed = reports("%zoe attach echo --mood broken")[-1]
    assert failed["state"] == "failed"
    assert failed["problem"]["code"] == "start-failed"
    assert "echo is out of order today" in failed["problem"]["detail"]
    assert reports("%zoe attach echo --workers 99")[-1]["problem"]["errors"][0]["path"] == "/workers"


def test_an_end_that_comes_from_elsewhere_is_told_to_whoever_uses_it(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("%zoe attach echo --workers 1\nmine = echo")
    assert kernel.value("echo.label == f'a.ipynb, cell {get_ipython().execution_count}'") is True
    (view,) = hub.list_executions(active=True)["items"]
    hub.terminate_execution(view["id"])
    kernel.ok(
        "import time\nuntil = time.monotonic() + 10\n"
        "while not echo.error and time.monotonic() < until:\n    time.sleep(0.01)"
    )
    failed = kernel.run("mine('x')")
    assert failed.error.startswith(f"Zoe: {view['name']} has ended: terminated by ")
    assert "[cluster-ended]" in failed.error
    assert "Traceback" not in failed.error
    assert kernel.run("mine('x')").error.startswith(f"Zoe: This belongs to a session of {view['name']} that is gone.")
    assert "Attached to" in kernel.ok("%zoe attach echo --workers 1").text
    assert kernel.value("echo('x')") == "x"


def test_an_end_that_nobody_has_heard_of_is_told_by_the_next_attach(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("%zoe attach echo --workers 1")
    (view,) = hub.list_executions(active=True)["items"]
    hub.wait(hub.terminate_execution(view["id"])["id"], "ended", timeout=60)
    assert eventually(lambda: kernel.value("echo.error is not None"))
    text = kernel.ok("%zoe attach echo --workers 1").text
    assert text.startswith(f"{view['name']} has ended: terminated by ")
    assert "Attached to" in text
    kernel.ok("%zoe detach")
    assert kernel.value("'ECHO_ADDRESS' in __import__('os').environ") is False


def test_a_session_that_does_not_answer_is_no_session(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("%zoe attach echo --workers 1\nmine = echo; echo.address = '127.0.0.1:9'")
    again = kernel.ok("%zoe attach").text
    assert "is gone: it does not answer any more. Gone with it: all that it has heard." in again
    assert "`echo` is a new session." in again
    assert kernel.value("(echo is mine, echo('x'))") == [False, "x"]
    assert "is the same session as before" in kernel.ok("%zoe attach").text


def test_what_the_kernel_had_comes_back(kernel: NotebookKernel, home: Path) -> None:
    kernel.ok("echo = mine = ['my own']\nimport os\nos.environ['ECHO_MODE'] = 'mine'")
    assert "Your own `echo` comes back when you detach." in kernel.ok("%zoe attach echo --workers 1").text
    assert kernel.value("(echo('x'), os.environ['ECHO_MODE'], os.environ['ECHO_ADDRESS'] == echo.address)") == [
        "x",
        "zoe",
        True,
    ]
    assert "Your own" not in kernel.ok("%zoe attach").text
    kernel.ok("%zoe detach")
    assert kernel.value("(echo is mine, os.environ['ECHO_MODE'], 'ECHO_ADDRESS' in os.environ)") == [
        True,
        "mine",
        False,
    ]
    assert "connect-failed" in kernel.run("%zoe attach echo --mood deaf").error
    assert kernel.value("(echo is mine, os.environ['ECHO_MODE'])") == [True, "mine"], "nothing of a failed one stays"
    kernel.ok("%zoe detach\ndel echo, mine, os.environ['ECHO_MODE']")


def test_a_restarted_kernel_finds_its_cluster(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("%zoe attach echo --workers 1")
    (before,) = hub.list_executions(active=True)["items"]
    kernel.restart()
    assert before["name"] in kernel.ok("%zoe status").text, "even without attaching"
    assert "Attached again" in kernel.ok("%zoe attach").text
    assert kernel.value("echo('x')") == "x"
    kernel.restart()
    assert "has ended" in kernel.ok("%zoe detach").text, "a notebook lets go of what it does not hold in its hands"
    assert hub.list_executions(active=True)["items"] == []


def test_a_restarted_kernel_hears_what_became_of_its_cluster(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("%zoe attach echo --workers 1")
    (view,) = hub.list_executions(active=True)["items"]
    kernel.restart()
    hub.wait(hub.terminate_execution(view["id"])["id"], "ended", timeout=60)
    told = kernel.run("%zoe status").error
    assert f"This notebook is attached to nothing. It was attached to {view['name']}, which ended " in told
    assert "ago (cancelled): terminated by " in told
    assert f"Attach again with '%zoe attach {view['zapp']}'" in told
    assert "[not-attached]" in told
    assert "Attached to " in kernel.ok(f"%zoe attach {view['zapp']}").text
    kernel.ok("%zoe detach")
    assert view["name"] in kernel.run("%zoe status").error, "what was let go is nothing that was lost"


def test_keep_and_stop(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("%zoe attach echo")
    (view,) = hub.list_executions(active=True)["items"]
    kept = kernel.ok("%zoe detach --keep")
    assert f"`%zoe stop {view['name']}`" in kept.text
    assert hub.get_execution(view["id"])["phase"] == "running"
    assert view["name"] in kernel.ok("%zoe ps").text
    kernel.ok(f"%zoe attach --execution {view['name']}")
    assert kernel.value("echo('y')") == "y"
    assert "has ended" in kernel.ok(f"%zoe stop {view['name']}").text
    assert kernel.value("'echo' in globals()") is False
    assert "Nothing is running" in kernel.ok("%zoe ps").text


def test_plain_python_has_what_the_magic_has(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("import jupyter_zoe as plain\nmine = plain.attach('echo', workers=1)")
    assert kernel.value("mine('x')") == "x"
    (view,) = hub.list_executions(active=True)["items"]
    assert f"Attached again to {view['name']}" in kernel.ok("%zoe attach echo").text, "it is the same notebook"
    kernel.ok("plain.detach(keep=True)")
    assert hub.list_attachments()["items"] == []
    assert hub.get_execution(view["id"])["desired"] == "running"
    kernel.ok(f"plain.attach(execution={view['name']!r})")
    kernel.ok("plain.detach()")
    assert hub.wait(view["id"], "ended", timeout=60)["outcome"] == "cancelled"
    kernel.ok("try:\n    plain.detach()\nexcept plain.ZoeProblem as problem:\n    code = problem.code")
    assert kernel.value("code") == "not-attached"


def test_a_notebook_has_one_cluster_of_a_kind(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("%zoe attach echo")
    (mine,) = hub.list_executions(active=True)["items"]
    hub.wait(hub.start_execution(zapp="echo-cluster", name="second")["id"], "running", timeout=60)
    failed = kernel.run("%zoe attach --execution second")
    assert f"is attached to {mine['name']} already" in failed.error
    assert "[already-attached]" in failed.error
    assert "%zoe detach" in failed.error
    assert kernel.value("echo('still')") == "still"
    kernel.ok("%zoe detach")
    assert "Attached to second" in kernel.ok("%zoe attach --execution second").text


def test_what_is_not_attached_is_not_detached(kernel: NotebookKernel, hub: Client) -> None:
    other = hub.start_execution(zapp="echo-cluster", name="of-others")
    failed = kernel.run("%zoe detach of-others")
    assert failed.error.startswith("Zoe: This notebook is not attached to of-others. [not-attached]")
    assert hub.get_execution(other["id"])["desired"] == "running"
    assert "has ended" in kernel.ok("%zoe stop of-others").text


def test_a_wait_that_is_interrupted_is_one_message(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("import threading, _thread\nthreading.Timer(1.0, _thread.interrupt_main).start()")
    failed = kernel.run("%zoe run echo-cluster --mood slow --name patient --wait")
    assert failed.error.startswith("Zoe: Interrupted. patient goes on. [interrupted]")
    assert hub.find("patient")["desired"] == "running"
    kernel.ok("%zoe stop patient")


def test_a_server_that_was_replaced_gets_a_new_session(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("%zoe attach echo --workers 1")
    kernel.ok("mine = echo")
    (first,) = hub.list_executions(active=True)["items"]
    hub.wait(hub.terminate_execution(first["id"])["id"], "ended", timeout=60)
    assert "Attached to" in kernel.ok("%zoe attach echo --workers 1").text
    assert kernel.value("echo is mine") is False
    assert kernel.value("echo('z')") == "z"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%zoe frob", "There is no verb 'frob'"),
        ("%zoe attach nothing-like-it", "There is no ZApp 'nothing-like-it'"),
        ("%zoe attach python-job", "cannot connect"),
        ("%zoe attach echo --workers two", "workers must be a whole number"),
        ("%zoe attach echo --workers 99", "workers"),
        ("%zoe attach", "say what to attach"),
        ("%zoe scale 2", "attached to nothing"),
        ("%zoe scale two", "must be a whole number"),
        ("%zoe status no-such", "no execution"),
        ("%zoe attach 'echo", "quotation"),
        ("%zoe run python-job --code nowhere.py", "nowhere.py"),
        ("%zoe run", "Say what to run"),
    ],
)
def test_an_error_is_one_message(kernel: NotebookKernel, hub: Client, line: str, words: str) -> None:
    failed = kernel.run(line)
    assert failed.status == "error", "what comes after does not run"
    assert words in failed.error
    assert "Traceback" not in failed.error
    assert "File " not in failed.error
    assert len(failed.error.splitlines()) <= 3
    assert failed.text == ""
    assert hub.list_executions(active=True)["items"] == [], "nothing was half-started"


def test_a_cluster_that_does_not_start_says_why(kernel: NotebookKernel) -> None:
    failed = kernel.run("%zoe attach echo --mood broken")
    assert failed.status == "error"
    assert "echo is out of order today" in failed.error
    assert "[start-failed]" in failed.error
    assert failed.error.count("echo is out of order today") == 1


def test_a_connection_that_fails_shows_no_secret(kernel: NotebookKernel, hub: Client) -> None:
    failed = kernel.run("%zoe attach echo --mood deaf")
    assert failed.status == "error"
    assert "the server does not accept ***" in failed.error
    (attachment,) = hub.list_attachments()["items"]
    secret = hub.get_connection(attachment["id"])["secrets"]["key"]
    for mode in (
        "%tb",
        "%xmode Verbose\n%tb",
        "import sys, traceback; print(traceback.format_exc(), vars(sys).get('last_traceback'))",
    ):
        kernel.run(mode)
    kernel.run("%zoe attach")
    kernel.ok("%xmode Context")
    assert secret not in json.dumps(kernel.everything)
    kernel.ok("everything = repr([globals(), In, Out])")
    assert kernel.value(f"{json.dumps(secret[:6])} in everything") is False
    assert "has ended" in kernel.ok("%zoe detach").text


def test_an_interrupt_leaves_the_cluster_starting(kernel: NotebookKernel, hub: Client) -> None:
    kernel.ok("import threading, _thread\nthreading.Timer(1.0, _thread.interrupt_main).start()")
    failed = kernel.run("%zoe attach echo --mood slow")
    assert failed.status == "error"
    assert failed.error.startswith("Zoe: Interrupted. The cluster goes on starting. [interrupted]")
    assert len(hub.list_executions(active=True)["items"]) == 1
    assert "has ended" in kernel.ok("%zoe detach").text


def test_applications_run_and_give_their_output(kernel: NotebookKernel, hub: Client) -> None:
    assert "python-job" in kernel.ok("%zoe apps").text
    done = kernel.ok("%zoe run python-job --code job.py --name good --wait -- once")
    assert "good has completed" in done.text
    assert "did once" in done.text
    failed = kernel.run("%zoe run python-job --code job.py --wait -- a b")
    assert failed.status == "error"
    assert "failed (1)" in failed.error
    assert "did a b" in failed.text
    assert "Started later" in kernel.ok("%zoe run python-job --code job.py --name later -- x").text
    eventually(lambda: hub.find("later")["phase"] == "ended")
    assert "later" in kernel.ok("%zoe ps --all").text


def test_help(kernel: NotebookKernel) -> None:
    assert "%zoe scale 4" in kernel.ok("%zoe").text
    assert "--workers N" in kernel.ok("%zoe attach echo --help").text
    assert "ZAPP" in kernel.ok("%zoe attach --help").text
    assert "Make the attached cluster bigger" in kernel.ok("%zoe help scale").text


def test_completion(kernel: NotebookKernel) -> None:
    assert kernel.complete("%zoe sc") == ["scale"]
    assert {"attach", "detach", "status"} <= set(kernel.complete("%zoe "))
    assert {"echo", "echo-cluster", "spark"} <= set(kernel.complete("%zoe attach "))
    assert "python-job" not in kernel.complete("%zoe attach ")
    assert kernel.complete("%zoe run python-j") == ["python-job"]
    assert kernel.complete("%zoe attach echo --wo") == ["--workers"]
    assert kernel.complete("%zoe detach --k") == ["--keep"]
    kernel.ok("%zoe attach echo --workers 1")
    assert [name.rpartition("-")[0] for name in eventually(lambda: kernel.complete("%zoe status echo"), 30)] == [
        "echo-cluster"
    ]
    assert "server-0" in kernel.complete("%zoe logs ")
    kernel.ok("%zoe detach")


def test_a_notebook_beside_its_cluster(kernel: NotebookKernel, home: Path, hub: Client) -> None:
    """As in a JupyterLab that the hub started together with a cluster: same hub by the environment, and nothing to
    say.
    """
    view = hub.wait(hub.start_execution(zapp="echo-cluster", parameters={"workers": 1})["id"], "running", timeout=60)
    environment = clean_environment(
        home,
        ZOE_HUB_URL=hub.info.url,
        ZOE_HUB_TOKEN=hub.info.token,
        ZOE_EXECUTION=view["id"],
        ZOE_DATA=str(home / "none"),
    )
    beside = NotebookKernel(environment, "/notebooks/beside.ipynb")
    beside.start()
    try:
        assert view["name"] in beside.ok("%zoe attach").text
        assert beside.value("echo('near')") == "near"
        assert "this notebook is a part of it" in beside.ok("%zoe detach").text
        assert hub.get_execution(view["id"])["phase"] == "running", "it would have ended itself"
        # a session that the kernel was started with is used as it is
        beside.ok("class Own:\n    is_stopped = False\n    def stop(self): pass\necho = mine = Own()")
        beside.ok("%zoe attach")
        assert beside.value("echo is mine") is True
        assert not (home / "none").exists(), "no other hub was started"
    finally:
        beside.stop()
    hub.wait(hub.terminate_execution(view["id"])["id"], "ended", timeout=60)


def test_the_hub_may_go_and_come_back(kernel: NotebookKernel, home: Path, hub: Client) -> None:
    import psutil

    kernel.ok("%zoe attach echo --workers 1")
    first = json.loads((home / "zoe" / "hub.json").read_text())["pid"]
    process = psutil.Process(first)
    process.kill()
    psutil.wait_procs([process], timeout=20)
    assert "2 workers ready" in kernel.ok("%zoe scale 2").text, "the hub is started again, what it ran is there"
    assert kernel.value("echo('still here')") == "still here"
    assert "has ended" in kernel.ok("%zoe detach").text
