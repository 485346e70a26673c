"""Expressions: what they are worth, what they may not do, and that none of them runs away."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.sandbox import SandboxedEnvironment

from zoe_hub.core.errors import ZoeError
from zoe_hub.language.expressions import Late, TemplateError, evaluate, names_used, parse, secrets_used

SCOPE = {
    "workers": 3,
    "name": "zoe",
    "half": 0.5,
    "on": True,
    "items": [3, 1, 2],
    "conf": {"a": "1", "b": "2"},
    "none_here": None,
    "late": Late("⟦port:rpc⟧"),
    "big": "x" * 2**20,
}


def value(text, **more):
    return parse(text).value({**SCOPE, **more})


@pytest.mark.parametrize(
    "text",
    [
        "{{ workers }}",
        "{{ workers * 2 + 1 }}",
        "{{ workers // 2 }}",
        "{{ workers % 2 }}",
        "{{ -workers }}",
        "{{ half < 1 }}",
        "{{ 'a' ~ workers ~ 'b' }}",
        "{{ name + '!' }}",
        "{{ items | sort | join(',') }}",
        "{{ items | max }}",
        "{{ items[0] }}",
        "{{ conf.a }}",
        "{{ conf['b'] }}",
        "{{ 'yes' if on else 'no' }}",
        "{{ workers if workers > 5 else 5 }}",
        "{{ not on }}",
        "{{ on and name }}",
        "{{ none_here or 'x' }}",
        "{{ 1 <= workers <= 3 }}",
        "{{ 3 in items }}",
        "{{ 'z' in name }}",
        "{{ 9 not in items }}",
        "{{ name | upper }}",
        "{{ missing | default(4) }}",
        "{{ missing is defined }}",
        "{{ workers is divisibleby 3 }}",
        "{{ '4' | int + 1 }}",
        "{{ [1, 2, workers] | sum }}",
        "{{ (1, 2) | length }}",
        "{{ items | first }}",
        "{{ name | replace('z', 'y') }}",
        "{{ none_here is none }}",
    ],
)
def test_values_are_those_of_jinja(text):
    """Jinja's own sandbox is the judge, with values kept in their types."""
    expression = SandboxedEnvironment().compile_expression(text[2:-2], undefined_to_none=False)
    assert value(text) == expression(**SCOPE)


def test_a_lone_expression_keeps_its_type_and_text_does_not():
    assert value("{{ workers }}") == 3
    assert value(" {{ items }}\n") == [3, 1, 2]
    assert value("n={{ workers }}, {{ on }}, {{ none_here }}.") == "n=3, true, ."
    assert value("no expression {% if %} {# here #}") == "no expression {% if %} {# here #}"
    assert value("{{ '{{' }} literal {{ '}}' }}") == "{{ literal }}"
    assert value("two lines\n{{ name }}\n") == "two lines\nzoe\n"


def test_what_is_late_can_only_be_joined():
    assert isinstance(value("sc://{{ late }}"), Late)
    assert value("{{ late ~ '/x' }}") == "⟦port:rpc⟧/x"
    assert isinstance(value("{{ [late] | join }}"), Late)
    assert isinstance(value("{{ {'a': late} | json }}"), Late)
    for text in (
        "{{ late + 1 }}",
        "{{ late == 7077 }}",
        "{{ late | int }}",
        "{{ 1 if late else 2 }}",
        "{{ late | length }}",
        "{{ late | replace('p', 'q') }}",
        "{{ late.x }}",
        "{{ conf[late] }}",
    ):
        with pytest.raises(TemplateError):
            value(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' * 10**9 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ range(1000000000) }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 'x'.center(1000000000) }}",
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ items | attr('__class__') }}",
        "{{ conf.items() }}",
        "{{ conf.__init__ }}",
        "{{ lipsum }}",
        "{{ cycler }}",
        "{{ self }}",
        "{{ namespace(a=1) }}",
        "{{ dict(a=1) }}",
        "{{ items | map('upper') | list }}",
        "{{ items[0:1] }}",
        "{{ name.upper() }}",
        "{{ secret }}",
        "{{ secret('a' ~ 'b') }}",
        "{{ secret() }}",
        "{{ secret(*items) }}",
        "{{ secret('x') }}",
        "{{ wrokers }}",
        "{{ conf.c }}",
        "{{ items[9] }}",
        "{{ 1 / 0 }}",
        "{{ 1 + 'a' }}",
        "{{ {} }} text",
        "{{ items }} text",
        "{{ workers",
        "{{ }}",
        "{{ 1 2 }}",
        "{{ workers | nothing }}",
        "{{ workers is nothing }}",
        "{{ 99999999999999999999 }}",
        "{{ 9000000000000000000 * 9000000000000000000 }}",
        "{{ " + "9" * 5000 + " }}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "-" * 5000 + "1 }}",
        "{{ " + " ~ ".join(["big"] * 3000) + " }}",
        "{{ [" + ",".join(["big"] * 3000) + "] | json }}",
        "{{ [" + ",".join(["big"] * 3000) + "] | join }}",
        "{{ big | replace('x', big) }}",
        "{{ " + "+".join(["big"] * 100) + " }}",
        "\x01{ if 1 }\x01 {{ 1 }}",
    ],
)
def test_what_is_not_allowed_is_an_error_at_once(text):
    tracemalloc.start()
    begin = time.process_time()
    with pytest.raises(TemplateError) as caught:
        value(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - begin < 2
    assert peak < 64 * 2**20
    assert str(caught.value)
    assert len(str(caught.value)) < 2000


def test_a_filter_over_a_large_page_is_bounded():
    body = {"workers": [{"host": "x" * 50} for _ in range(15_000)]}
    with pytest.raises(TemplateError, match="too long"):
        evaluate("+".join(["(body.workers | selectattr('host', 'eq', 'y') | length)"] * 40), body=body)


def test_errors_have_a_line_and_a_code():
    with pytest.raises(ZoeError) as caught:
        value("a\nb {{ name }}\nc {{ nam }}\n")
    assert caught.value.code == "bad-definition"
    assert caught.value.line == 3
    assert "did you mean 'name'" in str(caught.value)


def test_evaluate_the_condition_of_a_drain():
    condition = (
        "body.workers | selectattr('host', 'eq', host) | selectattr('port', 'eq', port.rpc) | selectattr('state', 'eq',"
        " 'DECOMMISSIONED') | selectattr('coresused', 'eq', 0) | length > 0"
    )

    def drained(**changes):
        worker = {"host": "10.0.0.5", "port": 7078, "state": "DECOMMISSIONED", "coresused": 0, **changes}
        return evaluate(
            condition, body={"workers": [{**worker, "host": "10.0.0.9"}, worker]}, host="10.0.0.5", port={"rpc": 7078}
        )

    assert drained() is True
    assert drained(state="ALIVE") is False
    assert drained(coresused=1) is False
    assert drained(port=1) is False
    with pytest.raises(TemplateError):
        evaluate("body.workrs | length", body={"workers": []}, host="", port={})
    with pytest.raises(TemplateError):
        evaluate("1) }} {{ (2", body=None)


def test_names_and_secrets_are_found_in_every_branch():
    template = parse("{{ a.b.c if on else d['e'].f }} {{ secret('rpc') }} {{ [x, {'k': y}] | json }}")
    assert sorted((name, path) for name, path, _ in names_used(template)) == [
        ("a", ("b", "c")),
        ("d", ("e", "f")),
        ("on", ()),
        ("x", ()),
        ("y", ()),
    ]
    assert [name for name, _ in secrets_used(template)] == ["rpc"]


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(
                [
                    "{{",
                    "}}",
                    "workers",
                    "conf",
                    ".",
                    "a",
                    "|",
                    "join",
                    "json",
                    "(",
                    ")",
                    "[",
                    "]",
                    "'",
                    "+",
                    "*",
                    "~",
                    "if",
                    "else",
                    "is",
                    "in",
                    "1",
                    ",",
                    " ",
                    "\n",
                    "secret",
                    "not",
                    "{",
                    "}",
                    ":",
                    "%",
                    "-",
                ]
            ),
            max_size=25,
        ).map(" ".join),
    )
)
def test_no_text_crashes_it(text):
    for source in (text, "{{ " + text + " }}"):
        with suppress(TemplateError):
            parse(source).value(SCOPE)


LONG, WIDE = "x" * 1_000_000, [1] * 15_000
BIG = {"wide": [WIDE] * 1000, "other": [[*WIDE]] * 1000, "long": LONG, "rows": [{"a": WIDE}] * 1000}


@pytest.mark.parametrize(
    "expression",
    [
        " ~ ".join(["(long ~ '')"] * 2000),
        " ~ ".join(["long"] * 3) + "".join(" ~ (long ~ long)" for _ in range(2000)),
        "(" + " + ".join(["(long + '')"] * 100) + ") | length",
        "wide == other",
        "wide in [other, wide]",
        "wide | json",
        "wide | sort",
        "wide | max",
        "[wide] | tojson | length",
        "wide is eq(other)",
        "rows | selectattr('a', 'eq', other[0]) | list",
        "{'a': wide} | json | default('swallowed')",
        "(wide == other) | default('swallowed')",
        "(wide == other) is defined",
        "wide",
        "[wide, wide]",
    ],
)
def test_what_takes_too_long_is_refused_soon_and_no_default_hides_it(expression):
    begun = time.process_time()
    with pytest.raises(TemplateError, match=r"too long|more than"):
        evaluate(expression, **BIG)
    assert time.process_time() - begun < 5  # the tree of the longest one takes a second to read


def test_a_default_of_a_default_is_worth_its_value_once():
    nested = "x" + " | default('y')" * 60
    assert evaluate(nested, x="here") == "here"
    assert evaluate(nested.replace("x", "nothing", 1)) == "y"


@pytest.mark.parametrize(
    "expression",
    ["'\\u27e6secret:inner\\u27e7'", "'\\u27e7'", "x ~ '\\u27e6'", "{'\\u27e6': 1}", "'a' | replace('a', '\\u27e6')"],
)
def test_an_expression_makes_no_reference(expression):
    with pytest.raises(TemplateError, match="reserved"):
        evaluate(expression, x="")
