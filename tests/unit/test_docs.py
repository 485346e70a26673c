"""What the pages say exists: targets, commands, options, links, errors and ZApps."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_zoe.codes import OWN
from zoe_hub.app import ZoeHub
from zoe_hub.catalog import Catalog, default_folders
from zoe_hub.core.errors import ERRORS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}


def commands(kind):
    """The commands of the pages' console blocks and code spans that begin with ``kind``."""
    for page, content in TEXTS.items():
        blocks = re.findall(r"```console\n(.*?)```", content, re.DOTALL)
        lines = [
            line.removeprefix("$ ").split("  #")[0].strip()
            for block in blocks
            for line in block.splitlines()
            if line.startswith("$ ")
        ]
        for line in (*lines, *re.findall(r"`([^`\n]+)`", content)):
            if line.split(" ")[0] == kind:
                yield page.name, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXTS[page]):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_the_readme_begins_with_the_two_commands_and_then_the_picture():
    readme = TEXTS[ROOT / "README.md"]
    run, test, picture = readme.index("make run"), readme.index("make test"), readme.index("![")
    assert run < test < picture


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    named = {word for _, line in commands("make") for word in line.split()[1:] if "=" not in word}
    assert {"run", "test", "lab", "check", "bench", "images"} <= named
    for target in named:
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target


def test_options_that_are_named_exist():
    known = set(re.findall(r"^\| `(\w+\.\w+)`", TEXTS[ROOT / "docs" / "options.md"], re.MULTILINE))
    assert len(known) > 40
    for page, content in TEXTS.items():
        for option in re.findall(r"\b(ZoeHub|Controllers|LocalBackend|DockerBackend|ZoeExtension)\.(\w+)", content):
            assert ".".join(option) in known, f"{page.name}: {'.'.join(option)}"


def test_hub_commands_are_understood():
    aliases = {f"--{name}" for name in (*ZoeHub.aliases, *ZoeHub.flags)}
    lines = list(commands("zoe-hub"))
    assert lines
    for page, line in lines:
        for word in shlex.split(line)[1:]:
            name = word.split("=")[0]
            assert not name.startswith("--") or name in aliases or "." in name, f"{page}: {line}"


def test_modules_that_are_run_understand_their_command():
    """Each ``python -m zoe_hub...`` of the pages: the real program takes it and tells its help."""
    lines = list(commands("python"))
    assert any("zoe_hub.images" in line for _, line in lines)
    for page, line in lines:
        words = shlex.split(line)[1:]
        done = subprocess.run(
            [sys.executable, *words, "--help"], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
        )
        assert done.returncode == 0, f"{page}: {line}: {done.stderr}"
        for option in (word for word in words if word.startswith("--")):
            assert option in done.stdout, f"{page}: {line}"


def test_commands_of_zoe_are_understood():
    """Each command line of ``zoe`` on the pages is parsed by the real program; ``--help`` of its verb works."""
    verbs = {shlex.split(line)[1] for _, line in commands("zoe") if len(line.split()) > 1} | {
        line.split()[1] for _, line in commands("%zoe") if len(line.split()) > 1
    }
    verbs -= {"help", "..."}
    assert {"attach", "scale", "status", "detach", "run", "ps", "stop", "logs", "apps"} <= verbs
    for verb in sorted(verb for verb in verbs if verb.isalpha()):
        done = subprocess.run(
            [str(Path(sys.executable).with_name("zoe")), verb, "--help"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{verb}: {done.stderr}"


def test_zapps_of_the_user_guide_are_those_of_the_shop():
    catalog = Catalog(default_folders())
    catalog.load()
    assert catalog.problems == ()
    table = TEXTS[ROOT / "docs" / "user-guide.md"].split("## Applications in the shop")[1]
    assert set(re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE)) == set(catalog.zapps)


def test_codes_of_the_users_side_are_declared_raised_and_documented():
    raised = set()
    for path in (ROOT / "jupyter_zoe").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "ZoeProblem"
                and isinstance(node.args[0], ast.Constant)
            ):
                raised.add(node.args[0].value)
    assert raised - set(ERRORS) <= set(OWN), "raised and declared nowhere"
    assert set(OWN) <= raised, "declared and never raised"
    told = dict(re.findall(r"^\| `([a-z-]+)` \| (\d+ \| .*) \|$", TEXTS[ROOT / "docs/user-guide.md"], re.MULTILINE))
    assert told == {code: f"{own.exit_code} | {own.meaning}" for code, own in OWN.items()}
