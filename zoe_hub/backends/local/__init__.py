"""The local backend: processes of the hub's own user on the hub's own machine, each under a shim that outlives the hub.

``backend`` is the contract's face, ``deployment`` what is on disk, ``changes`` what is told of it; ``launch`` starts,
``settling`` finds and settles, ``shim`` is what runs beside each process. The others are one thing each.
"""

from zoe_hub.backends.local.backend import LocalBackend

__all__ = ["LocalBackend"]
