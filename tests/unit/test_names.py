"""One name, one thing: no class, and no type of the panel, is declared twice under one name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = ("zoe_hub", "jupyter_zoe", "zoe_proxy", "zoe_loopback", "frameworks", "binder")
CLIENT = "jupyter_zoe/client/operations.py"
ONE_THING = {
    # the source of both clients names what waits, and each has its own of it
    "Reader": {"jupyter_zoe/client/tasks.py", "jupyter_zoe/client/threads.py"},
    "Stream": {"jupyter_zoe/client/tasks.py", "jupyter_zoe/client/threads.py"},
    # one on the wire, one where it is made, by a package that does not know the hub
    "OwnOrigin": {"zoe_hub/contract/tickets.py", "zoe_proxy/pages/opening.py"},
}
"""Names that several modules declare, and mean the same by."""

TYPE = re.compile(r"^(?:export )?(?:default )?(?:abstract )?(?:class|interface|type|enum) (\w+)", re.MULTILINE)


def python_classes(source: str) -> Iterator[str]:
    """The names of all classes in a module, of those within functions and classes too."""
    return (each.name for each in ast.walk(ast.parse(source)) if isinstance(each, ast.ClassDef))


def panel_types(source: str) -> Iterator[str]:
    """The names of all types in a module of the panel."""
    return iter(TYPE.findall(source))


def twice(declared: Mapping[str, Iterator[str]]) -> dict[str, set[str]]:
    """What is declared more than once: name -> the places."""
    places: dict[str, list[str]] = {}
    for place, names in declared.items():
        for name in names:
            places.setdefault(name, []).append(place)
    return {name: set(found) for name, found in places.items() if len(found) > 1}


def is_generated_from_contract(places: set[str]) -> bool:
    """Whether one is a type of the wire and the other the client's, made of it."""
    return CLIENT in places and all(each.startswith("zoe_hub/contract/") for each in places - {CLIENT})


def test_no_class_is_declared_twice() -> None:
    modules = {
        str(path.relative_to(ROOT)): python_classes(path.read_text())
        for package in PYTHON
        for path in sorted((ROOT / package).rglob("*.py"))
        if "node_modules" not in path.parts
    }
    found = twice(modules)
    assert found.pop("OwnOrigin") - {CLIENT} == ONE_THING["OwnOrigin"]
    found = {name: places for name, places in found.items() if not is_generated_from_contract(places)}
    assert found == {name: places for name, places in ONE_THING.items() if name != "OwnOrigin"}


def test_no_type_of_the_panel_is_declared_twice() -> None:
    folder = ROOT / "labextension" / "src"
    modules = {str(path.relative_to(folder)): panel_types(path.read_text()) for path in sorted(folder.rglob("*.ts*"))}
    assert twice(modules) == {}


def test_a_name_of_two_things_is_found() -> None:
    hub, cell = "class A: pass\ndef f():\n    class B: pass", "class C:\n    class B: pass"
    assert twice({"x.py": python_classes(hub), "y.py": python_classes(cell)}) == {"B": {"x.py", "y.py"}}
    assert twice({"x.py": python_classes("class A: pass\nclass A: pass")}) == {"A": {"x.py"}}
    panel = "export interface IA {\n}\nabstract class B {}\n// class C\ntype D<K> = K;"
    assert set(panel_types(panel)) == {"IA", "B", "D"}
