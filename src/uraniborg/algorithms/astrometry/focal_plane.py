"""One distortion for a whole focal plane: pixel -> focal plane by rigid detectors, focal plane -> field angle by a
polynomial that all detectors share.

Detectors keep their size and are only moved and turned; their scale and shear on the sky are those of the optics. What
the shared polynomial and the places of the detectors can both express is settled by a weak prior on the places.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.astrometry.fit import extra_error
from uraniborg.core.errors import AlgorithmError

__all__ = (
    "DetectorPlaces",
    "FocalPlaneFit",
    "FocalPlanePolynomial",
    "FocalPlaneStars",
    "fit_focal_plane",
    "first_places",
)

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DetectorPlaces:
    """Where the detectors of a camera lie, as one parity-conserving rigid motion each.

    Attributes
    ----------
    center : (2,) float [pixel]
        Point of every detector that it turns about.
    place : (d, 2) float [pixel]
        Where that point is on the focal plane.
    angle : (d,) float [rad]
        Turn of the detector, counter-clockwise.
    mirrored : bool
        Whether the x axis of detectors is reversed first (the sky as seen from inside, East to the left).
    """

    center: Floats
    place: Floats
    angle: Floats
    mirrored: bool

    def axes(self) -> Floats:
        """Return the matrices (d, 2, 2) that take offsets on a detector to offsets on the focal plane."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        turn = np.stack([np.stack([cosine, -sine], axis=-1), np.stack([sine, cosine], axis=-1)], axis=-2)
        return turn @ np.diag([-1.0, 1.0]) if self.mirrored else turn

    def to_focal_plane(self, detector: NDArray[np.integer], x: Floats, y: Floats) -> Floats:
        """Return focal-plane positions (n, 2) [pixel] of detector positions (n,) [pixel]; ``detector`` is a row."""
        offset = np.column_stack([x, y]) - self.center
        return np.asarray(self.place[detector] + np.einsum("nij,nj->ni", self.axes()[detector], offset))


@dataclass(frozen=True, slots=True)
class FocalPlanePolynomial:
    """Field angles as a polynomial of focal-plane position.

    Attributes
    ----------
    coefficients : (2, k) float [arcsec]
        Of East and of North for each term.
    exponents : (k, 2) int
        Powers of the scaled x and y.
    scale : float [pixel]
        Distance on the focal plane that is scaled to one.
    """

    coefficients: Floats
    exponents: NDArray[np.intp]
    scale: float

    def terms(self, points: Floats) -> Floats:
        """Return the terms (n, k) at focal-plane positions (n, 2) [pixel]."""
        return _terms(points / self.scale, self.exponents)

    def apply(self, points: Floats) -> Floats:
        """Return field angles (n, 2) [arcsec] of focal-plane positions (n, 2) [pixel]."""
        return np.asarray(self.terms(points) @ self.coefficients.T)

    def jacobians(self, points: Floats) -> Floats:
        """Return the derivatives (n, 2, 2) [arcsec/pixel] at focal-plane positions (n, 2) [pixel]."""
        scaled = points / self.scale
        columns = []
        for axis in (0, 1):
            lower = self.exponents.copy()
            power = lower[:, axis].copy()
            lower[:, axis] = np.maximum(power - 1, 0)
            columns.append((_terms(scaled, lower) * power) @ self.coefficients.T / self.scale)
        return np.stack(columns, axis=-1)


@dataclass(frozen=True, slots=True)
class FocalPlaneStars:
    """Matched stars of one visit.

    Attributes
    ----------
    detector : (n,) int
        Row of the detector.
    x, y : (n,) float [pixel]
        Positions on the detector.
    target : (n, 2) float [arcsec]
        Reference positions on the tangent plane of the boresight.
    error : (n,) float [arcsec]
        Error of each axis of a pair.
    """

    detector: NDArray[np.intp]
    x: Floats
    y: Floats
    target: Floats
    error: Floats


@dataclass(frozen=True, slots=True)
class FocalPlaneFit:
    """Result of `fit_focal_plane`.

    Attributes
    ----------
    places : DetectorPlaces
    polynomial : FocalPlanePolynomial
    residuals : (n, 2) float [arcsec]
        Reference minus fitted position, East and North.
    used : (n,) bool
        Stars that were kept.
    floor : float [arcsec]
        Error of each axis beyond those given that makes the chi-square per degree of freedom one.
    rms : (2,) float [arcsec]
        Of the residuals of the used stars.
    n_parameters : int
    """

    places: DetectorPlaces
    polynomial: FocalPlanePolynomial
    residuals: Floats
    used: NDArray[np.bool_]
    floor: float
    rms: Floats
    n_parameters: int


def _terms(scaled: Floats, exponents: NDArray[np.intp]) -> Floats:
    top = int(exponents.max(initial=0))
    powers = scaled[:, None, :] ** np.arange(top + 1)[None, :, None]
    return np.asarray(powers[:, exponents[:, 0], 0] * powers[:, exponents[:, 1], 1])


def first_places(centers: Floats, axes: Floats, center: Floats) -> DetectorPlaces:
    """Return where rigid detectors lie according to local first-guess projections.

    The optics are taken as symmetric about the boresight: the area of a pixel as a function of the field angle t gives
    the distance r on the focal plane by d(r^2) / d(t^2) = 1 / area.

    Parameters
    ----------
    centers : (d, 2) float [arcsec]
        Field angles, East and North, of the point ``center`` of each detector.
    axes : (d, 2, 2) float [arcsec/pixel]
        Local derivatives of field angle by pixel position there.
    center : (2,) float [pixel]
        The point.

    Returns
    -------
    DetectorPlaces
    """
    area = np.linalg.det(axes)
    mirrored = bool(np.median(area) < 0.0)
    square = np.sum(centers**2, axis=1)
    unit = max(float(square.max()), 1e-12)
    degree = min(2, len(np.unique(np.round(square / unit, 3))) - 1)
    fit = np.polynomial.Polynomial.fit(square / unit, 1.0 / np.abs(area), degree, domain=[0.0, 1.0], window=[0.0, 1.0])
    radius = np.sqrt(np.maximum(fit.integ()(square / unit) * unit, 0.0))
    distance = np.sqrt(square)
    place = centers * np.where(distance > 0.0, radius / np.maximum(distance, 1e-12), 0.0)[:, None]
    upright = axes @ np.diag([-1.0, 1.0]) if mirrored else axes
    angle = np.arctan2(upright[:, 1, 0] - upright[:, 0, 1], upright[:, 0, 0] + upright[:, 1, 1])
    return DetectorPlaces(np.asarray(center, float), place, angle, mirrored)


def _solve(
    stars: FocalPlaneStars,
    places: DetectorPlaces,
    polynomial: FocalPlanePolynomial,
    *,
    weight: Floats,
    prior: tuple[float, float],
    origin: DetectorPlaces,
) -> tuple[DetectorPlaces, FocalPlanePolynomial]:
    """Take one Gauss-Newton step in all parameters; ``weight`` (n,) is zero for stars that are left out."""
    n_detectors, n_terms = len(places.angle), polynomial.coefficients.shape[1]
    focal = places.to_focal_plane(stars.detector, stars.x, stars.y)
    terms, slope = polynomial.terms(focal), polynomial.jacobians(focal)
    residual = stars.target - terms @ polynomial.coefficients.T
    arm = focal - places.place[stars.detector]
    by_angle = np.einsum("nij,nj->ni", slope, np.column_stack([-arm[:, 1], arm[:, 0]]))
    by_place = np.concatenate([slope, by_angle[:, :, None]], axis=2)  # (n, 2, 3)
    rows = np.arange(len(focal))
    size = 2 * n_terms + 3 * n_detectors
    root = np.sqrt(weight)
    design = np.zeros((len(focal), 2, size))
    for axis in (0, 1):
        design[:, axis, axis * n_terms : (axis + 1) * n_terms] = terms
    for k in range(3):
        design[rows, :, 2 * n_terms + 3 * stars.detector + k] = by_place[:, :, k]
    matrix = (design * root[:, None, None]).reshape(-1, size)
    vector = (residual * root[:, None]).ravel()
    normal, right = matrix.T @ matrix, matrix.T @ vector
    strength = np.tile([prior[0] ** -2.0, prior[0] ** -2.0, prior[1] ** -2.0], n_detectors)
    away = np.column_stack([origin.place - places.place, origin.angle - places.angle]).ravel()
    tail = np.arange(2 * n_terms, size)
    normal[tail, tail] += strength
    right[tail] += strength * away
    scale = np.sqrt(np.maximum(np.diag(normal), 1e-300))
    step = np.linalg.solve(normal / scale / scale[:, None] + 1e-13 * np.eye(size), right / scale) / scale
    change = step[2 * n_terms :].reshape(n_detectors, 3)
    moved = replace(places, place=places.place + change[:, :2], angle=places.angle + change[:, 2])
    return moved, replace(polynomial, coefficients=polynomial.coefficients + step[: 2 * n_terms].reshape(2, n_terms))


def fit_focal_plane(
    stars: FocalPlaneStars,
    places: DetectorPlaces,
    *,
    degree: int = 7,
    place_spread: float = 20.0,
    angle_spread: float = 0.005,
    n_sigma: float = 4.0,
    n_iterations: int = 12,
) -> FocalPlaneFit:
    """Fit the distortion of a visit and the places of the detectors.

    Parameters
    ----------
    stars : FocalPlaneStars
        Matched stars of all detectors.
    places : DetectorPlaces
        First guess (`first_places`), and middle of the prior.
    degree : int
        Of the polynomial.
    place_spread : float [pixel]
        Prior spread of each axis of a place.
    angle_spread : float [rad]
        Prior spread of a turn.
    n_sigma : float
        Stars off by more, in units of their error with the floor, are left out.
    n_iterations : int
        Rounds of fit, rejection and estimate of the floor.

    Returns
    -------
    FocalPlaneFit

    Raises
    ------
    AlgorithmError
        If there are fewer stars than coefficients of the polynomial.
    """
    exponents = np.array([(i, total - i) for total in range(degree + 1) for i in range(total, -1, -1)], dtype=np.intp)
    if len(stars.x) < 2 * len(exponents):
        raise AlgorithmError(
            "too few stars for this degree of distortion; lower it", n_stars=len(stars.x), degree=degree
        )
    focal = places.to_focal_plane(stars.detector, stars.x, stars.y)
    scale = float(np.hypot(focal[:, 0], focal[:, 1]).max())
    coefficients = np.linalg.lstsq(_terms(focal / scale, exponents), stars.target)[0].T
    polynomial = FocalPlanePolynomial(np.ascontiguousarray(coefficients), exponents, scale)
    n_parameters = 2 * len(exponents) + 3 * len(np.unique(stars.detector))
    used, floor, origin = np.ones(len(stars.x), bool), 0.0, places
    residual = stars.target - polynomial.apply(focal)
    for step in range(n_iterations):
        spread = 1.4826 * np.median(np.abs(residual[used]))
        # Starts from the scatter that is there, and ends with the errors.
        soft = max(spread, 1e-9) if step < 4 else 0.0
        weight = np.where(used, 1.0 / (stars.error**2 + max(floor, soft) ** 2), 0.0)
        places, polynomial = _solve(
            stars, places, polynomial, weight=weight, prior=(place_spread, angle_spread), origin=origin
        )
        residual = stars.target - polynomial.apply(places.to_focal_plane(stars.detector, stars.x, stars.y))
        floor = extra_error(residual[used], stars.error[used], n_parameters)
        limit = n_sigma * np.sqrt(stars.error**2 + max(floor, 0.5 * soft) ** 2)
        used = (np.abs(residual) < limit[:, None]).all(axis=1)
    return FocalPlaneFit(
        places=places,
        polynomial=polynomial,
        residuals=residual,
        used=used,
        floor=floor,
        rms=np.sqrt(np.mean(residual[used] ** 2, axis=0)),
        n_parameters=n_parameters,
    )
