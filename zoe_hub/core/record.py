"""The base of everything that is stored or passed around: immutable values.

Used by every other part of the hub.
"""

from __future__ import annotations

from typing import NamedTuple, dataclass_transform

import msgspec


# mypy takes subclasses of a frozen struct for unfrozen ones unless it is told
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An immutable value. ``msgspec.structs.replace`` makes a changed copy."""


Key = str | int | tuple[str, ...]
"""What tells a record from the others of its kind: the value of its key, or the values of a key of several members."""


class Ref(NamedTuple):
    """Names a record by its type and key."""

    type: type[Record]
    key: Key
