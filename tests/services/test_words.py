from __future__ import annotations

from uraniborg.services.catalogue import quoted
from uraniborg.services.words import RESERVED


def test_words_of_the_language_are_quoted() -> None:
    assert {"SIZE", "SELECT", "POINT"} <= RESERVED
    assert all(word == word.upper() for word in RESERVED)
    assert [quoted(name) for name in ("size", "ra", "a b", 'x"y')] == ['"size"', "ra", '"a b"', '"x""y"']
