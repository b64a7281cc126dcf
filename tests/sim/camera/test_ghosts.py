from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.sim.camera.config import GhostConfig
from uraniborg.sim.camera.ghosts import add_ghosts, ghosts_on_detector
from uraniborg.sim.config import CameraConfig, ObservingConfig, SimConfig, SkyConfig
from uraniborg.sim.observing import plan_visits
from uraniborg.sim.sky import make_sky, positions_at

GHOST = GhostConfig(
    intensity=1e-3, radius=30.0, obscuration=0.5, magnification=-0.6, offset=(5.0, -3.0), decentre=0.05, faintest=0.05
)
CONFIG = SimConfig(
    sky=SkyConfig(n_transients=0, n_variables=0, star_magnitudes=(13.0, 19.0)),
    camera=CameraConfig(columns=2, width=300, height=200),
    observing=ObservingConfig(nights=(0.0,), bands=("r",), dither=2.0),
    ghosts=(GHOST, GHOST.model_copy(update={"magnification": 0.9, "intensity": 1e-4})),
)


@pytest.fixture(scope="module")
def scene() -> tuple[Table, object]:
    return make_sky(CONFIG), plan_visits(CONFIG)[0]


def test_ghosts_are_where_and_as_bright_as_the_model_says(scene) -> None:
    sky, visit = scene
    ghosts = ghosts_on_detector(sky, visit, 1, config=CONFIG)
    assert len(ghosts) > 3
    assert set(ghosts["ghost"]) == {0, 1}
    row = ghosts[ghosts["ghost"] == 0][0]
    star = sky[np.asarray(sky["truthId"]) == row["truthId"]]
    axis = np.array(CONFIG.camera.geometry.boresight(1))
    where = visit.true_wcs(CONFIG, 1).wcs_world2pix(positions_at(star, visit.mjd_middle), 0)[0]
    centre = axis + (5.0, -3.0) - 0.6 * (where - axis)
    assert (row["x"], row["y"]) == pytest.approx(centre)
    assert (row["innerX"], row["innerY"]) == pytest.approx(centre - 0.05 * 0.6 * (where - axis))
    flux = float(star["r_flux"][0]) * 10.0 ** (0.4 * (visit.zero_point - 31.4))
    assert row["electrons"] == pytest.approx(1e-3 * flux, rel=1e-6)


def test_light_of_a_ghost_is_what_was_declared() -> None:
    ghosts = Table(
        {
            "outerRadius": [30.0], "innerRadius": [15.0], "x": [80.3], "y": [70.6], "innerX": [82.0], "innerY": [71.0],
            "brightness": [7.0], "electrons": [7.0 * np.pi * (900.0 - 225.0)],
        }
    )  # fmt: skip
    image = np.full((140, 160), 100.0)
    add_ghosts(image, ghosts)
    assert (image - 100.0).sum() == pytest.approx(ghosts["electrons"][0], rel=2e-3)
    assert image[71, 82] == 100.0
    assert image[71, 60] == 107.0
    assert image[71, 120] == 100.0
    cut = np.zeros((60, 80))
    add_ghosts(cut, ghosts)
    assert cut == pytest.approx(image[:60, :80] - 100.0, abs=1e-9)
    assert cut.any()


def test_ghosts_of_stars_on_a_neighbour_are_seen_and_faint_ones_are_left_out(scene) -> None:
    sky, visit = scene
    ghosts = ghosts_on_detector(sky, visit, 1, config=CONFIG)
    where = visit.true_wcs(CONFIG, 1).wcs_world2pix(positions_at(sky, visit.mjd_middle), 0)
    on_neighbour = np.asarray(sky["truthId"])[where[:, 0] < -40.0]
    assert set(on_neighbour) & set(ghosts["truthId"])
    assert ghosts["brightness"].min() >= 0.05
    none = CONFIG.model_copy(update={"ghosts": ()})
    assert len(ghosts_on_detector(sky, visit, 1, config=none)) == 0
