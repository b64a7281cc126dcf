from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.astrometry.focal_plane import (
    DetectorPlaces,
    FocalPlanePolynomial,
    FocalPlaneStars,
    first_places,
    fit_focal_plane,
)
from uraniborg.core.errors import AlgorithmError

CENTER = np.array([1023.5, 2047.5])
SCALE = 0.2


def _truth(n_side: int = 5) -> tuple[DetectorPlaces, FocalPlanePolynomial]:
    rng = np.random.default_rng(4)
    steps = (np.arange(n_side) - (n_side - 1) / 2.0) * 4300.0
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    place = grid + rng.normal(0.0, 4.0, grid.shape)
    angle = np.radians(30.0) + rng.normal(0.0, 5e-4, len(grid))
    unit = 9500.0
    exponents = np.array([(1, 0), (0, 1), (3, 0), (1, 2), (2, 1), (0, 3), (2, 0), (1, 1), (0, 2)])
    radial, other = 0.01 * SCALE * unit, 0.5
    coefficients = np.array([
        [SCALE * unit, 0.0, radial, radial, 0.0, 0.0, other, -other, 0.0],
        [0.0, SCALE * unit, 0.0, 0.0, radial, radial, 0.0, other, other],
    ])  # fmt: skip
    return DetectorPlaces(CENTER, place, angle, True), FocalPlanePolynomial(coefficients, exponents, unit)


def _first_guess(places: DetectorPlaces, polynomial: FocalPlanePolynomial) -> DetectorPlaces:
    return first_places(polynomial.apply(places.place), polynomial.jacobians(places.place) @ places.axes(), CENTER)


def _stars(n: int, noise: float, seed: int = 1) -> tuple[FocalPlaneStars, np.ndarray]:
    places, polynomial = _truth()
    rng = np.random.default_rng(seed)
    detector = rng.integers(0, len(places.angle), n)
    x, y = rng.uniform(0.0, 2047.0, n), rng.uniform(0.0, 4095.0, n)
    exact = polynomial.apply(places.to_focal_plane(detector, x, y))
    target = exact + rng.normal(0.0, noise, exact.shape)
    return FocalPlaneStars(detector, x, y, target, np.full(n, 0.002)), exact


def test_first_places_see_through_the_distortion() -> None:
    places, polynomial = _truth()
    guess = _first_guess(places, polynomial)
    assert guess.mirrored
    shape = guess.place - guess.place.mean(axis=0) - (places.place - places.place.mean(axis=0)) * SCALE / SCALE
    assert np.abs(shape).max() < 60.0  # of 19000; without the integration of the area it would be 190
    assert np.abs(guess.angle - places.angle).max() < 2e-3


def test_the_truth_is_recovered_to_the_errors() -> None:
    places, polynomial = _truth()
    stars, exact = _stars(3000, 0.010)
    fit = fit_focal_plane(stars, _first_guess(places, polynomial), degree=4)
    truth_error = fit.polynomial.apply(fit.places.to_focal_plane(stars.detector, stars.x, stars.y)) - exact
    expected = 0.010 * np.sqrt(fit.n_parameters / (2 * 3000))
    assert np.sqrt(np.mean(truth_error**2)) < 1.2 * expected
    assert fit.floor == pytest.approx(np.sqrt(0.010**2 - 0.002**2), rel=0.05)
    assert fit.used.mean() > 0.99


def test_outliers_are_left_out() -> None:
    places, polynomial = _truth()
    stars, exact = _stars(2000, 0.005, seed=3)
    target = stars.target.copy()
    target[:60] += np.random.default_rng(1).uniform(0.1, 0.3, (60, 2))
    spoiled = FocalPlaneStars(stars.detector, stars.x, stars.y, target, stars.error)
    fit = fit_focal_plane(spoiled, _first_guess(places, polynomial), degree=4)
    assert not fit.used[:60].any()
    assert fit.used[60:].mean() > 0.98
    assert (
        np.sqrt(
            np.mean((fit.polynomial.apply(fit.places.to_focal_plane(stars.detector, stars.x, stars.y)) - exact) ** 2)
        )
        < 0.002
    )


def test_jacobians_are_the_derivatives() -> None:
    _, polynomial = _truth()
    points = np.random.default_rng(1).uniform(-9000.0, 9000.0, (50, 2))
    for axis in (0, 1):
        step = np.eye(2)[axis]
        numeric = (polynomial.apply(points + step) - polynomial.apply(points - step)) / 2.0
        assert np.abs(polynomial.jacobians(points)[:, :, axis] - numeric).max() < 1e-7


def test_too_few_stars_are_an_error() -> None:
    stars, _ = _stars(20, 0.01)
    with pytest.raises(AlgorithmError, match="too few stars"):
        fit_focal_plane(stars, _truth()[0], degree=5)
