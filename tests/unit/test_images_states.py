"""Files of frameworks and the project's package: whether an image has them as the hub has."""

import logging
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from zoe_hub import __version__
from zoe_hub.backends.base import Permanent, ProcessSpec
from zoe_hub.backends.docker import objects
from zoe_hub.backends.docker.images import Images
from zoe_hub.images import recipes, states


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "frameworks" / "mine"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("ARG BASE=zoe/base\nFROM ${BASE}\n")
    (folder / "launch.py").write_text("print(1)")
    return folder


def built(source: Path) -> objects.ImageFacts:
    """What is known of the image that a builder makes of a framework now."""
    recipe = recipes.read([source.parent], "1")[source.name]
    return objects.image_facts({"Config": {"Labels": {"zoe.folder": "/zoe", **states.labels(recipe, None)}}})


def archives(source: Path, facts: objects.ImageFacts, **options) -> list[str]:
    """Where something is unpacked in a container of that image."""
    images = Images()
    images.sources["mine"] = source
    folder = f"{objects.FRAMEWORKS}/mine"
    spec = ProcessSpec(
        name="zoe-lab-e1-job-0",
        deployment="lab",
        execution="e1",
        owner="ada",
        group="job",
        index=0,
        incarnation=1,
        framework="mine",
        image="zoe/mine:1",
        command=("python3", f"{folder}/launch.py"),
        environment={},
    )
    return [place for place, _ in images.archives(spec, facts, objects.ContainerOptions(**options))]


def test_an_old_image_gets_the_hubs_files(source):
    facts = built(source)
    assert archives(source, facts) == []
    (source / "README.md").write_text("not in images")
    assert archives(source, facts) == []
    (source / "launch.py").write_text("print(2)")
    assert archives(source, facts) == ["/"]
    assert archives(source, built(source)) == []
    before_digests = objects.image_facts({"Config": {"Labels": {"zoe.frameworks": "mine", "zoe.folder": "/zoe"}}})
    assert archives(source, before_digests) == ["/"]


def test_read_only_containers_need_an_image_with_the_hubs_files(source):
    facts = built(source)
    assert archives(source, facts, read_only=True) == []
    (source / "launch.py").write_text("print(2)")
    with pytest.raises(Permanent, match="framework 'mine'") as error:
        archives(source, facts, read_only=True)
    assert error.value.code == "image-missing"


def test_own_recipes_hold_no_framework():
    assert states.labels(recipes.read([recipes.OWN], "1")["os"], None) == {}


def wheel(folder: Path, change: str = "") -> Path:
    """A wheel of the project's package as it is here."""
    path = folder / f"jupyter_zoe-{__version__}-py3-none-any.whl"
    package = Path(__file__).parents[2] / "jupyter_zoe"
    with zipfile.ZipFile(path, "w") as archive:
        for file in package.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.writestr(
                    str(file.relative_to(package.parent)),
                    file.read_bytes() + (change.encode() if file.name == "codes.py" else b""),
                )
        archive.writestr(f"jupyter_zoe-{__version__}.dist-info/METADATA", "x")
    return path


class Engine:
    """An engine whose image has these labels."""

    def __init__(self, labels):
        self.api = SimpleNamespace(inspect_image=lambda _: {"Config": {"Labels": labels}})

    async def run(self, function, *arguments):
        return function(*arguments)


async def warned(labels, caplog) -> list[str]:
    """What the log is told of an image that is looked at twice."""
    images, engine = Images(), Engine(labels)
    caplog.clear()
    for _ in range(2):
        await images.warn_of_another_project(engine, "zoe/jupyter:4.6", logging.getLogger("zoe"))
    return [record.getMessage() for record in caplog.records]


async def test_an_image_with_another_project_is_told_once(source, tmp_path, caplog, monkeypatch):
    recipe = recipes.read([source.parent], "1")[source.name]
    assert await warned(states.labels(recipe, wheel(tmp_path)), caplog) == []
    (said,) = await warned(states.labels(recipe, wheel(tmp_path, "x = 1")), caplog)
    assert "zoe/jupyter:4.6" in said
    assert "another state" in said
    assert "make images" in said
    monkeypatch.setattr(states, "__version__", "9.9")
    (said,) = await warned(states.labels(recipe, wheel(tmp_path)), caplog)
    assert f"jupyter-zoe {__version__}" in said
    assert await warned({}, caplog) == []
