from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uraniborg.catalog.adql.errors import AdqlError
from uraniborg.catalog.adql.tokens import MAX_LENGTH, cut


def test_words_keep_their_places() -> None:
    query = "SELECT \"a\"\"b\", 'it''s', .5, 1.5e-3, 0x1F <> -- end\n x"
    words = cut(query)
    assert [word.text for word in words] == [
        "SELECT", 'a"b', ",", "it's", ",", ".5", ",", "1.5e-3", ",", "0x1F", "<>", "x", "",
    ]  # fmt: skip
    assert query[slice(*words[5].at)] == ".5"
    assert words[-1].kind == "end"


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("SELECT 'abc", "does not end"),
        ('SELECT "abc', "does not end"),
        ('SELECT "" FROM t', "empty"),
        ("SELECT 1x FROM t", "neither a number nor a name"),
        ("SELECT $x FROM t", "does not belong"),
        ("SELECT é FROM t", "does not belong"),
        ("SELECT a\0 FROM t", "zero byte"),
        ("  ", "is empty"),
        ("SELECT 1 FROM t; DROP TABLE t", "more than one statement"),
        ("x" * (MAX_LENGTH + 1), "the limit is"),
    ],
)
def test_what_is_not_adql_is_refused(query: str, fault: str) -> None:
    with pytest.raises(AdqlError, match=fault):
        cut(query)


@given(st.text(max_size=60))
def test_any_text_gives_words_or_a_clear_error(text: str) -> None:
    try:
        words = cut(text)
    except AdqlError as error:
        assert error.reason  # noqa: PT017 - either outcome is fine, silence is not
    else:
        assert words[-1].kind == "end"
