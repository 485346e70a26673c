"""The helper that finds or starts an engine; starting a real one is proved by all tests that use one."""

import http.server
import os
import socketserver
import sys
import threading

import pytest

from zoe_hub.testing import dockerd


class Ping(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/_ping" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass

    def address_string(self):
        return "local"


@pytest.fixture
def engine(tmp_path, monkeypatch):
    path = tmp_path / "docker.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Ping) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        yield f"unix://{path}"
        server.shutdown()


def test_a_running_engine_is_used(engine):
    assert dockerd.running() == engine
    with dockerd.engine() as url:
        assert url == engine


def test_the_command_gets_the_engine_and_its_exit_code_is_ours(engine):
    code = f"import os, sys; sys.exit(os.environ['DOCKER_HOST'] == {engine!r} and 7)"
    assert dockerd.main(["run", "--", sys.executable, "-c", code]) == 7
    assert (
        dockerd.main(["run", "--", sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"])
        == 128 + 15
    )


def test_a_dead_engine_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none'}")
    assert dockerd.main(["run", "--", sys.executable, "-c", ""]) == 69
    assert "no engine answers there" in capsys.readouterr().err


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(dockerd.shutil, "which", lambda program, path=None: None)
    assert dockerd.missing() == ("docker.io", "containerd", "iptables")


def test_without_root_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(dockerd, "missing", lambda: ())
    monkeypatch.setattr(dockerd, "_network_state", lambda: pytest.fail("it began to change the machine"))
    engine = dockerd.Dockerd(tmp_path / "e")
    with pytest.raises(dockerd.NoEngine, match="only root can start one"):
        engine.enter()
    engine.leave()
