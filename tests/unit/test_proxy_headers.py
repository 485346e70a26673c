"""Headers and cookies on their way through the proxy, by examples and by properties."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoe_proxy import headers
from zoe_proxy.rewrite import Caller, Route, Rules

STRIPPED = Route(public="/u/zoe/pages/e/p/ui", netloc="10.0.0.1:80")
KEPT = Route(public="/u/zoe/pages/e/p/ui", netloc="10.0.0.1:80", inner="/zoe/pages/e/p/ui")
CLIENT = Caller(address="9.9.9.9", scheme="https", host="hub.example")
NAMES = st.text("abcxyz-", min_size=1, max_size=6).map(str.lower)
VALUES = st.text(string.ascii_letters + string.digits + " =/;,%äÿ", max_size=12).map(str.strip)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.sets(NAMES))
def test_hop_by_hop_headers_end_here_and_others_keep_their_order(pairs: list[tuple[str, str]], named: set[str]) -> None:
    hop = [
        ("Connection", ", ".join(sorted(named)) or "close"),
        ("TE", "trailers"),
        ("Upgrade", "x"),
        ("Keep-Alive", "1"),
    ]
    assert headers.end_to_end(pairs + hop) == [pair for pair in pairs if pair[0] not in named]


def test_connection_cannot_take_away_what_a_message_means() -> None:
    assert headers.end_to_end(
        [("Connection", "cookie, content-length"), ("Content-Length", "1"), ("Cookie", "a=1")]
    ) == [("Content-Length", "1"), ("Cookie", "a=1")]


def test_header_values_with_control_characters_go_nowhere() -> None:
    assert headers.end_to_end([("A", "x\r\nB: y"), ("C", "tab\tis fine")]) == [("C", "tab\tis fine")]


SENSITIVE = (
    "Authorization",
    "Proxy-Authorization",
    "X-Forwarded-For",
    "X-Forwarded-Prefix",
    "Forwarded",
    "X-Real-IP",
    "X-Original-URL",
    "Proxy",
    "Proxy-Connection",
    "Cookie2",
    "Host",
    "Expect",
)


@given(
    st.lists(st.tuples(st.sampled_from(SENSITIVE + tuple(map(str.upper, SENSITIVE))), st.just("outer")), max_size=8),
    st.booleans(),
)
def test_nothing_of_the_outer_side_reaches_the_upstream(pairs: list[tuple[str, str]], kept: bool) -> None:
    sent = headers.request_headers(
        pairs, KEPT if kept else STRIPPED, CLIENT, Rules(added={"Authorization": "token inner"})
    )
    assert "outer" not in [value for _, value in sent]
    assert [value for name, value in sent if name == "Authorization"] == ["token inner"]
    assert [value for name, value in sent if name == "Host"] == ["10.0.0.1:80"]
    given_on = dict(sent)
    assert given_on["X-Forwarded-For"] == "9.9.9.9"
    assert given_on["X-Forwarded-Prefix"] == given_on["X-Forwarded-Context"] == "/u/zoe/pages/e/p/ui"


def test_origin_and_referer_become_the_upstreams_own() -> None:
    def sent(**given: str) -> dict[str, str]:
        return dict(headers.request_headers(given.items(), STRIPPED, CLIENT, Rules()))

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
    found = headers.cookies(["; ".join(f"{name}={value}" for name, value in cookies)], rules)
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
                "Path=/u/zoe/pages/e/p/uix",
                " Domain = .example ",
            ]
        ),
        max_size=4,
    ),
)
def test_a_cookie_never_reaches_beyond_the_public_prefix(route: Route, attributes: list[str]) -> None:
    found = headers.set_cookie(route, "; ".join(["a=b=c", *attributes]), Rules())
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
        headers.set_cookie(STRIPPED, "username-x=1; Path=/", Rules(denied_cookies=(re.compile(r"username-.*"),)))
        is None
    )


def test_an_answer_says_nothing_for_the_whole_origin() -> None:
    answer = [
        ("Strict-Transport-Security", "max-age=1"),
        ("Clear-Site-Data", '"cookies"'),
        ("Alt-Svc", "h3"),
        ("NEL", '{"report_to": "evil", "max_age": 99999999}'),
        ("Report-To", '{"group": "evil", "endpoints": [{"url": "https://evil.example/"}]}'),
        ("Reporting-Endpoints", 'evil="https://evil.example/"'),
        ("Public-Key-Pins", "max-age=1"),
        ("Expect-CT", "max-age=1"),
        ("Origin-Agent-Cluster", "?1"),
        ("Accept-CH", "Sec-CH-UA-Model"),
        ("Critical-CH", "Sec-CH-UA-Model"),
        ("Set-Login", "logged-in"),
        ("Use-As-Dictionary", 'match="/*"'),
        ("Set-Cookie2", "a=1"),
        ("Access-Control-Allow-Origin", "https://evil.example"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Timing-Allow-Origin", "*"),
        ("WWW-Authenticate", "Negotiate"),
        ("Proxy", "http://evil.example"),
        ("Document-Policy", "document-write=?0"),  # speaks for this document alone
        ("Transfer-Encoding", "chunked"),
        ("Service-Worker-Allowed", "/"),
        ("Refresh", "5; url=/next"),
        ("Content-Type", "text/html"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2; Path=/"),
    ]
    assert headers.response_headers(answer, STRIPPED, CLIENT, Rules()) == [
        ("Document-Policy", "document-write=?0"),
        ("Service-Worker-Allowed", STRIPPED.public + "/"),
        ("Refresh", f"5; url={STRIPPED.public}/next"),
        ("Content-Type", "text/html"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", f"b=2; Path={STRIPPED.public}/"),
    ]
    for scope in ("/..", "https://elsewhere.example/", ""):
        assert headers.response_headers([("Service-Worker-Allowed", scope)], STRIPPED, CLIENT, Rules()) == []


@pytest.mark.parametrize("cookie", ["__Host-x=1; Path=/; Secure", "__HOST-x=1", "=_xsrf=evil", "_xsrf", "", ";Path=/"])
def test_cookies_that_no_path_binds_are_not_set(cookie: str) -> None:
    assert headers.set_cookie(STRIPPED, cookie, Rules(denied_cookies=())) is None


def test_a_page_in_a_frame_of_another_site_keeps_its_cookies() -> None:
    framed = Rules(framed=True)
    assert headers.set_cookie(STRIPPED, "a=1; SameSite=Strict; HttpOnly; secure", framed) == (
        "a=1; HttpOnly; Secure; SameSite=None; Partitioned"
    )
    assert headers.set_cookie(STRIPPED, "a=1; SameSite=Strict", Rules()) == "a=1; SameSite=Strict"


@pytest.mark.parametrize(
    ("name", "value", "seen"),
    [
        ("Refresh", "0;URL='/next'", "0;URL='/u/zoe/pages/e/p/ui/next'"),
        ("Refresh", "1, /next", "1, /u/zoe/pages/e/p/ui/next"),
        ("Refresh", "7", "7"),
        (
            "Link",
            '</a.js>; rel=preload; as=script, <b.css>; rel="x, <y"',
            '</u/zoe/pages/e/p/ui/a.js>; rel=preload; as=script, <b.css>; rel="x, <y"',
        ),
        ("SourceMap", "/a.js.map", "/u/zoe/pages/e/p/ui/a.js.map"),
        ("Content-Location", "http://10.0.0.1/x", "http://10.0.0.1/x"),
    ],
)
def test_addresses_stay_within_the_prefix(name: str, value: str, seen: str) -> None:
    assert headers.response_headers([(name, value)], STRIPPED, CLIENT, Rules()) == [(name, seen)]
