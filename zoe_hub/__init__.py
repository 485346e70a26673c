"""The Zoe hub: runs analytics applications on local processes and containers."""

__version__ = "0.1.0"
