"""Paths, headers, cookies and origins on their way through the proxy, by examples and by properties."""

from __future__ import annotations

import posixpath
import re
import string
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zoe_proxy import rewrite
from zoe_proxy.rewrite import Client, Route, Rules

STRIPPED = Route(public="/u/zoe/pages/e/p/ui", netloc="10.0.0.1:80")
KEPT = Route(public="/u/zoe/pages/e/p/ui", netloc="10.0.0.1:80", inner="/zoe/pages/e/p/ui")
CLIENT = Client(address="9.9.9.9", scheme="https", host="hub.example")
NAMES = st.text("abcxyz-", min_size=1, max_size=6).map(str.lower)
VALUES = st.text(string.ascii_letters + string.digits + " =/;,%äÿ", max_size=12).map(str.strip)
PIECES = st.sampled_from(
    [
        "..",
        ".",
        "a",
        "b",
        "%2e",
        "%2E%2e",
        ".%2e",
        "%2f",
        "%5c",
        "\\",
        "..;x",
        "",
        "ü",
        "%252e%252e",
        "%00",
        "..%2f",
        "x..",
        "...",
    ]
)
PATHS = st.lists(PIECES, max_size=8).map(lambda parts: "/" + "/".join(parts))


def resolved(path: str) -> list[str]:
    """Where lenient servers end up: each way to read a path that some server has."""
    ways = []
    for decode in (lambda text: text, unquote):
        for backslash in (False, True):
            for parameters in (False, True):
                text = decode(path)
                text = text.replace("\\", "/") if backslash else text
                if parameters:
                    text = "/".join(part.partition(";")[0] for part in text.split("/"))
                ways.append(posixpath.normpath("/root/" + text.lstrip("/")))
    return ways


@given(PATHS)
@example("/a/%2e%2e/%2e%2e/x")
@example("/a/..;/..;/x")
@example("/a%2F/..")
def test_what_does_not_escape_stays_below_its_prefix_however_it_is_read(path: str) -> None:
    if not rewrite.escapes(path):
        for place in resolved(path):
            assert place == "/root" or place.startswith("/root/")


@given(
    st.lists(
        st.text(string.ascii_letters + "._-", min_size=1, max_size=5).filter(lambda part: part not in ("..", ".")),
        max_size=5,
    )
)
def test_ordinary_paths_do_not_escape(parts: list[str]) -> None:
    assert not rewrite.escapes("/" + "/".join(map(quote, parts)))


@given(PATHS, st.text(max_size=10))
def test_a_target_is_one_word_of_ascii_and_keeps_what_was_encoded(path: str, query: str) -> None:
    raw = path.encode().decode("latin-1")
    found = rewrite.target(STRIPPED, raw, query.encode().decode("latin-1"))
    assert re.fullmatch(r"[\x21-\x7e]+", found)
    if raw.isascii() and raw.isprintable():
        assert found.startswith(raw)
    assert unquote(found.partition("?")[0]).startswith(unquote(path).split("\x00")[0].split(" ")[0])


def test_a_target_behind_a_kept_prefix() -> None:
    assert rewrite.target(KEPT, "/a?b", "") == "/zoe/pages/e/p/ui/a?b"
    assert rewrite.target(KEPT, "", "q=%2F") == "/zoe/pages/e/p/ui/?q=%2F"


@pytest.mark.parametrize(
    ("query", "left"),
    [("token=x&a=1", "a=1"), ("a=%26&tok%65n=x&b", "a=%26&b"), ("token", ""), ("", ""), ("tokens=1", "tokens=1")],
)
def test_a_parameter_is_taken_out_and_the_rest_stays(query: str, left: str) -> None:
    assert rewrite.without_parameter(query, "token") == left


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.sets(NAMES))
def test_hop_by_hop_headers_end_here_and_others_keep_their_order(pairs: list[tuple[str, str]], named: set[str]) -> None:
    hop = [
        ("Connection", ", ".join(sorted(named)) or "close"),
        ("TE", "trailers"),
        ("Upgrade", "x"),
        ("Keep-Alive", "1"),
    ]
    assert rewrite.end_to_end(pairs + hop) == [pair for pair in pairs if pair[0] not in named]


def test_connection_cannot_take_away_what_a_message_means() -> None:
    assert rewrite.end_to_end(
        [("Connection", "cookie, content-length"), ("Content-Length", "1"), ("Cookie", "a=1")]
    ) == [("Content-Length", "1"), ("Cookie", "a=1")]


def test_header_values_with_control_characters_go_nowhere() -> None:
    assert rewrite.end_to_end([("A", "x\r\nB: y"), ("C", "tab\tis fine")]) == [("C", "tab\tis fine")]


SENSITIVE = (
    "Authorization",
    "Proxy-Authorization",
    "X-Forwarded-For",
    "X-Forwarded-Prefix",
    "Forwarded",
    "X-Real-IP",
    "Host",
    "Expect",
)


@given(
    st.lists(st.tuples(st.sampled_from(SENSITIVE + tuple(map(str.upper, SENSITIVE))), st.just("outer")), max_size=8),
    st.booleans(),
)
def test_nothing_of_the_outer_side_reaches_the_upstream(pairs: list[tuple[str, str]], kept: bool) -> None:
    sent = rewrite.request_headers(
        pairs, KEPT if kept else STRIPPED, CLIENT, Rules(added={"Authorization": "token inner"})
    )
    assert "outer" not in [value for _, value in sent]
    assert [value for name, value in sent if name == "Authorization"] == ["token inner"]
    assert [value for name, value in sent if name == "Host"] == ["10.0.0.1:80"]
    given_on = dict(sent)
    assert given_on["X-Forwarded-For"] == "9.9.9.9"
    assert given_on["X-Forwarded-Prefix"] == given_on["X-Forwarded-Context"] == "/u/zoe/pages/e/p/ui"


def test_origin_and_referer_become_the_upstreams_own() -> None:
    def sent(**headers: str) -> dict[str, str]:
        return dict(rewrite.request_headers(headers.items(), STRIPPED, CLIENT, Rules()))

    assert sent(Origin="https://hub.example")["Origin"] == "http://10.0.0.1:80"
    assert sent(Referer="https://hub.example/u/zoe/pages/e/p/ui/jobs?x=1")["Referer"] == "http://10.0.0.1:80/jobs?x=1"
    assert "Referer" not in sent(Referer="https://hub.example/lab/tree/salaries.ipynb")
    assert "Referer" not in sent(Referer="https://elsewhere.example/u/zoe/pages/e/p/ui/")
    assert "Origin" not in sent()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "_xsrf", "username-localhost-8888", "jupyterhub-session-id"]),
            st.text("xyz=", max_size=3),
        ),
        max_size=8,
    )
)
def test_of_each_cookie_the_first_and_none_of_the_outer_sides(cookies: list[tuple[str, str]]) -> None:
    rules = Rules(denied_cookies=(re.compile(r"username-.*"), re.compile(r"jupyterhub-.*")))
    found = rewrite.cookies(["; ".join(f"{name}={value}" for name, value in cookies)], rules)
    expected: dict[str, str] = {}
    for name, value in cookies:
        if not name.startswith(("username", "jupyterhub")):
            expected.setdefault(name, value)
    assert found == "; ".join(f"{name}={value}" for name, value in expected.items())


@given(
    st.sampled_from([STRIPPED, KEPT]),
    st.lists(
        st.sampled_from(
            [
                "Path=/",
                "path=/deep",
                "Path=/../..",
                "Domain=example",
                "HttpOnly",
                "Path=",
                "Secure",
                "PATH=/zoe/pages/e/p/ui/x",
                "Path=/u/zoe/pages/e/p/ui/../..",
            ]
        ),
        max_size=4,
    ),
)
def test_a_cookie_never_reaches_beyond_the_public_prefix(route: Route, attributes: list[str]) -> None:
    found = rewrite.set_cookie(route, "; ".join(["a=b=c", *attributes]), Rules())
    assert found is not None
    first, *rest = found.split("; ")
    assert first == "a=b=c"
    assert not any(part.lower().startswith("domain") for part in rest)
    for part in rest:
        if part.startswith("Path="):
            assert part[5:].startswith(route.public + "/") or part[5:] == route.public
            assert ".." not in part
    assert ("HttpOnly" in attributes) == ("HttpOnly" in rest)


def test_an_upstream_cannot_set_the_outer_sides_cookies() -> None:
    assert (
        rewrite.set_cookie(STRIPPED, "username-x=1; Path=/", Rules(denied_cookies=(re.compile(r"username-.*"),)))
        is None
    )


@pytest.mark.parametrize(
    ("route", "value", "seen"),
    [
        (STRIPPED, "/jobs?x=1#y", "/u/zoe/pages/e/p/ui/jobs?x=1#y"),
        (STRIPPED, "http://10.0.0.1:80/jobs", "/u/zoe/pages/e/p/ui/jobs"),
        (STRIPPED, "http://10.0.0.1:80", "/u/zoe/pages/e/p/ui/"),
        (STRIPPED, "//10.0.0.1:80/jobs", "/u/zoe/pages/e/p/ui/jobs"),
        (STRIPPED, "https://hub.example/u/zoe/pages/e/p/ui/jobs", "https://hub.example/u/zoe/pages/e/p/ui/jobs"),
        (STRIPPED, "/u/zoe/pages/e/p/ui/jobs", "/u/zoe/pages/e/p/ui/jobs"),
        (STRIPPED, "/u/zoe/pages/e/p/uix", "/u/zoe/pages/e/p/ui/u/zoe/pages/e/p/uix"),
        (STRIPPED, "jobs", "jobs"),
        (STRIPPED, "?x", "?x"),
        (STRIPPED, "https://elsewhere.example/", "https://elsewhere.example/"),
        (STRIPPED, "http://[bad", "http://[bad"),
        (KEPT, "/zoe/pages/e/p/ui/lab", "/u/zoe/pages/e/p/ui/lab"),
        (KEPT, "http://10.0.0.1:80/zoe/pages/e/p/ui/lab", "/u/zoe/pages/e/p/ui/lab"),
        (KEPT, "/elsewhere", "/elsewhere"),
    ],
)
def test_redirects(route: Route, value: str, seen: str) -> None:
    assert rewrite.location(route, value, "hub.example") == seen


@given(st.text(string.ascii_letters + "/.?=&%", max_size=20).map(lambda text: "/" + text.lstrip("/")))
def test_rewriting_a_redirect_twice_is_rewriting_it_once(path: str) -> None:
    once = rewrite.location(STRIPPED, path)
    assert rewrite.location(STRIPPED, once) == once
    assert urlsplit(once).path.startswith(STRIPPED.public)


def test_an_answer_says_nothing_for_the_whole_origin() -> None:
    answer = [
        ("Strict-Transport-Security", "max-age=1"),
        ("Clear-Site-Data", '"cookies"'),
        ("Alt-Svc", "h3"),
        ("Transfer-Encoding", "chunked"),
        ("Service-Worker-Allowed", "/"),
        ("Refresh", "5; url=/next"),
        ("Content-Type", "text/html"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2; Path=/"),
    ]
    assert rewrite.response_headers(answer, STRIPPED, CLIENT, Rules()) == [
        ("Service-Worker-Allowed", STRIPPED.public + "/"),
        ("Refresh", f"5; url={STRIPPED.public}/next"),
        ("Content-Type", "text/html"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", f"b=2; Path={STRIPPED.public}/"),
    ]
    for scope in ("/..", "https://elsewhere.example/", ""):
        assert rewrite.response_headers([("Service-Worker-Allowed", scope)], STRIPPED, CLIENT, Rules()) == []


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"Origin": "https://hub.example:8"}, True),
        ({"Origin": "https://HUB.example:8"}, True),
        ({"Origin": "https://hub.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "https://hub.example:8.evil.example"}, False),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Referer": "https://hub.example:8/x"}, True),
        ({"Referer": "https://evil.example/hub.example:8"}, False),
        ({}, None),
    ],
)
def test_same_origin(headers: dict[str, str], same: bool | None) -> None:
    assert rewrite.same_origin(headers, host="hub.example:8") is same
