"""Reads one YAML file into plain values and remembers where each of them stands. Called by ``folders``.

It reads the events of libyaml itself (``yaml_reader``) instead of letting PyYAML build objects, so that it can say line
and column of every value, and bound what a file may hold.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from zoe_hub.catalog.document import Document, Unreadable
from zoe_hub.catalog.yaml_reader import DocumentReader
from zoe_hub.core.errors import FieldError

LARGEST_FILE = 512 * 1024  # bytes
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: Path) -> Document:
    """The file as a document. :raises Unreadable: with everything that is wrong with the YAML itself"""
    file = str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Unreadable(
            FieldError(
                message=f"cannot be read: {error.strerror or error}; check that it exists and may be read", file=file
            )
        ) from error
    if len(content) > LARGEST_FILE:
        raise Unreadable(
            FieldError(
                message=f"is larger than {LARGEST_FILE // 1024} KiB; put programs and data into files of their own",
                file=file,
                line=1,
                column=1,
            )
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            FieldError(message="is not UTF-8 text; save it in UTF-8", file=file, line=line, column=1)
        ) from error
    return parse(text, file)


def parse(text: str, file: str) -> Document:
    """A text as a document. :raises Unreadable:"""
    reader = DocumentReader(file)
    try:
        return reader.document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Unreadable(
            FieldError(
                message=f"is not YAML: {what}; check quotes, colons and indentation here",
                file=file,
                line=place[0],
                column=place[1],
            )
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable(
            FieldError(message=f"is not YAML: {error.reason}; remove the character", file=file, line=line, column=1)
        ) from error
    except (yaml.YAMLError, ValueError, UnicodeError) as error:
        raise Unreadable(FieldError(message=f"is not YAML: {error}", file=file, line=1, column=1)) from error
