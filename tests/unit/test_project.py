"""What a strong open project has, beside its code: files that say what is true, and stay true."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from graphlib import CycleError
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from trove_classifiers import classifiers

import jupyter_zoe
import zoe_hub

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def program(path):
    """A module that is run by its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tracked():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


# --- one version ---------------------------------------------------------------------------------------------------


def test_the_version_stands_in_one_place_and_all_others_follow():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "zoe_hub/__init__.py"
    assert json.loads((ROOT / "labextension/package.json").read_text())["version"] == zoe_hub.__version__
    assert jupyter_zoe.__version__ == metadata.version("jupyter-zoe") == zoe_hub.__version__
    assert json.loads((ROOT / "zoe_hub/contract/openapi.json").read_text())["info"]["version"] == zoe_hub.__version__
    written = [
        path.relative_to(ROOT)
        for path in (ROOT / package for package in PACKAGES)
        for path in path.rglob("*.py")
        if re.search(rf"""['"]{re.escape(zoe_hub.__version__)}['"]""", path.read_text())
    ]
    assert written == [Path("zoe_hub/__init__.py")]


def test_the_changelog_tells_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    sections = re.findall(r"^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$", text, re.MULTILINE)
    assert sections[0] == "Unreleased"
    if zoe_hub.__version__ not in sections:
        assert f"To be released as {zoe_hub.__version__}" in text
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds


# --- the distribution ----------------------------------------------------------------------------------------------


def test_every_package_tells_of_its_types():
    for package in PACKAGES:
        assert (ROOT / package / "py.typed").exists(), package
    assert sorted(PACKAGES) == sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))


def test_classifiers_are_those_that_exist():
    assert set(PROJECT["project"]["classifiers"]) <= set(classifiers)
    assert list(PROJECT["project"]["classifiers"]) == sorted(PROJECT["project"]["classifiers"])


def test_the_license_is_the_whole_text():
    text = (ROOT / "LICENSE").read_text()
    assert PROJECT["project"]["license"] == "Apache-2.0"
    for part in (
        "Version 2.0, January 2004",
        "TERMS AND CONDITIONS FOR USE",
        "9. Accepting Warranty",
        "APPENDIX: How to",
    ):
        assert part in text


def test_addresses_of_the_project_are_no_examples():
    for label, url in PROJECT["project"]["urls"].items():
        assert url.startswith("https://"), label
        assert not re.search(r"example|localhost|your|TODO", url), label


def test_each_extra_has_code_behind_it():
    imported = set()
    for folder in (*PACKAGES, "frameworks"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
                imported |= {name.partition(".")[0] for name in names}
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(extras) == {"spark", "docker", "all"}
    for extra, wanted in extras.items():
        if extra != "all":
            assert {Requirement(text).name for text in wanted} & imported, extra
    (everything,) = map(Requirement, extras["all"])
    assert everything.extras == set(extras) - {"all"}


@pytest.mark.skipif(sys.platform != "linux", reason="what is needed differs from system to system")
def test_all_that_is_needed_is_pinned_and_nothing_else():
    extras = PROJECT["project"]["optional-dependencies"]
    texts = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
        *PROJECT["build-system"]["requires"],
    ]
    texts += [text for extra, wanted in extras.items() if extra != "all" for text in wanted]
    left, seen = [Requirement(text) for text in (*texts, "pip")], set()
    while left:
        each = left.pop()
        for extra in ("", *each.extras):
            if (each.name, extra) not in seen:
                seen.add((each.name, extra))
                try:
                    below = metadata.requires(each.name) or ()
                except metadata.PackageNotFoundError:
                    pytest.fail(f"{each.name} is not installed: run make setup")
                found = map(Requirement, below)
                left += [one for one in found if one.marker is None or one.marker.evaluate({"extra": extra})]
    pins = [line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()]
    assert {canonicalize_name(name) for name in pins} == {canonicalize_name(name) for name, _ in seen}
    assert pins == sorted(pins, key=str.lower)


# --- files ---------------------------------------------------------------------------------------------------------


def test_files_are_as_the_editorconfig_says():
    for path in tracked():
        content = path.read_bytes()
        name = path.relative_to(ROOT)
        if path.suffix in (".png", ".lock") or not content or name.is_relative_to("tests/data"):
            continue
        assert b"\r" not in content, name
        assert content.endswith(b"\n"), name
        assert not re.search(rb"[ \t]+\n", content), name
        assert (b"\t" in content) <= (path.name == "Makefile"), name


def test_hooks_before_a_commit_are_the_tools_of_the_check():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    script = json.loads((ROOT / "labextension/package.json").read_text())["scripts"]["check"]
    tools = set(re.findall(r"\$\(BIN\)/(ruff \w+|[\w-]+)", recipe)) | {part.split()[0] for part in script.split(" && ")}
    entries = {hook["name"]: hook["entry"] for hook in hooks[0]["hooks"]}
    assert set(entries) == tools - {"mypy", "tsc"}  # which look at everything, whatever was changed
    for name, entry in entries.items():
        assert name in entry


# --- what a test run covered ---------------------------------------------------------------------------------------


def test_coverage_is_told_by_package():
    report = program(ROOT / "tests" / "coverage_report.py")

    def summary(lines, of, taken, branches):
        return {"summary": dict(zip(report.COUNTS, (lines, of, taken, branches), strict=True))}

    files = {
        "zoe_hub/app.py": summary(1, 2, 0, 0),
        "zoe_hub/web/pages/proxy.py": summary(30, 40, 5, 10),
        "zoe_hub/web/call.py": summary(30, 40, 5, 10),
    }
    assert [line.split() for line in report.table(files)[1:]] == [
        ["zoe_hub", "50", "%", "of", "2", "100", "%", "of", "0"],
        ["zoe_hub.web", "75", "%", "of", "80", "50", "%", "of", "20"],
        ["all", "74", "%", "of", "82", "50", "%", "of", "20"],
    ]


def test_hubs_of_measured_tests_are_measured_and_nothing_else_is(tmp_path):
    """The line that ``make test`` puts into the environment, read by a Python as at its start."""
    ensure = program(ROOT / "binder" / "ensure.py")
    ensure.measure_hubs(tmp_path)
    (tmp_path / "coverage.py").write_text("import os\ndef process_startup():\n    print(*sorted(os.environ))\n")
    (tmp_path / "zoe_hub.py").write_text("import os\nprint('hub', *sorted(os.environ))\n")
    line = (tmp_path / "zoe-coverage.pth").read_text()
    assert line.count("\n") == 1
    (tmp_path / "sitecustomize.py").write_text(line)

    measured = {"HUB_COVERAGE": str(ROOT / "tests" / "measure_hub.py"), "HUB_COVERAGE_CONFIG": "pyproject.toml"}

    def said(*arguments, **environment):
        environment = {"PYTHONPATH": str(tmp_path), **environment}
        done = subprocess.run(
            [sys._base_executable, *arguments],  # without the line of this environment
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return [line.split() for line in done.stdout.splitlines()]

    first, then = said("-m", "zoe_hub", **measured)
    assert set(first) - set(then) == {"COVERAGE_PROCESS_START"}  # what the hub starts is not told to measure itself
    assert then[0] == "hub"
    assert [line[0] for line in said("-m", "zoe_hub")] == ["hub"]
    assert said("-c", "print('job')", **measured) == [["job"]]


# --- the architecture's picture ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def architecture():
    return program(ROOT / "docs" / "make_architecture.py")


def test_the_picture_of_the_imports_is_up_to_date(architecture):
    text = (ROOT / "docs" / "architecture.md").read_text()
    assert architecture.page(text) == text, "run 'make generate'"


def test_the_picture_leaves_out_what_longer_ways_say_and_refuses_circles(architecture):
    assert architecture.reduced({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": ["b"], "b": ["c"], "c": []}
    with pytest.raises(CycleError):
        architecture.reduced({"a": {"b"}, "b": {"a"}})


# --- the site ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site():
    return program(ROOT / "docs" / "make_site.py")


@pytest.mark.parametrize(
    ("page", "text", "turned"),
    [
        ("index.md", "[guide](docs/user-guide.md#the-panel)", "[guide](user-guide.md#the-panel)"),
        ("index.md", "![panel](docs/images/panel.png)", "![panel](images/panel.png)"),
        ("index.md", "[decisions](docs/decisions/)", "[decisions](decisions/index.md)"),
        ("security.md", "[changes](CHANGELOG.md)", "[changes](changelog.md)"),
        ("admin-guide.md", "[report](../SECURITY.md)", "[report](security.md)"),
        ("decisions/pages.md", "[guide](../admin-guide.md)", "[guide](../admin-guide.md)"),
        ("frameworks/spark.md", "[guide](../../docs/user-guide.md)", "[guide](../user-guide.md)"),
        (
            "rest.md",
            "[errors](#errors), [RFC](https://rfc-editor.org/x)",
            "[errors](#errors), [RFC](https://rfc-editor.org/x)",
        ),
    ],
)
def test_links_of_the_repository_lead_to_pages_of_the_site(site, page, text, turned):
    assert site.with_links_of_the_site(text, page) == turned


def test_every_page_of_the_site_is_in_its_navigation(site):
    pages = dict(site.pages())
    named = set(re.findall(r"^[\w/-]+$", pages["index.md"].partition("```{toctree}")[2], re.MULTILINE))
    named |= {f"decisions/{name}" for name in re.findall(r"^[\w-]+$", pages["decisions/index.md"], re.MULTILINE)}
    assert named == {name.removesuffix(".md") for name in pages} - {"index"}
