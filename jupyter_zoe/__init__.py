"""The Jupyter side of Zoe: client, server extension, magics and command line. Never imports ``zoe_hub``."""

__version__ = "0.1.0"
