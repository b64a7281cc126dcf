from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lsst.daf.butler import Butler
from lsst.images import Box
from lsst.images.cells import CellCoadd

from uraniborg.algorithms.warp import warp_psf
from uraniborg.model.skymap import RingsSkyMap
from uraniborg.tasks.assemble_coadd import AssembleCoaddConfig, AssembleCoaddTask
from uraniborg.tasks.common.coadds import union_box
from uraniborg.tasks.make_direct_warp import MakeDirectWarpConfig, MakeDirectWarpTask
from uraniborg.testing.scenes import SceneExposure, make_scene_image


def is_full(coadd: CellCoadd, box: Box, n_visits: int) -> bool:
    """Return whether every visit fills each cell that the box touches."""
    table = coadd.provenance.contributions
    corners = [coadd.grid.index_of(y=y, x=x) for y in (box.y.min, box.y.max) for x in (box.x.min, box.x.max)]
    return all(
        table["overlap_fraction"][(table["cell_i"] == cell.i) & (table["cell_j"] == cell.j)].sum() > n_visits - 1e-6
        for cell in corners
    )


def test_coadd_keeps_flux_and_size_of_stars_and_is_deeper(
    scene_products: Butler, scene_stars: tuple[SkyCoord, np.ndarray]
) -> None:
    stars, fluxes = scene_stars
    ratios, sizes = [], []
    for ref in scene_products.query_datasets("deep_coadd", where="band = 'r'"):
        coadd = scene_products.get(ref)
        at = coadd.sky_projection.sky_to_pixel(stars)
        for x, y, flux in zip(at.x, at.y, fluxes, strict=True):
            ix, iy = round(x), round(y)
            box = Box.factory[iy - 12 : iy + 13, ix - 12 : ix + 13]
            if flux < 1e4 or not coadd.bbox.contains(box):
                continue
            cut = coadd.image[box].array.astype(float)
            # Where some visit ends the mixture changes under a star.
            if not (np.isfinite(cut).all() and is_full(coadd, box, 3)):
                continue
            kernel = coadd.psf.compute_kernel_image(x=x, y=y).array
            model = warp_psf(kernel, np.eye(2), np.array([x - ix, y - iy]), size=25)
            ratios.append(np.sum(model * cut) / np.sum(model**2) / flux)
            rows, columns = np.indices(cut.shape) - 12.0
            r2 = (columns - x + ix) ** 2 + (rows - y + iy) ** 2
            weight = np.exp(-r2 / 8)
            found, wanted = (np.sum(image * weight * r2) / np.sum(image * weight) for image in (cut, model))
            sizes.append(np.sqrt(found / wanted))
    assert len(ratios) >= 8
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.005)
    assert np.mean(sizes) == pytest.approx(1.0, abs=0.01)


def test_variance_is_that_of_the_weighted_mean(scene_products: Butler) -> None:
    noises = np.array([8.0 + visit for visit in (1, 2, 5)])
    depth = []
    for ref in scene_products.query_datasets("deep_coadd", where="band = 'r'"):
        coadd = scene_products.get(ref)
        depth.append(np.nanmin(coadd.variance.array) * coadd.metadata["noise_factor"])
        quiet = np.isfinite(coadd.image.array)
        pull = coadd.image.array[quiet] / np.sqrt(coadd.variance.array[quiet])
        assert 1.4826 * np.median(np.abs(pull - np.median(pull))) == pytest.approx(1.0, abs=0.05)
    # The noise factor is a mean over phases; single pixels differ from it.
    assert min(depth) == pytest.approx(1 / np.sum(noises**-2.0), rel=0.4)


def test_provenance_names_every_input(scene_products: Butler) -> None:
    seen = set()
    for ref in scene_products.query_datasets("deep_coadd", where="band = 'g'"):
        coadd = scene_products.get(ref)
        inputs, contributions = coadd.provenance.inputs, coadd.provenance.contributions
        seen |= {int(visit) for visit in inputs["visit"]}
        assert coadd.metadata["n_visits"] == len(set(inputs["visit"]))
        assert (np.asarray(contributions["weight"]) > 0).all()
        cells = {(int(i), int(j)) for i, j in zip(contributions["cell_i"], contributions["cell_j"], strict=True)}
        assert cells >= {(cell.i, cell.j) for cell in coadd.bounds.cell_indices()}
    assert seen == {3, 4}


def test_template_leaves_out_its_own_visit(scene_products: Butler) -> None:
    refs = scene_products.query_datasets("template_coadd")
    assert {ref.dataId["visit"] for ref in refs} == {1, 2, 3, 4, 5}
    for ref in refs:
        template = scene_products.get(ref)
        visits = {int(visit) for visit in template.provenance.inputs["visit"]}
        assert ref.dataId["visit"] not in visits
        assert visits <= ({3, 4} if ref.dataId["visit"] in (3, 4) else {1, 2, 5})


def test_aperture_corrections_are_combined_with_the_psfs() -> None:
    stars = SkyCoord([187.03], [25.56], unit="deg")
    sky_map = RingsSkyMap(pixel_scale=0.26, patch_size=1350, patch_border=50, cell_size=50)
    tract = sky_map.tract(int(sky_map.find_tract([187.03], [25.56])[0]))
    patch = tract.patch(int(tract.find_patch([187.03], [25.56])[0])).definition()
    warps = [
        MakeDirectWarpTask(config=MakeDirectWarpConfig())
        .run(
            [make_scene_image(exposure, stars, np.array([1e5]))],
            projection=tract.sky_projection("scene"),
            patch=patch,
        )
        .direct_warp
        for exposure in (
            SceneExposure(visit=1, sigma=1.5, aperture_correction=1.1),
            SceneExposure(visit=2, sigma=2.2, rotation=40.0),
        )
    ]
    task = AssembleCoaddTask(config=AssembleCoaddConfig())
    coadd = task.run(warps, bbox=union_box(warp.bbox for warp in warps)).coadd
    at = coadd.sky_projection.sky_to_pixel(stars)
    x, y = float(at.x[0]), float(at.y[0])
    star = coadd.image[Box.factory[round(y) - 20 : round(y) + 21, round(x) - 20 : round(x) + 21]].array
    kernel = coadd.psf.compute_kernel_image(x=x, y=y).array
    assert kernel.sum() == pytest.approx(1.0, abs=1e-5)
    model = warp_psf(kernel, np.eye(2), np.array([x - round(x), y - round(y)]))
    flux = np.sum(model * star) / np.sum(model**2)
    correction = coadd.aperture_corrections["psfFlux"](x=x, y=y)
    assert correction == pytest.approx(1 / (0.5 / 1.1 + 0.5), rel=2e-3)
    assert flux * correction == pytest.approx(1e5, rel=2e-3)
    assert np.abs(star / flux - model).max() < 0.01 * model.max()
