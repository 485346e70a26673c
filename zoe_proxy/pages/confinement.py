"""Which headers keep a page in its place. Pure: pairs in, pairs out. Used by the handlers that show pages.

Sources: the HTML standard (sandboxing), Content Security Policy Level 3, the Fetch standard (CORS).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from zoe_proxy.rewrite import Pairs, same_origin

Place = Literal["own", "sandbox", "trusted"]

SANDBOX = "sandbox allow-downloads allow-forms allow-modals allow-pointer-lock allow-popups allow-scripts"
"""Without allow-same-origin: the document has no origin, whatever its address. Windows that it opens are as bound."""

READS = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""

_OTHERS_COOKIES = r"zoe-.*|username-.*|jupyterhub-.*|jupyter-hub-.*"  # of Zoe and of Jupyter
_DENIED: Mapping[Place, re.Pattern[str]] = {
    "own": re.compile(_OTHERS_COOKIES),
    "trusted": re.compile(_OTHERS_COOKIES + "|_xsrf"),  # which lies on the same host
    "sandbox": re.compile(".*", re.DOTALL),
}
# Between documents of one origin; the origin of a sandboxed document is none, so they would keep it from its own parts.
_BETWEEN_DOCUMENTS = frozenset(
    (
        "cross-origin-opener-policy",
        "cross-origin-embedder-policy",
        "cross-origin-resource-policy",
        "referrer-policy",
    )
)
# Reports are requests that the browser sends by itself, to any address of the origin.
_NOT_FOR_PAGES = frozenset(("frame-ancestors", "report-uri", "report-to"))


def denied_cookies(place: Place) -> tuple[re.Pattern[str], ...]:
    """Names of cookies that neither reach the process nor are set by it."""
    return (_DENIED[place],)


def dropped_headers(place: Place) -> frozenset[str]:
    """Request headers, lower case, that do not reach the process beside those that never do."""
    return frozenset(("x-xsrftoken",)) if place == "trusted" else frozenset()


def confined(place: Place, pairs: Pairs, *, ancestors: Sequence[str] = (), asks: str = "") -> Pairs:
    """The headers of an answer, so that the page stays in its place.

    :param ancestors: origins of the pages that may show it in a frame, beside its own
    :param asks: the request's ``Origin``
    """
    kept = _framed(pairs, ancestors)
    if place != "sandbox":
        return kept
    kept = [(name, value) for name, value in kept if name.lower() not in _BETWEEN_DOCUMENTS]
    kept = sandboxed(kept)
    kept.append(("Referrer-Policy", "no-referrer"))  # the address holds the session
    if asks == "null":
        kept += _shared_with_itself((name for name, _ in kept))
    return kept


def sandboxed(pairs: Pairs) -> Pairs:
    """With a policy of its own beside the page's: a browser obeys all of them."""
    return [*pairs, ("Content-Security-Policy", SANDBOX)]


def _framed(pairs: Pairs, ancestors: Sequence[str]) -> Pairs:
    """Who may show the page in a frame is said anew: it sees itself elsewhere than it is. If it wants no frame at all,
    that stays so.
    """
    kept: Pairs = []
    wanted: list[str] = []
    options = ""
    for name, value in pairs:
        match name.lower():
            case "x-frame-options":
                options = value.strip().lower()
            case "content-security-policy":
                for policy in value.split(","):
                    directives = [part.strip() for part in policy.split(";") if part.strip()]
                    wanted += [
                        part.partition(" ")[2].strip() for part in directives if _name(part) == "frame-ancestors"
                    ]
                    if left := [part for part in directives if _name(part) not in _NOT_FOR_PAGES]:
                        kept.append((name, "; ".join(left)))
            case _:
                kept.append((name, value))
    none = "'none'" in wanted or (not wanted and options == "deny")  # the policy wins over the older header
    sources = "'none'" if none else " ".join(("'self'", *ancestors))
    return [*kept, ("Content-Security-Policy", f"frame-ancestors {sources}")]


def _name(directive: str) -> str:
    return directive.partition(" ")[0].lower()


# --- a document without an origin asks for its own parts --------------------------------------------------------------


def _shared_with_itself(names: Iterable[str]) -> Pairs:
    """Lets documents without an origin read the answer, with all its headers.

    Whoever asks has the session, which stands in the address. Cookies play no part in the answer, so that allowing them
    gives nothing; scripts that send them all the same would fail otherwise.
    """
    return [
        ("Access-Control-Allow-Origin", "null"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", ", ".join(dict.fromkeys(names))),
        ("Vary", "Origin"),
    ]


def preflight(method: str, headers: Mapping[str, str]) -> Pairs | None:
    """The answer to a browser that asks whether a sandboxed document may send a request; ``None``: it does not ask."""
    wanted = headers.get("Access-Control-Request-Method")
    if method != "OPTIONS" or headers.get("Origin") != "null" or not wanted:
        return None
    return [
        ("Access-Control-Allow-Origin", "null"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", wanted),
        ("Access-Control-Allow-Headers", headers.get("Access-Control-Request-Headers", "")),
        ("Access-Control-Max-Age", "600"),
        ("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    ]


# --- who asks --------------------------------------------------------------------------------------------------------


def may_ask(method: str, headers: Mapping[str, str], *, host: str, frames: bool) -> bool:
    """Whether a request may be answered as far as it depends on the page that made the browser send it.

    What changes something, and a WebSocket, must come from a page of ``host``. What reads may come from there, from an
    old browser that does not tell, and from whoever opens it in a window.

    :param headers: looks names up whatever their case
    :param frames: pages elsewhere may open it in a frame, too
    """
    same = same_origin(headers, host=host)
    if method not in READS or "Upgrade" in headers:
        return same is True
    if same is not False:
        return True
    if not headers.get("Origin") and not headers.get("Sec-Fetch-Site"):
        return True  # only a Referer: a link that was followed
    places = ("document", "iframe", "frame", None) if frames else ("document", None)
    return headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") in places


def may_ask_in_sandbox(headers: Mapping[str, str], *, host: str) -> bool:
    """The same for a page in the sandbox, whose requests have no origin: no page of another one asks."""
    return headers.get("Origin", "null") == "null" or same_origin(headers, host=host) is True


def for_a_person(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a person looks at the answer: a page is asked for, and no program says who it is."""
    return (
        method == "GET"
        and "text/html" in headers.get("Accept", "")
        and "Upgrade" not in headers
        and "Authorization" not in headers
        and headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    )


def is_document(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a window or a frame asks, and not a script of a page: browsers say so at addresses that they trust;
    elsewhere a script without an origin tells that it has none.
    """
    mode = headers.get("Sec-Fetch-Mode", "")
    if method != "GET" or "Upgrade" in headers:
        return False
    return mode == "navigate" if mode else "Origin" not in headers and "text/html" in headers.get("Accept", "")
