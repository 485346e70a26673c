"""Writes what is generated from the tables of operations and reasons: ``python -m zoe_hub.contract.generate``.

``openapi.json``, the TypeScript types and words, the client's operations and three pages of the documentation. With
``--check`` nothing is written and the exit code is 1 if a file differs; a test does the same. Called by people who
changed the table.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from zoe_hub.contract.generate.openapi import Json, document
from zoe_hub.contract.generate.pages import errors_page, rest_page
from zoe_hub.contract.generate.python import python_module
from zoe_hub.contract.generate.reasons import reasons_page, typescript_reasons
from zoe_hub.contract.generate.typescript import typescript_module


def files() -> dict[str, str]:
    """Every generated file: its path in the repository and what it must hold."""
    described: Json = document()
    return {
        "zoe_hub/contract/openapi.json": json.dumps(described, indent=1, ensure_ascii=False) + "\n",
        "labextension/src/api/types.ts": typescript_module(described),
        "jupyter_zoe/client/operations.py": python_module(described),
        "labextension/src/api/reasons.ts": typescript_reasons(),
        "docs/errors.md": errors_page(),
        "docs/reasons.md": reasons_page(),
        "docs/rest.md": rest_page(described),
    }


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or compare them; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m zoe_hub.contract.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file differs")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[3], help="the repository")
    options = parser.parse_args(arguments)
    differing = []
    for name, text in files().items():
        path = options.root / name
        if path.is_file() and path.read_text() == text:
            continue
        differing.append(name)
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    for name in differing:
        print(f"{'differs' if options.check else 'written'}: {name}")
    if options.check and differing:
        print("Run 'python -m zoe_hub.contract.generate' and commit the result.", file=sys.stderr)
        return 1
    return 0
