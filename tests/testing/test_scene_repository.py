from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord

from uraniborg.model.skymap import RingsSkyMap
from uraniborg.testing.scene_repository import make_scene_repository
from uraniborg.testing.scenes import SceneExposure


def test_exposures_meet_patches(tmp_path: Path) -> None:
    sky_map = RingsSkyMap(pixel_scale=0.26, patch_size=1000, patch_border=50, cell_size=50)
    exposures = [
        SceneExposure(visit=v, detector=d, dec=25.56 + 0.03 * d, band=b)
        for v, b in ((1, "g"), (2, "r"))
        for d in (0, 1)
    ]
    stars = SkyCoord([187.03], [25.56], unit="deg")
    with make_scene_repository(tmp_path, exposures, stars, np.ones(1), sky_map=sky_map) as butler:
        assert butler.get("skyMap") == sky_map
        for exposure in exposures:
            region = exposure.dec
            for data_id in butler.query_data_ids(
                ["tract", "patch", "visit", "detector"],
                skymap="scene",
                instrument="Scene",
                visit=exposure.visit,
                detector=exposure.detector,
            ):
                tract = sky_map.tract(data_id["tract"])
                box = tract.patch(data_id["patch"]).outer_bbox
                x, y = tract.sky_to_pixel([exposure.ra], [region])
                reach = 300 * 0.75
                assert box.x.min - reach < x[0] < box.x.max + reach
                assert box.y.min - reach < y[0] < box.y.max + reach
        image = butler.get("visit_image", visit=2, detector=1)
        assert image.band == "r"
        assert len(butler.query_datasets("visit_image")) == 4
