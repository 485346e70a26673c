"""Links between pages behind the proxy: found wherever the network cuts the text, and nothing else is changed."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from zoe_proxy.edits import edits_of
from zoe_proxy.links import Links
from zoe_proxy.rewrite import Rules, linked

PLACES = {
    "http://10.0.0.7:8081": "/zoe/pages/e/worker-0/ui",
    "http://10.0.0.7:808": "/zoe/pages/e/old-0/ui",
    "http://w.x:80": "/p",
}
WORDS = st.sampled_from(
    [
        *PLACES,
        *(origin + "/a" for origin in PLACES),
        "http://10.0.0.7:80810",
        "http://",
        "http://10.0.0.7:",
        "8",
        "1",
        "/",
        '<a href="',
        "ü",
        "",
    ]
)


def at_once(text: bytes) -> bytes:
    """Every origin that no further digit follows, the longest first."""
    for origin in sorted(PLACES, key=len, reverse=True):
        text = re.sub(re.escape(origin).encode() + rb"(?![0-9])", PLACES[origin].encode(), text)
    return text


@given(st.lists(WORDS, max_size=12).map("".join).map(str.encode), st.lists(st.integers(0, 400), max_size=8))
@example(b"http://10.0.0.7:8081", [19])
@example(b"http://10.0.0.7:8081" * 2, [1, 20, 21])
def test_pieces_are_edited_as_the_whole(text: bytes, cuts: list[int]) -> None:
    links = Links(PLACES)
    at = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [links.feed(text[one:other]) for one, other in itertools.pairwise(at)]
    assert b"".join((*pieces, links.end())) == at_once(text)


@pytest.mark.parametrize(
    ("piece", "passed"),
    [(b'{"n":1}\n', b'{"n":1}\n'), (b"see http:/", b"see "), (b"<h", b"<"), (b"http://w.x:80", b""), (b"", b"")],
)
def test_only_the_beginning_of_an_origin_is_held_back(piece: bytes, passed: bytes) -> None:
    assert Links(PLACES).feed(piece) == passed, "a stream of lines comes as it is sent"


@pytest.mark.parametrize(
    ("code", "headers", "edited"),
    [
        (200, {"Content-Type": "text/html; charset=utf-8"}, True),
        (404, {"Content-Type": "application/json"}, True),
        (206, {"Content-Type": "text/html"}, False),
        (200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, False),
        (200, {"Content-Type": "text/event-stream"}, False),
        (200, {"Content-Type": "application/javascript"}, False),
        (200, {}, False),
    ],
)
def test_only_whole_pages_are_edited(code: int, headers: dict[str, str], edited: bool) -> None:
    assert (edits_of(code, HTTPHeaders(headers), Rules(links=PLACES)) is not None) is edited
    assert edits_of(code, HTTPHeaders(headers), Rules()) is None


@pytest.mark.parametrize(
    ("location", "seen"),
    [
        ("http://10.0.0.7:8081/json/?a=1#b", "/zoe/pages/e/worker-0/ui/json/?a=1#b"),
        ("http://10.0.0.7:8081", "/zoe/pages/e/worker-0/ui/"),
        ("http://10.0.0.7:8082/", "http://10.0.0.7:8082/"),
        ("/somewhere", "/somewhere"),
        ("http://[", "http://["),
    ],
)
def test_redirects_to_another_page_lead_there(location: str, seen: str) -> None:
    assert linked(PLACES, location) == seen
