from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lsst.images import Box, SkyProjection, TractFrame

from uraniborg.algorithms.warp import warp_psf
from uraniborg.tasks.common.warping import local_jacobians, map_points, overlap_box, warp_masked_image, warp_psfs
from uraniborg.testing.images import make_cell_coadd
from uraniborg.testing.scenes import SceneExposure, make_scene_image, tangent_wcs

TRACT = Box.from_shape((3000, 3000))
FRAME = TractFrame(skymap="test", tract=0, bbox=TRACT)
TARGET = SkyProjection.from_fits_wcs(tangent_wcs(187.05, 25.55, scale=0.2, centre=(1500.0, 1500.0)), FRAME)
EXPOSURE = SceneExposure(rotation=25.0, scale=0.262)
STARS = SkyCoord([187.028, 187.034, 187.031], [25.561, 25.557, 25.563], unit="deg")
FLUXES = np.array([1e5, 2e5, 5e4])


def test_stars_land_where_the_sky_says_with_their_flux() -> None:
    image = make_scene_image(EXPOSURE, STARS, FLUXES)
    warped = warp_masked_image(image, TARGET, TRACT)
    assert warped is not None
    result = warped.masked_image
    assert result.unit == u.nJy
    at = TARGET.sky_to_pixel(STARS)
    for x, y, flux in zip(at.x, at.y, FLUXES, strict=True):
        cut = result.image[Box.factory[round(y) - 16 : round(y) + 17, round(x) - 16 : round(x) + 17]]
        rows, columns = (grid + start for grid, start in zip(np.indices((33, 33)), cut.bbox.start, strict=True))
        total = cut.array.sum(dtype=float)
        assert total == pytest.approx(flux, rel=1e-3)
        assert (cut.array * columns).sum(dtype=float) / total == pytest.approx(x, abs=0.02)
        assert (cut.array * rows).sum(dtype=float) / total == pytest.approx(y, abs=0.02)


def test_psf_is_that_of_the_warped_stars() -> None:
    image = make_scene_image(EXPOSURE, STARS, FLUXES)
    warped = warp_masked_image(image, TARGET, TRACT)
    assert warped is not None
    at = TARGET.sky_to_pixel(STARS)
    stamps = warp_psfs(image, TARGET, np.stack([at.x, at.y], axis=1), size=41)
    for stamp, x, y, flux in zip(stamps, at.x, at.y, FLUXES, strict=True):
        ix, iy = round(x), round(y)
        star = warped.masked_image.image[Box.factory[iy - 20 : iy + 21, ix - 20 : ix + 21]].array / flux
        model = warp_psf(stamp, np.eye(2), np.array([x - ix, y - iy]))
        assert stamp.sum() == pytest.approx(1.0, abs=1e-3)
        assert np.abs(star - model).max() < 0.01 * model.max()


def test_result_covers_the_overlap_only_and_says_where_data_are() -> None:
    image = make_scene_image(EXPOSURE, STARS, FLUXES, seed=4)
    image.mask.set("SATURATED", np.indices((300, 300))[0] == 150)
    warped = warp_masked_image(image, TARGET, TRACT)
    assert warped is not None
    result = warped.masked_image
    assert result.bbox.area < 1.1 * (300 * 0.262 / 0.2 * 1.33) ** 2
    valid = np.isfinite(result.image.array)
    assert np.array_equal(valid, ~result.mask.get("NO_DATA"))
    assert warped.n_valid == valid.sum()
    assert warped.n_valid == pytest.approx((300 * 0.262 / 0.2) ** 2, rel=0.03)
    line = result.mask.get("SATURATED")
    assert 3 < line.sum() / (300 * 0.262 / 0.2) < 9  # the row, widened by the kernel
    limited = warp_masked_image(image, TARGET, Box.factory[result.bbox.y.min : result.bbox.y.min + 200, 0:3000])
    assert limited is not None
    shared = result[limited.masked_image.bbox].image.array
    np.testing.assert_allclose(limited.masked_image.image.array, shared, rtol=1e-4, atol=1e-2)


def test_no_overlap_is_none() -> None:
    image = make_scene_image(SceneExposure(ra=187.5), STARS, FLUXES)
    assert warp_masked_image(image, TARGET, TRACT) is None
    far = make_scene_image(SceneExposure(ra=10.0, dec=-60.0), SkyCoord([], [], unit="deg"), np.empty(0))
    assert warp_masked_image(far, TARGET, TRACT) is None
    assert overlap_box(far.sky_projection, far.bbox, TARGET, TRACT) is None


def test_map_and_jacobian_agree() -> None:
    image = make_scene_image(EXPOSURE, STARS, FLUXES)
    points = np.array([[1600.0, 1700.0], [1640.0, 1750.0]])
    there = map_points(TARGET, image.sky_projection, points)
    np.testing.assert_allclose(map_points(image.sky_projection, TARGET, there), points, atol=1e-6)
    jacobian = local_jacobians(TARGET, image.sky_projection, points)
    step = np.array([0.3, -0.2])
    expected = there + np.einsum("nij,j->ni", jacobian, step)
    np.testing.assert_allclose(map_points(TARGET, image.sky_projection, points + step), expected, atol=1e-4)
    np.testing.assert_allclose(np.abs(np.linalg.det(jacobian)), (0.2 / 0.262) ** 2, rtol=1e-4)


def test_coadd_is_warped_to_a_detector_with_the_psf_of_its_cells() -> None:
    coadd = make_cell_coadd(cells=(2, 3), cell_size=40)
    corner = coadd.sky_projection.pixel_to_sky(x=260.0, y=140.0)
    detector = make_scene_image(
        SceneExposure(ra=corner.ra.deg, dec=corner.dec.deg, shape=(60, 60)), SkyCoord([], [], unit="deg"), np.empty(0)
    )
    warped = warp_masked_image(coadd, detector.sky_projection, detector.bbox)
    assert warped is not None
    assert warped.masked_image.bbox == detector.bbox
    points = map_points(coadd.sky_projection, detector.sky_projection, np.array([[245.0, 125.0], [275.0, 155.0]]))
    first, second = warp_psfs(coadd, detector.sky_projection, points, size=15)
    # make_cell_coadd widens its PSFs from cell to cell.
    assert first.max() > second.max()
