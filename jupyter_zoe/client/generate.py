"""Makes ``synchronous.py`` of ``asynchronous.py``: ``python -m jupyter_zoe.client.generate [--check]``.

The two differ in single words, so words are replaced and nothing is understood, as httpcore, psycopg and others do it:
one source cannot drift apart. With ``--check`` nothing is written and the exit code is 1 if the file differs; a test
does the same. Called by people who changed the source.
"""

from __future__ import annotations

import argparse
import io
import sys
import tokenize
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE, RESULT = FOLDER / "asynchronous.py", FOLDER / "synchronous.py"
HEAD = '''"""The hub as a client, synchronous.

Generated from ``asynchronous.py`` by ``python -m jupyter_zoe.client.generate``; do not edit.
"""
'''
WORDS = {
    "AsyncClient": "Client",
    "AsyncEventStream": "EventStream",
    "AsyncIterator": "Iterator",
    "AsyncOperations": "SyncOperations",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__anext__": "__next__",
    "aclose": "close",
    "aiter_bytes": "iter_bytes",
    "aread": "read",
    "asynccontextmanager": "contextmanager",
    "tasks": "threads",
}
"""A name of the source -> its name in the result. Imports are in one order in both."""

LEFT_OUT = frozenset({"async", "await"})


def synchronous(source: str) -> str:
    """The synchronous module that corresponds to an asynchronous one."""
    lines = source.splitlines(keepends=True)
    tokens = [each for each in tokenize.generate_tokens(io.StringIO(source).readline) if each.type == tokenize.NAME]
    for token in reversed(tokens):  # from the end, so that places before it stay where they are
        (row, begin), (_, end) = token.start, token.end
        line = lines[row - 1]
        if token.string in LEFT_OUT:
            lines[row - 1] = line[:begin] + line[end:].removeprefix(" ")
        elif token.string in WORDS:
            lines[row - 1] = line[:begin] + WORDS[token.string] + line[end:]
    body = "".join(lines)
    docstring = next(
        each for each in tokenize.generate_tokens(io.StringIO(body).readline) if each.type == tokenize.STRING
    )
    return HEAD + "".join(body.splitlines(keepends=True)[docstring.end[0] :])


def main(arguments: list[str] | None = None) -> int:
    """Write the file, or compare it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_zoe.client.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file differs")
    options = parser.parse_args(arguments)
    text = synchronous(SOURCE.read_text(encoding="utf-8"))
    if RESULT.is_file() and RESULT.read_text(encoding="utf-8") == text:
        return 0
    if not options.check:
        RESULT.write_text(text, encoding="utf-8")
        return 0
    print(f"{RESULT.name} differs. Run 'python -m jupyter_zoe.client.generate'.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
