"""The hub that this user works with: where it is, whether it is the hub, whether it lives, and how it is started.

Used by both clients, the server extension, the magics and the command line. Standard library and ``zoe_loopback`` only.
``info`` says what a hub is, ``settings`` reads the environment (``variables``), ``runtime`` what a living hub has
written, ``recognise`` looks at who listens, ``health`` asks (``opener``), ``starting`` starts, and ``finding`` does all
of it. What takes long to import, ``urllib.request``, comes with the last four: they are imported where a hub is needed.
"""
