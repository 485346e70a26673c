"""How Sphinx makes the site of the pages that ``make_site.py`` writes. No page asks another server for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import zoe_hub

project = "Zoe"
version = release = zoe_hub.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
html_theme = "furo"
html_title = "Zoe"
html_static_path = [str(Path(__file__).resolve().parents[1] / "build" / "docs" / "static")]
html_copy_source = False
html_show_sphinx = False


class Mermaid(SphinxDirective):
    """A diagram, drawn in the reader's browser."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The text of the diagram, for ``mermaid.min.js``."""
        text = nodes.Text("\n".join(self.content)).astext()
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return [nodes.raw("", f'<pre class="mermaid">{escaped}</pre>', format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what is made here."""
    app.add_directive("mermaid", Mermaid)
    if (app.srcdir / "static" / "mermaid.min.js").exists():
        app.add_js_file("mermaid.min.js")
        app.add_js_file(None, body="mermaid.initialize({startOnLoad: true, theme: 'neutral'});")
    return {"parallel_read_safe": True}
