"""The processes below one, and which of them hold a socket. Linux: ``/proc``; elsewhere see ``elsewhere``.

Used where a user id says too little: to tell a process of an execution from any other program of the hub's user.
"""

from __future__ import annotations

import os

from zoe_loopback import elsewhere

_SOCKET = "socket:["


def processes(root: int) -> list[int]:
    """A process and all below it that live now; empty if it has gone."""
    if not os.path.exists("/proc/self/task"):
        return elsewhere.below(root)
    if not os.path.exists(f"/proc/{root}"):
        return []
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += _children(pid)
    return found


def _children(pid: int) -> list[int]:
    """The children of all threads of a process."""
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                children += map(int, file.read().split())
    except FileNotFoundError:
        if os.path.exists("/proc/self/task") and not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
            return _children_by_parent(pid)  # a kernel without CONFIG_PROC_CHILDREN
    except OSError:
        pass  # it has ended meanwhile
    return children


def _children_by_parent(parent: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    if int(file.read().rpartition(b")")[2].split()[1]) == parent:
                        found.append(int(name))
            except (OSError, IndexError, ValueError):
                continue
    return found


def holds(pids: list[int], inodes: frozenset[int]) -> bool | None:
    """Whether one of these processes holds one of these sockets; ``None`` if none is seen to, and one of them does not
    let itself be looked at (another user's, or one that the kernel protects from its own user).
    """
    wanted = {f"{_SOCKET}{inode}]" for inode in inodes if inode}
    hidden = False
    for pid in pids:
        folder = f"/proc/{pid}/fd"
        try:
            for descriptor in os.listdir(folder):
                try:
                    if os.readlink(f"{folder}/{descriptor}") in wanted:
                        return True
                except FileNotFoundError:
                    continue  # closed meanwhile
        except PermissionError:
            hidden = True
        except OSError:
            continue  # it has ended meanwhile
    return None if hidden else False
