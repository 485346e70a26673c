"""A framework: ``definition`` holds what its file says, ``reading`` and ``checking`` find what is wrong with it,
``rendering`` makes groups of processes of it; ``scopes`` says which names its expressions may use. Used by ``zapp`` and
``catalog``.
"""

from zoe_hub.catalog.framework.definition import Framework
from zoe_hub.catalog.framework.reading import read
from zoe_hub.catalog.framework.rendering import RenderedFramework, broken_rules, render

__all__ = ["Framework", "RenderedFramework", "broken_rules", "read", "render"]
