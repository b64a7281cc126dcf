from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from uraniborg.catalog.engine.ranges import circle_ranges, healpix_index
from uraniborg.catalog.storage.hats import HatsCatalog
from uraniborg.catalog.storage.layout import read_layout


def test_sizes_are_those_of_the_rows_that_are_read(loaded: Any) -> None:
    catalog = HatsCatalog(loaded.folder / "object")
    layout = read_layout(catalog, "_healpix_29")
    assert layout is not None
    every = layout.size(None, frozenset(["ra", "dec"]))
    assert every.rows == loaded.objects.num_rows
    assert every.partitions == len(catalog.partitions.order)
    assert 0 < every.bytes < layout.size(None, frozenset(["ra", "dec", "flux"])).bytes
    ranges = circle_ranges(0.0, 0.0, 1.0)
    index = healpix_index(loaded.objects["ra"].to_numpy(), loaded.objects["dec"].to_numpy())
    inside = int(sum(((index >= low) & (index < high)).sum() for low, high in ranges.tolist()))
    few = layout.size(ranges, frozenset(["ra"]))
    assert inside <= few.rows < every.rows / 2
    assert layout.size(np.array([[0, 0]]), frozenset(["ra"])).rows == 0


def test_without_metadata_there_is_no_layout(loaded: Any, tmp_path: Path) -> None:
    assert read_layout(HatsCatalog(tmp_path), "_healpix_29") is None
    assert read_layout(HatsCatalog(loaded.folder / "object"), "other") is None
