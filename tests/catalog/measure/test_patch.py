from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from uraniborg.catalog.measure import patch


def test_the_same_numbers_give_the_same_rows_and_keys_are_unique(tmp_path: Path) -> None:
    files = patch.write_objects(tmp_path, 3000, seed=3)
    table = pq.read_table(files[0])
    assert table.equals(patch.objects(3, 0, 3000, 3000))
    assert not table.equals(patch.objects(4, 0, 3000, 3000))
    assert len(set(table["objectId"].to_pylist())) == 3000


def test_forced_fluxes_are_those_of_their_objects(tmp_path: Path) -> None:
    table = patch.objects(1, 0, 500, 500)
    (file,) = patch.write_forced(tmp_path, patch.write_objects(tmp_path, 500), 40)
    forced = pq.read_table(file)
    assert forced.num_rows == 500 * 40
    mean = forced["psfFlux"].to_numpy().astype(float).reshape(500, 40).mean(axis=1)
    pull = (mean - table["r_psfFlux"].to_numpy()) / (50 / np.sqrt(40))
    assert abs(np.median(pull)) < 0.2
    assert pull.std() == pytest.approx(1, abs=0.3)


def test_half_of_the_reference_is_near_objects(tmp_path: Path) -> None:
    rows = 20_000
    table, reference = patch.objects(1, 0, rows, rows), pq.read_table(patch.write_reference(tmp_path / "r", 4000, rows))
    pairs = patch.near_pairs(reference.select(["ra", "dec"]), table.select(["coord_ra", "coord_dec"]), 4.5 / 3600)
    assert pairs >= 2000
