"""From a document to a framework that can be used. Called by ``catalog``."""

from __future__ import annotations

from pathlib import Path

from zoe_hub.catalog.document import Document
from zoe_hub.catalog.framework.checking import check
from zoe_hub.catalog.framework.definition import Framework
from zoe_hub.core.errors import FieldError


def read(document: Document, folder: Path) -> tuple[Framework, list[FieldError]]:
    """A framework, and everything that is wrong with it; it can be used if nothing is.

    :param document: it fits the published schema
    :param folder: where the framework's own files are
    """
    framework = Framework(document, folder)
    return framework, check(framework)
