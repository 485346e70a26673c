"""How an execution is told to people: one line of progress, tables, sizes, times. Pure.

Used by the magics (with HTML around it) and the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from jupyter_zoe.client.operations import EventView, ExecutionView, GroupView, MomentView, ProcessView


def reason_words(of: ExecutionView | ProcessView | EventView | MomentView) -> str:
    """Why something is as it is, as the hub words it, in one line."""
    return of["reason"]["words"]


def reason_lines(of: ExecutionView | ProcessView | EventView) -> str:
    """The same as a sentence, with the log lines that show it."""
    said, tail = sentence(reason_words(of)), of["reason"]["tail"]
    return "\n".join((f"{said} Its log ends:", *tail)) if tail else said


def wanted(group: GroupView) -> int:
    """How many processes the group should have."""
    return group["count"]


def group_words(group: GroupView) -> str:
    """A group at a glance: ``master ✓``, ``worker 1/3``, ``connect …``."""
    if group["ready"] >= wanted(group) and group["live"] == group["ready"]:
        return f"{group['name']} ✓" if wanted(group) == 1 else f"{group['name']} {group['ready']}/{wanted(group)} ✓"
    return f"{group['name']} …" if wanted(group) == 1 else f"{group['name']} {group['ready']}/{wanted(group)}"


def share(view: ExecutionView) -> float:
    """Which part of the wanted processes is ready, 0 to 1."""
    total = sum(map(wanted, view["groups"]))
    return sum(min(group["ready"], wanted(group)) for group in view["groups"]) / total if total else 1.0


def progress_line(view: ExecutionView, seconds: float) -> str:
    """What happens right now: phase, what is ready, how long it has taken."""
    parts = [group_words(group) for group in view["groups"]]
    if view["phase"] == "queued":
        parts = [reason_words(view)]
    return f"{view['name']} {view['phase']}: {' · '.join(parts)} ({seconds:.1f} s)"


def main_group(view: ExecutionView) -> GroupView | None:
    """The group that grows and shrinks, if there is exactly one."""
    groups = [group for group in view["groups"] if group["scalable"]]
    return groups[0] if len(groups) == 1 else None


def ready_words(view: ExecutionView) -> str:
    """``2 workers ready``; of an application that does not grow: ``3 processes ready``."""
    group = main_group(view)
    count, noun = (
        (group["ready"], group["name"]) if group else (sum(each["ready"] for each in view["groups"]), "process")
    )
    return f"{plural(count, noun)} ready"


def plural(count: int, noun: str) -> str:
    """``1 worker``, ``2 workers``, ``2 processes``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}es" if noun.endswith("s") else f"{count} {noun}s"


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} EiB"


def age(since: str | None, now: datetime) -> str:
    """How long ago a time of the hub was: ``8 s``, ``5 min``, ``3 h``, ``2 d``. :param now: at the hub"""
    if not since:
        return ""
    return duration((now - datetime.fromisoformat(since)).total_seconds())


def duration(seconds: float) -> str:
    """A time span for people: ``8 s``, ``5 min``, ``3 h``, ``2 d``."""
    seconds = max(0.0, seconds)
    for limit, divisor, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def idle_words(view: ExecutionView, now: datetime) -> str:
    """That nobody uses an execution, and what follows when; empty if somebody does. :param now: at the hub"""
    idle = view.get("idle")  # a hub of an earlier version does not say it
    if idle is None:
        return ""
    left = duration((datetime.fromisoformat(idle["at"]) - now).total_seconds())
    what = "it ends" if idle["action"] == "end" else "it shrinks to its essential processes"
    return f"Nobody has used it for {age(idle['since'], now)}: {what} in {left}. Keep it with 'keep'."


def sentence(text: str) -> str:
    """With one full stop at its end."""
    return f"{text.rstrip('. ')}." if text.strip() else ""


def process_rows(view: ExecutionView, now: datetime) -> list[tuple[str, str, str, str, str]]:
    """The table of processes: which, state, since, exit code, why. :param now: at the hub"""
    return [
        (
            each["id"],
            each["state"],
            age(each["since"], now),
            "" if each["exit_code"] is None else str(each["exit_code"]),
            reason_words(each),
        )
        for each in view["processes"]
    ]


PROCESS_HEAD = ("PROCESS", "STATE", "SINCE", "EXIT", "WHY")


def execution_rows(items: Iterable[ExecutionView], now: datetime) -> list[tuple[str, ...]]:
    """The table of executions. :param now: at the hub"""
    return [
        (
            each["name"],
            each["id"],
            each["zapp"],
            state_words(each),
            f"{sum(group['ready'] for group in each['groups'])}/{sum(map(wanted, each['groups']))}",
            age(each["created"], now),
            sentence(reason_words(each)),
        )
        for each in items
    ]


EXECUTION_HEAD = ("NAME", "ID", "ZAPP", "PHASE", "READY", "AGE", "WHY")


def state_words(view: ExecutionView) -> str:
    """The phase, with the outcome if it has ended."""
    if view["phase"] != "ended":
        return view["phase"]
    code = "" if view["exit_code"] in (None, 0) else f" ({view['exit_code']})"
    return f"{view['outcome'] or 'ended'}{code}"


def failed_process(view: ExecutionView) -> ProcessView | None:
    """The process whose log most likely says why an execution failed."""
    bad = [each for each in view["processes"] if each["exit_code"] not in (None, 0)]
    return next(iter(bad or [each for each in view["processes"] if each["state"] != "ready"]), None)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int = 0) -> str:
    """Columns side by side. ``width``: characters of a line, at which the last column is cut; 0: never."""
    cells = [list(head), *[[" ".join(str(cell).split()) for cell in row] for row in rows]]
    keep = [index for index in range(len(head)) if any(row[index] for row in cells[1:])] or list(range(len(head)))
    widths = [max(len(row[index]) for row in cells) for index in keep]
    lines = []
    for row in cells:
        line = "  ".join(row[index].ljust(wide) for index, wide in zip(keep, widths, strict=True)).rstrip()
        lines.append(line if not width or len(line) <= width else line[: width - 1] + "…")
    return "\n".join(lines)
