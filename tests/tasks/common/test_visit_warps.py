from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lsst.pipe.base import NoWorkFound

from uraniborg.model.skymap import RingsSkyMap
from uraniborg.tasks.common.visit_warps import warp_visit
from uraniborg.testing.scenes import SceneExposure, make_scene_image

STARS = SkyCoord([187.03], [25.56], unit="deg")


def test_cosmic_ray_is_known_on_the_warp_and_does_not_spread(sky_map: RingsSkyMap) -> None:
    tract = sky_map.tract(int(sky_map.find_tract([187.03], [25.56])[0]))
    patch = tract.patch(int(tract.find_patch([187.03], [25.56])[0])).definition()
    image = make_scene_image(SceneExposure(rotation=20.0), STARS, np.array([1e4]))
    clean = warp_visit([image], tract.sky_projection("scene"), patch, psf_size=21)
    hit = image.copy()
    spot = np.zeros((300, 300), bool)
    spot[200:203, 210] = True
    hit.image.array[spot] = 1e6
    hit.mask.set("COSMIC_RAY", spot)
    warp = warp_visit([hit], tract.sky_projection("scene"), patch, psf_size=21)
    marked = warp.mask.get("COSMIC_RAY")
    assert 3 <= marked.sum() < 60
    quiet = np.isfinite(warp.image.array) & ~marked
    np.testing.assert_allclose(
        warp.image.array[quiet], clean.image.array[quiet], atol=0.01 * np.nanmax(clean.image.array)
    )
    lost = np.isfinite(clean.image.array) & ~np.isfinite(warp.image.array)
    assert lost.any()
    assert (marked | ~lost).all()
    assert warp.mask.get("NO_DATA")[lost].all()


def test_gap_between_detectors_has_no_data(sky_map: RingsSkyMap) -> None:
    tract = sky_map.tract(int(sky_map.find_tract([187.03], [25.56])[0]))
    patch = tract.patch(int(tract.find_patch([187.03], [25.56])[0])).definition()
    size = 300 * 0.26 / 3600
    images = [
        make_scene_image(
            SceneExposure(detector=n, dec=25.56 + (n - 0.5) * (size + 20 * 0.26 / 3600)), STARS, np.zeros(1)
        )
        for n in (0, 1)
    ]
    warp = warp_visit(images, tract.sky_projection("scene"), patch, psf_size=21)
    column = np.isfinite(warp.image.array[:, warp.image.array.shape[1] // 2])
    inside = np.flatnonzero(column)
    gap = np.count_nonzero(~column[inside[0] : inside[-1]])
    assert gap == pytest.approx(20, abs=5)
    assert set(warp.provenance.inputs["detector"]) == {0, 1}


def test_images_are_taken_one_at_a_time(sky_map: RingsSkyMap) -> None:
    tract = sky_map.tract(int(sky_map.find_tract([187.03], [25.56])[0]))
    patch = tract.patch(int(tract.find_patch([187.03], [25.56])[0])).definition()
    with pytest.raises(NoWorkFound, match="no detector"):
        warp_visit(iter(()), tract.sky_projection("scene"), patch, psf_size=21)
    one = (make_scene_image(SceneExposure(detector=n), STARS, np.ones(1)) for n in (4,))
    assert list(warp_visit(one, tract.sky_projection("scene"), patch, psf_size=21).provenance.inputs["detector"]) == [4]
