"""The local and the fake backend keep the contract of backends. (Docker's: tests/integration/test_docker_backend.py)"""

import sys
from pathlib import Path

import pytest

from zoe_hub.backends.fake import FakeBackend, FakeEngine
from zoe_hub.backends.local import LocalBackend
from zoe_hub.testing.backend_contract import BackendContract, Programs


class FakePrograms(Programs):
    def printing(self, text, code=0):
        return ("do", f"print {text}", f"exit {code}")

    def dying(self, signal):
        return ("crash", signal)

    def sleeping(self):
        return ("do", "print ready", "sleep")

    def polite(self, code):
        return ("do", f"on-term {code}", "print ready", "sleep")

    def stubborn(self):
        return ("do", "ignore-term", "print ready", "sleep")

    def obeying(self, signal, text):
        return ("do", f"on {signal} {text}", "print ready", "sleep")

    def serving(self, port, body):
        return ("do", f"serve {port} {body}", "sleep")

    def family(self, port, body):
        return ("do", "on-usr1 0", f"serve {port} {body}", "print ready", "sleep")

    def talking(self, size):
        return ("spam", str(size))

    def environment(self, name):
        return ("print-env", name)

    def file(self, name):
        return ("print-file", name)


class TestFakeBackend(BackendContract):
    @pytest.fixture
    def engine(self):
        return FakeEngine()

    @pytest.fixture
    def backend_factory(self, engine, tmp_path):
        self.engine = engine
        return lambda deployment="one": FakeBackend(deployment=deployment, data=str(tmp_path), engine=engine)

    @pytest.fixture
    def programs(self):
        return FakePrograms()

    async def reach(self, address):
        return self.engine.answer(address)

    def connected(self, address):
        return None


class TestLocalBackend(BackendContract):
    @pytest.fixture
    def backend_factory(self, tmp_path):
        return lambda deployment="one": LocalBackend(deployment=deployment, data=str(tmp_path))

    @pytest.fixture
    def programs(self):
        return Programs(python=sys.executable)

    async def visible(self, backend, name):
        found = b""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                found += path.read_bytes()
            except OSError:
                continue
        assert b"say('ready'); wait()" in found
        return found.decode(errors="replace")
