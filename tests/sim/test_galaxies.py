from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.sim.config import SimConfig
from uraniborg.sim.galaxies import draw_galaxies
from uraniborg.sim.observing import plan_visits
from uraniborg.sim.psf import make_psf_field


def _draw(x: float, y: float, *, flux: float = 1e4, bright: float = 1.0, **shape: float) -> np.ndarray:
    config = SimConfig()
    row = {"sersicIndex": 1.0, "halfLightRadius": 1.2, "axisRatio": 0.3, "positionAngle": 0.0} | shape
    return draw_galaxies(
        (1024, 1024),
        Table({name: [value] for name, value in row.items()}),
        np.array([[x, y]]),
        flux=np.array([flux]),
        psf=make_psf_field(config, plan_visits(config)[0], 0),
        pixel_scale=0.26,
        north=90.0,
        bright=bright,
    )


@pytest.mark.parametrize("index", [1.0, 3.5])
@pytest.mark.parametrize("bright", [1.0, 1e9])
def test_flux_is_kept(index: float, bright: float) -> None:
    assert _draw(400.3, 600.8, sersicIndex=index, bright=bright).sum() == pytest.approx(1e4, rel=0.01)


def test_position_angle_counts_from_north_to_east() -> None:
    rows, columns = np.indices((1024, 1024))
    for angle, sign in ((45.0, -1.0), (135.0, 1.0)):  # East is -x where North is +y
        image = _draw(512.0, 512.0, positionAngle=angle)
        moment = np.sum(image * (columns - 512.0) * (rows - 512.0)) / image.sum()
        assert np.sign(moment) == sign
    tall = _draw(512.0, 512.0, positionAngle=0.0)
    assert np.sum(tall * (rows - 512.0) ** 2) > 2.0 * np.sum(tall * (columns - 512.0) ** 2)


def test_a_galaxy_outside_is_left_out_and_one_at_the_edge_is_cut() -> None:
    assert not _draw(-900.0, 512.0).any()
    assert 0.3e4 < _draw(0.0, 512.0).sum() < 0.7e4
