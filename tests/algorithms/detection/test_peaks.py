from __future__ import annotations

import numpy as np

from uraniborg.algorithms.detection.peaks import find_peaks, refine_peaks


def _hills(*hills: tuple[float, float, float], shape: tuple[int, int] = (40, 60), sigma: float = 2.5) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    total = sum(height * np.exp(-0.5 * ((x - cx) ** 2 + (y - cy) ** 2) / sigma**2) for cx, cy, height in hills)
    return np.asarray(total, np.float32)


def _found(image: np.ndarray, **options: float) -> set[tuple[int, int]]:
    x, y = find_peaks(image, 5.0, **options)
    return set(zip(x.tolist(), y.tolist(), strict=True))


def test_every_hill_has_its_peak() -> None:
    image = _hills((10, 12, 30), (20, 14, 15), (50, 30, 6))
    image.flags.writeable = False
    assert _found(image) == {(10, 12), (20, 14), (50, 30)}


def test_prominence_is_measured_from_the_pass() -> None:
    ridge = np.zeros((5, 30), np.float32)
    ridge[2] = np.interp(np.arange(30), [0, 5, 10, 15, 20, 29], [0, 50, 20, 23, 8, 0])
    assert _found(ridge, prominence=2.9, contrast=0.0) == {(5, 2), (15, 2)}
    assert _found(ridge, prominence=3.1, contrast=0.0) == {(5, 2)}
    assert _found(ridge, prominence=0.0, contrast=0.14) == {(5, 2)}


def test_lone_low_peaks_stay() -> None:
    assert _found(_hills((20, 20, 5.5)), prominence=100.0) == {(20, 20)}


def test_a_plateau_is_one_peak() -> None:
    image = np.zeros((20, 20), np.float32)
    image[5:8, 5:9] = 10.0
    assert _found(image) == {(5, 5)}


def test_hills_at_opposite_edges_do_not_meet() -> None:
    image = np.zeros((6, 10), np.float32)
    image[2, 9], image[3, 0] = 10.0, 10.5
    assert _found(image, prominence=50.0) == {(9, 2), (0, 3)}


def test_nothing_above_the_threshold() -> None:
    assert _found(np.zeros((10, 10), np.float32)) == set()


def test_tops_between_pixels_are_found() -> None:
    y, x = np.mgrid[:30, :30]
    for dx, dy in ((0.0, 0.0), (0.4, -0.3), (-0.5, 0.45)):
        smooth = 8.0 * np.exp(-0.5 * ((x - 15 - dx) ** 2 + (y - 12 - dy) ** 2) / 2.6**2)
        offset, top = refine_peaks(smooth.astype(np.float32), np.array([15]), np.array([12]))
        np.testing.assert_allclose(offset[0], [dx, dy], atol=0.02)
        assert top[0] == 8.0 if (dx, dy) == (0.0, 0.0) else abs(top[0] - 8.0) < 0.03


def test_tops_at_edges_and_beside_empty_pixels_stay_where_they_are() -> None:
    image = np.full((20, 20), 1.0, np.float32)
    image[0, 5], image[10, 10], image[10, 11] = 9.0, 9.0, 0.0
    offset, top = refine_peaks(image, np.array([5, 10]), np.array([0, 10]))
    assert (offset == 0.0).all()
    assert top.tolist() == [9.0, 9.0]
