"""Fit of a positive and a negative point source side by side: what a misplaced static star leaves on a difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from uraniborg.core.pixelgrid import PointSpread, nearest_pixel, place_stamp

__all__ = ("DipoleFit", "fit_dipoles", "pair_lobes")

N_ITERATIONS = 40
MAX_STEP = 1.0


@dataclass(frozen=True, slots=True)
class DipoleFit:
    """Two point sources of opposite sign, fitted together; NaN where the fit failed.

    Attributes
    ----------
    x_positive, y_positive, x_negative, y_negative : (n,) float [pixel]
        Positions of the lobes.
    flux_positive, flux_negative : (n,) float
        Absolute fluxes of the lobes.
    mean_flux, mean_flux_err, flux_difference, flux_difference_err : (n,) float
        Mean and difference (positive minus negative) of the absolute fluxes, with errors.
    chi2 : (n,) float
        Sum of squared normalised residuals.
    n_data : (n,) int
        Pixels used; 0 where the fit failed.
    """

    x_positive: NDArray[np.float64]
    y_positive: NDArray[np.float64]
    x_negative: NDArray[np.float64]
    y_negative: NDArray[np.float64]
    flux_positive: NDArray[np.float64]
    flux_negative: NDArray[np.float64]
    mean_flux: NDArray[np.float64]
    mean_flux_err: NDArray[np.float64]
    flux_difference: NDArray[np.float64]
    flux_difference_err: NDArray[np.float64]
    chi2: NDArray[np.float64]
    n_data: NDArray[np.int32]

    @property
    def separation(self) -> NDArray[np.float64]:
        """Distance of the lobes, (n,) [pixel]."""
        return np.hypot(self.x_positive - self.x_negative, self.y_positive - self.y_negative)


def pair_lobes(
    x: NDArray[np.floating], y: NDArray[np.floating], sign: NDArray[np.integer], *, radius: float
) -> NDArray[np.intp]:
    """Return pairs of sources of opposite sign that are each other's nearest source of the other sign.

    Parameters
    ----------
    x, y : (n,) float [pixel]
    sign : (n,) int
        +1 or -1.
    radius : float [pixel]
        Largest distance of a pair.

    Returns
    -------
    (m, 2) int
        Indices of the positive and of the negative source.
    """
    positive, negative = np.flatnonzero(sign > 0), np.flatnonzero(sign < 0)
    if positive.size == 0 or negative.size == 0:
        return np.empty((0, 2), dtype=np.intp)
    positions = np.stack([x, y], axis=1).astype(np.float64)
    first = cKDTree(positions[positive])
    second = cKDTree(positions[negative])
    distance, to_negative = second.query(positions[positive])
    _, to_positive = first.query(positions[negative])
    mutual = (to_positive[to_negative] == np.arange(positive.size)) & (distance <= radius)
    return np.stack([positive[mutual], negative[to_negative[mutual]]], axis=1)


def fit_dipoles(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    psf: PointSpread,
    *,
    positive: NDArray[np.floating],
    negative: NDArray[np.floating],
    unusable: NDArray[np.bool_] | None = None,
) -> DipoleFit:
    """Fit a dipole to each pair of lobes by damped least squares (six unknowns each).

    Parameters
    ----------
    image, variance : (ny, nx) float
        Difference image and its variance.
    psf : PointSpread
        Point-spread function of the difference.
    positive, negative : (n, 2) float [pixel]
        First guess of the (x, y) of the two lobes.
    unusable : (ny, nx) bool, optional
        Pixels not to use.

    Returns
    -------
    DipoleFit
    """
    first = np.ascontiguousarray(positive, dtype=np.float64).reshape(-1, 2)
    second = np.ascontiguousarray(negative, dtype=np.float64).reshape(-1, 2)
    middle = 0.5 * (first + second)
    good = np.isfinite(image) & (variance > 0.0)
    if unusable is not None:
        good &= ~unusable
    weight = np.where(good, 1.0 / np.where(good, variance, 1.0), 0.0)
    clean = np.where(good, image, 0.0).astype(np.float64)
    grids = np.ascontiguousarray(psf.grids(middle[:, 0], middle[:, 1]))
    size = psf.stamp_size + 2 * int(np.ceil(np.abs(first - second).max(initial=0.0) / 2.0))
    result = np.full((len(first), 9), np.nan)
    used = np.zeros(len(first), dtype=np.int32)
    guess = np.concatenate([first, second], axis=1)
    _fit_all(clean, weight, grids, (guess, psf.sampling, size | 1), result, used)
    plus, minus = result[:, 4], result[:, 5]
    return DipoleFit(
        x_positive=result[:, 0],
        y_positive=result[:, 1],
        x_negative=result[:, 2],
        y_negative=result[:, 3],
        flux_positive=plus,
        flux_negative=minus,
        mean_flux=0.5 * (plus + minus),
        mean_flux_err=result[:, 6],
        flux_difference=plus - minus,
        flux_difference_err=result[:, 7],
        chi2=result[:, 8],
        n_data=used,
    )


@njit(cache=True, nogil=True)
def _point(grid, x, y, x_mid, y_mid, sampling, out):  # type: ignore[no-untyped-def]
    place_stamp(grid, x - x_mid, y - y_mid, sampling, out)


@njit(cache=True, nogil=True)
def _model(grid, unknowns, middle, sampling, parts):  # type: ignore[no-untyped-def]
    """Fill ``parts`` (6, s, s): derivative of the model to the two positions and the two fluxes."""
    step = 0.05
    size = parts.shape[1]
    ahead = np.empty((size, size))
    behind = np.empty((size, size))
    for lobe in range(2):
        x = unknowns[2 * lobe]
        y = unknowns[2 * lobe + 1]
        sign = 1.0 if lobe == 0 else -1.0
        flux = sign * unknowns[4 + lobe]
        _point(grid, x, y, middle[0], middle[1], sampling, parts[4 + lobe])
        for axis in range(2):
            dx = step if axis == 0 else 0.0
            dy = step - dx
            _point(grid, x + dx, y + dy, middle[0], middle[1], sampling, ahead)
            _point(grid, x - dx, y - dy, middle[0], middle[1], sampling, behind)
            parts[2 * lobe + axis] = flux * (ahead - behind) / (2.0 * step)
        parts[4 + lobe] *= sign


@njit(cache=True, nogil=True)
def _chi2(parts, unknowns, data, weight):  # type: ignore[no-untyped-def]
    model = unknowns[4] * parts[4] + unknowns[5] * parts[5]
    return np.sum(weight * (data - model) ** 2)


@njit(cache=True, nogil=True)
def _equations(parts, unknowns, data, weight, matrix, vector):  # type: ignore[no-untyped-def]
    residual = data - unknowns[4] * parts[4] - unknowns[5] * parts[5]
    for i in range(6):
        vector[i] = np.sum(weight * residual * parts[i])
        for j in range(i + 1):
            matrix[i, j] = np.sum(weight * parts[i] * parts[j])
            matrix[j, i] = matrix[i, j]


@njit(cache=True, nogil=True)
def _fit_one(data, weight, grid, unknowns, middle, sampling):  # type: ignore[no-untyped-def]
    """Improve the unknowns in place; return the final normal matrix, chi square and whether it converged."""
    size = data.shape[0]
    parts = np.empty((6, size, size))
    matrix = np.empty((6, 6))
    vector = np.empty(6)
    _model(grid, unknowns, middle, sampling, parts)
    for lobe in range(2):
        power = np.sum(weight * parts[4 + lobe] ** 2)
        if power > 0.0:
            unknowns[4 + lobe] = max(np.sum(weight * parts[4 + lobe] * data) / power, 1e-3 / np.sqrt(power))
    _model(grid, unknowns, middle, sampling, parts)
    chi2 = _chi2(parts, unknowns, data, weight)
    damping = 1e-2
    converged = False
    for _ in range(N_ITERATIONS):
        _equations(parts, unknowns, data, weight, matrix, vector)
        damped = matrix.copy()
        for i in range(6):
            damped[i, i] = matrix[i, i] * (1.0 + damping) + 1e-300
        step = np.linalg.solve(damped, vector)
        for i in range(4):
            step[i] = min(max(step[i], -MAX_STEP), MAX_STEP)
        trial = unknowns + step
        _model(grid, trial, middle, sampling, parts)
        trial_chi2 = _chi2(parts, trial, data, weight)
        if trial_chi2 <= chi2:
            gain = chi2 - trial_chi2
            unknowns[:] = trial
            chi2 = trial_chi2
            damping = max(damping / 5.0, 1e-8)
            if gain < 1e-4:
                converged = True
                break
        else:
            damping *= 5.0
            _model(grid, unknowns, middle, sampling, parts)
            if damping > 1e8:
                break
    _equations(parts, unknowns, data, weight, matrix, vector)
    return matrix, chi2, converged


@njit(cache=True, nogil=True)
def _fit_all(image, weight, grids, setup, result, used):  # type: ignore[no-untyped-def]
    guess, sampling, size = setup
    half = size // 2
    for n in range(guess.shape[0]):
        x_mid = nearest_pixel(0.5 * (guess[n, 0] + guess[n, 2]))
        y_mid = nearest_pixel(0.5 * (guess[n, 1] + guess[n, 3]))
        data = np.zeros((size, size))
        local = np.zeros((size, size))
        for j in range(size):
            for i in range(size):
                y = y_mid + j - half
                x = x_mid + i - half
                if 0 <= y < image.shape[0] and 0 <= x < image.shape[1]:
                    data[j, i] = image[y, x]
                    local[j, i] = weight[y, x]
        n_data = np.count_nonzero(local)
        if n_data < 12 or not np.isfinite(grids[n, 0, 0]):
            continue
        unknowns = np.zeros(6)
        unknowns[:4] = guess[n]
        matrix, chi2, converged = _fit_one(data, local, grids[n], unknowns, (x_mid, y_mid), sampling)
        if not converged or np.linalg.matrix_rank(matrix) < 6 or unknowns[4] <= 0.0 or unknowns[5] <= 0.0:
            continue
        covariance = np.linalg.inv(matrix)
        spread = covariance[4, 4] + covariance[5, 5]
        shared = covariance[4, 5]
        result[n, :6] = unknowns
        result[n, 6] = 0.5 * np.sqrt(max(spread + 2.0 * shared, 0.0))
        result[n, 7] = np.sqrt(max(spread - 2.0 * shared, 0.0))
        result[n, 8] = chi2
        used[n] = n_data
