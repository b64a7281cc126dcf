from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.astrometry import from_tangent_plane
from uraniborg.algorithms.astrometry.focal_plane import DetectorPlaces, FocalPlanePolynomial
from uraniborg.algorithms.astrometry.visit import DetectorStars, solve_visit
from uraniborg.core.errors import AlgorithmError

BORESIGHT, CENTER, SCALE = (40.0, -30.0), np.array([999.5, 999.5]), 0.2


def _truth() -> tuple[DetectorPlaces, FocalPlanePolynomial]:
    rng = np.random.default_rng(1)
    grid = np.stack(np.meshgrid(np.arange(-1.5, 2.0), np.arange(-1.5, 2.0)), axis=-1).reshape(-1, 2) * 2100.0
    exponents = np.array([(1, 0), (0, 1), (3, 0), (1, 2), (2, 1), (0, 3)])
    unit = 5000.0
    values = np.array([[1.0, 0.0, 0.005, 0.005, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.005, 0.005]]) * SCALE * unit
    places = DetectorPlaces(CENTER, grid + rng.normal(0.0, 3.0, grid.shape), rng.normal(0.0, 3e-4, 16), True)
    return places, FocalPlanePolynomial(values, exponents, unit)


def _visit(*, noise: float, spoiled: int = 0) -> tuple[list[DetectorStars], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Detectors of 40 stars; the first guess is off by 20 arcsec and 0.3 deg, and straight within detectors."""
    places, polynomial = _truth()
    rng = np.random.default_rng(2)
    angle = np.radians(0.3)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    detectors, references = [], []
    for row in range(16):
        x, y = rng.uniform(0.0, 1999.0, (2, 40))
        sky = polynomial.apply(places.to_focal_plane(np.full(40, row), x, y))
        middle = polynomial.apply(places.place[row : row + 1])[0]
        axes = polynomial.jacobians(places.place[row : row + 1])[0] @ places.axes()[row]
        guess = (middle + (np.column_stack([x, y]) - CENTER) @ axes.T) @ turn.T + [15.0, -12.0]
        if row < spoiled:
            guess = guess + 400.0
        seen = np.column_stack([x, y]) + rng.normal(0.0, noise / SCALE, (40, 2))
        detectors.append(
            DetectorStars(*seen.T, np.full(40, noise), guess, middle @ turn.T + [15.0, -12.0], turn @ axes)
        )
        references.append(sky)
    plane = np.vstack([*references, rng.uniform(-1000.0, 1000.0, (200, 2))])
    return detectors, (*from_tangent_plane(plane, BORESIGHT), np.full(len(plane), 1e-4))


def test_a_visit_is_matched_and_fitted_to_its_noise() -> None:
    detectors, references = _visit(noise=0.005)
    visit = solve_visit(detectors, references, BORESIGHT, center=tuple(CENTER), degree=5)
    assert visit.matched.all()
    assert visit.shift == pytest.approx(np.full(16, 20.0), abs=8.0)
    assert visit.turn == pytest.approx(np.full(16, -0.3), abs=0.02)
    assert len(visit.reference) >= 630
    assert np.array_equal(visit.reference // 40, visit.stars.detector)
    assert visit.fit.rms == pytest.approx([0.005, 0.005], rel=0.1)
    assert visit.fit.floor < 0.002


def test_a_detector_that_is_lost_is_found_through_the_others() -> None:
    detectors, references = _visit(noise=0.005, spoiled=1)
    visit = solve_visit(detectors, references, BORESIGHT, center=tuple(CENTER), degree=5)
    assert visit.matched.tolist() == [False] + [True] * 15
    assert np.isnan(visit.shift[0])
    assert np.count_nonzero(visit.fit.used & (visit.stars.detector == 0)) >= 36
    assert visit.fit.rms.max() < 0.006


def test_nothing_matched_is_an_error() -> None:
    detectors, references = _visit(noise=0.005)
    elsewhere = (references[0] + 5.0, references[1], references[2])
    with pytest.raises(AlgorithmError, match="no detector"):
        solve_visit(detectors, elsewhere, BORESIGHT, center=tuple(CENTER))
