"""Which texts may be the icon of a ZApp. Called by ``zapp``.

An icon becomes part of JupyterLab's own page, so that it takes the theme's colours. There a ``meta`` element would lead
the page away and a class or an id would take part in it, so only what is listed here is let through: plain shapes. The
panel looks once more (``labextension/src/shop/widgets/icons.ts``, with the same lists).
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

SVG = "http://www.w3.org/2000/svg"
ELEMENTS = frozenset(["svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "title", "desc"])
ATTRIBUTES = frozenset(
    [
        "class",
        "cx",
        "cy",
        "d",
        "fill",
        "fill-opacity",
        "fill-rule",
        "height",
        "opacity",
        "points",
        "r",
        "rx",
        "ry",
        "stroke",
        "stroke-dasharray",
        "stroke-dashoffset",
        "stroke-linecap",
        "stroke-linejoin",
        "stroke-miterlimit",
        "stroke-opacity",
        "stroke-width",
        "transform",
        "version",
        "viewBox",
        "width",
        "x",
        "x1",
        "x2",
        "y",
        "y1",
        "y2",
    ]
)
_PROSE = ("title", "desc")
_VALUE = re.compile(r"(?!.*url)[-A-Za-z0-9#.,()%+ \t\n]*", re.IGNORECASE | re.DOTALL)
_CLASS = re.compile(r"jp-icon[a-z0-9-]*")
"""JupyterLab's, for the colours of icons."""


def bad_icon(icon: str) -> str:
    """Why a text cannot be the icon of a ZApp, or nothing."""
    if not icon:
        return ""
    if not icon.lstrip().startswith("<svg"):
        return "must be an inline SVG: <svg ...>...</svg>"
    found = next((word for word in ("<!", "<?", "&") if word in icon), None)
    if found:  # no declaration, so no entity either: nothing grows while it is read
        return f"holds '{found}', which an icon may not; keep to plain shapes"
    try:
        root = ElementTree.fromstring(icon)  # noqa: S314 - nothing is declared in it
    except ElementTree.ParseError as error:
        return f"must be an inline SVG: {error}"
    return next(filter(None, map(_bad_element, root.iter())), "")


def _bad_element(element: ElementTree.Element) -> str:
    namespace, _, name = element.tag.rpartition("}")
    if namespace != f"{{{SVG}":
        return f'holds <{name}> outside of SVG; the root needs xmlns="{SVG}", and nothing in it another one'
    if name not in ELEMENTS:
        return f"holds <{name}>, which an icon may not; keep to plain shapes"
    if (name not in _PROSE and (element.text or "").strip()) or (element.tail or "").strip():
        return "holds text, which an icon may not; keep to plain shapes"
    return next(filter(None, (_bad_attribute(*attribute) for attribute in element.items())), "")


def _bad_attribute(name: str, value: str) -> str:
    if name.startswith("on"):
        return f"holds an event handler ({name}=), which an icon may not; remove it"
    if name not in ATTRIBUTES:
        return f"holds {name}=, which an icon may not; remove it"
    if not (all(map(_CLASS.fullmatch, value.split())) if name == "class" else _VALUE.fullmatch(value)):
        return (
            f"holds {name}={value[:40]!r}, which an icon may not: no addresses, and of classes JupyterLab's jp-icon..."
        )
    return ""
