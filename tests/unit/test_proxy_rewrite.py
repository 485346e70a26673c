"""Paths, addresses and origins on their way through the proxy, by examples and by properties."""

from __future__ import annotations

import posixpath
import re
import string
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zoe_proxy import rewrite
from zoe_proxy.rewrite import Route

STRIPPED = Route(public="/u/zoe/pages/e/p/ui", netloc="10.0.0.1:80")
KEPT = Route(public="/u/zoe/pages/e/p/ui", netloc="10.0.0.1:80", inner="/zoe/pages/e/p/ui")
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
