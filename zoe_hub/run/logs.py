"""The hub's log: one format, to a file or the terminal, with everything that looks like a secret taken out, and
nothing that acts on a terminal. Used by ``app``.
"""

from __future__ import annotations

import logging
import logging.handlers
import re
import sys
from pathlib import Path

from zoe_hub.core.text import harmless

_SECRETS = (
    (re.compile(r"zoe_[A-Za-z0-9_-]{40,}"), "zoe_***"),
    (re.compile(r"(?i)(bearer\s+)[^\s'\",\]]+"), r"\1***"),
    (re.compile(r"(?i)\b(token|ticket|access_token|password|secret)=[^\s&'\"]+"), r"\1=***"),
)


def redact(text: str) -> str:
    """``text`` without tokens, tickets and passwords."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class Redacting(logging.Formatter):
    """Takes secrets out of whole entries, tracebacks included, and what would act on the terminal of who reads them."""

    def format(self, record: logging.LogRecord) -> str:
        """The entry. Its further lines are indented, so that none looks like an entry of its own."""
        return harmless(redact(super().format(record))).replace("\n", "\n  ")


class RotatingFile(logging.handlers.RotatingFileHandler):
    """Begins a new file once the present one is full."""

    def shouldRollover(self, record: logging.LogRecord) -> bool:
        """Whether it is. The base class would make the text of each entry twice, and ask for the file's state, to know
        beforehand; a file may be longer by its last entry instead.
        """
        return self.stream is not None and self.stream.tell() >= self.maxBytes > 0


def configure(
    level: int | str, form: str, date_form: str, file: Path | None, *, size: int = 5 * 2**20, kept: int = 3
) -> None:
    """Send everything that is logged in this process to ``file``, or to the standard error if there is none.

    :param size: bytes after which a new file begins; :param kept: how many old ones stay
    """
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        file.touch(mode=0o600)
        handler = RotatingFile(file, maxBytes=size, backupCount=kept, encoding="utf-8")
    handler.setFormatter(Redacting(form, date_form))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("zoe_hub").setLevel(level)
    for name in ("tornado.access", "tornado.general"):  # half-sent requests of clients are no news
        logging.getLogger(name).setLevel(logging.ERROR)
