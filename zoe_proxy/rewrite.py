"""What happens to paths and addresses on their way through the proxy. Pure: text in, text out.

Used by ``zoe_proxy.headers`` and ``zoe_proxy.handler``; ``escapes`` and ``same_origin`` also by those who decide who
may pass.
Headers are pairs of name and value, a name may occur more than once, values are text in latin-1 as HTTP has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

Pairs = list[tuple[str, str]]

_NOT_IN_TARGET = re.compile(r"[^\x21-\x7e]")
_SESSION = re.compile(r"/~[0-9A-Za-z]+")


@dataclass(frozen=True)
class Route:
    """How addresses on this side and addresses on the upstream's side belong together.

    ``public``: path in front of everything as the browser sees it, without a trailing slash,
    ``/zoe/pages/e1/web-0/ui``. ``inner``: path in front of everything at the upstream, ``""`` if the proxy removes its
    own. ``scheme`` and ``netloc``: the upstream, ``http`` and ``127.0.0.1:4040``.
    """

    public: str
    netloc: str
    inner: str = ""
    scheme: str = "http"

    @property
    def origin(self) -> str:
        """The upstream's own origin."""
        return f"{self.scheme}://{self.netloc}"


@dataclass(frozen=True)
class Client:
    """Who asks, as far as the server in front knows: for the ``X-Forwarded`` headers."""

    address: str = ""  # with those of proxies in front that are trusted, comma separated
    scheme: str = "http"
    host: str = ""  # of the address bar, with port


@dataclass(frozen=True)
class Rules:
    """What a user of the proxy wants beyond the ordinary."""

    denied_cookies: tuple[re.Pattern[str], ...] = ()  # matched against whole names; neither sent up nor set
    dropped: frozenset[str] = frozenset()  # request headers, lower case
    added: Mapping[str, str] = field(default_factory=dict)  # request headers, win over what came
    links: Mapping[str, str] = field(
        default_factory=dict
    )  # origins of other pages -> their public paths, see ``links``
    script: str = ""  # address of a script with which HTML documents begin, see ``insertion``
    keep_referer: bool = False  # another proxy of this kind follows, which translates it
    framed: bool = False  # the page is in a frame of another site, where only cookies that say so are kept

    @property
    def edits(self) -> bool:
        """Whether bodies may be changed on their way down."""
        return bool(self.links or self.script)

    def denies(self, cookie: str) -> bool:
        """Whether a cookie of this name belongs to the server in front."""
        return any(pattern.fullmatch(cookie) for pattern in self.denied_cookies)


# --- paths ---------------------------------------------------------------------------------------------------------


def escapes(rest: str) -> bool:
    """Whether a raw path below a prefix leaves that prefix by ``..``, read in any of the ways servers read a path.

    Encoded dots, encoded slashes and backslashes count: a server behind may decode before it resolves.
    """
    raw = [unquote(part, "latin-1") for part in rest.split("/")]
    decoded = unquote(rest, "latin-1").replace("\\", "/").split("/")
    return _climbs(raw) or _climbs(decoded)


def _climbs(parts: Iterable[str]) -> bool:
    depth = 0
    for part in parts:
        name = part.partition(";")[0]  # some servers cut path parameters off first: "..;a"
        if name == "..":
            depth -= 1
        elif name not in ("", "."):  # an empty part may be merged away
            depth += 1
        if depth < 0:
            return True
    return False


def target(route: Route, rest: str, query: str = "") -> str:
    """The request target for the upstream: ``rest`` is the raw path below the prefix, with its leading slash."""
    path = route.inner + (rest if rest.startswith("/") else "/" + rest)
    return _NOT_IN_TARGET.sub(
        lambda match: f"%{ord(match[0]):02X}" if ord(match[0]) < 256 else "", path + ("?" + query if query else "")
    )


def without_parameter(query: str, name: str) -> str:
    """A raw query without the parameter ``name``; everything else stays byte for byte."""
    return "&".join(part for part in query.split("&") if unquote(part.partition("=")[0].replace("+", " ")) != name)


def for_the_log(path: str) -> str:
    """A path without the session that may stand in it (see ``zoe_proxy.pages``)."""
    return _SESSION.sub("/~***", path)


def below(path: str, prefix: str) -> bool:
    """Whether a path is a prefix or below it."""
    return path == prefix or path.startswith((prefix + "/", prefix + "?", prefix + "#"))


def public_path(route: Route, path: str) -> str:
    """An absolute path that the upstream names, as the browser must name it."""
    if route.public and below(path, route.public):
        return path  # it knows its public address, from X-Forwarded-Prefix or by configuration
    if route.inner:
        return route.public + path[len(route.inner) :] if below(path, route.inner) else path
    return route.public + path


def location(route: Route, value: str, public_host: str = "") -> str:
    """A ``Location`` of the upstream as the browser must see it. What leads elsewhere stays as it is."""
    parts = split(value)
    if parts is None:
        return value
    if parts.netloc:
        own = parts.netloc.lower() == route.netloc.lower() and parts.scheme.lower() in ("", "http", "https")
        public = bool(public_host) and parts.netloc.lower() == public_host.lower() and below(parts.path, route.public)
        if public or not own:
            return value
        return public_path(route, _rest(parts))
    if parts.scheme or not value.startswith("/"):
        return value
    return public_path(route, value)


def linked(links: Mapping[str, str], value: str) -> str:
    """An address of one of the pages of ``links`` as the browser must see it."""
    parts = split(value)
    place = links.get(f"{parts.scheme}://{parts.netloc}".lower()) if parts is not None and parts.netloc else None
    return value if parts is None or place is None else place + _rest(parts)


def _rest(parts: SplitResult) -> str:
    """Path, query and fragment of a URL."""
    return (
        (parts.path or "/")
        + (f"?{parts.query}" if parts.query else "")
        + (f"#{parts.fragment}" if parts.fragment else "")
    )


def split(value: str) -> SplitResult | None:
    """The parts of an address; ``None`` if it is none."""
    try:
        return urlsplit(value)
    except ValueError:
        return None


# --- origins -------------------------------------------------------------------------------------------------------


def same_origin(headers: Mapping[str, str], *, host: str) -> bool | None:
    """Whether a request comes from a page of ``host`` (with port); ``None`` if its headers do not tell, as with a
    script.

    ``headers`` looks names up whatever their case.
    """
    origin = headers.get("Origin") or headers.get("Sec-WebSocket-Origin")
    if origin:
        parts = split(origin)
        return parts is not None and bool(parts.netloc) and parts.netloc.lower() == host.lower()
    site = headers.get("Sec-Fetch-Site")
    if site:
        return site in ("same-origin", "none")  # "none": typed into the address bar
    referer = headers.get("Referer")
    if referer:
        parts = split(referer)
        return parts is not None and parts.netloc.lower() == host.lower()
    return None
