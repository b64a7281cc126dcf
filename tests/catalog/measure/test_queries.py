from __future__ import annotations

from uraniborg.catalog.measure.queries import BASIC, BASIC_IN_ORDER


def test_most_queries_have_rows() -> None:
    empty = [query for query, rows in {**BASIC, **BASIC_IN_ORDER}.items() if not rows]
    assert len(empty) <= 3
    assert not set(BASIC) & set(BASIC_IN_ORDER)
