"""Builds the images that the frameworks' processes run in: ``python -m zoe_hub.backends.docker.images build``.

Parents before children, and only what changed: each image carries a hash of its recipe, its inputs and its parent.
The operating system comes from ``--base``; without it from a registry; without one from ``debootstrap`` (root, Debian).
Python packages come from wheels that this machine's pip collects in the versions of the hub's own environment, so the
build needs no network and uses the registry, proxy and certificates that pip is set up with. Called by ``make images``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import platform
import re
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zoe_hub import __version__
from zoe_hub.backends.docker import recipes, states
from zoe_hub.backends.docker.packages import project_wheel, wheelhouse
from zoe_hub.backends.docker.recipes import INPUTS_LABEL, PYTHON, Problem, Recipe, cache
from zoe_hub.backends.docker.states import FRAMEWORK_LABEL, PROJECT_LABEL
from zoe_hub.backends.docker.system import SUITE, make_system, system_archive, system_key

PULL_TIMEOUT = 120.0


class Builder:
    """Builds recipes on one engine."""

    def __init__(self, url: str | None, *, base: str = "", wheel: str = "", say: Callable[[str], None] = print) -> None:
        """:param url: the engine's; None: ``DOCKER_HOST`` or the default socket
        :param base: image of the operating system; empty: pulled or made
        :param wheel: the project's wheel; empty: built from the checkout, or fetched
        """
        from docker import APIClient  # noqa: PLC0415 - optional, and slow to import
        from docker.utils import kwargs_from_env  # noqa: PLC0415

        options = kwargs_from_env()
        options.update({"base_url": url} if url else {})
        self.api: Any = APIClient(version="auto", timeout=600, **options)
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
        :raises Problem: something is missing or a step failed
        """
        try:
            found = recipes.read([recipes.OWN, *folders], __version__)
            plan = recipes.ordered(found, names or found)
        except ValueError as error:
            raise Problem(str(error)) from None
        ids: dict[str, str] = {}
        for recipe in plan:
            ids[recipe.name] = self._one(recipe, found, ids, force and (not names or recipe.name in names))
        return {recipe.name: recipe.tag for recipe in plan}

    def _one(self, recipe: Recipe, found: dict[str, Recipe], ids: dict[str, str], force: bool) -> str:
        started = time.monotonic()
        if recipe.parent in found:
            parent_id, base = ids[recipe.parent], found[recipe.parent].tag
        elif recipe.parent:
            base = recipe.parent
            parent_id = self._id(base)
        else:
            base = self._system()
            parent_id = self._id(base)
        extra = [platform.machine()]
        wheels = wheelhouse(self.say) if recipe.wheels else None
        if wheels:
            extra += [PYTHON, wheels.name]
        dist = self._dist() if recipe.dist else None
        if dist:
            extra += [dist.name, dist.parent.name] if not self.wheel else [recipes.digest([dist])]
        labels = self._labels(recipe, dist)
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
            stages = self._run(recipe, context, {"BASE": base, "PYTHON": PYTHON}, labels, force)
        made = self._inspect(recipe.tag)
        if made is None:
            raise Problem(f"{recipe.tag}: the engine built it and does not have it")
        if present and present["Id"] != made["Id"]:
            stages.append(str(present["Id"]))
        self._drop(stages)
        self.built.append(recipe.tag)
        self.say(
            f"{recipe.tag}: built in {time.monotonic() - started:.0f} s, {made['Size'] / 1e6:.0f} MB with its parents"
        )
        return str(made["Id"])

    def _labels(self, recipe: Recipe, dist: Path | None) -> dict[str, str]:
        """In which state the image has a framework's files and the project, for the hubs that use it."""
        folder = Path(recipe.folder)
        labels = {} if folder.parent == recipes.OWN else {f"{FRAMEWORK_LABEL}{recipe.name}": states.framework(folder)}
        return {**labels, PROJECT_LABEL: states.project_of(dist)} if dist else labels

    def _run(
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
                raise Problem(f"{recipe.tag}: {part['error']}\n{tail}")
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

    def _id(self, image: str) -> str:
        """Of an image that no recipe makes: its tag may come to mean another one."""
        found = self._inspect(image) or (self._inspect(image) if self._pull(image) else None)
        if found is None:
            raise Problem(f"The image {image} is neither here nor to be had: see the message above.")
        return str(found["Id"])

    # --- the operating system ---

    def _system(self) -> str:
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

    def _dist(self) -> Path:
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


# --- command line --------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """``build [NAMES]`` or ``list``; 0 if all is well."""
    parser = argparse.ArgumentParser(
        prog="python -m zoe_hub.backends.docker.images", description=(__doc__ or "").splitlines()[0]
    )
    commands = parser.add_subparsers(dest="action", required=True)
    build = commands.add_parser("build", help="build images and what they build on")
    build.add_argument("names", nargs="*", metavar="NAME", help="recipes (default: all)")
    build.add_argument(
        "--base",
        default="",
        metavar="IMAGE",
        help="Debian or Ubuntu image to build on (default: pulled, else made by debootstrap)",
    )
    build.add_argument(
        "--wheel", default="", metavar="PATH", help="the project's wheel (default: built from the checkout)"
    )
    build.add_argument(
        "--force",
        action="store_true",
        help="also what is up to date, without the engine's cache (of the named ones, not of their parents)",
    )
    listing = commands.add_parser("list", help="print the recipes and their tags as JSON")
    for each in (build, listing):
        each.add_argument(
            "--frameworks",
            action="append",
            default=[],
            metavar="FOLDER",
            help="another folder of frameworks; may be repeated",
        )
    build.add_argument("--engine-url", default=None, metavar="URL", help="default: DOCKER_HOST, else the local socket")
    given = parser.parse_args(arguments)
    folders = [recipes.frameworks_folder(), *map(Path, given.frameworks)]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    try:
        if given.action == "list":
            print(
                json.dumps(
                    {name: recipe.tag for name, recipe in recipes.read([recipes.OWN, *folders], __version__).items()},
                    indent=2,
                )
            )
            return 0
        from docker.errors import DockerException  # noqa: PLC0415

        try:
            builder = Builder(given.engine_url, base=given.base, wheel=given.wheel)
        except DockerException as error:
            raise Problem(
                f"No Docker engine answers: {error}. Start one, or run this under 'python -m zoe_hub.testing.dockerd"
                " run --'."
            ) from None
        try:
            builder.build(given.names, folders, force=given.force)
        finally:
            builder.close()
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
