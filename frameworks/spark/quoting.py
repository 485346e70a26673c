"""How texts are written where Spark and Java read them: properties, their options, files of arguments.

Pure. Used by `roles.py` and `connect.py`.
"""

from __future__ import annotations

from collections.abc import Mapping


def properties_text(properties: Mapping[str, str]) -> str:
    """A Java properties file; whatever is in a value stays in that value."""

    def escaped(text: str) -> str:
        text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
        text = "".join(c if " " <= c <= "~" else f"\\u{ord(c):04x}" for c in text)
        return "\\" + text if text.startswith(" ") else text

    return "".join(f"{key}={escaped(value)}\n" for key, value in sorted(properties.items()))


def java_option(text: str) -> str:
    """One option in a property that Spark splits as a shell does: a folder's name may have blanks in it."""
    return quoted_argument(text) if set(text) & set(" \t\"'\\") else text


def quoted_argument(text: str) -> str:
    """One argument in a file of arguments of the `java` command."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
