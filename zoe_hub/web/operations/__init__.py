"""What the operations of the table do, a module a capability. Each ``bind``s coroutines to rows; a new module is found
by itself.
"""

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Import all modules of this package, so that every operation is bound."""
    for each in iter_modules(__path__, f"{__name__}."):
        import_module(each.name)
