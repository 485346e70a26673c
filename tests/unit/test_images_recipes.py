"""Recipes of images: order, tags, and when an image is out of date."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from docker.errors import NotFound
from packaging.utils import canonicalize_name

from zoe_hub.catalog import default_folders
from zoe_hub.images import packages, recipes
from zoe_hub.images.__main__ import main
from zoe_hub.images.building import Builder
from zoe_hub.images.packages import _relevant, constraints, requirements, sources_digest


def recipe(folder, name, parent="zoe/base", extra="", definition=""):
    (folder / name).mkdir(parents=True)
    (folder / name / "Dockerfile").write_text(f"ARG BASE={parent}\nFROM ${{BASE}}\n{extra}")
    if definition:
        (folder / name / "framework.yaml").write_text(definition)


def test_the_projects_own_recipes_are_complete():
    found = recipes.read([recipes.OWN, *default_folders()], "1.0")
    assert {"os", "base", "spark", "jupyter", "python-job"} <= set(found)
    order = [each.name for each in recipes.ordered(found, ["spark"])]
    assert order == ["os", "base", "spark"]
    assert found["base"].wheels
    assert found["jupyter"].dist
    assert found["os"].parent == ""


def test_tags_come_from_the_definition(tmp_path):
    recipe(
        tmp_path,
        "spark",
        definition='framework: spark\nversion: "4.3.0"\nprocesses: {m: {image: "zoe/spark:{{ version }}"}}',
    )
    recipe(tmp_path, "plain")
    recipe(tmp_path, "broken", definition="a: [")
    found = recipes.read([tmp_path], "0.9")
    assert {name: each.tag for name, each in found.items()} == {
        "spark": "zoe/spark:4.3.0",
        "plain": "zoe/plain:0.9",
        "broken": "zoe/broken:0.9",
    }


def test_a_foreign_parent_is_an_image(tmp_path):
    recipe(tmp_path, "mine", parent="example/python:3.11")
    assert recipes.read([tmp_path], "1")["mine"].parent == "example/python:3.11"


def test_circles_and_unknown_names_are_told(tmp_path):
    recipe(tmp_path, "a", parent="zoe/b")
    recipe(tmp_path, "b", parent="zoe/a:1")
    found = recipes.read([tmp_path], "1")
    with pytest.raises(ValueError, match="circle: a -> b -> a"):
        recipes.ordered(found, ["a"])
    with pytest.raises(ValueError, match="no recipe 'c'; there are: a, b"):
        recipes.ordered(found, ["c"])


def test_a_recipe_names_its_base(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(ValueError, match="ARG BASE"):
        recipes.read([tmp_path], "1")


def test_any_change_makes_an_image_out_of_date(tmp_path):
    recipe(tmp_path, "x")
    one = recipes.read([tmp_path], "1")["x"]
    before = recipes.inputs(one, "sha256:a", ["amd64"])
    (tmp_path / "x" / "__pycache__").mkdir()
    (tmp_path / "x" / "__pycache__" / "y.pyc").write_text("z")
    (tmp_path / "x" / "README.md").write_text("z")
    (tmp_path / "x" / "framework.yaml").write_text("framework: x")
    assert recipes.inputs(one, "sha256:a", ["amd64"]) == before
    assert recipes.inputs(one, "sha256:b", ["amd64"]) != before
    assert recipes.inputs(one, "sha256:a", ["arm64"]) != before
    (tmp_path / "x" / "launch.py").write_text("1")
    after = recipes.inputs(one, "sha256:a", ["amd64"])
    assert after != before
    (tmp_path / "x" / "launch.py").rename(tmp_path / "x" / "start.py")
    assert recipes.inputs(one, "sha256:a", ["amd64"]) not in (before, after)
    shutil.rmtree(tmp_path)


def test_images_get_the_versions_of_this_environment():
    pins = dict(pin.split("==") for pin in constraints())
    assert any(each.startswith("pyspark[connect]") for each in requirements())
    assert pins["pyspark"] in "".join(requirements())
    assert "jupyter-zoe" not in pins


def test_another_version_of_what_is_needed_makes_the_wheels_anew():
    """Also where a requirement and the package write the name differently."""
    pins = dict(pin.split("==") for pin in constraints())
    assert all(name == canonicalize_name(name) for name in pins)
    for written in ("prometheus-client", "Prometheus_Client", "prometheus.client"):
        assert f"prometheus-client=={pins['prometheus-client']}" in _relevant([written], constraints())
    assert f"jinja2=={pins['jinja2']}" in _relevant(["nbconvert"], constraints())
    assert f"soupsieve=={pins['soupsieve']}" in _relevant(["nbconvert"], constraints())  # of beautifulsoup4


def test_all_that_goes_into_the_wheel_makes_it_anew(tmp_path):
    seen = {sources_digest(tmp_path)}
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    target = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    inside = [
        *target["packages"],
        *target["force-include"],
        *target["shared-data"],
        project["project"]["readme"],
        "pyproject.toml",
        "labextension/yarn.lock",
    ]
    for count, name in enumerate(inside, 2):
        place = tmp_path / name
        if not place.suffix:
            place /= "new.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("x")
        seen.add(sources_digest(tmp_path))
        assert len(seen) == count, name


def test_the_wheel_is_built_with_the_jlpm_of_this_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOE_ENGINES", str(tmp_path))
    monkeypatch.setenv("PATH", "/nonexistent")
    asked = []

    def run(command, **options):
        asked.append((command, options["env"]["PATH"].split(os.pathsep)[0]))
        folder = Path(command[command.index("--outdir") + 1])
        folder.mkdir()
        (folder / "x.whl").write_text("x")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packages.subprocess, "run", run)
    assert packages.project_wheel(print).name == "x.whl"
    ((command, first),) = asked
    assert command[:4] == [sys.executable, "-P", "-m", "build"]
    assert first == str(Path(sys.executable).parent)


class Images:
    """An engine that has images, by tag."""

    def __init__(self, **ids):
        self.ids = ids

    def inspect_image(self, image):
        if image not in self.ids:
            raise NotFound(image)
        return {"Id": self.ids[image], "Size": 1, "Config": {"Labels": {}}}

    def pull(self, image, **_):
        return iter([{"error": "not to be had"}])

    def build(self, *, tag, labels, **_):
        self.labels = labels
        self.ids[tag] = "sha256:made"
        return iter([{"stream": "Step 1/1 : FROM ${BASE}"}])


def wanted(name, folders, **ids) -> str:
    """What the image of a recipe depends on, on an engine with these images."""
    engine = Images(**ids)
    Builder(engine, base="mine", say=lambda _: None).build([name], folders)
    return engine.labels[recipes.INPUTS_LABEL]


def test_a_base_that_became_another_image_makes_all_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOE_ENGINES", str(tmp_path))
    recipe(tmp_path / "more", "on", parent="foreign")
    for name, folders in (("os", []), ("on", [tmp_path / "more"])):
        before = wanted(name, folders, mine="sha256:a", foreign="sha256:a")
        assert wanted(name, folders, mine="sha256:a", foreign="sha256:a") == before
        assert wanted(name, folders, mine="sha256:b", foreign="sha256:b") != before
        with pytest.raises(recipes.BuildError, match="neither here"):
            wanted(name, folders)


def test_the_command_lists_what_there_is_to_build(tmp_path, capsys):
    recipe(tmp_path, "mine", definition='framework: mine\nversion: "7"\nprocesses: {m: {image: "zoe/mine:7"}}')
    assert main(["list", "--frameworks", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["mine"] == "zoe/mine:7"
    assert {"os", "base", "spark", "jupyter"} <= set(found)


def test_the_command_says_that_no_engine_answers(capsys):
    assert main(["build", "--engine-url", "unix:///nonexistent"]) == 1
    assert "No Docker engine answers" in capsys.readouterr().err
