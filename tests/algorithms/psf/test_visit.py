from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement import adaptive_moments
from uraniborg.algorithms.psf.analytic import elliptical_moffat
from uraniborg.algorithms.psf.fit import fit_stamps
from uraniborg.algorithms.psf.stars import StarStamps, make_stamps
from uraniborg.algorithms.psf.visit import fit_visit_psf, in_other_pixels
from uraniborg.core.errors import UserError
from uraniborg.core.pixelgrid import PsfModel

SIDE, SIZE, NOISE = 500, 25, 10.0
OFFSETS = np.array([(i * 520.0, j * 520.0) for j in range(3) for i in range(3)])
MATRICES = np.broadcast_to(np.eye(2), (9, 2, 2)) + np.random.default_rng(0).normal(0.0, 1e-4, (9, 2, 2))


def _truth(points: np.ndarray) -> np.ndarray:
    """Width [pixel] at focal-plane positions (n, 2): wider towards a corner."""
    u = points / 780.0 - 1.0
    return 4.0 * (1.0 + 0.05 * u[:, 0] - 0.03 * u[:, 1] + 0.04 * u[:, 0] * u[:, 1])


def _stamps(row: int, n: int, seed: int) -> StarStamps:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(20.0, SIDE - 20.0, (2, n))
    flux = 10.0 ** rng.uniform(4.5, 5.5, n)
    widths = _truth(np.column_stack([x, y]) @ MATRICES[row].T + OFFSETS[row])
    data = []
    for k in range(n):
        fine = PsfModel(elliptical_moffat(widths[k], 3.0, size=181, sampling=0.25)[None], 0, (0, 0), (1, 1), 0.25, SIZE)
        data.append(flux[k] * fine.evaluate(x[k], y[k])[0])
    image = np.array(data)
    variance = NOISE**2 + image
    return make_stamps(image + rng.normal(0.0, np.sqrt(variance)), variance, x=x, y=y)


def _size_errors(model: PsfModel, row: int) -> np.ndarray:
    x, y = np.array([60.0, 60.0, 250.0, 440.0, 440.0]), np.array([60.0, 440.0, 250.0, 60.0, 440.0])
    widths = _truth(np.column_stack([x, y]) @ MATRICES[row].T + OFFSETS[row])
    fine = [elliptical_moffat(width, 3.0, size=181, sampling=0.25)[None] for width in widths]
    wanted = np.array([PsfModel(grid, 0, (0, 0), (1, 1), 0.25, SIZE).evaluate(5, 5)[0] for grid in fine])
    ours, truth = (adaptive_moments(stamps, sigma=1.8) for stamps in (model.evaluate(x, y), wanted))
    return np.asarray((ours.xx + ours.yy) / (truth.xx + truth.yy) - 1.0)


def test_few_stars_on_each_detector_make_one_good_model_for_all() -> None:
    stars = [_stamps(row, 12, seed=row) for row in range(9)]
    visit = fit_visit_psf(stars, MATRICES, OFFSETS, fwhm=4.0, max_order=2)
    together = np.array([_size_errors(visit.on_detector(row, (SIDE, SIDE)), row) for row in range(9)])
    alone = np.array(
        [_size_errors(fit_stamps(part, (SIDE, SIDE), fwhm=4.0).model, row) for row, part in enumerate(stars)]
    )
    assert visit.fit.n_stars >= 100
    assert visit.detector.tolist() == np.repeat(np.arange(9), 12).tolist()
    assert abs(together.mean()) < 2e-3
    assert together.std() < 6e-3
    assert together.std() < 0.6 * alone.std()


def test_change_of_pixels_loses_nothing() -> None:
    rng = np.random.default_rng(1)
    model = PsfModel(rng.normal(0.0, 1.0, (10, 7, 7)) + 5.0, 3, (700.0, 900.0), (800.0, 1000.0), 1.0, 5)
    matrix, offset = np.array([[1.01, 0.02], [-0.015, 0.99]]), np.array([1234.5, -77.0])
    other = in_other_pixels(model, matrix, offset, center=(250.0, 200.0), scale=(250.0, 200.0))
    points = rng.uniform(0.0, 500.0, (20, 2))
    there = points @ matrix.T + offset
    assert np.abs(other.grids(*points.T) - model.grids(*there.T)).max() < 1e-9


def test_turned_detectors_are_refused() -> None:
    turned = MATRICES.copy()
    turned[4] = [[0.0, -1.0], [1.0, 0.0]]
    with pytest.raises(UserError, match="detector 4 is turned"):
        fit_visit_psf([_stamps(row, 3, seed=row) for row in range(9)], turned, OFFSETS, fwhm=4.0)
