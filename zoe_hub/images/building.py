"""Builds images from recipes on one Docker engine: parents before children, and only what changed.

Each image carries a hash of its recipe, its inputs and its parent, which says whether it is up to date. The operating
system comes from ``base``; without it from a registry; without one from ``debootstrap`` (root, Debian). Python packages
come from wheels that this machine's pip collects in the versions of the hub's own environment, so a build needs no
network inside and uses the registry, proxy and certificates that pip is set up with. Called by ``python -m
zoe_hub.images``, by tests and by the tour.
"""

from __future__ import annotations

import contextlib
import platform
import re
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zoe_hub import __version__
from zoe_hub.images import recipes, states
from zoe_hub.images.packages import project_wheel, wheelhouse
from zoe_hub.images.recipes import INPUTS_LABEL, PYTHON, BuildError, Recipe, cache
from zoe_hub.images.system import SUITE, make_system, system_archive, system_key

BUILD_TIMEOUT = 600  # seconds that the engine may be silent within one step
PULL_TIMEOUT = 120.0  # seconds that a registry gets for the base image


def connect(url: str = "") -> Any:
    """The low-level client of an engine, for ``Builder``.

    :param url: empty: ``DOCKER_HOST``, or the default socket
    :raises BuildError: no engine answers
    """
    from docker import APIClient  # noqa: PLC0415 - optional, and slow to import
    from docker.errors import DockerException  # noqa: PLC0415
    from docker.utils import kwargs_from_env  # noqa: PLC0415

    options = kwargs_from_env()
    options.update({"base_url": url} if url else {})
    try:
        return APIClient(version="auto", timeout=BUILD_TIMEOUT, **options)
    except DockerException as error:
        raise BuildError(
            f"No Docker engine answers: {error}. Start one, or run this under 'python -m zoe_hub.testing.dockerd run"
            " --'."
        ) from None


class Builder:
    """Builds recipes on one engine."""

    def __init__(self, api: Any, *, base: str = "", wheel: str = "", say: Callable[[str], None] = print) -> None:
        """:param api: the engine's client, see ``connect``; closed by ``close``
        :param base: image of the operating system; empty: pulled or made
        :param wheel: the project's wheel; empty: built from the checkout, or fetched
        :param say: told of each step
        """
        self.api = api
        self.base = base
        self.wheel = wheel
        self.say = say
        self.built: list[str] = []

    def close(self) -> None:
        """Let go of the engine."""
        self.api.close()

    def build(self, names: Sequence[str], folders: Sequence[Path], *, force: bool = False) -> dict[str, str]:
        """Build ``names`` (all recipes if empty) and their parents unless they are up to date.

        :return: tag of each recipe's image
        :raises BuildError: something is missing or a step failed
        """
        try:
            found = recipes.read([recipes.OWN, *folders], __version__)
            plan = recipes.ordered(found, names or found)
        except ValueError as error:
            raise BuildError(str(error)) from None
        ids: dict[str, str] = {}
        for recipe in plan:
            ids[recipe.name] = self._build_one(recipe, found, ids, force and (not names or recipe.name in names))
        return {recipe.name: recipe.tag for recipe in plan}

    def _build_one(self, recipe: Recipe, found: dict[str, Recipe], ids: dict[str, str], force: bool) -> str:
        started = time.monotonic()
        if recipe.parent in found:
            parent_id, base = ids[recipe.parent], found[recipe.parent].tag
        elif recipe.parent:
            base = recipe.parent
            parent_id = self._foreign_id(base)
        else:
            base = self._system_image()
            parent_id = self._foreign_id(base)
        extra = [platform.machine()]
        wheels = wheelhouse(self.say) if recipe.wheels else None
        if wheels:
            extra += [PYTHON, wheels.name]
        dist = self._project_wheel() if recipe.dist else None
        if dist:
            extra += [dist.name, dist.parent.name] if not self.wheel else [recipes.digest([dist])]
        labels = states.labels(recipe, dist)
        wanted = recipes.inputs(recipe, parent_id, [*extra, *labels])
        labels[INPUTS_LABEL] = wanted
        present = self._inspect(recipe.tag)
        if present and not force and (present["Config"].get("Labels") or {}).get(INPUTS_LABEL) == wanted:
            self.say(f"{recipe.tag}: up to date")
            return str(present["Id"])
        self.say(f"{recipe.tag}: building on {base}")
        with tempfile.TemporaryFile(dir=cache()) as context:
            _pack(context, recipe, wheels, dist)
            context.seek(0)
            stages = self._run_recipe(recipe, context, {"BASE": base, "PYTHON": PYTHON}, labels, force)
        made = self._inspect(recipe.tag)
        if made is None:
            raise BuildError(f"{recipe.tag}: the engine built it and does not have it")
        if present and present["Id"] != made["Id"]:
            stages.append(str(present["Id"]))
        self._drop(stages)
        self.built.append(recipe.tag)
        self.say(
            f"{recipe.tag}: built in {time.monotonic() - started:.0f} s, {made['Size'] / 1e6:.0f} MB with its parents"
        )
        return str(made["Id"])

    def _run_recipe(
        self, recipe: Recipe, context: Any, arguments: dict[str, str], labels: dict[str, str], force: bool
    ) -> list[str]:
        """:return: the images of stages before the last, which hold what was only needed for building"""
        lines: list[str] = []
        stages: list[str] = []
        found, steps = "", 0
        stream = self.api.build(
            fileobj=context,
            custom_context=True,
            tag=recipe.tag,
            buildargs=arguments,
            labels=labels,
            rm=True,
            forcerm=True,
            nocache=force,
            decode=True,
        )
        for part in stream:
            text = str(part.get("stream", "")).rstrip()
            if text:
                lines.append(text)
            if text.startswith("WARNING: "):
                self.say(f"{recipe.tag}: {text}")
            if text.startswith("Step "):
                self.say(f"  {text.splitlines()[0][:150]}")
                steps = 0 if " : FROM " in text else steps + 1
                if steps == 0 and found:
                    stages.append(found)
                    found = ""
            made = re.fullmatch(r"\s*---> ([0-9a-f]{12,})", text)
            # The base of a stage is told after FROM, before its first step.
            found = made[1] if made and steps else found
            if "error" in part:
                tail = "\n".join(lines[-25:])
                raise BuildError(f"{recipe.tag}: {part['error']}\n{tail}")
        return stages

    def _drop(self, images: Sequence[str]) -> None:
        """Remove what nothing uses any more; a replaced image stays while a container or another image needs it."""
        from docker.errors import APIError  # noqa: PLC0415

        for image in images:
            with contextlib.suppress(APIError):
                self.api.remove_image(image)

    def _inspect(self, image: str) -> dict[str, Any] | None:
        from docker.errors import NotFound  # noqa: PLC0415

        try:
            result: dict[str, Any] = self.api.inspect_image(image)
        except NotFound:
            return None
        return result

    def _foreign_id(self, image: str) -> str:
        """Of an image that no recipe makes: its tag may come to mean another one."""
        found = self._inspect(image) or (self._inspect(image) if self._pull(image) else None)
        if found is None:
            raise BuildError(f"The image {image} is neither here nor to be had: see the message above.")
        return str(found["Id"])

    # --- the operating system ---

    def _system_image(self) -> str:
        """An image with the operating system: the given one, one from a registry, or one made here."""
        if self.base:
            return self.base
        own = f"zoe/system:{system_key()}"
        if self._inspect(own):
            return own
        # Once pulled, it is asked for no more: a newer one would make every image build again.
        public = f"python:{PYTHON}-slim-{SUITE}"
        if self._inspect(public):
            return public
        archive = system_archive()
        if not archive.exists() and self._pull(public):
            return public
        make_system(archive, self.say)
        self.say(f"{own}: importing {archive.stat().st_size / 1e6:.0f} MB")
        repository, _, tag = own.partition(":")
        with open(archive, "rb") as stream:
            # An iterator and not the file: the SDK asks for chunks, which a file with a length does not give.
            self.api.import_image(
                src=iter(lambda: stream.read(1 << 20), b""), stream_src=True, repository=repository, tag=tag
            )
        return own

    def _pull(self, image: str) -> bool:
        repository, _, tag = image.partition(":")
        deadline = time.monotonic() + PULL_TIMEOUT
        self.say(f"{image}: asking the registry")
        try:
            for part in self.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
                if "error" in part:
                    self.say(f"{image}: {part['error']}")
                    return False
                if time.monotonic() > deadline:
                    self.say(f"{image}: not here after {PULL_TIMEOUT:.0f} s")
                    return False
        except Exception as error:
            self.say(f"{image}: {error}")
            return False
        return self._inspect(image) is not None

    def _project_wheel(self) -> Path:
        if self.wheel:
            return Path(self.wheel)
        return project_wheel(self.say)


def _pack(target: Any, recipe: Recipe, wheels: Path | None, dist: Path | None) -> None:
    """Write the build context. Owners and times are made equal, so that the engine's own cache recognizes files."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mode = 0o755 if info.mode & 0o100 else 0o644
        return info

    folder = Path(recipe.folder)
    with tarfile.open(fileobj=target, mode="w") as tar:
        for file in recipes.files(folder):
            tar.add(file, str(file.relative_to(folder)), filter=plain)
        for file in sorted(wheels.iterdir()) if wheels else ():
            tar.add(file, f"wheels/{file.name}", filter=plain)
        if dist:
            tar.add(dist, f"dist/{dist.name}", filter=plain)
