"""The databases that a store can be kept in: a row each in ``DATABASES``, behind the contract ``databases.base``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from zoe_hub.core.errors import ZoeError
from zoe_hub.store.databases.base import Database

DATABASES: Mapping[str, tuple[str, str]] = {"sqlite": ("zoe_hub.store.databases.sqlite", "SQLite")}
"""Module and class by the scheme of the URL, which is SQLAlchemy's name of the database as well. A hub loads the driver
of its own database alone.
"""


def database_class(scheme: str) -> type[Database]:
    """The database of a scheme."""
    module, name = DATABASES[scheme]
    found: type[Database] = getattr(import_module(module), name)
    return found


def choose(url_or_path: str | Path) -> Database:
    """The database for a path (SQLite) or a URL ``SCHEME://...``.

    :raises ZoeError: ``not-supported`` for any other database
    """
    text = str(url_or_path)
    scheme, separator, _ = text.partition("://")
    try:
        return database_class(scheme if separator else "sqlite").at(text)
    except (KeyError, ValueError):
        known = " or ".join(f"{each}:///PATH" for each in DATABASES)
        shown = f"{scheme}://…" if separator else text
        raise ZoeError("not-supported", f"The store takes a path or {known}, not {shown}.") from None
