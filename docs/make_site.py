"""Makes the documentation as a site, in ``build/site``: ``make docs``. A warning is an error, a dead link too.

Pages that people and GitHub look for elsewhere in the repository (README, changelog, frameworks' READMEs) are made from
the same text, with their links turned to the site's pages. Pages of the interfaces that others build on are made of
docstrings, and so is a map of all modules. Sphinx, set up in ``conf.py`` beside this file, does the rest.
"""

from __future__ import annotations

import ast
import posixpath
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SOURCES = ROOT / "build" / "docs"
SITE = ROOT / "build" / "site"
ELSEWHERE = {  # where a page stands in the repository -> in the site
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "LICENSE": "license.md",
}
FRAMEWORKS = {
    str(path.relative_to(ROOT)): f"frameworks/{path.parent.name}.md"
    for path in sorted(ROOT.glob("frameworks/*/README.md"))
}
ELSEWHERE |= FRAMEWORKS
INTERFACES = {  # page -> title, modules whose docstrings it shows
    "client": ("Python client", ("jupyter_zoe.client",)),
    "backend": ("Backend contract", ("zoe_hub.backends.base", "zoe_hub.testing.backend_contract")),
    "store": ("Store contract", ("zoe_hub.store.base", "zoe_hub.testing.store_contract")),
    "executions": ("Executions", ("zoe_hub.core.executions.spec", "zoe_hub.core.executions.model")),
}
PACKAGES = ("zoe_hub", "jupyter_zoe", "zoe_proxy", "zoe_loopback")
DOCSTRINGS = """
## `{module}`

```{{eval-rst}}
.. automodule:: {module}
   :members:
   :member-order: bysource
   :show-inheritance:
```
"""
MERMAID = ROOT / "labextension" / "node_modules" / "mermaid" / "dist" / "mermaid.min.js"  # comes with JupyterLab's own


def main() -> int:
    """Write the sources and build the site of them; the exit code."""
    from sphinx.cmd.build import main as build  # noqa: PLC0415 - the checks of this file's functions need no Sphinx

    shutil.rmtree(SOURCES, ignore_errors=True)
    for place, text in pages():
        path = SOURCES / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(with_links_of_the_site(text, place), encoding="utf-8")
    shutil.copytree(DOCS / "images", SOURCES / "images")
    (SOURCES / "static").mkdir()
    if MERMAID.exists():
        shutil.copyfile(MERMAID, SOURCES / "static" / "mermaid.min.js")
    return build(["-q", "-W", "--keep-going", "-c", str(DOCS), str(SOURCES), str(SITE)])


# --- pages ---------------------------------------------------------------------------------------------------------


def pages() -> Iterator[tuple[str, str]]:
    """All pages: place in the site, text."""
    for path in sorted(DOCS.rglob("*.md")):
        yield str(path.relative_to(DOCS)), path.read_text(encoding="utf-8")
    for source, place in ELSEWHERE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        if source == "LICENSE":
            text = f"# License\n\n```text\n{text.strip(chr(10))}\n```\n"
        yield place, text + contents() if place == "index.md" else text
    yield "decisions/index.md", decisions_page()
    for name, (title, modules) in INTERFACES.items():
        yield f"api/{name}.md", f"# {title}\n" + "".join(DOCSTRINGS.format(module=module) for module in modules)
    yield "api/modules.md", modules_page()


def contents() -> str:
    """The navigation, as a part of the first page that is not seen there."""
    guides = ("user-guide", "admin-guide", "framework-author")
    others = sorted(set(map(page, (path.name for path in DOCS.glob("*.md")))) - {*guides, "architecture"})
    sections = {
        "Guides": guides,
        "Reference": (*others, *map(page, FRAMEWORKS.values())),
        "Development": ("contributing", "architecture", *(f"api/{name}" for name in INTERFACES), "api/modules"),
        "Project": ("decisions/index", "changelog", "security", "license"),
    }
    return "".join(toctree(names, caption) for caption, names in sections.items())


def toctree(names: Iterable[str], caption: str = "") -> str:
    """Sphinx's list of pages below this one."""
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["", "```{toctree}", *options, "", *names, "```", ""])


def page(place: str) -> str:
    """A page's name, as Sphinx has it."""
    return place.removesuffix(".md")


def decisions() -> list[Path]:
    """The pages of decisions, by name."""
    return sorted((DOCS / "decisions").glob("*.md"))


def decisions_page() -> str:
    """All decisions, by their titles."""
    lines = ["# Decisions", "", "Why things are as they are, where the code alone does not say it.", ""]
    lines += [
        f"- [{path.read_text(encoding='utf-8').splitlines()[0].removeprefix('# ')}]({path.name})"
        for path in decisions()
    ]
    return "\n".join(lines) + "\n" + toctree(page(path.name) for path in decisions())


def modules_page() -> str:
    """All modules with the first sentence of what they say of themselves."""
    lines = ["# Modules", "", "Each module says first what it is for and who calls it."]
    for package in PACKAGES:
        for folder in sorted({path.parent for path in (ROOT / package).rglob("*.py")}):
            rows = [
                f"| `{path.stem}` | {sentence} |"
                for path in sorted(folder.glob("*.py"))
                if path.stem != "__init__" and (sentence := first_sentence(path))
            ]
            if rows:
                name = ".".join(folder.relative_to(ROOT).parts)
                about = first_sentence(folder / "__init__.py")
                lines += ["", f"## {name}", "", about, "", "| module | what for |", "|---|---|", *rows]
    return "\n".join(lines) + "\n"


def first_sentence(path: Path) -> str:
    """Of a module's docstring; empty if there is none."""
    text = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "") if path.exists() else ""
    sentence = re.split(r"(?<=[.:!?])\s", " ".join(text.partition("\n\n")[0].split()), maxsplit=1)[0]
    return sentence.rstrip(":").replace("|", "\\|").replace("<", "&lt;").replace("{{", "&#123;&#123;")


# --- links ---------------------------------------------------------------------------------------------------------


def with_links_of_the_site(text: str, page: str) -> str:
    """A page's text with its relative links turned from the repository's files to the site's pages.

    :param page: its place in the site
    """
    places = {place: source for source, place in ELSEWHERE.items()}
    folder = posixpath.dirname(places.get(page, f"docs/{page}"))

    def turned(link: re.Match[str]) -> str:
        target, anchor = link[2], link[3] or ""
        if re.match(r"[a-z]+:", target) or not target:
            return link[0]
        file = posixpath.normpath(posixpath.join(folder, target))
        site = ELSEWHERE.get(file) or ("decisions/index.md" if file == "docs/decisions" else file.removeprefix("docs/"))
        return f"{link[1]}({posixpath.relpath(site, posixpath.dirname(page) or '.')}{anchor})"

    return re.sub(r"(\]\s*)\(([^()\s#]*)(#[^()\s]*)?\)", turned, text)


if __name__ == "__main__":
    sys.exit(main())
