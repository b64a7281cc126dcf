from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table, vstack
from lsst.daf.butler import Butler
from lsst.pipe.base import NoWorkFound

from uraniborg.tasks.forced_photometry import ForcedPhotometryConfig, ForcedPhotometryTask
from uraniborg.testing.scenes import SceneExposure, make_scene_image

COLUMNS = ("objectId", "tract", "patch", "coord_ra", "coord_dec", "detect_isPrimary")


def object_rows(stars: SkyCoord) -> Table:
    n = len(stars)
    values = (np.arange(n), np.zeros(n, int), np.ones(n, int), stars.ra.deg, stars.dec.deg, np.ones(n, bool))
    return Table(dict(zip(COLUMNS, values, strict=True)))


def test_every_object_has_a_light_curve(scene_products: Butler, scene_stars: tuple[SkyCoord, np.ndarray]) -> None:
    stars, fluxes = scene_stars
    table = vstack(
        [scene_products.get(ref) for ref in scene_products.query_datasets("forced_source")],
        metadata_conflicts="silent",
    )
    assert set(table["visit"]) == {1, 2, 3, 4, 5, 6}
    np.testing.assert_allclose(table["midpointMjdTai"], 60000.0 + table["visit"] + 15 / 86400, rtol=0, atol=1e-9)
    rows = np.unique(np.stack([table["objectId"], table["visit"]]), axis=1).shape[1]
    assert rows == len(table)  # the detectors do not overlap
    index, _, _ = SkyCoord(table["coord_ra"], table["coord_dec"], unit="deg").match_to_catalog_sky(stars)
    good = ~table["psfFlux_flag"] & ~table["pixelFlags_edge"]
    assert good.sum() > 0.8 * len(table)
    pull = ((table["psfFlux"] - fluxes[index]) / table["psfFluxErr"])[good]
    # Object positions have errors too: they take less than 1 % of the flux of the brightest.
    assert np.median(pull) == pytest.approx(0.0, abs=0.3)
    assert 1.4826 * np.median(np.abs(pull - np.median(pull))) == pytest.approx(1.0, abs=0.2)


def test_aperture_correction_scales_fluxes(scene_stars: tuple[SkyCoord, np.ndarray]) -> None:
    stars, fluxes = scene_stars
    exposure = SceneExposure(visit=9, shape=(500, 500), noise=1.0, aperture_correction=1.08)
    image = make_scene_image(exposure, stars, fluxes, seed=1)
    table = ForcedPhotometryTask(config=ForcedPhotometryConfig()).run(image, objects=[object_rows(stars)]).forced_source
    assert len(table) == len(stars)
    assert np.median(table["psfFlux"] / fluxes[table["objectId"]]) == pytest.approx(1.0, abs=2e-3)
    assert (table["visit"] == 9).all()
    assert (table["band"] == "r").all()


def test_positions_without_source_have_zero_flux(scene_stars: tuple[SkyCoord, np.ndarray]) -> None:
    image = make_scene_image(
        SceneExposure(noise=10.0, shape=(500, 500)), SkyCoord([], [], unit="deg"), np.empty(0), seed=5
    )
    rng = np.random.default_rng(3)
    empty = SkyCoord(187.03 + rng.uniform(-0.015, 0.015, 400), 25.56 + rng.uniform(-0.015, 0.015, 400), unit="deg")
    result = ForcedPhotometryTask(config=ForcedPhotometryConfig()).run(image, objects=[object_rows(empty)])
    pull = result.forced_source["psfFlux"] / result.forced_source["psfFluxErr"]
    assert np.mean(pull) == pytest.approx(0.0, abs=0.2)
    assert np.std(pull) == pytest.approx(1.0, abs=0.12)


def test_bad_pixels_are_flagged_and_only_primary_objects_are_measured() -> None:
    stars = SkyCoord([187.03, 187.031], [25.56, 25.561], unit="deg")
    image = make_scene_image(SceneExposure(), stars, np.array([1e4, 1e4]))
    at = image.sky_projection.sky_to_pixel(stars)
    bad = np.zeros((300, 300), bool)
    bad[round(float(at.y[0])), round(float(at.x[0]))] = True
    image.mask.set("COSMIC_RAY", bad)
    rows = object_rows(SkyCoord([187.03, 187.031, 187.032], [25.56, 25.561, 25.562], unit="deg"))
    rows["detect_isPrimary"][2] = False
    table = ForcedPhotometryTask(config=ForcedPhotometryConfig()).run(image, objects=[rows]).forced_source
    assert list(table["objectId"]) == [0, 1]
    assert list(table["pixelFlags_crCenter"]) == [True, False]


def test_detector_without_objects_is_no_work() -> None:
    image = make_scene_image(SceneExposure(ra=188.0), SkyCoord([], [], unit="deg"), np.empty(0))
    with pytest.raises(NoWorkFound, match="no primary object"):
        ForcedPhotometryTask(config=ForcedPhotometryConfig()).run(
            image, objects=[object_rows(SkyCoord([187.03], [25.56], unit="deg"))]
        )
