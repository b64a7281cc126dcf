from __future__ import annotations

from pathlib import Path

from uraniborg.acceptance.tap_engine import measure_joins, measure_queries
from uraniborg.acceptance.tap_server import make_catalogue


def test_queries_and_joins_are_measured_and_pairs_are_those_of_a_tree(tmp_path: Path) -> None:
    catalogue = make_catalogue(tmp_path, 50_000, threads=1)
    found = measure_queries(catalogue) | measure_joins(catalogue, exact=True)
    assert set(found) == {"by_id", "polygon", "scan", "near", "self_join"}
    assert all(value.value > 0 for value in found.values())
    assert "1 in the answer" in found["by_id"].note
    assert found["self_join"].details["pairs"] >= 50_000
