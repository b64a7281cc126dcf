from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.core.errors import UserError
from uraniborg.sim.files import read_table, run_all, write_table


def test_tables_come_back(tmp_path) -> None:
    table = Table({"a": [1, 2], "b": np.array([0.5, 1.5])})
    table["b"].unit = "electron"
    write_table(tmp_path / "t.parquet", table)
    again = read_table(tmp_path / "t.parquet")
    assert again["a"].tolist() == [1, 2]
    assert again["b"].unit == "electron"
    with pytest.raises(UserError, match=r"no table x\.parquet"):
        read_table(tmp_path / "x.parquet")


def test_results_come_in_the_order_of_the_work() -> None:
    assert list(run_all(math.hypot, [(3, 4), (5, 12), (8, 15)], jobs=1)) == [5.0, 13.0, 17.0]


@pytest.mark.slow
def test_results_come_in_the_order_of_the_work_from_processes_too() -> None:
    assert list(run_all(math.hypot, [(3, 4), (5, 12), (8, 15)], jobs=2)) == [5.0, 13.0, 17.0]
