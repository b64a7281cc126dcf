from __future__ import annotations

import numpy as np
import pyarrow as pa

from uraniborg.catalog.engine.prune import Needed
from uraniborg.catalog.engine.ranges import circle_ranges
from uraniborg.catalog.engine.sources import ArrowSource, column_kind, columns_of_schema, nan_to_null, range_condition
from uraniborg.catalog.schema import Table


def test_kinds_units_and_hidden_columns() -> None:
    schema = pa.schema([pa.field("a", pa.float32(), metadata={"unit": "nJy", "description": "d"}), ("b", pa.string())])
    first, second = columns_of_schema(schema, hidden=("b",))
    assert (first.kind, first.unit, first.description, first.hidden) == ("number", "nJy", "d", False)
    assert (second.kind, second.hidden) == ("text", True)
    assert column_kind(pa.bool_()) == "truth"
    assert column_kind(pa.timestamp("us")) == "any"


def test_nan_becomes_null_and_nothing_else_changes() -> None:
    table = pa.table({"x": [1.0, float("nan"), None], "s": ["a", "b", None]})
    assert nan_to_null(table)["x"].to_pylist() == [1.0, None, None]
    assert nan_to_null(table)["s"].equals(table["s"])


def test_conditions_of_ranges() -> None:
    assert range_condition('h"', np.array([[1, 5]])) == '("h""" >= 1 AND "h""" < 5)'
    assert " OR " in range_condition("h", np.array([[1, 5], [7, 9]]))


def test_rows_in_memory_are_sorted_and_cut_to_ranges() -> None:
    data = pa.table({"ra": [200.0, 10.0], "dec": [0.0, 0.0]})
    source = ArrowSource(data, Table("t", (), position=("ra", "dec")))
    assert source.table.healpix == "_healpix_29"
    assert source.relation(Needed()) == '"t"'
    assert "WHERE" in source.relation(Needed(circle_ranges(10, 0, 1)))
    assert source.folders() == ()
