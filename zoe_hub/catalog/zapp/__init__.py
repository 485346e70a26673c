"""A ZApp: ``definition`` holds what its file says, ``reading`` puts its frameworks together, ``checking`` finds what is
wrong with it, ``rendering`` makes the specification of an execution of it; ``scopes`` says which names its expressions
may use. Used by ``catalog``.
"""

from zoe_hub.catalog.zapp.definition import ZApp
from zoe_hub.catalog.zapp.reading import read
from zoe_hub.catalog.zapp.rendering import render

__all__ = ["ZApp", "read", "render"]
