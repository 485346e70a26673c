"""What the engine's images have, and what a container must be given on top of its image. Called by ``backend``.

An image may lack a framework's files, or have them (and the project's own package) in another state than the hub: then
the hub was upgraded and the images were not built again. Files are given to each container; a project that differs is
told in the hub's log.
"""

from __future__ import annotations

from logging import Logger, LoggerAdapter
from pathlib import Path
from typing import Any

from zoe_hub.backends.base import Permanent, ProcessSpec
from zoe_hub.backends.docker import objects
from zoe_hub.backends.docker.engine import Engine
from zoe_hub.images import states


class Images:
    """What is known of images, from their labels."""

    def __init__(self) -> None:
        self.sources: dict[str, Path] = {}  # framework -> its files on the hub's machine
        self._facts: dict[str, objects.ImageFacts] = {}
        self._warned: set[tuple[str, str]] = set()  # images, with the project's state in them, that were looked at

    async def facts(self, engine: Engine, image: str) -> objects.ImageFacts:
        """What the labels of an image say, asked once. :raises Permanent: ``image-missing``"""
        found = self._facts.get(image)
        if found is None:
            found = self._facts[image] = objects.image_facts(await engine.run(engine.api.inspect_image, image))
        return found

    def forget(self, image: str) -> None:
        """Ask again the next time: somebody may have removed it, or built it anew."""
        self._facts.pop(image, None)

    async def is_present(self, engine: Engine, image: str) -> bool:
        """Whether the engine has the image."""
        self.forget(image)
        try:
            await self.facts(engine, image)
        except Permanent as error:
            if error.code == "image-missing":
                return False
            raise
        return True

    async def warn_of_another_project(self, engine: Engine, image: str, log: Logger | LoggerAdapter[Any]) -> None:
        """Tell the log, once, of an image whose ``jupyter-zoe`` is not the hub's."""
        found = (await self.facts(engine, image)).project
        if not found or (image, found) in self._warned:
            return
        self._warned.add((image, found))
        here = await engine.run(states.project_here)
        if not here or found == here:
            return
        version = found.split()[0]
        log.warning(
            "The image %s has %s, not this hub's; '%%zoe' and the panel in there may not fit. Build it again with 'make"
            " images'.",
            image,
            f"jupyter-zoe {version}" if version != here.split()[0] else f"another state of jupyter-zoe {version}",
        )

    def archives(
        self, spec: ProcessSpec, facts: objects.ImageFacts, options: objects.ContainerOptions
    ) -> list[tuple[str, bytes]]:
        """What is unpacked in a container before it starts, each with its folder: private files, and frameworks that
        its image lacks or has in another state.

        :raises Permanent: ``image-missing`` if a read-only container would need files of a framework
        """
        archives: list[tuple[str, bytes]] = []
        if spec.files or not facts.folder or options.user != objects.IMAGE_USER:
            archives.append((objects.FOLDER, objects.archive_of_files(spec.files, options)))
        for framework, source in list(self.sources.items()):
            if (
                objects.mentions(spec, framework)
                and source.is_dir()
                and facts.frameworks.get(framework) != states.framework(source)
            ):
                if options.read_only:
                    raise Permanent(
                        "image-missing",
                        f"The image {spec.image} lacks files of the framework {framework!r}, or has others than this"
                        " hub, and read-only containers cannot be given any.",
                    )
                archives.append(("/", objects.archive_of_framework(source, framework)))
        return archives
