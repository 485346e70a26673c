"""Processes as containers of one Docker engine. Found by the entry point ``zoe.backends``; importing it does not import
the SDK.
"""

from zoe_hub.backends.docker.backend import DockerBackend

__all__ = ["DockerBackend"]
