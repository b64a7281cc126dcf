from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lsst.images import BackgroundMap, Image, VisitImage
from lsst.images.fields import SplineField

from uraniborg.algorithms.background import estimate_background
from uraniborg.core.errors import Unprocessable, UserError
from uraniborg.model.projections import pixel_to_sky
from uraniborg.tasks.common.sky_correction import apply_sky_correction, sky_correction_table
from uraniborg.tasks.fit_visit_sky import FitVisitSkyConfig, FitVisitSkyTask
from uraniborg.testing.scenes import SceneExposure, make_scene_image

STEPS = (0.0, 3.0, -2.0, 1.0)


def _sky(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    return 500.0 + 900.0 * (ra - 187.0) + 1500.0 * (dec - 25.5) + 2e4 * (dec - 25.5) ** 2


def _visit(halo: float) -> tuple[list[VisitImage], np.ndarray]:
    """Return four detectors under one curved sky, a halo on the third, and the light of the halo."""
    shape, images = (400, 400), []
    y, x = np.mgrid[:400, :400].astype(float)
    light = halo * np.exp(-0.5 * ((x - 220.0) ** 2 + (y - 180.0) ** 2) / 70.0**2)
    for number, step in enumerate(STEPS):
        ra, dec = 187.0 + 0.035 * (number % 2), 25.5 + 0.03 * (number // 2)
        exposure = SceneExposure(shape=shape, ra=ra, dec=dec, detector=number + 1, noise=8.0)
        scene = make_scene_image(exposure, SkyCoord([], [], unit="deg"), np.empty(0), seed=number)
        places = pixel_to_sky(scene.sky_projection, x.ravel(), y.ravel())
        pixels = scene.image.array + _sky(*places).reshape(shape) + step + (light if number == 2 else 0.0)
        mesh = estimate_background(pixels, cell_size=50)
        field = SplineField(scene.bbox, mesh.values.copy(), y=mesh.y, x=mesh.x)
        known = BackgroundMap()
        known.add("mesh", field, is_subtracted=True)
        flat = Image((pixels - mesh.evaluate()).astype(np.float32), bbox=scene.bbox, unit=scene.unit)
        images.append(
            VisitImage(
                flat,
                mask=scene.mask,
                variance=scene.variance,
                sky_projection=scene.sky_projection,
                obs_info=scene.obs_info,
                psf=scene.psf,
                detector=scene.detector,
                backgrounds=known,
                band=scene.band,
            )
        )
    return images, light


def test_a_curved_sky_over_four_detectors_is_found_and_a_halo_comes_back() -> None:
    images, light = _visit(halo=40.0)
    table = FitVisitSkyTask(config=FitVisitSkyConfig()).run(images=iter(images[::-1])).sky_correction
    truth = (
        _sky(np.asarray(table["ra"]), np.asarray(table["dec"])) + np.asarray(STEPS)[np.asarray(table["detector"]) - 1]
    )
    difference = np.asarray(table["visitSky"]) - truth
    assert np.ptp(truth) > 60.0
    assert np.sqrt(np.mean(difference**2)) < 1.0  # an eighth of the noise of a pixel
    assert 0.5 < np.mean(table["used"]) < 1.0
    before = images[2].image.array
    after = apply_sky_correction(images[2], table)
    center = (slice(140, 220), slice(180, 260))
    assert np.mean(before[center]) < 0.3 * np.mean(light[center])  # the mesh had eaten it
    assert np.mean(after.image.array[center]) == pytest.approx(np.mean(light[center]), rel=0.1)
    assert np.mean(apply_sky_correction(images[0], table).image.array) == pytest.approx(0.0, abs=0.5)


def test_the_new_sky_is_the_one_that_was_subtracted() -> None:
    images, _ = _visit(halo=0.0)
    after = apply_sky_correction(images[1], sky_correction_table(images, order=2))
    assert sorted(after.backgrounds) == ["mesh", "visit"]
    assert after.backgrounds.subtracted is not None
    assert after.backgrounds.subtracted.name == "visit"
    with_sky = [image.image.array + image.backgrounds.subtracted.field.render().array for image in (images[1], after)]
    np.testing.assert_allclose(*with_sky, atol=1e-3)


def test_faults_are_told() -> None:
    images, _ = _visit(halo=0.0)
    table = sky_correction_table(images[:3], order=1)
    with pytest.raises(UserError, match="0 cells of detector 4"):
        apply_sky_correction(images[3], table)
    bare = make_scene_image(SceneExposure(), SkyCoord([], [], unit="deg"), np.empty(0))
    with pytest.raises(UserError, match="no mesh"):
        sky_correction_table([bare])
    with pytest.raises(Unprocessable, match="lower order"):
        sky_correction_table(images[:1], order=10)
