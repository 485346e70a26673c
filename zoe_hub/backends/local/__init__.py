"""The local backend: processes of the hub's own user on the hub's own machine, each under a shim that outlives the hub.

``backend`` is the contract's face, ``launch`` starts and finds, ``shim`` is what runs beside each process, ``records``
what they tell each other on disk, ``ports``, ``polling``, ``tree`` and ``watching`` one thing each.
"""

from zoe_hub.backends.local.backend import LocalBackend

__all__ = ["LocalBackend"]
