"""Where pages are shown and what keeps them there: origins, headers, sessions, the choice, what people read."""

from __future__ import annotations

import json
import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoe_proxy.pages import confinement, documents
from zoe_proxy.pages.listener import bind
from zoe_proxy.pages.opening import Door, OwnOrigin, PageToOpen
from zoe_proxy.pages.origins import Origins, can_keep_secure_cookies, separate
from zoe_proxy.pages.visits import Vault, Visit, Visits, cookie_name

PAGE = PageToOpen(execution="e1", prefix="/user/me/zoe/pages", rest="web-0/ui/jobs?a=1")


# --- origins ---------------------------------------------------------------------------------------------------------


def test_by_itself_each_execution_has_a_host_below_localhost() -> None:
    assert Origins().of("e1") == "", "nobody listens"
    origins = Origins(port=4711)
    assert origins.of("e1") == "http://e1.localhost:4711"
    assert origins.at("E1.localhost:4711", "e1")
    for host in ("e2.localhost:4711", "localhost:4711", "e1.localhost", "e1.localhost:4712", "evil.example", ""):
        assert not origins.at(host, "e1")
    for no_label in ("e1.evil.example", "-e", "", "e1/..", "e1:80@evil", "a" * 64):
        assert origins.of(no_label) == ""
    assert Origins("sandbox", 4711).of("e1") == ""


def test_an_admin_names_a_host_for_all_or_one_for_each() -> None:
    assert Origins("https://{execution}.pages.example.org").of("e1") == "https://e1.pages.example.org"
    shared = Origins("https://Pages.example.org:8443/")
    assert shared.of("e1") == shared.of("e2") == "https://pages.example.org:8443"
    assert shared.at("pages.example.org:8443", "e1")


@pytest.mark.parametrize(
    "setting",
    [
        *("", "pages.example.org", "ftp://pages.example.org", "https://", "https://{owner}.example.org"),
        *(
            "https://a/b",
            "https://a?b",
            "https://me@a",
            "https://{execution",
            "https://a b",
            "AUTO",
            "https://a:123456",
        ),
    ],
)
def test_another_setting_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="neither 'auto' nor 'sandbox' nor a URL"):
        Origins(setting)


@pytest.mark.parametrize(
    ("origin", "host", "useful"),
    [
        ("http://e1.localhost:4711", "127.0.0.1:8888", True),
        ("http://e1.localhost:4711", "localhost:8888", True),
        ("http://e1.localhost:4711", "[::1]:8888", True),
        ("http://e1.localhost:4711", "e2.localhost:8888", True),
        ("http://e1.localhost:4711", "lab.example.org", False),
        ("http://e1.localhost:4711", "10.0.0.1:8888", False),
        ("http://e1.localhost:4711", "", False),
        ("https://e1.pages.example.org", "lab.example.org", True),
        ("https://lab.example.org:8443", "lab.example.org", False),  # cookies do not tell ports apart
        ("https://lab.example.org:8443", "LAB.example.org:443", False),
    ],
)
def test_an_origin_is_of_use_if_its_host_is_another_one_and_can_be_reached(
    origin: str, host: str, useful: bool
) -> None:
    assert separate(f"{origin}/zoe/here", host) is useful


def test_which_origins_keep_secure_cookies() -> None:
    for origin in ("https://pages.example.org", "http://e1.localhost:1", "http://127.0.0.1:1", "http://[::1]:1"):
        assert can_keep_secure_cookies(origin)
    assert not can_keep_secure_cookies("http://pages.example.org")


# --- headers ---------------------------------------------------------------------------------------------------------

DIRECTIVES = st.lists(
    st.sampled_from(
        [
            "sandbox allow-same-origin allow-scripts",
            "frame-ancestors *",
            "frame-ancestors 'self'",
            "FRAME-ANCESTORS https://evil.example",
            "report-uri /api/terminals",
            "report-to x",
            "default-src 'self'",
            "",
        ]
    ),
    max_size=4,
)
SAID = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["Content-Security-Policy", "content-security-policy"]),
            st.lists(DIRECTIVES.map("; ".join), min_size=1, max_size=3).map(",".join),
        ),
        st.tuples(st.just("X-Frame-Options"), st.sampled_from(["SAMEORIGIN", "ALLOWALL", "x"])),
        st.tuples(st.just("Cross-Origin-Resource-Policy"), st.just("same-origin")),
        st.tuples(st.just("Referrer-Policy"), st.just("unsafe-url")),
    ),
    max_size=5,
)


@given(SAID, st.sampled_from(["own", "sandbox", "trusted"]), st.sampled_from(["", "null", "https://evil.example"]))
def test_whatever_a_page_says_it_stays_in_its_place(
    said: list[tuple[str, str]], place: confinement.Place, asks: str
) -> None:
    found = confinement.confined(place, said, ancestors=("http://127.0.0.1:8888",), asks=asks)
    policies = [value for name, value in found if name.lower() == "content-security-policy"]
    framing = [value for value in policies if "frame-ancestors" in value.lower()]
    assert framing == ["frame-ancestors 'self' http://127.0.0.1:8888"]
    assert not [value for value in policies if "report-" in value]
    assert not [name for name, _ in found if name == "X-Frame-Options"]
    assert (confinement.SANDBOX in policies) == (place == "sandbox")
    permitted = [value for name, value in found if name == "Access-Control-Allow-Origin"]
    assert permitted == (["null"] if place == "sandbox" and asks == "null" else [])
    # what it wants for its own document is left to it
    wanted = [
        part.strip() for name, value in said if name.lower().startswith("content-") for part in re.split("[,;]", value)
    ]
    for directive in ("default-src 'self'", "sandbox allow-same-origin allow-scripts"):
        assert wanted.count(directive) == sum(value.split("; ").count(directive) for value in policies)


@pytest.mark.parametrize(
    ("said", "none"),
    [
        ([("X-Frame-Options", "deny")], True),
        ([("Content-Security-Policy", "frame-ancestors 'none'")], True),
        ([("Content-Security-Policy", "frame-ancestors 'self'"), ("X-Frame-Options", "DENY")], False),
        ([("Content-Security-Policy", "frame-ancestors *, frame-ancestors 'none'")], True),
        ([], False),
    ],
)
def test_a_page_that_wants_no_frame_gets_none(said: list[tuple[str, str]], none: bool) -> None:
    (policy,) = [value for _, value in confinement.confined("own", said, ancestors=("http://a",))]
    assert (policy == "frame-ancestors 'none'") is none


def test_a_sandboxed_document_has_no_origin() -> None:
    assert "allow-same-origin" not in confinement.SANDBOX
    assert "allow-top-navigation" not in confinement.SANDBOX
    assert "escape" not in confinement.SANDBOX


@pytest.mark.parametrize(
    ("place", "name", "passes"),
    [
        ("own", "_xsrf", True),
        ("trusted", "_xsrf", False),
        *[
            (place, name, False)
            for place in ("own", "trusted")
            for name in ("username-x", "jupyterhub-x", "zoe-own-e1")
        ],
        *[("sandbox", name, False) for name in ("mine", "_xsrf", "")],
        ("own", "mine", True),
        ("trusted", "mine", True),
    ],
)
def test_cookies_of_others_stay_out(place: confinement.Place, name: str, passes: bool) -> None:
    assert any(pattern.fullmatch(name) for pattern in confinement.denied_cookies(place)) is not passes


# --- sessions --------------------------------------------------------------------------------------------------------


def test_a_secret_works_until_its_time_or_until_what_it_stands_for_does_not_hold() -> None:
    now, valid = [0.0], [True]
    vault: Vault[str] = Vault(60.0, lambda: now[0], lambda _: valid[0])
    secret, expires = vault.put("x")
    assert (vault.get(secret), expires) == ("x", 60.0)
    assert vault.get(secret + "0") is None
    valid[0] = False
    assert vault.get(secret) is None
    valid[0], now[0] = True, 59.9
    assert vault.take(secret) == "x"
    assert vault.take(secret) is None
    late, _ = vault.put("y")
    now[0] += 60.0
    assert vault.get(late) is None


def test_a_vault_is_never_fuller_than_its_limit_and_forgets_the_oldest() -> None:
    now = [0.0]
    vault: Vault[int] = Vault(60.0, lambda: now[0])
    first = [vault.put(number)[0] for number in range(500)]
    now[0] = 30.0
    second = [vault.put(number)[0] for number in range(500)]
    now[0] = 60.0
    vault.put(0)  # makes room: the first have expired
    assert sum(vault.get(secret) is not None for secret in second) == 500
    for number in range(600):
        vault.put(number)
    assert len(vault._kept) == 1000
    assert vault.get(second[0]) is None
    assert vault.get(first[0]) is None


def test_a_session_is_of_one_place_and_covers_one_execution() -> None:
    visits = Visits(100.0, lambda: 0.0)
    visit = Visit(place="own", execution="e1", prefix="/u/zoe/pages", start="e1/web-0/ui/")
    ticket = visits.ticket(visit)
    begun = visits.begin(ticket, framed=True)
    assert begun is not None
    secret, found = begun
    assert found.framed
    assert visits.begin(ticket, framed=True) is None
    assert visits.begin(secret, framed=True) is None, "a session is no ticket"
    assert visits.find(ticket, "own") is None, "and a ticket no session"
    assert visits.find(secret, "own") == found
    assert visits.find(secret, "sandbox") is None
    assert visits.find(secret, "trusted") is None
    name = cookie_name("own", "e1", 4711)
    path = "/u/zoe/pages/e1/web-0/ui/"
    for cookies in (f"{name}={secret}", f"a=b; {name}=wrong; {name}={secret}", f"zoe-own-e1-1={secret};x"):
        assert visits.of_cookies([cookies], "own", path) == found
    for other in ("/u/zoe/pages/e10/web-0/ui/", "/zoe/pages/e1/web-0/ui/", "/u/zoe/pages/e1", "/", "/u/zoe/api/v1/"):
        assert visits.of_cookies([f"{name}={secret}"], "own", other) is None
    assert visits.of_cookies([f"zoe-trusted-e1-0={secret}", f"_xsrf={secret}"], "own", path) is None
    assert visits.of_cookies([f"{name}={secret}"], "trusted", path) is None


# --- the choice ------------------------------------------------------------------------------------------------------


def door(setting: str = "auto", port: int = 4711) -> Door:
    return Door(Visits(100.0, lambda: 0.0), Origins(setting, port), "/user/me/zoe/pages")


def test_own_origins_come_first_and_only_those_that_this_browser_can_reach() -> None:
    other = OwnOrigin("https://e1.pages.example/zoe/enter?ticket=1", "https://e1.pages.example/zoe/here", "p")
    near = door().open(PAGE, host="127.0.0.1:8888", others=[other])
    assert [each.here for each in near.own] == ["http://e1.localhost:4711/zoe/here", other.here]
    assert (near.sandboxed, near.refusal) == (True, "")
    assert near.fallback.startswith("/user/me/zoe/enter?ticket=")
    far = door().open(PAGE, host="lab.example.org", others=[other])
    assert far.own == (other,)
    assert door("sandbox").open(PAGE, host="127.0.0.1:8888").own == ()


@pytest.mark.parametrize(
    ("trusted", "needs_origin", "prefix", "place"),
    [
        (False, False, "/user/me/zoe/pages", "sandbox"),
        (False, True, "/user/me/zoe/pages", None),
        (True, True, "/user/me/zoe/pages", "trusted"),
        (True, True, "/zoe/pages", None),  # it would look for its parts elsewhere
        (True, False, "/zoe/pages", "trusted"),
    ],
)
def test_where_a_page_is_shown_without_an_own_origin(
    trusted: bool, needs_origin: bool, prefix: str, place: str | None
) -> None:
    where = door("sandbox")
    page = PageToOpen(execution="e1", prefix=prefix, rest="web-0/ui/jobs", trusted=trusted, needs_origin=needs_origin)
    opening = where.open(page, host="127.0.0.1:8888", holder="me")
    assert (bool(opening.fallback), opening.sandboxed) == (place is not None, place == "sandbox")
    assert bool(opening.refusal) == (place is None)
    if place is not None:
        begun = where.visits.begin(opening.fallback.partition("=")[2], framed=False)
        assert begun is not None
        visit = begun[1]
        assert (visit.place, visit.start, visit.holder) == (place, "e1/web-0/ui/jobs", "me")
        assert visit.covers("/user/me/zoe/pages/e1/web-0/ui/x")
        assert visit.covers("/user/me/zoe/pages/e1/web-1/ui/x") == (place == "sandbox"), "trust is for one page"


def test_a_window_without_a_session_finds_the_server_in_front() -> None:
    where = door()
    assert where.home("e1.localhost:4711", "/user/me/zoe/pages/e1/web-0/ui/x?a=1") == ""
    where.open(PAGE, host="127.0.0.1:8888", home="http://127.0.0.1:8888")
    at = "http://127.0.0.1:8888/user/me/zoe/pages/e1/web-0/ui/x?a=1"
    assert where.home("e1.localhost:4711", "/user/me/zoe/pages/e1/web-0/ui/x?a=1") == at
    assert where.home("e1.localhost:4711", "/zoe/pages/e1/web-0/ui/x?a=1") == at, "whatever the process was told"
    assert where.home("evil.example", "/user/me/zoe/pages/e1/web-0/ui/") == ""
    assert where.home("e2.localhost:4711", "/user/me/zoe/pages/e1/web-0/ui/") == ""
    assert where.home("e1.localhost:4711", "/") == ""


# --- what people read ------------------------------------------------------------------------------------------------


def test_a_gate_holds_its_plan_and_no_more_may_run_in_it() -> None:
    opening = door().open(PAGE, host="127.0.0.1:8888")
    page, policy = documents.gate(opening, "<b>&")
    found = re.search(r'<script id="plan" type="application/json" nonce="([^"]+)">(.*?)</script>', page, re.DOTALL)
    assert found
    assert json.loads(found[2])["own"][0]["url"] == opening.own[0].url
    assert "<b>&" not in page
    assert f"script-src 'nonce-{found[1]}'" in policy
    assert "connect-src http://e1.localhost:4711;" in policy
    assert policy.startswith("default-src 'none'")


def test_data_does_not_end_its_element() -> None:
    page, _ = documents.document(title="t", words="w", script="x", data=json.dumps("</script><script>evil()"))
    assert "</script><script>evil" not in page
    assert json.loads(page.partition('json" nonce="')[2].partition(">")[2].partition("</script>")[0]) == (
        "</script><script>evil()"
    )


# --- the listener ----------------------------------------------------------------------------------------------------


def test_both_loopback_addresses_are_taken() -> None:
    sockets, port = bind("", 0)
    try:
        addresses = {each.getsockname()[0] for each in sockets}
        assert {each.getsockname()[1] for each in sockets} == {port}
        assert "127.0.0.1" in addresses
        if socket.has_ipv6 and _has_address("::1"):
            assert "::1" in addresses
            with pytest.raises(OSError, match="in use"), socket.socket(socket.AF_INET6) as other:
                other.bind(("::1", port))
        with pytest.raises(OSError, match="in use"):
            bind("", port)
    finally:
        for each in sockets:
            each.close()


def _has_address(address: str) -> bool:
    with socket.socket(socket.AF_INET6) as found:
        try:
            found.bind((address, 0))
        except OSError:
            return False
        return True
