from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lsst.daf.butler import Butler
from lsst.images import Box
from lsst.images.cells import CellCoadd
from lsst.pipe.base import NoWorkFound

from uraniborg.model.skymap import RingsSkyMap
from uraniborg.tasks.make_direct_warp import MakeDirectWarpConfig, MakeDirectWarpTask
from uraniborg.testing.scenes import SceneExposure, make_scene_image

SKY_MAP = RingsSkyMap(pixel_scale=0.26, patch_size=600, patch_border=50, cell_size=50)


def run(exposures: list[SceneExposure], stars: SkyCoord, fluxes: np.ndarray) -> CellCoadd:
    tract = SKY_MAP.tract(int(SKY_MAP.find_tract([187.03], [25.56])[0]))
    patch = tract.patch(int(tract.find_patch([187.03], [25.56])[0]))
    images = [make_scene_image(exposure, stars, fluxes, seed=1) for exposure in exposures]
    task = MakeDirectWarpTask(config=MakeDirectWarpConfig())
    return task.run(images, projection=tract.sky_projection("scene"), patch=patch.definition()).direct_warp


def test_warp_of_two_detectors(scene_stars: tuple[SkyCoord, np.ndarray]) -> None:
    stars, fluxes = scene_stars
    exposures = [
        SceneExposure(visit=5, detector=1, dec=25.5477, rotation=10.0, sigma=1.6, shape=(300, 500)),
        SceneExposure(visit=5, detector=2, dec=25.5723, rotation=10.0, sigma=2.2, shape=(300, 500)),
    ]
    warp = run(exposures, stars, fluxes)
    assert warp.patch.outer_bbox.contains(warp.bbox)
    assert all(
        (edge - start) % 50 == 0 for edge, start in zip(warp.bbox.start, warp.patch.outer_bbox.start, strict=True)
    )
    assert warp.metadata["visit"] == 5
    assert 1.1 < warp.metadata["noise_factor"] < 1.4
    at = warp.sky_projection.sky_to_pixel(stars)
    checked = set()
    for x, y, flux in zip(at.x, at.y, fluxes, strict=True):
        box = Box.factory[round(y) - 12 : round(y) + 13, round(x) - 12 : round(x) + 13]
        if flux < 2e4 or not warp.bbox.contains(box) or not np.isfinite(warp.image[box].array).all():
            continue
        cut = warp.image[box].array.astype(float)
        rows, columns = np.indices(cut.shape) + np.array(box.start)[:, None, None]
        weight = cut * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.0**2))
        assert cut.sum() == pytest.approx(flux, rel=0.03)
        assert (weight * columns).sum() / weight.sum() == pytest.approx(x, abs=0.1)
        kernel = warp.psf.compute_kernel_image(x=x, y=y).array
        checked.add("sharp" if kernel.max() > 0.04 else "wide")
    assert checked == {"sharp", "wide"}  # a cell has the PSF of the detector that covers it
    inputs, contributions = warp.provenance.inputs, warp.provenance.contributions
    assert sorted(inputs["detector"]) == [1, 2]
    assert set(inputs["physical_filter"]) == {"r.scene"}
    sharp = np.asarray(contributions["detector"]) == 1
    np.testing.assert_allclose(contributions["psf_shape_xx"][sharp], 1.6**2, rtol=0.02)
    np.testing.assert_allclose(contributions["psf_shape_yy"][~sharp], 2.2**2, rtol=0.02)
    assert not contributions["psf_shape_flag"].any()
    valid = np.isfinite(warp.image.array)
    covered = np.sum(np.asarray(contributions["overlap_fraction"])) * 2500
    assert covered == pytest.approx(valid.sum())
    assert np.array_equal(valid, ~warp.mask.get("NO_DATA"))


def test_detectors_that_overlap_are_counted_once() -> None:
    stars = SkyCoord([187.03], [25.56], unit="deg")
    exposures = [SceneExposure(detector=1), SceneExposure(detector=2, ra=187.031)]
    warp = run(exposures, stars, np.array([1e5]))
    at = warp.sky_projection.sky_to_pixel(stars)
    x, y = round(float(at.x[0])), round(float(at.y[0]))
    assert warp.image[Box.factory[y - 12 : y + 13, x - 12 : x + 13]].array.sum() == pytest.approx(1e5, rel=0.01)


def test_visit_elsewhere_is_no_work(scene_stars: tuple[SkyCoord, np.ndarray]) -> None:
    with pytest.raises(NoWorkFound, match="no detector"):
        run([SceneExposure(ra=187.3)], *scene_stars)


def test_even_stamp_is_refused() -> None:
    config = MakeDirectWarpConfig()
    config.psf_size = 40
    with pytest.raises(ValueError, match="odd"):
        config.validate()


def test_butler_returns_what_was_made(scene_products: Butler) -> None:
    refs = scene_products.query_datasets("direct_warp", where="visit = 3")
    assert refs
    for ref in refs:
        warp = scene_products.get(ref)
        assert warp.metadata["visit"] == 3
        assert warp.band == "g"
        assert set(warp.provenance.inputs["detector"]) <= {1, 2}
        assert scene_products.get(ref.makeComponentRef("bbox")) == warp.bbox
