from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from uraniborg.tasks.common.forced import forced_columns, objects_on
from uraniborg.testing.scenes import SceneExposure, make_scene_image

STARS = SkyCoord([187.03, 187.031, 187.2], [25.56, 25.561, 25.56], unit="deg")


def rows(positions: SkyCoord, first: int = 0) -> Table:
    n = len(positions)
    return Table(
        {
            "objectId": first + np.arange(n),
            "tract": np.zeros(n, int),
            "patch": np.zeros(n, int),
            "coord_ra": positions.ra.deg,
            "coord_dec": positions.dec.deg,
            "detect_isPrimary": np.ones(n, bool),
        },
        meta={"table": "Object"},
    )


def test_only_objects_on_the_image_are_chosen_from_all_patches() -> None:
    image = make_scene_image(SceneExposure(), STARS, np.full(3, 1e4))
    far = rows(SkyCoord([187.5], [25.5], unit="deg"), first=10)
    chosen = objects_on(image, [rows(STARS), far, rows(SkyCoord([187.029], [25.559], unit="deg"), first=20)])
    assert list(chosen["objectId"]) == [0, 1, 20]
    at = image.sky_projection.sky_to_pixel(STARS[:1])
    assert chosen["x"][0] == pytest.approx(float(at.x[0]), abs=1e-6)
    assert chosen["y"][0] == pytest.approx(float(at.y[0]), abs=1e-6)


def test_columns_hold_flux_time_and_place() -> None:
    image = make_scene_image(SceneExposure(visit=7, detector=3, mjd=60010.0), STARS, np.full(3, 1e4))
    columns = forced_columns(image, objects_on(image, [rows(STARS)]), local_background=False)
    assert columns["psfFlux"] == pytest.approx(1e4, rel=1e-3)
    assert columns["midpointMjdTai"] == pytest.approx(60010.0 + 15 / 86400, abs=1e-9)
    assert set(columns["visit"]) == {7}
    assert set(columns["detector"]) == {3}
    assert not columns["psfFlux_flag"].any()
    assert not columns["invalidPsfFlag"].any()


def test_local_background_is_fitted_when_asked_for() -> None:
    image = make_scene_image(SceneExposure(), STARS, np.full(3, 1e4))
    image.image.array[:] += 5.0
    chosen = objects_on(image, [rows(STARS)])
    plain = forced_columns(image, chosen, local_background=False)["psfFlux"]
    local = forced_columns(image, chosen, local_background=True)["psfFlux"]
    assert (plain > 1.01e4).all()
    assert local == pytest.approx(1e4, rel=1e-2)
