"""What happens to headers and cookies on their way through the proxy. Pure: pairs in, pairs out.

Used by ``zoe_proxy.handler``. Three kinds of headers do not pass: those of one connection, those that hold credentials
or the word of the server in front, and those with which an answer speaks for the whole origin, which belongs to the
server in front and not to what is behind the proxy. What holds an address or a path is kept within the public prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from zoe_proxy.rewrite import Client, Pairs, Route, Rules, below, escapes, linked, location, public_path, split

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
# The outer side's credentials and what a client might forge; ``Expect`` is answered by the server in front. A process
# that hands ``Proxy`` to a program by CGI's rules sets HTTP_PROXY for it (httpoxy, CVE-2016-5385).
_NEVER_UP = frozenset(
    (
        "authorization",
        "cookie",
        "cookie2",
        "expect",
        "forwarded",
        "host",
        "origin",
        "proxy",
        "referer",
        "x-original-url",
        "x-real-ip",
        "x-rewrite-url",
    )
)
# These speak for the whole origin (or host), most of them for a time after the answer.
_FOR_THE_ORIGIN = frozenset(
    (
        "accept-ch",
        "accept-ch-lifetime",
        "activate-storage-access",
        "alt-svc",
        "clear-site-data",
        "critical-ch",
        "expect-ct",
        "nel",
        "origin-agent-cluster",
        "public-key-pins",
        "public-key-pins-report-only",
        "report-to",
        "reporting-endpoints",
        "set-cookie2",
        "set-login",
        "strict-transport-security",
        "use-as-dictionary",
    )
)
# Who may read across origins is said by the server in front, which has judged the request. A challenge would have the
# browser ask for a password in its name, or hand out a ticket of the network's (Negotiate), that is never passed on.
_FOR_THE_FRONT = frozenset(("authentication-info", "proxy", "timing-allow-origin", "www-authenticate"))
_NEVER_DOWN = _FOR_THE_ORIGIN | _FOR_THE_FRONT
_CORS = "access-control-"
# Of a body that is edited on its way down: it must be readable, and is another one than the upstream knows.
_OF_UNEDITED_UP = frozenset(("accept-encoding", "if-range"))
_OF_UNEDITED_DOWN = frozenset(
    ("accept-ranges", "content-digest", "content-length", "content-md5", "digest", "etag", "repr-digest")
)
# Names that carry the meaning of a message are not given away, whatever "Connection" says.
_MEANING = frozenset(
    (
        "host",
        "content-length",
        "content-type",
        "content-encoding",
        "content-security-policy",
        "cookie",
        "set-cookie",
        "location",
        "x-frame-options",
    )
)
_ILLEGAL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_REFRESH = re.compile(r"(?is)(\s*[0-9.]+\s*[;,\s]\s*(?:url\s*=\s*)?)(['\"]?)(.*?)(['\"]?)\s*")
_LINK_TARGET = re.compile(r"<([^<>]*)>")
_HOST_BOUND = re.compile(r"__host-.*|__host-http-.*", re.IGNORECASE)  # must have Path=/, and no page has the root
_OF_A_FRAME = ("Secure", "SameSite=None", "Partitioned")


def end_to_end(headers: Iterable[tuple[str, str]]) -> Pairs:
    """Without what is meant for one connection only, and without what no header may hold."""
    pairs = list(headers)
    named = {
        token.strip().lower() for name, value in pairs if name.lower() == "connection" for token in value.split(",")
    }
    ended = HOP_BY_HOP | (named - _MEANING)
    return [(name, value) for name, value in pairs if name.lower() not in ended and not _ILLEGAL.search(value)]


# --- up ------------------------------------------------------------------------------------------------------------


def request_headers(headers: Iterable[tuple[str, str]], route: Route, client: Client, rules: Rules) -> Pairs:
    """The headers of a request as the upstream gets them, hop-by-hop ones excepted. Its body's length is kept."""
    pairs = list(headers)
    replaced = {name.lower() for name in rules.added}
    drop = _NEVER_UP | rules.dropped | replaced | (_OF_UNEDITED_UP if rules.edits else frozenset())
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


def _referer(value: str, route: Route, client: Client) -> str:
    """A page behind this proxy as the upstream knows it; nothing of other pages of the server in front."""
    parts = split(value)
    if parts is None or parts.netloc.lower() != client.host.lower() or not below(parts.path, route.public):
        return ""
    return (
        route.origin
        + route.inner
        + (parts.path[len(route.public) :] or "/")
        + (f"?{parts.query}" if parts.query else "")
    )


# --- down ----------------------------------------------------------------------------------------------------------


def response_headers(
    headers: Iterable[tuple[str, str]], route: Route, client: Client, rules: Rules, *, edited: bool = False
) -> Pairs:
    """The headers of an answer as the browser gets them. ``edited``: its body will be another one than the
    upstream's.
    """
    sent: Pairs = []
    for name, value in end_to_end(headers):
        match name.lower():
            case lower if lower in _NEVER_DOWN or lower.startswith(_CORS) or (edited and lower in _OF_UNEDITED_DOWN):
                continue
            case "location" | "content-location" | "sourcemap" | "x-sourcemap":
                sent.append((name, linked(rules.links, location(route, value, client.host))))
            case "refresh":
                sent.append((name, _refresh(route, value, client)))
            case "link":
                sent.append((name, _LINK_TARGET.sub(lambda at: f"<{location(route, at[1], client.host)}>", value)))
            case "set-cookie":
                if (cookie := set_cookie(route, value, rules)) is not None:
                    sent.append((name, cookie))
            case "service-worker-allowed":
                scope = public_path(route, value) if value.startswith("/") else ""
                if scope and below(scope, route.public) and not escapes(scope[len(route.public) :]):
                    sent.append((name, scope))
            case _:
                sent.append((name, value))
    return sent


def _refresh(route: Route, value: str, client: Client) -> str:
    """Seconds and perhaps an address, as the HTML standard reads it: ``5; url=/next``, ``0, '/next'``."""
    found = _REFRESH.fullmatch(value)
    if found is None:
        return value
    delay, opening, place, closing = found.groups()
    return f"{delay}{opening}{location(route, place, client.host)}{closing}"


def set_cookie(route: Route, value: str, rules: Rules) -> str | None:
    """A ``Set-Cookie`` of the upstream that reaches no further than the public prefix; ``None`` if it may not be
    set.
    """
    first, *attributes = value.split(";")
    name = first.partition("=")[0].strip()
    # A cookie without a name is sent as its value alone, which may look like another cookie: "=_xsrf=mine".
    if not name or "=" not in first or rules.denies(name) or _HOST_BOUND.fullmatch(name):
        return None
    kept = [first.strip()]
    for attribute in attributes:
        key, _, content = (part.strip() for part in attribute.partition("="))
        match key.lower():
            case "" | "domain":
                continue
            case "path":
                kept.append(f"Path={_cookie_path(route, content)}")
            case "samesite" | "secure" | "partitioned" if rules.framed:
                continue
            case _:
                kept.append(attribute.strip())
    return "; ".join([*kept, *(_OF_A_FRAME if rules.framed else ())])


def _cookie_path(route: Route, path: str) -> str:
    own = f"{route.public}/"
    named = public_path(route, path) if path.startswith("/") else own
    return named if below(named, route.public) and not escapes(named[len(route.public) :]) else own
