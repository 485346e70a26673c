"""The recipes of CONTRIBUTING, followed to the letter in a copy of the sources: what they promise is so."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n# ([^\n]+)\n(.*?)```", TEXT, re.DOTALL)
SOURCES = ("zoe_hub", "jupyter_zoe", "zoe_proxy", "zoe_loopback", "frameworks", "docs", "labextension/src", "tests")
ENOUGH = 8  # existing files that a capability may change, its part of the panel included


class Copy:
    """A copy of the sources, and programs that run in it."""

    def __init__(self, folder):
        self.root = folder / "sources"
        for name in SOURCES:
            shutil.copytree(ROOT / name, self.root / name, ignore=shutil.ignore_patterns("__pycache__", "labextension"))
        shutil.copyfile(ROOT / "pyproject.toml", self.root / "pyproject.toml")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("ZOE_", "COVERAGE", "HUB_"))},
            "PYTHONPATH": str(self.root),
            "ZOE_DATA": str(folder / "data"),
        }

    def run(self, *arguments, check=True):
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, f"{arguments}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def edit(self, name, pattern, replacement):
        path = self.root / name
        text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.DOTALL)
        assert count == 1, f"{name}: {pattern}"
        path.write_text(text)

    def changed(self):
        """The files that are not as they were, those that are new left out."""
        files = [path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file()]
        return sorted(
            str(path)
            for path in files
            if (ROOT / path).exists() and (ROOT / path).read_bytes() != (self.root / path).read_bytes()
        )


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return Copy(tmp_path_factory.mktemp("contributing"))


def blocks(kind):
    return [(where.removeprefix(kind), code) for where, code in BLOCKS if where.startswith(kind)]


def newest_revision(root):
    versions = [path.read_text() for path in (root / "zoe_hub/store/migrations/versions").glob("r*.py")]
    return max(re.search(r'^revision = "(.+)"', text, re.MULTILINE)[1] for text in versions)


def test_a_record_operations_and_a_verb(copy):
    newest = newest_revision(copy.root)
    for name, code in blocks("file: "):
        if not name.startswith("tests/"):
            assert not (copy.root / name).exists(), name
            (copy.root / name).parent.mkdir(parents=True, exist_ok=True)
            (copy.root / name).write_text(code.replace("the newest before", newest))
    ((name, code),) = blocks("above KINDS in: ")
    copy.edit(name, r"(?=\nKINDS: )", lambda _: f"\n{code}")
    copy.edit(name, r"(?<=EVENTS)\)", ", NOTES)")
    copy.edit(name, r"(?=\nfrom zoe_hub\.core\.record import)", "\nfrom zoe_hub.core.notes import Note")
    copy.edit(
        "tests/contract/web/test_web_walk.py",
        r"(?<=BODIES: dict\[str, dict\[str, Any\]\] = \{)",
        blocks("in BODIES")[0][1],
    )
    verbs = "jupyter_zoe/verbs/__init__.py"
    copy.edit(verbs, r"(?<=from jupyter_zoe\.verbs import )", "note, ")
    copy.edit(verbs, r"(?<=VERBS: tuple\[Verb, \.\.\.\] = \()", "\n    note.VERB,")

    # What is made from the table is out of date until it is made again.
    generate = ("zoe_hub.contract.generate", "--root", str(copy.root))
    assert copy.run(*generate, "--check", check=False).returncode == 1
    copy.run(*generate)
    copy.run(*generate, "--check")
    assert "def write_note(" in (copy.root / "jupyter_zoe/client/operations.py").read_text()
    assert "write_note" in (copy.root / "docs/rest.md").read_text()

    # The store's table is the declared one, strangers are refused, the hub keeps notes, and there is a verb.
    copy.run(
        "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/test_store_sql.py", "-k", "migrations_build_the_tables"
    )
    copy.run("pytest", "-q", "-p", "no:cacheprovider", "tests/contract/web/test_web_walk.py")
    try:
        assert copy.run("jupyter_zoe.cli", "note", "first", "as easy as this").stdout == "first is kept.\n"
        assert copy.run("jupyter_zoe.cli", "note").stdout == "first: as easy as this\n"
        refused = copy.run("jupyter_zoe.cli", "note", "long", "x" * 1001, check=False)
        assert refused.returncode == 3
        assert "1000" in refused.stderr
    finally:
        copy.run("jupyter_zoe.cli", "hub", "stop", check=False)
    for line in ("first is kept.", "first: as easy as this"):
        assert line in TEXT

    changed = copy.changed()
    assert len(changed) + len(["labextension/src/index.ts"]) <= ENOUGH, changed


def test_a_backend_is_proved_by_the_published_suite(copy):
    ((_, code),) = [(name, code) for name, code in blocks("file: ") if name == "tests/test_mine.py"]
    (copy.root / "tests" / "test_mine.py").write_text(code)
    chosen = "started_twice or true_offsets or kill_follows"
    suite = ("pytest", "-p", "no:cacheprovider", "tests/test_mine.py")
    done = copy.run(*suite, "-k", chosen)
    assert "3 passed" in done.stdout, done.stdout
