from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from lsst.daf.butler import Butler

from uraniborg.archive.refcat_loader import ReferenceLoader
from uraniborg.archive.refcats import ingest_reference_catalogue
from uraniborg.archive.repository import create_repository
from uraniborg.core.errors import UserError

N = 4000


@pytest.fixture(scope="module")
def given() -> Table:
    rng = np.random.default_rng(1)
    table = Table({"source_id": np.arange(N), "ra": rng.uniform(358, 362, N) % 360, "dec": rng.uniform(-1.5, 1.5, N)})
    table["ra_error"] = table["dec_error"] = 0.2
    table["ref_epoch"] = 2016.0
    table["pmra"], table["pmdec"] = rng.normal(0.0, 20.0, (2, N))
    table["pmra_error"] = table["pmdec_error"] = 0.1
    table["parallax"] = np.abs(rng.normal(0.0, 2.0, N))
    table["phot_g_mean_mag"] = rng.uniform(12, 20, N).astype("f4")
    return table


@pytest.fixture(scope="module")
def butler(given: Table, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Butler]:
    folder = tmp_path_factory.mktemp("refcat")
    given.write(folder / "stars.fits")
    with create_repository(folder / "repo") as butler:
        ingest_reference_catalogue(butler, "gaia", [folder / "stars.fits"], preset="gaia_dr3")
        yield butler


@pytest.mark.parametrize(("ra", "dec", "radius"), [(0.01, 0.2, 900.0), (359.0, -1.0, 2400.0), (1.0, 1.0, 5.0)])
def test_a_cone_holds_what_is_there(butler: Butler, given: Table, ra: float, dec: float, radius: float) -> None:
    found = ReferenceLoader(butler, "gaia").cone(ra, dec, radius)
    distance = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(given["ra"], given["dec"], unit="deg")).arcsec
    assert set(found["refObjectId"]) == set(np.flatnonzero(distance <= radius))
    assert np.all(np.diff(found["phot_g_mean_mag"]) >= 0.0)


def test_stars_are_moved_to_a_date(butler: Butler, given: Table) -> None:
    loader, mjd = ReferenceLoader(butler, "gaia"), 51544.5 + 26.0 * 365.25  # ten years on
    still, moved = loader.cone(0.0, 0.0, 1800.0), loader.cone(0.0, 0.0, 1800.0, mjd=mjd)
    assert still["refObjectId"].tolist() == moved["refObjectId"].tolist()
    rows = np.asarray(still["refObjectId"])
    north = (np.asarray(moved["dec"]) - np.asarray(still["dec"])) * 3.6e6
    assert np.abs(north - 10.0 * np.asarray(given["pmdec"])[rows]).max() <= np.asarray(given["parallax"])[rows].max()
    assert np.asarray(moved["raErr"]) == pytest.approx(np.hypot(0.2, 1.0), rel=1e-5)
    assert (moved["epochMjdTai"] == mjd).all()


def test_shards_are_read_once_and_memory_is_bounded(butler: Butler) -> None:
    loader = ReferenceLoader(butler, "gaia")
    for _ in range(3):
        loader.cone(0.0, 0.0, 3000.0)
    reads = loader.reads
    assert 1 < reads <= len(loader.shards)
    one_shard = loader.memory_used // reads
    small = ReferenceLoader(butler, "gaia", memory=3 * one_shard)
    assert len(small.cone(0.0, 0.0, 3000.0)) == len(loader.cone(0.0, 0.0, 3000.0))
    assert small.memory_used <= 3 * one_shard


def test_nothing_there(butler: Butler) -> None:
    assert len(ReferenceLoader(butler, "gaia").cone(180.0, 45.0, 60.0, mjd=60000.0)) == 0
    with pytest.raises(UserError, match="no reference catalogue 'tycho'"):
        ReferenceLoader(butler, "tycho")


def test_an_empty_repository_says_what_to_do(tmp_path: Path) -> None:
    with create_repository(tmp_path / "empty") as empty, pytest.raises(UserError, match="ingest refcat"):
        ReferenceLoader(empty, "gaia")
