from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uraniborg.algorithms.isr.assembly import read_detector, split
from uraniborg.algorithms.isr.crosstalk import correct_crosstalk, invert_crosstalk, stream_corrected_rows
from uraniborg.core.errors import UserError
from uraniborg.sim.camera.effects_electronics import add_crosstalk, crosstalk_matrix

MATRIX = crosstalk_matrix(4, 2, nearest=2e-3, rng=np.random.default_rng(1))


def scene(n: int = 8) -> np.ndarray:
    rng = np.random.default_rng(2)
    signals = rng.normal(300.0, 5.0, (n, 40, 24))
    signals[rng.integers(0, n, 12), rng.integers(0, 40, 12), rng.integers(0, 24, 12)] = 80000.0
    return signals


def test_simulated_crosstalk_is_undone_to_second_order() -> None:
    truth = scene()
    observed = add_crosstalk(truth, truth, MATRIX).astype(np.float32)
    assert np.abs(observed - truth).max() > 50.0
    np.testing.assert_allclose(correct_crosstalk(observed, MATRIX), truth, atol=0.02)


def test_inverse_is_that_of_the_matrix() -> None:
    share = invert_crosstalk(MATRIX)
    np.testing.assert_allclose((np.eye(8) - share) @ (np.eye(8) + MATRIX), np.eye(8), atol=1e-15)


def test_other_detectors_are_corrected_for() -> None:
    truth, other = scene(), scene()[::-1][:, ::-1]
    between = 1e-3 * np.random.default_rng(3).random((8, 8))
    mixed = add_crosstalk(truth, truth, MATRIX) + np.tensordot(between, other, axes=1)
    found = correct_crosstalk(
        mixed.astype(np.float32), MATRIX, others={"B": other.astype(np.float32)}, between={"B": between}
    )
    # What comes from the other detector is itself talked about once more, at second order: coefficient squared.
    assert np.abs(found - truth).max() < 80000.0 * 8 * np.abs(MATRIX).max() * between.max()
    with pytest.raises(UserError, match="crosstalk from B"):
        correct_crosstalk(mixed.astype(np.float32), MATRIX, between={"B": between})


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 44), max_size=8))
def test_rows_as_they_come_equal_the_whole_exposure_bit_for_bit(cuts: list[int]) -> None:
    from uraniborg.algorithms.isr.geometry import AmplifierGeometry, DetectorGeometry, Section

    data, serial = Section(0, 32, 3, 27), Section(0, 32, 27, 43)
    amplifiers = tuple(
        AmplifierGeometry(
            f"A{k}", data, Section(32 * (k // 4), 32 * (k // 4) + 32, 24 * (k % 4), 24 * (k % 4) + 24), serial
        )
        for k in range(8)
    )
    geometry = DetectorGeometry((64, 96), amplifiers)
    rng = np.random.default_rng(4)
    segments = [rng.integers(19000, 90000, (44, 43)).astype(np.int32) for _ in range(8)]
    whole = np.stack(split(read_detector(segments, geometry, crosstalk=MATRIX).image, geometry))
    edges = [0, *sorted(cuts), 44]
    blocks = [[s[a:b] for s in segments] for a, b in itertools.pairwise(edges)]
    streamed = np.full_like(whole, np.nan)
    for rows in stream_corrected_rows(blocks, geometry, MATRIX):
        streamed[:, rows.first : rows.first + rows.data.shape[1]] = rows.data
    assert streamed.tobytes() == whole.tobytes()


def test_a_matrix_of_another_detector_is_refused() -> None:
    with pytest.raises(UserError, match=r"\(8, 8\), there are 4"):
        correct_crosstalk(np.zeros((4, 2, 2), np.float32), MATRIX)
