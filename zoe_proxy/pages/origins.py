"""Where a page finds an origin of its own. Pure. Used by ``zoe_proxy.pages.opening`` and by the listeners.

Browsers keep cookies by host and not by port, so another port of Jupyter's host would let a page set Jupyter's cookies.
Another host is needed. On one machine every browser but older Safari takes each name below ``localhost`` for this
machine (RFC 6761, and "Let 'localhost' be localhost"), which gives each execution a host without configuration.
Elsewhere the admin names one.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

AUTO, NONE = "auto", "sandbox"

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_TEMPLATE = re.compile(r"(https?)://([A-Za-z0-9.{}-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?/?")


@dataclass
class Origins:
    """Origins by one setting: ``auto``, ``sandbox``, or a URL that may hold ``{execution}``.

    :raises ValueError: it is none of these
    """

    setting: str = AUTO
    port: int = 0  # of the listener; 0: nobody listens, and with 'auto' there are none
    _template: str = field(init=False, default="")

    def __post_init__(self) -> None:
        if self.setting in (AUTO, NONE):
            return
        found = _TEMPLATE.fullmatch(self.setting)
        if found is None or "{" in found[2].replace("{execution}", "x") or "}" in found[2].replace("{execution}", "x"):
            raise ValueError(
                f"{self.setting!r} is neither 'auto' nor 'sandbox' nor a URL of scheme and host alone, such as"
                " https://{execution}.pages.example.org"
            )
        self._template = self.setting.rstrip("/").lower()

    def of(self, execution: str) -> str:
        """The origin of an execution's pages; empty if they have none."""
        if self.setting == NONE or _LABEL.fullmatch(execution) is None:
            return ""
        if self.setting == AUTO:
            return f"http://{execution}.localhost:{self.port}" if self.port else ""
        return self._template.replace("{execution}", execution)

    def at(self, host: str, execution: str) -> bool:
        """Whether ``host`` (with its port) is the host of that origin."""
        return urlsplit(self.of(execution)).netloc == host.lower() != ""


def separate(origin: str, host: str) -> bool:
    """Whether an origin is another one than, and can be reached from, a page at ``host``: it has another host name, and
    a name of the browser's own machine is of use only if the page comes from there.
    """
    own, page = urlsplit(origin).hostname or "", _hostname(host)
    if own == page:
        return False
    return is_this_machine(page) or not is_this_machine(own)


def is_this_machine(hostname: str) -> bool:
    """Whether a host name means the browser's own machine."""
    if hostname == "localhost" or hostname.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


def can_keep_secure_cookies(origin: str) -> bool:
    """Whether browsers keep cookies with ``Secure`` of this origin."""
    return origin.startswith("https:") or is_this_machine(urlsplit(origin).hostname or "")


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
