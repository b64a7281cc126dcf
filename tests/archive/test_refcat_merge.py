from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Table

from uraniborg.archive.refcat_loader import ReferenceLoader
from uraniborg.archive.refcat_merge import merge_reference_catalogues
from uraniborg.archive.refcats import ingest_reference_catalogue
from uraniborg.archive.repository import create_repository

N = 500


def test_magnitudes_of_the_one_go_to_the_moving_stars_of_the_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(9.7, 10.3, N), rng.uniform(-0.3, 0.3, N)
    motion = rng.normal(0.0, 100.0, (2, N))  # mas/yr: a second and more in sixteen years
    gaia = Table({"source_id": np.arange(1, N + 1), "ra": ra, "dec": dec, "pmra": motion[0], "pmdec": motion[1]})
    gaia["ref_epoch"] = 2016.0
    gaia["phot_g_mean_mag"] = rng.uniform(12.0, 20.0, N)
    back = -16.0 * motion / 3.6e6
    survey = Table({"id": np.arange(N) + 5000, "ra": ra + back[0] / np.cos(np.radians(dec)), "dec": dec + back[1]})
    survey["mag_r"] = (15.0 + np.arange(N) / 1000.0).astype("f4")
    survey = survey[: N - 200]  # the last are in Gaia alone
    extra = Table({"id": np.arange(100) + 9000, "ra": rng.uniform(9.7, 10.3, 100), "dec": rng.uniform(0.31, 0.5, 100)})
    extra["mag_r"] = np.float32(19.0)
    gaia.write(tmp_path / "gaia.fits")
    survey.write(tmp_path / "survey.fits")
    extra.write(tmp_path / "extra.fits")
    with create_repository(tmp_path / "repo") as butler:
        ingest_reference_catalogue(butler, "gaia", [tmp_path / "gaia.fits"], preset="gaia_dr3")
        names = {"refObjectId": "id", "ra": "ra", "dec": "dec", "mag_r": "mag_r"}
        files = [tmp_path / "survey.fits", tmp_path / "extra.fits"]
        ingest_reference_catalogue(butler, "survey", files, columns=names, epoch=2000.0)
        report = merge_reference_catalogues(butler, "merged", astrometric="gaia", photometric="survey")
        assert report.rows == N + 100
        merged = ReferenceLoader(butler, "merged").cone(10.0, 0.0, 7200.0)
        stars = merged[merged["refObjectId"] > 0]
        stars.sort("refObjectId")
        assert len(stars) == N
        right = np.isclose(stars["mag_r"][: N - 200], 15.0 + np.arange(N - 200) / 1000.0, atol=1e-4)
        assert right.mean() > 0.995  # a few chance neighbours
        assert np.isnan(stars["mag_r"][N - 200 :]).mean() > 0.99
        assert np.array_equal(stars["ra"], ra)
        assert np.allclose(stars["pmRa"], motion[0], rtol=1e-6)
        assert sorted(-merged["refObjectId"][merged["refObjectId"] < 0]) == list(range(9000, 9100))
        again = merge_reference_catalogues(butler, "merged", astrometric="gaia", photometric="survey")
        assert again.skipped == again.shards
        few = merge_reference_catalogues(butler, "few", astrometric="gaia", photometric="survey", unmatched=False)
        assert few.rows == N
