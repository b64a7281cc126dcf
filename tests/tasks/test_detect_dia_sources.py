import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from uraniborg.model.tables import declared_columns
from uraniborg.tasks.detect_dia_sources import DetectDiaSourcesTask

VISITS = (1, 2, 3, 4)


def products(scene, visit: int) -> dict:
    names = ("difference_image", "visit_image", "template_detector")
    return {name: scene.butler.get(name, instrument="Scene", visit=visit, detector=1) for name in names}


def table_of(scene, visit: int):
    return scene.butler.get("dia_source_detector", instrument="Scene", visit=visit, detector=1)


@pytest.mark.parametrize("visit", VISITS)
def test_every_transient_is_found_and_nothing_else(difference_scene, visit: int) -> None:
    table = table_of(difference_scene, visit)
    found = SkyCoord(table["ra"], table["dec"], unit="deg")
    index, separation, _ = difference_scene.transients.match_to_catalog_sky(found)
    assert (separation.arcsec < 0.3).all()
    assert len(table) - len(np.unique(index)) <= 1
    expected = difference_scene.expected_flux(visit)
    np.testing.assert_array_equal(table["isNegative"][index], expected < 0)
    assert (table["reliability"][index] > 0.5).all()


def test_fluxes_and_errors(difference_scene) -> None:
    pulls, ratios = [], []
    for visit in VISITS:
        table = table_of(difference_scene, visit)
        found = SkyCoord(table["ra"], table["dec"], unit="deg")
        index, _, _ = difference_scene.transients.match_to_catalog_sky(found)
        on = difference_scene.expected_flux(visit) > 0
        rows = table[index[on]]
        expected = difference_scene.expected_flux(visit)[on]
        ratios.extend(rows["psfFlux"] / expected)
        pulls.extend((rows["scienceFlux"] - difference_scene.fluxes[visit - 1][on]) / rows["scienceFluxErr"])
        np.testing.assert_allclose(rows["apFlux"], expected, atol=5 * rows["apFluxErr"].max())
        assert (rows["snr"] > 50).all()
    # Fluxes of S/N near 90, and templates that hold a share of the transient known to a few per cent.
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.01)
    assert np.std(pulls) < 2.0


def test_rows_are_as_declared_and_complete(difference_scene) -> None:
    table = table_of(difference_scene, 2)
    assert table.colnames == list(declared_columns("DiaSource"))
    assert table["psfFlux"].unit == "nJy"
    for name in (
        "ra",
        "dec",
        "raErr",
        "decErr",
        "xErr",
        "psfChi2",
        "templateFlux",
        "ixxPSF",
        "trailLength",
        "reliability",
    ):
        assert np.isfinite(table[name]).all(), name
    assert set(table["band"]) == {"r"}
    assert (table["bboxSize"] >= 3).all()
    assert (table["psfChi2"] / table["psfNdata"] < 1.6).all()
    assert not table["pixelFlags_offimage"].any()


def test_dipole_of_a_misplaced_star_is_one_row(difference_scene) -> None:
    inputs = products(difference_scene, 2)
    difference = inputs["difference_image"].copy()
    from uraniborg.model.psf import stamps

    x, y, flux = 60.3, 200.7, 4000.0
    for dx, sign in ((1.8, 1.0), (-1.8, -1.0)):
        stamp = stamps(difference.psf, [x + dx], [y])[0]
        half = stamp.shape[0] // 2
        j, i = int(np.floor(y + 0.5)), int(np.floor(x + dx + 0.5))
        difference.image.array[j - half : j + half + 1, i - half : i + half + 1] += sign * flux * stamp
    task = DetectDiaSourcesTask(config=_config(min_reliability=0.0))
    table = task.run(**(inputs | {"difference_image": difference}), processed=60100.0).dia_source_detector
    near = np.hypot(table["x"] - x, table["y"] - y) < 8
    assert near.sum() == 1
    row = table[near][0]
    assert row["isDipole"]
    assert row["dipoleLength"] == pytest.approx(3.6 * 0.26, rel=0.1)
    assert row["dipoleMeanFlux"] == pytest.approx(flux, rel=0.15)
    assert row["reliability"] < 0.5
    assert 0.0 <= row["dipoleAngle"] < 360.0


def _config(**values):
    config = DetectDiaSourcesTask.ConfigClass()
    config.update(**values)
    return config


def test_threshold_and_reliability_select(difference_scene) -> None:
    inputs = products(difference_scene, 1)
    few = DetectDiaSourcesTask(config=_config(threshold=50.0)).run(**inputs, processed=1.0)
    assert (np.abs(few.dia_source_detector["snr"]) > 45).all()
    good = DetectDiaSourcesTask(config=_config(min_reliability=0.99)).run(**inputs, processed=1.0)
    assert len(good.dia_source_detector) < good.n_detected
    assert (good.dia_source_detector["reliability"] >= 0.99).all()
    none = DetectDiaSourcesTask(config=_config(threshold=1e5)).run(**inputs, processed=1.0)
    assert none.n_detected == len(none.dia_source_detector) == 0
    assert none.dia_source_detector.colnames == list(declared_columns("DiaSource"))


def test_identifiers_are_unique_and_repeatable(difference_scene) -> None:
    from uraniborg.core.ids import unpack_source_id

    inputs = products(difference_scene, 3)
    first, second = (DetectDiaSourcesTask().run(**inputs, processed=1.0).dia_source_detector for _ in range(2))
    assert {unpack_source_id(value) for value in first["diaSourceId"]} == {(3, 1)}
    assert len(np.unique(first["diaSourceId"])) == len(first)
    for name in first.colnames:
        np.testing.assert_array_equal(first[name], second[name])
