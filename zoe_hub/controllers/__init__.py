"""The I/O shell around the core: reconcilers, queues, leases, clock. Composed by ``app``."""
