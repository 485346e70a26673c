"""What attaching, scaling and detaching came to, in words. Between backticks it is code. Pure."""

from __future__ import annotations

import json

from jupyter_zoe import words
from jupyter_zoe.attaching import Attached, Detached
from jupyter_zoe.attaching.keeping import gone_words
from jupyter_zoe.client.operations import ExecutionView


def attached(done: Attached) -> str:
    """For a kernel: what it is attached to, and what its session is called."""
    assert done.session is not None
    was_attached = done.attachment["renewed"] != done.attachment["created"]
    variable = done.session.variable
    how = f"`{variable}` is the same session as before" if done.is_same else f"`{variable}` is connected"
    waits = "Its queries wait until a worker is free." if not done.session.has_answered else ""
    return _joined(
        *(f"{each.name} has ended: {words.sentence(each.loss.why)}" for each in done.ended if each.loss is not None),
        f"{gone_words(done.lost)} `{variable}` is a new session." if done.lost is not None else "",
        f"{'Attached again' if was_attached else 'Attached'} to {done.view['name']}: {words.ready_words(done.view)} in"
        f" {done.seconds:.1f} s; {how}.",
        f"Your own `{variable}` comes back when you detach." if done.hides_own else "",
        waits,
        unapplied(done),
        missing(done.view),
    )


def found(done: Attached) -> str:
    """For a folder: what belongs to it."""
    return _joined(
        f"{'Found' if done.attachment['found'] else 'Started'} {done.view['name']} for this folder:"
        f" {words.ready_words(done.view)}.",
        unapplied(done),
        missing(done.view),
    )


def scaled(view: ExecutionView, seconds: float) -> str:
    """How many processes there are now."""
    return _joined(f"{view['name']}: {words.ready_words(view)} after {seconds:.1f} s.", missing(view))


def detached(done: Detached, prog: str) -> str:
    """What became of the execution. :param prog: how commands begin: ``zoe`` or ``%zoe``"""
    name = done.view["name"]
    if not done.why_it_stays:
        return f"Detached from {name}, which {'has ended' if done.view['phase'] == 'ended' else 'is ending'}."
    why = {
        "kept": "kept",
        "own": "this notebook is a part of it",
        "used": "another notebook uses it, or it is protected",
    }[done.why_it_stays]
    return f"Detached from {name}, which goes on ({why}). End it with `{prog} stop {name}`."


def unapplied(done: Attached) -> str:
    """Which parameters were asked for in vain, since the execution runs with others; empty if none."""
    has = [
        f"`{name}` stays {json.dumps(done.view['parameters'].get(name), ensure_ascii=False)}"
        for name in done.attachment.get("unapplied", ())
    ]
    return f"{' and '.join(has)}, as it was started: to change that, detach, then attach again." if has else ""


def missing(view: ExecutionView) -> str:
    """What could not be started for want of room; empty if nothing."""
    short = [
        f"{group['count'] - group['ready']} of {words.plural(group['count'], group['name'])}"
        for group in view["groups"]
        if group["ready"] < group["count"]
    ]
    return f"{' and '.join(short)} still to come: {words.sentence(words.reason_words(view))}" if short else ""


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))
