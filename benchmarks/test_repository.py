"""Seconds to write and read what a repository stores: 4k x 4k images by recipe, a table of 20,000 sources."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from lsst.daf.butler import Butler, DatasetType

from uraniborg.testing.datasets import assert_tables_identical
from uraniborg.testing.images import make_visit_image
from uraniborg.testing.repos import make_repository

RECIPES = {"post_isr_image": "uncompressed", "visit_image": "quantised", "some_image": "lossless"}


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Butler]:
    with make_repository(tmp_path) as butler:
        for name in RECIPES:
            butler.registry.registerDatasetType(DatasetType(name, (), "VisitImage", universe=butler.dimensions))
        butler.registry.registerDatasetType(DatasetType("source", (), "SourceTable", universe=butler.dimensions))
        yield butler


def _putter(butler: Butler, name: str, value: Any) -> Any:
    runs = (f"run_{i}" for i in itertools.count())

    def put() -> Any:
        run = next(runs)
        butler.collections.register(run)
        return butler.put(value, name, run=run)

    return put


@pytest.mark.parametrize("name", RECIPES, ids=list(RECIPES.values()))
@pytest.mark.parametrize("action", ["put", "get"])
def test_visit_image(repository: Butler, benchmark: Any, name: str, action: str) -> None:
    size = 256 if benchmark.disabled else 4096
    image = make_visit_image(shape=(size, size))
    put = _putter(repository, name, image)
    if action == "put":
        ref = benchmark.pedantic(put, rounds=3, warmup_rounds=1)
    else:
        ref = put()
        found = benchmark.pedantic(repository.get, args=(ref,), rounds=3, warmup_rounds=1)
        np.testing.assert_array_equal(found.mask.array, image.mask.array)
    benchmark.extra_info["megabytes"] = Path(repository.getURI(ref).ospath).stat().st_size / 1e6


@pytest.mark.parametrize("action", ["put", "get", "get two columns"])
def test_table_of_20_000_sources(repository: Butler, benchmark: Any, action: str) -> None:
    rng = np.random.default_rng(1)
    values = {f"column_{i}": rng.normal(size=20_000).astype("f4" if i % 2 else "f8") for i in range(60)}
    table = Table(values, units=dict.fromkeys(values, "nJy"), descriptions=dict.fromkeys(values, "A flux."))
    put = _putter(repository, "source", table)
    if action == "put":
        benchmark(put)
        return
    columns = ["column_3", "column_7"] if action == "get two columns" else table.colnames
    found = benchmark(repository.get, put(), parameters={"columns": columns})
    assert_tables_identical(table[columns], found)
