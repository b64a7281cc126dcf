from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table, vstack

from uraniborg.archive.refcats import ingest_reference_catalogue
from uraniborg.archive.repository import create_repository
from uraniborg.core.errors import UserError
from uraniborg.model.htm import htm_index


@pytest.fixture
def butler(tmp_path):
    with create_repository(tmp_path / "repo") as butler:
        yield butler


def stars(n: int, seed: int = 1) -> Table:
    rng = np.random.default_rng(seed)
    table = Table({"source_id": np.arange(n), "ra": rng.uniform(358, 362, n) % 360, "dec": rng.uniform(-1, 1, n)})
    table["ref_epoch"] = 2016.0
    table["phot_g_mean_mag"] = rng.uniform(12, 20, n).astype("f4")
    return table


def test_every_star_is_in_its_triangle_once(butler, tmp_path) -> None:
    given = stars(3000)
    given[:2000].write(tmp_path / "a.fits")
    given[2000:].write(tmp_path / "b.csv", format="ascii.csv")
    files = [tmp_path / "a.fits", tmp_path / "b.csv"]
    report = ingest_reference_catalogue(butler, "gaia", files, preset="gaia_dr3", rows_at_once=700)
    assert (report.run, report.rows, report.left_out, report.skipped) == ("refcats/gaia", 3000, 0, 0)
    refs = butler.query_datasets("gaia", collections="refcats", limit=None)
    assert len(refs) == report.shards == len(np.unique(htm_index(given["ra"], given["dec"])))
    tables = []
    for ref in refs:
        table = butler.get(ref)
        assert set(htm_index(table["ra"], table["dec"])) == {ref.dataId["htm7"]}
        assert table["ra"].unit == "deg"
        assert table.meta["table"] == "ReferenceObject"
        tables.append(table)
    everything = vstack(tables, metadata_conflicts="silent")
    everything.sort("refObjectId")
    assert everything["refObjectId"].tolist() == list(range(3000))
    assert np.array_equal(everything["ra"], given["ra"])
    assert np.array_equal(everything["phot_g_mean_mag"], given["phot_g_mean_mag"])


def test_result_does_not_depend_on_the_order_of_files_or_the_memory(tmp_path) -> None:
    given = stars(500)
    given[:200].write(tmp_path / "a.fits")
    given[200:].write(tmp_path / "b.fits")
    results = []
    for name, files, rows in (("x", "ab", 100), ("y", "ba", 1000)):
        with create_repository(tmp_path / name) as butler:
            paths = [tmp_path / f"{letter}.fits" for letter in files]
            ingest_reference_catalogue(butler, "gaia", paths, preset="gaia_dr2", rows_at_once=rows)
            refs = sorted(butler.query_datasets("gaia", collections="refcats"), key=lambda ref: ref.dataId["htm7"])
            results.append({ref.dataId["htm7"]: butler.get(ref) for ref in refs})
    assert results[0].keys() == results[1].keys()
    for pixel, table in results[0].items():
        assert all(np.array_equal(table[c], results[1][pixel][c], equal_nan=True) for c in table.colnames)


def test_again_is_skipped_and_other_rows_are_refused(butler, tmp_path) -> None:
    stars(100).write(tmp_path / "a.fits")
    first = ingest_reference_catalogue(butler, "gaia", [tmp_path / "a.fits"], preset="gaia_dr2")
    again = ingest_reference_catalogue(butler, "gaia", [tmp_path / "a.fits"], preset="gaia_dr2")
    assert again.skipped == again.shards == first.shards
    stars(100, seed=2).write(tmp_path / "b.fits")
    with pytest.raises(UserError, match="is in the repository with other rows"):
        ingest_reference_catalogue(butler, "gaia", [tmp_path / "b.fits"], preset="gaia_dr2")
    assert not (tmp_path / "repo/.staging").exists()


def test_faults_of_all_files_are_told(butler, tmp_path) -> None:
    Table({"ra": [1.0]}).write(tmp_path / "a.fits")
    (tmp_path / "b.fits").write_text("no")
    files = [tmp_path / "a.fits", tmp_path / "b.fits", tmp_path / "c.fits"]
    with pytest.raises(
        UserError, match=r"(?s)3 fault.*no column 'dec' for dec, no.*b\.fits: cannot.*c\.fits: there is no"
    ):
        ingest_reference_catalogue(butler, "gaia", files, preset="gaia_dr2")
    with pytest.raises(UserError, match="no files"):
        ingest_reference_catalogue(butler, "gaia", [])
    empty = stars(3)
    empty["ra"] = np.nan
    empty.write(tmp_path / "empty.fits")
    with pytest.raises(UserError, match="no star with position and epoch"):
        ingest_reference_catalogue(butler, "gaia", [tmp_path / "empty.fits"], preset="gaia_dr2")
    assert list(butler.collections.query("*")) == []


@pytest.mark.realdata
def test_gaia_beside_the_real_field(butler, testdata) -> None:
    files = sorted((testdata / "images/decam_field_187p03_25p56").glob("chunk-*.fits"))
    report = ingest_reference_catalogue(butler, "gaia_dr2", files, preset="gaia_dr2")
    assert (report.rows, report.left_out) == (sum(len(Table.read(path)) for path in files), 0)
    tables = [butler.get(ref) for ref in butler.query_datasets("gaia_dr2", collections="refcats")]
    table = vstack(tables, metadata_conflicts="silent")
    assert set(table["epochMjdTai"]) == {57205.875}
    known = np.isfinite(table["pmRa"])
    assert 100 < known.sum() < len(table)
    assert np.median(np.hypot(table["pmRa"][known], table["pmDec"][known])) == pytest.approx(10.0, abs=8.0)
    assert 14 < np.nanmedian(table["phot_g_mean_mag"]) < 21


@pytest.mark.realdata
def test_rubin_reference_catalogue_of_gaia(butler, testdata) -> None:
    path = testdata / "refcat/hsc_visit1180/gaia_refCat.parquet"
    report = ingest_reference_catalogue(butler, "gaia", [path], preset="rubin_gaia")
    assert (report.rows, report.left_out) == (10278, 2727)  # 2727 rows of this file have no position
    ref = butler.query_datasets("gaia", collections="refcats")[0]
    table = butler.get(ref)
    assert ((table["ra"] > 149) & (table["ra"] < 152)).all()
    assert np.nanmax(np.abs(table["pmRa"])) < 1000
    assert 15 < np.nanmedian(table["phot_g_mean_mag"]) < 21
    assert np.nanmedian(table["raErr"]) < 2.0
