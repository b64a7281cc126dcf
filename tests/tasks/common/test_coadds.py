from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lsst.images import Box
from lsst.pipe.base import NoWorkFound

from uraniborg.tasks.common.coadds import APERTURE_CORRECTION, coadd_warps, star_profiles, union_box
from uraniborg.testing.scenes import SceneExposure

STARS = SkyCoord([187.03, 187.032], [25.56, 25.562], unit="deg")
FLUXES = np.array([1e5, 3e4])


def test_union_box_holds_all() -> None:
    boxes = [Box.factory[0:5, 10:20], Box.factory[-3:2, 15:40]]
    assert union_box(boxes) == Box.factory[-3:5, 10:40]


def test_profiles_of_a_warp_are_psf_over_correction(scene_warp: Any) -> None:
    warp = scene_warp([SceneExposure(aperture_correction=1.25)], STARS, FLUXES)
    profiles = star_profiles(warp)
    cell = next(iter(warp.bounds.cell_indices()))
    start = warp.bounds.subgrid_start
    profile = profiles[cell.i - start.i, cell.j - start.j]
    assert profile.sum() == pytest.approx(1 / 1.25, rel=1e-3)
    correction = warp.aperture_corrections[APERTURE_CORRECTION].value_in_cell(cell)
    # Values of 1e-40 in the corners are below what single precision resolves.
    np.testing.assert_allclose(profile * correction, warp.psf[cell].array, rtol=1e-6, atol=1e-30)


def test_equal_visits_give_their_mean_with_half_the_variance(scene_warp: Any) -> None:
    warps = [scene_warp([SceneExposure(visit=visit)], STARS, FLUXES, seed=visit) for visit in (1, 2)]
    coadd = coadd_warps(warps, warps[0].bbox, carry={})
    mean = 0.5 * (warps[0].image.array + warps[1].image.array)
    np.testing.assert_allclose(coadd.image.array, mean, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(coadd.variance.array, 0.5 * warps[0].variance.array, rtol=1e-5)
    assert coadd.metadata["n_visits"] == 2
    assert coadd.metadata["noise_factor"] == pytest.approx(warps[0].metadata["noise_factor"], rel=1e-6)
    assert coadd.band == "r"
    assert set(coadd.provenance.inputs["visit"]) == {1, 2}
    assert (coadd.mask_fractions["rejected"].array[np.isfinite(mean)] == 0).all()


def test_bad_pixels_of_one_visit_come_from_the_other(scene_warp: Any) -> None:
    warps = [scene_warp([SceneExposure(visit=visit)], STARS, FLUXES) for visit in (1, 2)]
    bad = np.zeros(warps[0].image.array.shape, bool)
    bad[100:110, 120:130] = True
    warps[0].mask.set("SATURATED", bad)
    warps[0].image.array[bad] = 1e9
    coadd = coadd_warps(warps, warps[0].bbox, carry={"SATURATED": 0.4})
    np.testing.assert_allclose(coadd.image.array, warps[1].image.array, rtol=1e-5, atol=1e-3)
    # The saturated pixels do not count in the median that gives the weight, so the two weights differ a little.
    np.testing.assert_allclose(coadd.mask_fractions["rejected"].array[bad], 0.5, rtol=1e-3)
    assert coadd.mask.get("SATURATED")[bad].all()
    assert coadd.mask.get("SATURATED").sum() == bad.sum()
    rare = coadd_warps(warps, warps[0].bbox, carry={"SATURATED": 0.6})
    assert not rare.mask.get("SATURATED").any()


def test_warps_without_data_are_no_work(scene_warp: Any) -> None:
    with pytest.raises(NoWorkFound, match="no warp"):
        coadd_warps([], Box.factory[0:50, 0:50], carry={})
    warp = scene_warp([SceneExposure()], STARS, FLUXES)
    warp.variance.array[:] = np.nan
    with pytest.raises(NoWorkFound, match="no warp"):
        coadd_warps([warp], warp.bbox, carry={})
