from __future__ import annotations

import math

import pyarrow as pa

from uraniborg.catalog.measure.reference import OBJECTS, arrow_tables, differences, flux_of, maybe, pick, separation


def test_differences_are_seen() -> None:
    table = pa.table({"a": [1, 2, None], "b": [0.5, None, 1.0]})
    right = [(None, 1.0), (1, 0.5), (2, None)]
    assert not differences(table, right, in_order=False)
    assert differences(table, right, in_order=True)
    assert not differences(table, [(1, 0.5 + 1e-12), (2, None), (None, 1.0)], in_order=True)
    assert "instead of" in differences(table, [(1, 0.5001), (2, None), (None, 1.0)], in_order=False)
    assert "3 rows instead of 2" in differences(table, right[:2], in_order=False)
    assert differences(table, [(0, 0.5), (2, None), (None, 1.0)], in_order=False)
    assert differences(pa.table({"p": [[1.0, 2.0]]}), [([1.0, 2.5],)], in_order=False)


def test_helpers() -> None:
    objects, _ = arrow_tables()
    assert objects.num_rows == len(OBJECTS)
    assert objects.schema.field("flux").metadata == {b"unit": b"nJy"}
    assert math.isclose(separation({"ra": 10.0, "dec": 0.0}, 350.0, 0.0), 20.0)
    assert math.isnan(flux_of({"flux": None}))
    assert maybe(math.sqrt, {"flux": 4.0}) == 2.0
    assert pick("n", where=lambda r: r["objectId"] == 3) == [(OBJECTS[1]["n"],)]
