"""The guide for framework authors: its examples work, and it names everything there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zoe_hub.catalog import Catalog, check, default_folders, published_schema
from zoe_hub.core.errors import ZoeError
from zoe_hub.language.expressions import FILTERS

GUIDE = (Path(__file__).parents[2] / "docs" / "framework-author.md").read_text()
EXAMPLES = dict(re.findall(r"```yaml\n# file: (\S+)\n(.*?)```", GUIDE, re.DOTALL))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guide")
    for name, text in EXAMPLES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    catalog = Catalog([folder, *default_folders()])
    catalog.load()
    return catalog


def test_every_example_is_good(catalog):
    assert len(EXAMPLES) == GUIDE.count("```yaml\n# file:") == 5
    assert catalog.problems == ()
    assert {"my-store", "store-notebook", "word-count"} <= set(catalog.zapps)


def test_the_key_store(catalog):
    rendered = catalog.render("my-store", {"nodes": 2, "cache": "1GiB", "admin_password": "p"})
    (node,) = rendered.spec.groups
    assert (node.count, node.maximum, node.resources.memory) == (2, 5, 2**30 + 64 * 2**20)
    assert node.environment["STORE_CACHE"] == str(2**30)
    assert node.files == {"admin.txt": "⟦secret:admin_password⟧"}
    assert (node.drain.group, node.drain.port) == ("", "ui")
    assert catalog.attachable("key-store") == "my-store"


def test_the_notebook_with_a_store(catalog):
    rendered = catalog.render("store-notebook", {"size": "large", "password": "longenough"})
    notebook, node = rendered.spec.groups
    assert notebook.environment["STORE_URL"] == "store://⟦address:node.api⟧"
    assert (node.count, node.environment["STORE_CACHE"], node.files["admin.txt"]) == (
        3,
        str(2**30),
        "⟦secret:password⟧",
    )
    assert rendered.given == {"password": "longenough"}


def test_the_job(catalog):
    job = catalog.render("word-count", {"text": "a b", "words": ["x", "y"]}).spec.group("count")
    assert job.command == ("python", "⟦folder:word-count⟧/count.py", "--", "x", "y")
    with pytest.raises(ZoeError) as caught:
        catalog.render("word-count", {})
    assert [(error.path, error.message) for error in caught.value.errors] == [("/text", "must be given if file is not")]


def test_the_mistakes_are_reported_as_the_guide_shows(tmp_path, monkeypatch):
    ((name, text),) = re.findall(r"```yaml\n# broken: (\S+)\n(.*?)```", GUIDE, re.DOTALL)
    (shown,) = re.findall(r"```text\n# check: \S+\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    assert sorted(map(str, check(Path("broken"), folders=[]))) == sorted(shown.splitlines())


def test_everything_is_named(catalog):
    """A key, filter or parameter keyword that the guide does not name is a defect."""
    framework, zapp = published_schema("framework"), published_schema("zapp")
    names = {
        *framework["properties"],
        *zapp["properties"],
        *framework["$defs"]["process"]["properties"],
        *(set(FILTERS) - {"d", "tojson"}),
    }
    for part in ("ready", "drain", "resources"):
        names |= set(framework["$defs"][part]["properties"])
    names |= set(framework["$defs"]["parameter"]["properties"]) | set(
        framework["$defs"]["attach"]["properties"] if "attach" in framework["$defs"] else ()
    )
    names |= set(framework["$defs"]["port"]["oneOf"][1]["properties"]) | set(
        framework["$defs"]["parameter"]["properties"]["format"]["enum"]
    ) - {"uri", "email", "date", "date-time"}
    words = set(re.findall(r"[A-Za-z_$]+", GUIDE))
    assert not sorted(names - words)
