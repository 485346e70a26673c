"""What happens to paths, headers and cookies on their way through the proxy. Pure: text in, text out.

Used by ``zoe_proxy.handler``; ``escapes`` and ``same_origin`` also by those who decide who may pass.
Headers are pairs of name and value, a name may occur more than once, values are text in latin-1 as HTTP has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

Pairs = list[tuple[str, str]]

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
# The outer side's credentials and what a client might forge; ``Expect`` is answered by the server in front.
_NEVER_UP = frozenset(("authorization", "expect", "forwarded", "host", "cookie", "origin", "referer", "x-real-ip"))
# These speak for the whole origin, which belongs to the server in front, not to what is behind the proxy.
_NEVER_DOWN = frozenset(("alt-svc", "clear-site-data", "public-key-pins", "strict-transport-security"))
# Of a body that is edited on its way down: it must be readable, and is another one than the upstream knows.
_OF_UNEDITED_UP = frozenset(("accept-encoding", "if-range"))
_OF_UNEDITED_DOWN = frozenset(("accept-ranges", "content-length", "content-md5", "digest", "etag"))
_ILLEGAL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_IN_TARGET = re.compile(r"[^\x21-\x7e]")


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
    keep_referer: bool = False  # another proxy of this kind follows, which translates it

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


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith((prefix + "/", prefix + "?", prefix + "#"))


def public_path(route: Route, path: str) -> str:
    """An absolute path that the upstream names, as the browser must name it."""
    if route.public and _below(path, route.public):
        return path  # it knows its public address, from X-Forwarded-Prefix or by configuration
    if route.inner:
        return route.public + path[len(route.inner) :] if _below(path, route.inner) else path
    return route.public + path


def location(route: Route, value: str, public_host: str = "") -> str:
    """A ``Location`` of the upstream as the browser must see it. What leads elsewhere stays as it is."""
    parts = _split(value)
    if parts is None:
        return value
    if parts.netloc:
        own = parts.netloc.lower() == route.netloc.lower() and parts.scheme.lower() in ("", "http", "https")
        public = bool(public_host) and parts.netloc.lower() == public_host.lower() and _below(parts.path, route.public)
        if public or not own:
            return value
        return public_path(route, _rest(parts))
    if parts.scheme or not value.startswith("/"):
        return value
    return public_path(route, value)


def linked(links: Mapping[str, str], value: str) -> str:
    """An address of one of the pages of ``links`` as the browser must see it."""
    parts = _split(value)
    place = links.get(f"{parts.scheme}://{parts.netloc}".lower()) if parts is not None and parts.netloc else None
    return value if parts is None or place is None else place + _rest(parts)


def _rest(parts: SplitResult) -> str:
    """Path, query and fragment of a URL."""
    return (
        (parts.path or "/")
        + (f"?{parts.query}" if parts.query else "")
        + (f"#{parts.fragment}" if parts.fragment else "")
    )


def _split(value: str) -> SplitResult | None:
    try:
        return urlsplit(value)
    except ValueError:
        return None


# --- cookies -------------------------------------------------------------------------------------------------------


def cookies(values: Iterable[str], rules: Rules) -> str:
    """The ``Cookie`` header for the upstream: without denied names, and of each name the first, which is of the longest
    path.
    """
    kept: dict[str, str] = {}
    for value in values:
        for part in value.split(";"):
            name, equals, content = part.strip().partition("=")
            if equals and name.strip() and not rules.denies(name.strip()):
                kept.setdefault(name.strip(), content.strip())
    return "; ".join(f"{name}={content}" for name, content in kept.items())


def set_cookie(route: Route, value: str, rules: Rules) -> str | None:
    """A ``Set-Cookie`` of the upstream that reaches no further than the public prefix; ``None`` if it may not be
    set.
    """
    first, *attributes = value.split(";")
    name = first.partition("=")[0].strip()
    if not name or rules.denies(name):
        return None
    kept = [first.strip()]
    for attribute in attributes:
        key, _, content = (part.strip() for part in attribute.partition("="))
        if key.lower() == "domain" or not key:
            continue
        if key.lower() == "path":
            path = public_path(route, content) if content.startswith("/") else route.public + "/"
            if not _below(path, route.public) or escapes(path[len(route.public) :]):
                path = route.public + "/"
            kept.append(f"Path={path or '/'}")
        else:
            kept.append(attribute.strip())
    return "; ".join(kept)


# --- headers -------------------------------------------------------------------------------------------------------


def end_to_end(headers: Iterable[tuple[str, str]]) -> Pairs:
    """Without what is meant for one connection only, and without what no header may hold."""
    pairs = list(headers)
    named = {
        token.strip().lower() for name, value in pairs if name.lower() == "connection" for token in value.split(",")
    }
    # Names that carry the meaning of a message are not given away, whatever "Connection" says.
    named -= {"host", "content-length", "content-type", "content-encoding", "cookie", "set-cookie", "location"}
    return [
        (name, value) for name, value in pairs if name.lower() not in HOP_BY_HOP | named and not _ILLEGAL.search(value)
    ]


def request_headers(headers: Iterable[tuple[str, str]], route: Route, client: Client, rules: Rules) -> Pairs:
    """The headers of a request as the upstream gets them, hop-by-hop ones excepted. Its body's length is kept."""
    pairs = list(headers)
    replaced = {name.lower() for name in rules.added}
    drop = _NEVER_UP | rules.dropped | replaced | (_OF_UNEDITED_UP if rules.links else frozenset())
    sent: Pairs = [("Host", route.netloc)]
    sent += [
        (name, value)
        for name, value in end_to_end(pairs)
        if name.lower() not in drop and not name.lower().startswith("x-forwarded-")
    ]
    if (
        kept := cookies((value for name, value in pairs if name.lower() == "cookie"), rules)
    ) and "cookie" not in rules.dropped:
        sent.append(("Cookie", kept))
    given = {name.lower(): value for name, value in pairs}
    # The proxy has checked where the request comes from; the upstream sees a request of its own page.
    if "origin" in given and not {"origin"} & (rules.dropped | replaced):
        sent.append(("Origin", route.origin))
    if (
        "referer" in given
        and not {"referer"} & (rules.dropped | replaced)
        and (own := _referer(given["referer"], route, client))
    ):
        sent.append(("Referer", given["referer"] if rules.keep_referer else own))
    for name, value in (
        ("X-Forwarded-For", client.address),
        ("X-Forwarded-Proto", client.scheme),
        ("X-Forwarded-Host", client.host),
        ("X-Forwarded-Prefix", route.public),
        ("X-Forwarded-Context", route.public),
    ):
        if value and name.lower() not in replaced:
            sent.append((name, value))
    sent += list(rules.added.items())
    return sent


def _referer(value: str, route: Route, client: Client) -> str:
    """A page behind this proxy as the upstream knows it; nothing of other pages of the server in front."""
    parts = _split(value)
    if parts is None or parts.netloc.lower() != client.host.lower() or not _below(parts.path, route.public):
        return ""
    return (
        route.origin
        + route.inner
        + (parts.path[len(route.public) :] or "/")
        + (f"?{parts.query}" if parts.query else "")
    )


def response_headers(
    headers: Iterable[tuple[str, str]], route: Route, client: Client, rules: Rules, *, edited: bool = False
) -> Pairs:
    """The headers of an answer as the browser gets them. ``edited``: its body will be another one than the
    upstream's.
    """
    sent: Pairs = []
    for name, value in end_to_end(headers):
        match name.lower():
            case lower if lower in _NEVER_DOWN or (edited and lower in _OF_UNEDITED_DOWN):
                continue
            case "location" | "content-location":
                sent.append((name, linked(rules.links, location(route, value, client.host))))
            case "refresh":
                delay, url, place = value.partition("url=")
                sent.append((name, delay + url + location(route, place, client.host)))
            case "set-cookie":
                if (cookie := set_cookie(route, value, rules)) is not None:
                    sent.append((name, cookie))
            case "service-worker-allowed":
                scope = public_path(route, value) if value.startswith("/") else ""
                if scope and _below(scope, route.public) and not escapes(scope[len(route.public) :]):
                    sent.append((name, scope))
            case _:
                sent.append((name, value))
    return sent


# --- origins -------------------------------------------------------------------------------------------------------


def same_origin(headers: Mapping[str, str], *, host: str) -> bool | None:
    """Whether a request comes from a page of ``host`` (with port); ``None`` if its headers do not tell, as with a
    script.

    ``headers`` looks names up whatever their case.
    """
    origin = headers.get("Origin") or headers.get("Sec-WebSocket-Origin")
    if origin:
        parts = _split(origin)
        return parts is not None and bool(parts.netloc) and parts.netloc.lower() == host.lower()
    site = headers.get("Sec-Fetch-Site")
    if site:
        return site in ("same-origin", "none")  # "none": typed into the address bar
    referer = headers.get("Referer")
    if referer:
        parts = _split(referer)
        return parts is not None and parts.netloc.lower() == host.lower()
    return None
