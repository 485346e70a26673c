"""How much of each thing a request may hold: in one place, shown by OpenAPI, and checked before anything is done.

A test walks all wire types of requests and fails for a text, list, mapping or number without a bound.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

LARGEST = 2**63 - 1
"""Of the integers that are asked for: what a database and a file system take."""

DEEPEST = 64
"""Lists and mappings within each other in a body: what OpenAPI cannot say."""

Word = Annotated[str, Meta(max_length=256)]
"""A name that is compared with known ones, a kernel's id, a version."""

Sentence = Annotated[str, Meta(max_length=2000)]
"""What a person says."""

LabelName = Annotated[str, Meta(min_length=1, max_length=63)]

Labels = Annotated[dict[LabelName, Word], Meta(max_length=64)]

MOST_PARAMETERS = 1000
MOST_VERSIONS = 5000
