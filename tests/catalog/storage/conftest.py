"""A catalogue of objects and their sources, loaded once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uraniborg.catalog.storage.load import LoadPlan, load


@dataclass(frozen=True)
class Loaded:
    folder: Path
    objects: pa.Table
    sources: pa.Table


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    folder = tmp_path_factory.mktemp("catalog")
    rng = np.random.default_rng(8)
    n, m = 20_000, 30_000
    lon = np.concatenate([rng.uniform(0, 360, n // 2), rng.normal(0, 3, n // 2) % 360])
    lat = np.concatenate([np.degrees(np.arcsin(rng.uniform(-1, 1, n // 2))), rng.normal(0, 3, n // 2)])
    flux = rng.normal(5, 1, n)
    flux[3] = np.nan
    objects = pa.table({"objectId": rng.permutation(n) * 5, "ra": lon, "dec": lat, "flux": flux})
    which = rng.integers(0, n, m)
    sources = pa.table(
        {
            "sourceId": np.arange(m),
            "objectId": np.where(np.arange(m) < 10, -1, objects["objectId"].to_numpy()[which]),
            "ra": (lon[which] + 1e-4) % 360,
            "dec": np.clip(lat[which] + 1e-4, -90, 90),
        }
    )
    pq.write_table(objects.slice(0, 12_000), folder / "a.parquet")
    pq.write_table(objects.slice(12_000), folder / "b.parquet")
    pq.write_table(sources, folder / "s.parquet")
    plan = LoadPlan("Object", ("ra", "dec"), "objectId", threshold=1500, margin=60.0)
    load([folder / "a.parquet", folder / "b.parquet"], folder / "object", plan, rows=5000)
    child = LoadPlan("Source", ("ra", "dec"), "sourceId", None, folder / "object", "objectId", 3000)
    load([folder / "s.parquet"], folder / "source", child, rows=7000)
    return Loaded(folder, objects, sources)
