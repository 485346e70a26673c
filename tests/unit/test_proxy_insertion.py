"""A script of ours comes first in the head of a page, wherever the network cuts the text, and nothing else is
changed.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from zoe_proxy.edits import edits_of
from zoe_proxy.insertion import Insertion
from zoe_proxy.rewrite import Rules

SCRIPT = '<script src="/s.js"></script>'
# "|" is where it belongs; without it, nothing is changed.
PAGES = [
    "<!DOCTYPE html><html><head>|<meta charset=utf-8><title>a</title></head><body>b</body></html>",
    '<!doctype html>\n<HTML lang="en"  data-a="<head>">\n<Head data-b=\'>\'>|<title>a</title>',
    "\ufeff<!-- <head> -->\n<?xml version='1.0'?><!doctype html><head>|<script>1</script>",
    "<!--><head>|<title>a</title>",
    "<!-- a --!><head>|<title>a</title>",
    "<html>|<body><header>a</header>",
    "<html><!-- <head> -->|<title>a</title>",
    "|<title>a</title><head><title>b</title>",
    "|<header>a</header><head>",
    "|some words <head>",
    "<!doctype html>|<script>document.write('<head>')</script>",
    "<!doctype html>",
    "<!-- without an end <head><title>",
    '<head class="without an end><title>a</title>',
    "<html",
    " \n",
    "",
]


def inserted(text: bytes, cuts: list[int]) -> bytes:
    """The text, sent in pieces."""
    insertion = Insertion("/s.js")
    at = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [insertion.feed(text[one:other]) for one, other in itertools.pairwise(at)]
    return b"".join((*pieces, insertion.end()))


@given(st.sampled_from(PAGES), st.lists(st.integers(0, 90), max_size=8))
def test_it_comes_first_in_the_head_and_behind_the_documents_type(page: str, cuts: list[int]) -> None:
    assert inserted(page.replace("|", "").encode(), cuts) == page.replace("|", SCRIPT).encode()


@pytest.mark.parametrize("page", PAGES)
def test_byte_by_byte(page: str) -> None:
    text = page.replace("|", "").encode()
    assert inserted(text, list(range(len(text)))) == page.replace("|", SCRIPT).encode()


def test_what_follows_the_head_is_not_held_back() -> None:
    insertion = Insertion("/s.js")
    assert insertion.feed(b"<html><he") == b""
    assert insertion.feed(b"ad><title>a") == b"<html><head>" + SCRIPT.encode() + b"<title>a"
    assert insertion.feed(b"<") == b"<"


def test_a_head_that_does_not_come_is_not_waited_for_for_ever() -> None:
    insertion, comment = Insertion("/s.js"), b"<!--" + b"-" * 70_000
    assert insertion.feed(comment) == comment
    assert insertion.feed(b"--><head>") == b"--><head>"


@pytest.mark.parametrize(
    ("headers", "edited"),
    [
        ({"Content-Type": "text/html"}, True),
        ({"Content-Type": "text/html;charset=ISO-8859-1"}, True),
        ({"Content-Type": "text/html; charset=utf-16le"}, False),
        ({"Content-Type": "text/html", "Content-Encoding": "br"}, False),
        ({"Content-Type": "application/xhtml+xml"}, False),
        ({"Content-Type": "application/json"}, False),
        ({"Content-Type": "image/svg+xml"}, False),
        ({}, False),
    ],
)
def test_only_pages_in_an_encoding_like_ascii_get_it(headers: dict[str, str], edited: bool) -> None:
    assert (edits_of(200, HTTPHeaders(headers), Rules(script="/s.js")) is not None) is edited


def test_a_page_gets_links_and_script() -> None:
    rules = Rules(links={"http://10.0.0.7:8081": "/worker-0"}, script="/s.js")
    edits = edits_of(200, HTTPHeaders({"Content-Type": "text/html"}), rules)
    assert edits is not None
    text = edits.feed(b"<head><a href=http://10.0.0.7:80") + edits.feed(b"81") + edits.end()
    assert text.decode() == f"<head>{SCRIPT}<a href=/worker-0"
