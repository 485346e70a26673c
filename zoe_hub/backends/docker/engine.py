"""The connection to a Docker engine: the synchronous SDK in threads of its own, its errors in the hub's words.

Called by ``backend`` and ``events``. The SDK is imported when a connection is opened, since it is optional and slow to
import.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import zoe_loopback
from zoe_hub.backends.base import Permanent, Temporary
from zoe_hub.core.errors import ZoeError

P = ParamSpec("P")
T = TypeVar("T")


class Engine:
    """One engine. ``api`` is the SDK's low-level client, which may be used from several threads."""

    def __init__(self, url: str, *, threads: int, timeout: float) -> None:
        """:param url: empty: ``DOCKER_HOST`` and its companions, else the default socket
        :param threads: how many calls run at the same time
        :param timeout: seconds after which a call counts as failed
        :raises ZoeError: ``Temporary`` if it does not answer, ``Permanent`` without the package ``docker`` or on
            another machine
        """
        try:
            from docker import APIClient  # noqa: PLC0415
            from docker.utils import kwargs_from_env, parse_host  # noqa: PLC0415
        except ImportError as error:
            raise Permanent(
                "backend-unavailable", "The package 'docker' is not installed: pip install 'jupyter-zoe[docker]'."
            ) from error
        options = kwargs_from_env()
        if url:
            options["base_url"] = url
        self.url = options.get("base_url") or "the default socket"
        try:
            self.full_url = str(parse_host(options.get("base_url")))
            if not is_here(self.full_url):
                raise Permanent(
                    "not-supported",
                    f"The Docker engine at {self.url} is on another machine. Processes' ports are published on the"
                    " engine's machine alone, and processes reach the hub there: run the hub on that machine.",
                )
            self.api: Any = APIClient(version="auto", timeout=round(timeout), max_pool_size=threads + 4, **options)
        except ZoeError:
            raise
        except Exception as error:
            raise translate(error, self.url) from error
        self._pool = ThreadPoolExecutor(threads, "docker")

    def user(self) -> int:
        """Who runs the engine, and holds the ports that it publishes: the owner of its socket; root, where it has none
        in the file system.
        """
        scheme, _, path = self.full_url.partition("://")
        return os.stat(f"/{path}").st_uid if scheme in ("http+unix", "unix") else zoe_loopback.ROOT

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``function`` in one of the threads, its errors translated."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, lambda: function(*args, **kwargs))
        except ZoeError:
            raise
        except Exception as error:
            raise translate(error, self.url) from error

    def close(self) -> None:
        """Let go. Calls that run are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.api.close()


def is_here(url: str) -> bool:
    """Whether an engine, by its full address, is on this machine."""
    parts = urlsplit(url)
    if parts.scheme in ("http+unix", "unix", "npipe"):
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def translate(error: Exception, url: str = "") -> ZoeError:
    """What an error of the SDK means to the hub. One that nobody has thought of is returned as ``Temporary``."""
    from docker.errors import APIError, DockerException  # noqa: PLC0415
    from requests.exceptions import RequestException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    if isinstance(error, APIError):
        return _refused(int(error.status_code or 500), str(error.explanation or error))
    if isinstance(error, RequestException | HTTPError | OSError | DockerException):
        return Temporary(
            "backend-unavailable", f"The Docker engine at {url} does not answer: {_short(error)}", delay=2.0
        )
    return Temporary("backend-refused", f"{type(error).__name__}: {_short(error)}", delay=5.0)


def _refused(status: int, text: str) -> ZoeError:
    lower = text.lower()
    if "no space left on device" in lower or "disk quota exceeded" in lower:
        return Temporary("storage-full", f"Docker: {text}", delay=15.0)
    if status == 404 and ("no such image" in lower or "manifest" in lower):
        return Permanent("image-missing", f"Docker: {text}")
    if "port is already allocated" in lower or "address already in use" in lower:
        return Temporary("port-taken", f"Docker: {text}")
    if "non-overlapping ipv4 address pool" in lower:
        return Temporary(
            "backend-refused",
            "Docker has no more addresses for networks. End some executions, or give dockerd more of them with"
            " --default-address-pool.",
            delay=10.0,
        )
    if (
        status == 409 or "has active endpoints" in lower or "is ambiguous" in lower
    ):  # networks that killed hubs had asked for
        return Temporary("backend-refused", f"Docker: {text}")
    if status in (429, 502, 503, 504):
        return Temporary("backend-unavailable", f"Docker: {text}", delay=2.0)
    if status == 500 and not any(
        each in lower for each in ("oci runtime create failed", "invalid", "failed to create task")
    ):
        return Temporary("backend-refused", f"Docker: {text}", delay=2.0)
    return Permanent("backend-refused", f"Docker: {text}")


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
