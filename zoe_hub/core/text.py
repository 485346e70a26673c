"""Late-bound text: what a definition says before addresses and secrets are known; and text that cannot act.

The catalog renders a definition once, when an execution is created. What is not known then (a port of this process, the
address of a peer, a secret) stays in the rendered text as a *reference*, written ``⟦kind:name⟧``. ``bind`` replaces the
references at the last moment, so a stored specification, a plan and an event never hold a secret. User input that
contains a reference bracket is refused by the catalog, so nobody can smuggle one in.
Called by ``catalog`` (writes references), ``core.executions`` (asks what a group needs) and ``controllers`` (binds);
``harmless`` by ``run.logs``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, get_args

OPEN, CLOSE = "\u27e6", "\u27e7"  # mathematical white square brackets: in no shell, file name or programming language

Kind = Literal["port", "bind", "host", "address", "endpoint", "secret", "jws", "index", "folder", "name", "path"]
"""What a reference may name:

``port:NAME``        the number this process listens on for its port NAME
``bind:``            the address this process binds (127.0.0.1 on local processes, 0.0.0.0 in a container)
``host:``            the host name under which peers reach this process
``address:G.P``      ``host:port`` under which peers reach port P of process 0 of group G
``endpoint:G.P``     ``host:port`` under which the hub and kernels beside it reach port P of process 0 of group G
``secret:NAME``      a secret of the execution, in environment, files and headers only
``jws:NAME``         a statement that is signed with this secret, likewise
``index:``           the process's index in its group
``name:``            the process's name
``folder:F``         where the files of framework F are, for the process
``path:NAME``        the path prefix under which the proxy shows port NAME of this process
"""


class Reference(NamedTuple):
    """One late-bound reference found in a text."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{OPEN}{self.kind}:{self.name}{CLOSE}"


_KINDS = "|".join(get_args(Kind))
_PATTERN = re.compile(f"{OPEN}({_KINDS}):([^{OPEN}{CLOSE}]*){CLOSE}")


def references(texts: Iterable[str]) -> tuple[Reference, ...]:
    """All references in ``texts``, in order of appearance, without repetition."""
    found: dict[Reference, None] = {}
    for text in texts:
        for kind, name in _PATTERN.findall(text):
            found[Reference(kind, name)] = None
    return tuple(found)


def bind(text: str, value: Callable[[Reference], str]) -> str:
    """``text`` with each reference replaced by ``value(reference)``.

    What ``value`` returns is not searched again, so a secret that looks like a reference stays what it is.
    """
    return _PATTERN.sub(lambda match: value(Reference(match[1], match[2])), text)  # type: ignore[arg-type]


def has_bracket(text: str) -> bool:
    """Whether ``text`` holds a reference bracket, which user input may not."""
    return OPEN in text or CLOSE in text


_ACTING = (*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
ESCAPES = {code: f"\\u{code:04x}" for code in _ACTING if chr(code) not in "\t\n"}
"""What acts on a terminal or makes a text look like another one -> how it is shown: C0 and C1 controls, marks of
direction (Unicode's UAX 9), separators of lines. ``jupyter_zoe.harmless`` has the same.
"""


def harmless(text: str) -> str:
    """``text``, which others may have written, for a log that people read on terminals."""
    return text.translate(ESCAPES)
