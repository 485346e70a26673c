"""Whose socket is at the other end of a TCP connection on this machine: asked after connecting, before the first byte.

A port of the loopback interface belongs to whoever binds it first, which on a shared machine may be another user, and
connecting to it proves nothing. The kernel knows the owner of every socket, so Zoe connects, asks the kernel about the
server's end of this very connection, and sends only then: there is no moment between the check and the use in which the
port could change hands. Shared by the hub (``zoe_hub``), the Jupyter side (``jupyter_zoe``) and the proxy of both
(``zoe_proxy``); imports none of them, and the standard library alone.

- ``sockets``: the kernel's tables of sockets (Linux: netlink ``sock_diag``, else ``/proc/net``).
- ``ends``: who holds the other end of a connection; pure, over any tables.
- ``trees``: the processes below one, and the sockets that they hold.
- ``elsewhere``: what can be known on systems without such tables (macOS), through ``psutil``.
- ``checks``: the judgement, and ``Stranger`` and ``Unsettled``, which are raised instead of sending anything.

See ``docs/decisions/listeners.md``.
"""

from zoe_loopback.checks import (
    ROOT,
    Stranger,
    Unsettled,
    far_end,
    far_end_now,
    judged,
    own,
    require,
    require_now,
    user_id,
    user_name,
)
from zoe_loopback.ends import FarEnd, is_here, is_own_address, places
from zoe_loopback.sockets import Place
from zoe_loopback.sockets import usable as sees_all
from zoe_loopback.trees import holds, processes

__all__ = [
    "ROOT",
    "FarEnd",
    "Place",
    "Stranger",
    "Unsettled",
    "far_end",
    "far_end_now",
    "holds",
    "is_here",
    "is_own_address",
    "judged",
    "own",
    "places",
    "processes",
    "require",
    "require_now",
    "sees_all",
    "user_id",
    "user_name",
]
