"""A seeded patch of sky of any size: clustered objects, a reference list to match, and forced fluxes in many visits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from uraniborg.catalog.engine.shapes import unit_vectors

__all__ = ("forced", "objects", "positions", "reference", "write_forced", "write_objects", "write_reference")

CHUNK = 1_000_000
_CENTRE = (150.0, 2.2)
_DENSITY = 200_000.0
_BANDS = "ugrizy"


def positions(rng: np.random.Generator, n: int, side: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return right ascensions and declinations [deg] of n objects in a square patch, three in ten in clusters.

    Parameters
    ----------
    rng : Generator
        Random numbers.
    n : int
        How many.
    side : float [deg]
        Side of the patch.
    """
    half = side / 2
    middle = n * 7 // 10
    clusters = max(1, n // 3000)
    which = rng.integers(0, clusters, n - middle)
    x0, y0 = rng.uniform(-half, half, clusters), rng.uniform(-half, half, clusters)
    x = np.concatenate([rng.uniform(-half, half, middle), x0[which] + rng.normal(0, 0.02, n - middle)])
    y = np.concatenate([rng.uniform(-half, half, middle), y0[which] + rng.normal(0, 0.02, n - middle)])
    dec = np.clip(_CENTRE[1] + y, -89.0, 89.0)
    ra = (_CENTRE[0] + x / np.cos(np.radians(dec))) % 360.0
    order = rng.permutation(n)
    return ra[order], dec[order]


def _side(rows: int) -> float:
    return float(np.sqrt(rows / _DENSITY))


def objects(seed: int, chunk: int, n: int, rows: int) -> pa.Table:
    """Return one chunk of a table of objects: identifier, position, six fluxes with errors, size, kind.

    Parameters
    ----------
    seed, chunk : int
        Same numbers, same rows.
    n : int
        Rows in the chunk.
    rows : int
        Rows of the whole table: its patch has 200 000 in a square degree.
    """
    rng = np.random.default_rng([seed, chunk])
    ra, dec = positions(rng, n, _side(rows))
    magnitude = 27.0 - rng.exponential(2.0, n)
    data: dict[str, NDArray[np.generic]] = {
        "objectId": rng.permutation(n).astype(np.int64) * 8 + chunk * CHUNK * 8 + 1,
        "coord_ra": ra,
        "coord_dec": dec,
    }
    for i, band in enumerate(_BANDS):
        flux = 10 ** (-0.4 * (magnitude + rng.normal(0, 0.3, n) * (i - 2) - 31.4))
        data[f"{band}_psfFlux"] = flux.astype(np.float32)
        data[f"{band}_psfFluxErr"] = np.sqrt(100 + flux * 0.01).astype(np.float32)
    data["shape_xx"] = rng.gamma(3.0, 0.1, n).astype(np.float32)
    data["refExtendedness"] = (rng.uniform(0, 1, n) < 0.8).astype(np.int8)
    return pa.table(data)


def reference(seed: int, n: int, rows: int) -> pa.Table:
    """Return n positions to match: half of them are objects of the patch moved by up to 3 arcsec, half are anywhere."""
    rng = np.random.default_rng([seed, 1 << 20])
    ra, dec = positions(rng, n, _side(rows))
    first = objects(seed, 0, min(CHUNK, rows), rows)
    pick = rng.integers(0, first.num_rows, n // 2)
    dec_ = first["coord_dec"].to_numpy()[pick] + rng.uniform(-3, 3, n // 2) / 3600
    ra_ = first["coord_ra"].to_numpy()[pick] + rng.uniform(-3, 3, n // 2) / 3600 / np.cos(np.radians(dec_))
    ra[: n // 2], dec[: n // 2] = ra_ % 360.0, dec_
    return pa.table({"refId": np.arange(n, dtype=np.int64), "ra": ra, "dec": dec, "mag": rng.uniform(14, 21, n)})


def forced(seed: int, table: pa.Table, visits: int) -> pa.Table:
    """Return forced fluxes of the objects of a table in some visits."""
    key = table["objectId"].to_numpy()
    rng = np.random.default_rng([seed, 1 << 21, int(key[0]) if key.size else 0])
    n = len(key) * visits
    which = np.repeat(np.arange(len(key)), visits)
    flux = table["r_psfFlux"].to_numpy()[which] + rng.normal(0, 50, n)
    visit = np.tile(np.arange(visits, dtype=np.int64), len(key))
    return pa.table(
        {
            "objectId": key[which],
            "coord_ra": table["coord_ra"].to_numpy()[which],
            "coord_dec": table["coord_dec"].to_numpy()[which],
            "visit": visit,
            "band": pa.array(np.array(list(_BANDS))[visit % 6]),
            "psfFlux": flux.astype(np.float32),
            "psfFluxErr": np.full(n, 50, dtype=np.float32),
        }
    )


def write_objects(folder: Path, rows: int, *, seed: int = 1) -> list[Path]:
    """Write the chunks of a table of objects as Parquet files; return them."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for chunk, start in enumerate(range(0, rows, CHUNK)):
        files.append(folder / f"object-{chunk:04d}.parquet")
        pq.write_table(objects(seed, chunk, min(CHUNK, rows - start), rows), files[-1], compression="lz4")
    return files


def write_reference(file: Path, n: int, rows: int, *, seed: int = 1) -> Path:
    """Write the list of positions to match."""
    pq.write_table(reference(seed, n, rows), file)
    return file


def write_forced(folder: Path, files: list[Path], visits: int, *, seed: int = 1) -> list[Path]:
    """Write forced fluxes of the objects of some files, a file for each; return them."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for file in files:
        made.append(folder / f"forced-{file.stem}.parquet")
        table = pq.read_table(file, columns=["objectId", "coord_ra", "coord_dec", "r_psfFlux"])
        pq.write_table(forced(seed, table, visits), made[-1], compression="lz4")
    return made


def chord(radius: float) -> float:
    """Return the chord of an angle [deg] on the unit sphere."""
    return float(2 * np.sin(np.radians(radius) / 2))


def near_pairs(first: pa.Table, second: pa.Table, radius: float) -> int:
    """Return how many pairs of rows of two tables are at most a radius [deg] apart, by a KD-tree of unit vectors."""
    from scipy.spatial import cKDTree

    a, b = (unit_vectors(*(table.column(i).to_numpy() for i in (0, 1))) for table in (first, second))
    return int(cKDTree(a).count_neighbors(cKDTree(b), chord(radius)))
