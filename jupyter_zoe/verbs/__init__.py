"""The verbs of ``%zoe`` in notebooks and ``zoe`` in terminals: what they take, and what they do.

A verb is a module with a ``VERB`` and a row here; both frontends have it from then on, in their help, their completion
and their results. It declares its arguments once (``verb``), works with what a ``Frontend`` gives it (the hub, what is
attached, somebody to tell how far it is), and returns a ``Result`` of parts, which each frontend shows in its way.
"""

from __future__ import annotations

from jupyter_zoe.verbs import apps, attach, detach, hub, keep, logs, open_, ps, run, scale, status, stop
from jupyter_zoe.verbs.verb import Verb

VERBS: tuple[Verb, ...] = (
    attach.VERB,
    scale.VERB,
    status.VERB,
    keep.VERB,
    logs.VERB,
    detach.VERB,
    apps.VERB,
    run.VERB,
    ps.VERB,
    stop.VERB,
    open_.VERB,
    hub.VERB,
)
