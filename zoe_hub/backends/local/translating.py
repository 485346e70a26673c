"""Errors of the system as errors of the contract. Used by ``backend`` around whatever it runs in threads."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from zoe_hub.backends.base import Permanent, Temporary
from zoe_hub.core.errors import ZoeError

FULL = {errno.ENOSPC, errno.EDQUOT}
PASSING = {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.EIO, errno.EBUSY, errno.ENOTEMPTY}


def translated(error: OSError, doing: str) -> ZoeError:
    """An error of the system as one of the contract."""
    if error.errno in FULL:
        return Temporary(
            "storage-full", f"There is no space left {doing}: {error.filename or error.strerror}.", delay=5.0
        )
    if error.errno in PASSING:
        return Temporary("backend-unavailable", f"The system refused {doing}: {error}.", delay=1.0)
    return Permanent("backend-refused", f"The system refused {doing}: {error}.")


@contextlib.contextmanager
def translating(doing: str) -> Iterator[None]:
    """Translate errors of the system on the way out."""
    try:
        yield
    except OSError as error:
        raise translated(error, doing) from error
