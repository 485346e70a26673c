"""How the line of a magic becomes words."""

from __future__ import annotations

import pytest

from jupyter_zoe.client import ZoeProblem
from jupyter_zoe.magics.zoe import split_line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("scale 4  # two were too few", ["scale", "4"]),
        ("# nothing", []),
        ("status a#b", ["status", "a#b"]),
        ("run job --code 'print(1) # one' # it's", ["run", "job", "--code", "print(1) # one"]),
        ("attach spark --conf 'a=# ' # don't", ["attach", "spark", "--conf", "a=# "]),
    ],
)
def test_a_comment_ends_the_line_where_it_would_in_python(line: str, words: list[str]) -> None:
    assert split_line(line) == words


@pytest.mark.parametrize("line", ["attach 'echo", "attach 'echo # no comment"])
def test_an_open_quotation_mark_is_told(line: str) -> None:
    with pytest.raises(ZoeProblem, match="quotation"):
        split_line(line)
