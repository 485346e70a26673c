"""Reasons as data: the table is whole, each code is used, what is wrong is refused where it is made, words follow."""

import ast
import re
from pathlib import Path

import msgspec
import pytest

import zoe_hub
from zoe_hub.core.errors import ERRORS, ZoeError
from zoe_hub.core.reasons import KINDS, REASONS, Reason, because, mapped, reason_of
from zoe_hub.core.words import words

ROOT = Path(zoe_hub.__file__).parent
EXITED = because("exited", code=3, tail=("one", "two"))


def texts_of(tree):
    return {each.value for each in ast.walk(tree) if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def test_every_code_is_used_and_every_code_used_is_declared():
    used, literal = set(), set()
    for file in ROOT.rglob("*.py"):
        text = file.read_text()
        if "because(" not in text:
            continue
        tree = ast.parse(text)
        if file.name != "reasons.py":  # a code may come out of a variable
            used |= texts_of(tree)
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "because":
                literal |= {each.value for each in call.args if isinstance(each, ast.Constant)}
    shim = [file.read_text() for file in (ROOT / "backends" / "local" / "shim").glob("*.py")]
    in_json = {
        code for text in shim for code in re.findall(r'\{"code":"([a-z-]+)"', text)
    }  # the supervisor imports nothing of the hub
    assert set(REASONS) - used - literal - in_json == set(), "declared and never used"
    assert len(literal) > 40
    assert (literal | in_json) - set(KINDS) == set(), "used and not declared"


def test_no_code_is_both_a_reason_and_an_error():
    assert set(REASONS).isdisjoint(ERRORS)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in KINDS)


@pytest.mark.parametrize("code", REASONS)
def test_the_words_of_one_name_no_other_facts(code):
    kind = REASONS[code]
    if kind.one:
        assert msgspec.structs.replace(kind, words=kind.one).facts.items() <= kind.facts.items()
        assert "number" in kind.facts.values()


@pytest.mark.parametrize(
    "facts",
    [{}, {"code": 1, "more": 2}, {"code": "1"}, {"code": EXITED}, {"kode": 1}],
)
def test_a_reason_has_exactly_the_facts_that_are_declared(facts):
    with pytest.raises(TypeError, match="exited"):
        because("exited", **facts)
    with pytest.raises(KeyError):
        because("nonsense")


def test_a_cause_has_no_log_lines_of_its_own():
    reason = because("result-decided", process="job-0", cause=EXITED, tail=EXITED.tail)
    assert reason.facts["cause"] == because("exited", code=3)
    assert reason.tail == ("one", "two")
    assert because("groups-awaited", groups=(EXITED,)).facts["groups"] == (because("exited", code=3),)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (because("wanted"), "is wanted"),
        (EXITED, "ended with exit code 3"),
        (because("starts-again", cause=EXITED), "starts again: ended with exit code 3"),
        (because("killed-late", grace=0.3), "killed: it did not end within 0.3 s"),
        (because("killed-late", grace=30.0), "killed: it did not end within 30 s"),
        (
            because("memory-missing", needed=3 * 2**30, free=2**29, total=2**31),
            "3.0 GiB of memory are needed and 512 MiB of 2.0 GiB are free",
        ),
        (because("address-changed", groups=("master", "store")), "the address of master, store has changed"),
        (
            because("queued-for-resources", missing=because("cores-missing", needed=1.0, free=0.5, total=2), nodes=1),
            "1 cores are needed and 0.5 of 2 are free on 1 node",
        ),
        (
            because("queued-for-resources", missing=because("cores-missing", needed=1.0, free=0.5, total=2), nodes=3),
            "1 cores are needed and 0.5 of 2 are free on 3 nodes",
        ),
        (
            because("essential-failed", process="job-0", failures=1, cause=EXITED),
            "job-0 is essential and ended: ended with exit code 3",
        ),
        (because("image-missing", detail="No image x."), "No image x."),
        (Reason(code="of-tomorrow", facts={"cause": EXITED, "n": 2}), "of-tomorrow: cause ended with exit code 3, n 2"),
        (Reason(code="exited", facts={"signal": 2}), "exited: signal 2"),
        (Reason(code="of-tomorrow"), "of-tomorrow"),
    ],
)
def test_words(reason, said):
    assert words(reason) == said


def test_a_text_with_braces_is_a_text():
    assert words(because("told", words="{cause} {0} {{")) == "{cause} {0} {{"


def test_what_is_redacted_is_redacted_everywhere():
    reason = because("starts-again", cause=because("told", words="no hunter2"), tail=("hunter2!",))
    clean = mapped(reason, lambda text: text.replace("hunter2", "***"))
    assert "hunter2" not in repr(clean)
    assert clean.facts["cause"] == because("told", words="no ***")
    assert clean.tail == ("***!",)


def test_an_error_is_a_reason_under_its_own_code():
    assert reason_of(ZoeError("java-missing", "No Java.")) == because("java-missing", detail="No Java.")
    assert words(reason_of(ValueError("x"), "Admission")) == "Admission failed: ValueError: x"


def test_a_reason_survives_json():
    reason = because("running-partly", groups=(because("group-partly-ready", group="w", ready=1, wanted=2),))
    assert msgspec.json.decode(msgspec.json.encode(reason), type=Reason) == reason
