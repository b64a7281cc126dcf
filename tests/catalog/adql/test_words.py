from __future__ import annotations

import pytest

from uraniborg.catalog.adql.errors import AdqlError
from uraniborg.catalog.adql.tokens import MAX_DEPTH
from uraniborg.catalog.adql.words import WordReader


def test_words_are_taken_together_or_not_at_all() -> None:
    words = WordReader("ORDER BY x")
    assert not words.accept("ORDER", "AS")
    assert words.accept("ORDER", "BY")
    assert words.identifier("a column").name == "x"
    assert words.word.kind == "end"
    assert words.take().kind == "end"


def test_a_reserved_word_is_no_name_unless_quoted() -> None:
    with pytest.raises(AdqlError, match='write "order" in double quotes'):
        WordReader("order").identifier("a column")
    assert WordReader('"order"').identifier("a column").quoted


def test_depth_is_limited() -> None:
    words = WordReader("x")
    for _ in range(MAX_DEPTH):
        words.deeper()
    with pytest.raises(AdqlError, match="nested deeper"):
        words.deeper()
