"""The lease that binds its holder, such as a notebook, to an execution.

A notebook is a file: it stays the same through a restart of its kernel, a rename and a move; a copy is another one.
What is no notebook has an identity of its own that ends with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from zoe_hub.core.executions.spec import Connector
from zoe_hub.core.record import Record

HolderKind = Literal["notebook", "console", "terminal", "script", "batch", "editor"]
"""Who holds a lease: a file in JupyterLab; a console of it; a shell; a Python program; a kernel that runs a notebook
unattended (nbclient, papermill); a kernel that another program than a Jupyter server with Zoe's extension has
started."""

Policy = Literal["keep", "shrink", "terminate"]
"""What becomes of the execution when its last holder is gone: nothing, shrunk to its essential processes, ended."""


class Attachment(Record, kw_only=True):
    """A lease that binds its holder to an execution. One for each owner, ``key`` and ``zapp``."""

    id: str
    owner: str
    execution: str
    key: str  # the notebook's path; of what is no notebook an identity that ends with it
    kind: HolderKind = "notebook"
    policy: Policy = "keep"
    zapp: str = ""  # what it is attached to; a notebook may hold a cluster and a data layer at the same time
    kernel: str = ""
    language: str = "python"  # of the kernel; says how it connects
    created: datetime
    renewed: datetime  # as committed last; the hub knows more recent renewals in memory
    expires: bool = False  # whether somebody renews it, so that its silence says that the holder is gone
    gone: datetime | None = None  # since when the holder counts as gone
    version: int = 1


class ConnectionDetails(Record, kw_only=True):
    """What a kernel needs to connect, bound to one running execution. Holds secrets: for the kernel alone."""

    how: Connector
    outputs: Mapping[str, str]
    secrets: Mapping[str, str] = {}
    addresses: tuple[str, ...] = ()  # host:port of each endpoint that the outputs name
    listeners: tuple[int, ...] = ()  # users of the hub's machine to whom a listener at one of them may belong
