"""The one table of operations, and all wire types: what the modules beside this one give. A new module is found by
itself.

Used by ``web`` and ``contract.generate``.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import msgspec

from zoe_hub import contract
from zoe_hub.contract.table import Operation

_OTHERS = {"bounds", "operations", "table", "generate"}


def _modules() -> Iterator[ModuleType]:
    for each in iter_modules(contract.__path__):
        if each.name not in _OTHERS:
            yield import_module(f"{contract.__name__}.{each.name}")


def _types() -> Iterator[type[msgspec.Struct]]:
    for module in _MODULES:
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, msgspec.Struct) and each.__module__ == module.__name__:
                yield each


_MODULES = tuple(_modules())
OPERATIONS: tuple[Operation, ...] = tuple(row for module in _MODULES for row in getattr(module, "OPERATIONS", ()))
BY_ID = {operation.id: operation for operation in OPERATIONS}
TYPES = {each.__name__: each for each in _types()}
