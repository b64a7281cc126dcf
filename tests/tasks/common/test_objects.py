from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from uraniborg.core.flags import PixelBit
from uraniborg.tasks.common.objects import detect_objects, load_bands, measure_objects
from uraniborg.testing.scenes import SceneExposure

STARS = SkyCoord([187.03, 187.033], [25.56, 25.563], unit="deg")


def test_bands_of_different_extent_share_pixels(scene_coadd: Any) -> None:
    small = scene_coadd([SceneExposure(band="g", shape=(200, 200))], STARS, np.array([1e4, 1e4]))
    large = scene_coadd([SceneExposure(band="r", shape=(300, 400))], STARS, np.array([1e4, 1e4]))
    box, bands = load_bands([large, small])
    assert list(bands) == ["g", "r"]
    assert box.contains(small.bbox)
    assert box.contains(large.bbox)
    for planes in bands.values():
        assert planes.image.shape == tuple(box.shape)
        empty = ~np.isfinite(planes.image)
        assert ((planes.bits[empty] & int(PixelBit.NO_DATA)) != 0).all()
        assert (planes.variance[empty] == 0).all()
    at = small.bbox.slice_within(box)
    np.testing.assert_array_equal(bands["g"].image[tuple(at)], small.image.array)
    factor = small.metadata["noise_factor"]
    np.testing.assert_allclose(bands["g"].variance[tuple(at)], np.nan_to_num(small.variance.array) * factor, rtol=1e-6)


def test_object_below_the_limit_of_each_band_is_found_in_all(scene_coadd: Any) -> None:
    # Noise 10 and sigma 1.8 give a point source the error 10 sqrt(4 pi 1.8^2) = 64: the first star is 4 sigma.
    exposure = {"shape": (300, 300), "noise": 10.0}
    fluxes = np.array([4.2 * 64.0, 1e4])
    coadds = [
        scene_coadd([SceneExposure(band=band, **exposure)], STARS, fluxes, seed=seed)
        for seed, band in enumerate("griz", start=40)
    ]
    box, bands = load_bands(coadds)
    at = coadds[0].sky_projection.sky_to_pixel(STARS)
    wanted = np.stack([at.x, at.y], axis=1) - [box.x.start, box.y.start]
    joint = detect_objects(bands, threshold=5.0, prominence=2.0)
    peaks = np.stack([joint.footprints.peak_x, joint.footprints.peak_y], axis=1)
    for position in wanted:
        assert np.hypot(*(peaks - position).T).min() < 2.0
    alone = [detect_objects({band: planes}, threshold=5.0, prominence=2.0) for band, planes in bands.items()]
    found = [
        np.hypot(one.footprints.peak_x - wanted[0, 0], one.footprints.peak_y - wanted[0, 1]).min() < 2.0
        for one in alone
    ]
    assert sum(found) <= 2
    assert len(peaks) <= 4


def test_position_comes_from_the_best_band_and_all_bands_are_measured_there(scene_coadd: Any) -> None:
    bright = scene_coadd([SceneExposure(band="r")], STARS, np.array([5e4, 1e4]), seed=1)
    faint = scene_coadd([SceneExposure(band="g")], STARS, np.array([2e3, 4e4]), seed=2)
    box, bands = load_bands([bright, faint])
    found = detect_objects(bands, threshold=5.0, prominence=2.0)
    results = measure_objects(bands, found)
    at = bright.sky_projection.sky_to_pixel(STARS)
    x, y = at.x - box.x.start, at.y - box.y.start
    order = [
        int(np.argmin(np.hypot(found.footprints.peak_x - a, found.footprints.peak_y - b)))
        for a, b in zip(x, y, strict=True)
    ]
    assert [str(found.best_band[n]) for n in order] == ["r", "g"]
    np.testing.assert_array_equal(results["g"].x, results["r"].x)
    assert results["r"].x[order] == pytest.approx(x, abs=0.05)
    assert results["g"].y[order] == pytest.approx(y, abs=0.05)
    assert results["r"].psf_flux[order] == pytest.approx([5e4, 1e4], rel=0.03)
    assert results["g"].psf_flux[order] == pytest.approx([2e3, 4e4], rel=0.15)
