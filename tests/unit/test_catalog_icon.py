"""An icon is part of JupyterLab's page: nothing but plain shapes gets there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zoe_hub.catalog.icon import ATTRIBUTES, ELEMENTS, SVG, bad_icon

HOUSE = Path(__file__).parents[2]
HTML = "http://www.w3.org/1999/xhtml"


def svg(inside: str = "", **attributes: str) -> str:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<svg xmlns="{SVG}" viewBox="0 0 16 16"{given}>{inside}</svg>'


@pytest.mark.parametrize(
    ("icon", "words"),
    [
        (svg(f'<meta xmlns="{HTML}" http-equiv="refresh" content="0;url=//evil.example"/>'), "<meta> outside of SVG"),
        (
            f'<svg xmlns="{SVG}" xmlns:h="{HTML}"><h:meta http-equiv="refresh" content="0"/></svg>',
            "<meta> outside of SVG",
        ),
        (svg(f'<base xmlns="{HTML}" target="_top"/>'), "<base> outside of SVG"),
        (svg(f'<g><link xmlns="{HTML}" rel="stylesheet"/></g>'), "<link> outside of SVG"),
        (svg(f'<x:path xmlns:x="{HTML}"/>'), "<path> outside of SVG"),
        (svg("<meta http-equiv='refresh'/>"), "<meta>"),
        *((svg(f"<{name}/>"), f"<{name}>") for name in ("script", "style", "use", "image", "a", "set", "animate")),
        *((svg(f"<{name}/>"), f"<{name}>") for name in ("foreignObject", "iframe", "SCRIPT", "filter", "text", "defs")),
        (svg(onload="alert(1)"), "event handler"),
        (svg("<path onclick='x'/>"), "event handler"),
        (svg('<path style="position:fixed"/>'), "style="),
        (svg('<path id="jupyter-config-data"/>'), "id="),
        (svg('<path class="jp-Dialog"/>'), "class="),
        (svg('<path class="' + "jp-icon" * 1000 + '!"/>'), "class="),
        (svg('<path fill="url(https://evil.example/x)"/>'), "fill="),
        (svg('<path fill="U\\52L(x)"/>'), "fill="),
        (svg(f'<path xmlns:l="{HTML}" l:href="x"/>'), "href="),
        (svg("<g>words</g>"), "text"),
        (svg("<g/>words"), "text"),
        ("<svg><path d='M0 0'/></svg>", "outside of SVG"),
        (f'<!DOCTYPE svg [<!ENTITY a "b">]>{svg()}', "inline SVG"),
        (svg("<!-- -->"), "'<!'"),
        (svg("<![CDATA[<meta>]]>"), "'<!'"),
        (svg("<?xml-stylesheet href='x'?>"), "'<?'"),
        (svg("<title>&lt;meta></title>"), "'&'"),
        (svg("<path>"), "inline SVG"),
        (svg() + svg(), "inline SVG"),
        ("<svg", "inline SVG"),
        ("<img src=x>", "inline SVG"),
        (svg("\0"), "inline SVG"),
    ],
)
def test_what_is_no_plain_shape_is_refused(icon, words):
    assert words in bad_icon(icon)


@pytest.mark.parametrize(
    "icon",
    [
        "",
        svg(),
        svg('<title>Spark</title><g transform="rotate(45 8 8)"><circle cx="8" cy="8" r="4" fill="rgb(1,2,3)"/></g>'),
        svg('\n  <path class="jp-icon3 jp-icon-selectable" fill="#616161" d="M4 1h9v14H4z M2,3 l1-1e-3"/>\n'),
        svg("<g>" * 1000 + "</g>" * 1000),
        *(
            re.search(r"^icon: (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)[1]  # type: ignore[index]
            for path in sorted(HOUSE.glob("frameworks/*/zapp.yaml"))
        ),
    ],
)
def test_plain_shapes_are_let_through(icon):
    assert bad_icon(icon) == ""


def test_the_panel_lets_through_what_the_hub_does():
    source = (HOUSE / "labextension/src/shop/widgets/icons.ts").read_text(encoding="utf-8")

    def listed(name: str) -> set[str]:
        declared = re.search(rf"const {name} = new Set\((.*?)\.split", source, re.DOTALL)
        assert declared is not None
        return set(" ".join(re.findall(r"'([^']*)'", declared[1])).split())

    assert listed("ELEMENTS") == ELEMENTS
    assert listed("ATTRIBUTES") == ATTRIBUTES
