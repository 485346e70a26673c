"""``python -m zoe_hub.images build [NAMES]`` builds images, ``list`` prints what there is to build."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from zoe_hub import __version__
from zoe_hub.catalog import default_folders
from zoe_hub.images import recipes
from zoe_hub.images.building import Builder, connect
from zoe_hub.images.recipes import BuildError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 if all is well, 1 if an image cannot be built, 2 for a wrong command line."""
    given = _parser().parse_args(arguments)
    folders = [*default_folders(), *map(Path, given.frameworks)]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    try:
        if given.action == "list":
            found = recipes.read([recipes.OWN, *folders], __version__)
            print(json.dumps({name: recipe.tag for name, recipe in found.items()}, indent=2))
        else:
            _build(given, folders)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m zoe_hub.images", description="Build the images that the frameworks' processes run in."
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
    build.add_argument("--engine-url", default="", metavar="URL", help="default: DOCKER_HOST, else the local socket")
    listing = commands.add_parser("list", help="print the recipes and their tags as JSON")
    for each in (build, listing):
        each.add_argument(
            "--frameworks",
            action="append",
            default=[],
            metavar="FOLDER",
            help="another folder of frameworks; may be repeated",
        )
    return parser


def _build(given: argparse.Namespace, folders: Sequence[Path]) -> None:
    builder = Builder(connect(given.engine_url), base=given.base, wheel=given.wheel)
    try:
        builder.build(given.names, folders, force=given.force)
    finally:
        builder.close()


if __name__ == "__main__":
    sys.exit(main())
