from __future__ import annotations

import numpy as np
import pytest

from uraniborg.core.errors import UserError
from uraniborg.sim.camera.effects_electronics import (
    add_crosstalk,
    bend,
    bias_frame,
    board_crosstalk_matrix,
    crosstalk_matrix,
    digitise,
)


def test_nonlinearity_is_as_set() -> None:
    signal = np.array([-5.0, 0.0, 2.5e4, 5e4])
    assert bend(signal, loss=0.01, full_scale=5e4) == pytest.approx([-5.0, 0.0, 2.5e4 * 0.995, 5e4 * 0.99])
    assert np.array_equal(bend(signal, loss=0.0, full_scale=5e4), signal)
    with pytest.raises(UserError, match="turns the response back"):
        bend(signal, loss=0.5, full_scale=5e4)


def test_crosstalk_falls_with_distance_and_is_as_set() -> None:
    matrix = crosstalk_matrix(4, 2, nearest=1e-4, rng=np.random.default_rng(1))
    assert not np.diag(matrix).any()
    assert matrix[0, 1] == pytest.approx(1e-4, rel=0.6)
    assert abs(matrix[0, 3]) < matrix[0, 1]
    segments = np.zeros((8, 5, 6))
    segments[2, 3, 4] = 5e4
    segments.flags.writeable = False
    ghosts = add_crosstalk(segments, segments, matrix)
    others = np.arange(8) != 2
    assert ghosts[others, 3, 4] / 5e4 == pytest.approx(matrix[others, 2], rel=1e-12)
    assert ghosts[2, 3, 4] == 5e4
    assert np.count_nonzero(ghosts) == 8
    with pytest.raises(UserError, match="there are 8 and 8 amplifiers"):
        add_crosstalk(segments, segments, matrix[:3, :3])


def test_crosstalk_between_detectors_comes_from_the_other_one() -> None:
    matrix = board_crosstalk_matrix(3, typical=2e-5, rng=np.random.default_rng(1))
    assert matrix.mean() == pytest.approx(2e-5, rel=0.3)
    here, there = np.zeros((3, 2, 2)), np.zeros((3, 2, 2))
    there[1, 0, 1] = 1e5
    found = add_crosstalk(here, there, matrix)
    assert found[:, 0, 1] == pytest.approx(matrix[:, 1] * 1e5)
    assert np.count_nonzero(found) == 3


def test_bias_has_level_turn_on_and_pattern() -> None:
    bias = bias_frame((400, 300), np.random.default_rng(2), level=2e4, pattern=0.5)
    assert bias[:, 150:].mean() == pytest.approx(2e4, abs=0.01)
    assert bias[:, 150:].std() == pytest.approx(0.5, rel=0.02)
    assert bias[:, 0].mean() - 2e4 == pytest.approx(5.0, abs=0.15)
    assert bias[:, 10].mean() - 2e4 == pytest.approx(5.0 / np.e, abs=0.15)


def test_digitisation_rounds_and_is_cut_at_the_ends() -> None:
    signal = np.array([-3.0, 0.4, 0.6, 65535.2, 1e6])
    short = digitise(signal, bits=16)
    assert short.dtype == np.uint16
    assert short.tolist() == [0, 0, 1, 65535, 65535]
    wide = digitise(signal, bits=18)
    assert wide.dtype == np.int32
    assert wide.tolist() == [0, 0, 1, 65535, 262143]
