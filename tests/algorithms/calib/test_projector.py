from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uraniborg.algorithms.calib.projector import Beam, Pointings, ProjectorGeometry, aim, trace
from uraniborg.core.errors import AlgorithmError, UserError

RUBIN = ProjectorGeometry(position=(-5.5, 9.3, 2.1), focal_length=10310.0, distortion=(0.02, -0.1))


def test_a_projector_on_the_axis_lands_in_the_middle() -> None:
    geometry = ProjectorGeometry(position=(0.0, 10.0, 0.0), focal_length=1000.0)
    zero = np.zeros(1)
    beam = trace(Pointings(zero, zero, zero, zero + 180.0, zero), geometry, mask_x=zero, mask_y=zero)
    for value in (beam.x, beam.y, beam.pupil_x, beam.pupil_y):
        assert value[0] == pytest.approx(0.0, abs=1e-12)


def test_a_small_turn_of_the_telescope_moves_the_image_by_the_plate_scale() -> None:
    geometry = ProjectorGeometry(position=(0.0, 10.0, 0.0), focal_length=1000.0)
    zero, small = np.zeros(1), np.array([0.01])
    beam = trace(Pointings(small, zero, zero, zero + 180.0, zero), geometry, mask_x=zero, mask_y=zero)
    assert beam.x[0] == pytest.approx(-1000.0 * np.deg2rad(0.01), rel=1e-6)
    assert beam.pupil_x[0] == pytest.approx(0.0, abs=1e-9)  # it stands in the direction it is seen in
    up = trace(Pointings(zero, small, zero, zero + 180.0, zero), geometry, mask_x=zero, mask_y=zero)
    assert up.y[0] == pytest.approx(-1000.0 * np.deg2rad(0.01), rel=1e-6)


@given(
    x=st.floats(-300, 300),
    y=st.floats(-300, 300),
    pupil_x=st.floats(-4.1, 4.1),
    pupil_y=st.floats(-4.1, 4.1),
    rotator=st.floats(-90, 90),
    mask_x=st.floats(-20, 20),
    mask_y=st.floats(-20, 20),
)
@settings(max_examples=200, deadline=None)
def test_aim_is_the_inverse_of_trace(
    x: float, y: float, pupil_x: float, pupil_y: float, rotator: float, mask_x: float, mask_y: float
) -> None:
    wanted = Beam(*(np.array([value]) for value in (x, y, pupil_x, pupil_y)))
    mask = {"mask_x": np.array([mask_x]), "mask_y": np.array([mask_y])}
    pointings = aim(wanted, RUBIN, rotator=np.array([rotator]), **mask)
    found = trace(pointings, RUBIN, **mask)
    np.testing.assert_allclose([found.x, found.y], [wanted.x, wanted.y], atol=1e-8)
    np.testing.assert_allclose([found.pupil_x, found.pupil_y], [wanted.pupil_x, wanted.pupil_y], atol=1e-9)


def test_the_impossible_is_refused() -> None:
    one = np.ones(1)
    with pytest.raises(AlgorithmError, match="farther"):
        aim(Beam(0 * one, 0 * one, 50 * one, 0 * one), RUBIN, rotator=0 * one, mask_x=0 * one, mask_y=0 * one)
    with pytest.raises(AlgorithmError, match="behind"):
        trace(Pointings(0 * one, 0 * one, 0 * one, 0 * one, 0 * one), RUBIN, mask_x=0 * one, mask_y=0 * one)
    with pytest.raises(UserError, match="pivot"):
        ProjectorGeometry(position=(0.0, 0.0, 0.0), focal_length=1.0)
