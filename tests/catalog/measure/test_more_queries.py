from __future__ import annotations

from uraniborg.catalog.measure.more_queries import IN_ORDER, SUITE


def test_the_suite_asks_everything_and_its_answers_differ() -> None:
    assert len(SUITE) + len(IN_ORDER) >= 280
    every = " ".join(SUITE)
    for word in ("CONTAINS", "POLYGON", "DISTANCE", "EXISTS", "EXCEPT", "INTERSECT", "ILIKE", "HAVING", "WITH", "CASE"):
        assert word in every
    sizes = {len(rows) for rows in SUITE.values()}
    assert len(sizes) > 60
