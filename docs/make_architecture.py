"""Draws the imports by package into ``architecture.md`` beside this file, from the code itself.

``make_architecture.py --check`` ends with 1 if the page is out of date. Called by ``make generate``, ``make check``.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path(__file__).with_name("architecture.md")
BEGIN, END = "<!-- imports: made by `make generate`; do not edit -->", "<!-- imports: end -->"
PACKAGES = ("zoe_hub", "jupyter_zoe", "zoe_proxy", "zoe_loopback")
SPLIT = "zoe_hub"  # shown by its packages, the others as a whole
PROGRAMS = ("__main__",)  # one line that calls another module

Graph = Mapping[str, set[str]]


def package_of(module: str) -> str:
    """The box of the picture that a module is in."""
    parts = module.split(".")
    return ".".join(parts[: 2 if parts[0] == SPLIT else 1])


def imports() -> Graph:
    """Package -> the packages that its modules import."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        package = package_of(module)
        if package in (SPLIT, *(f"{SPLIT}.{name}" for name in PROGRAMS)):
            continue  # the version, and a program of one line
        found.setdefault(package, set())
        for imported in graph.find_modules_directly_imported_by(module):
            if package_of(imported) not in (package, SPLIT):
                found[package].add(package_of(imported))
    return found


def reduced(graph: Graph) -> dict[str, list[str]]:
    """The arrows that a picture needs: without those that longer ways say already.

    :raises graphlib.CycleError: packages import each other in a circle
    """
    reached: dict[str, set[str]] = {}
    arrows: dict[str, list[str]] = {}
    for package in TopologicalSorter(graph).static_order():
        below = set().union(*(reached[each] for each in graph[package])) if graph[package] else set()
        arrows[package] = sorted(graph[package] - below)
        reached[package] = graph[package] | below
    return arrows


def picture(graph: Graph) -> str:
    """The packages as a Mermaid diagram: what imports stands above what is imported."""
    arrows = reduced(graph)
    lines = ["```mermaid", "flowchart TD"]
    lines += [f'  {box(package)}["{package.removeprefix(SPLIT + ".")}"]' for package in sorted(graph)]
    lines += [f"  {box(package)} --> {box(target)}" for package in sorted(arrows) for target in arrows[package]]
    return "\n".join([*lines, "```"])


def box(package: str) -> str:
    """A package's name within a diagram."""
    return package.replace(".", "_")


def table(graph: Graph) -> str:
    """All packages: what each is for, and all that it imports."""
    lines = ["| package | what for | imports |", "|---|---|---|"]
    for package in sorted(graph):
        targets = (
            ", ".join(f"`{each.removeprefix(SPLIT + '.')}`" for each in sorted(graph[package])) or "nothing of Zoe"
        )
        lines.append(f"| `{package}` | {purpose(package)} | {targets} |")
    return "\n".join(lines)


def purpose(package: str) -> str:
    """The first sentence of its docstring."""
    place = ROOT.joinpath(*package.split("."))
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    text = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split())
    return re.split(r"(?<=[.:])\s", text, maxsplit=1)[0].rstrip(".:").replace("|", "\\|")


def page(before: str) -> str:
    """The page with what is made here brought up to date.

    :param before: the page as it is
    """
    graph = imports()
    made = f"{BEGIN}\n\n{picture(graph)}\n\n{table(graph)}\n\n{END}"
    head, _, rest = before.partition(BEGIN)
    return head + made + rest.partition(END)[2]


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    wanted = page(text)
    if "--check" in sys.argv:
        if wanted != text:
            sys.exit("docs/architecture.md is not up to date: run 'make generate'.")
    else:
        PAGE.write_text(wanted, encoding="utf-8")
