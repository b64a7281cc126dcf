"""Photon transfer: gain, noise and brighter-fatter coefficients from the covariances of flats.

The model is that of Astier et al. (2019, A&A 629, A36), equation 20: with the gain g, the level m in adu and M = m g,

    C_ij = m/g [d_ij + a_ij M + 2/3 (a*a + ab)_ij M^2 + 1/6 (2 a*a*a + 5 a*ab)_ij M^3] + n_ij / g^2

where d is one at the origin, * is a convolution, and ab the product element by element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.signal import fftconvolve

from uraniborg.algorithms.calib.covariance import FlatCovariance
from uraniborg.core.errors import AlgorithmError, Unprocessable

__all__ = ("PhotonTransfer", "covariance_model", "find_turnoff", "fit_photon_transfer", "share_coefficients")

_SIGNIFICANT = 5.0  # a coefficient a_ij must be this many errors large for its b_ij to be fitted
_BELOW_TURNOFF = 0.85  # of the turnoff: above, the most sensitive pixels begin to be full
type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PhotonTransfer:
    """Result for one amplifier.

    Attributes
    ----------
    gain, gain_error : float [electron/adu]
        Gain and standard error.
    noise, noise_error : float [electron]
        Noise of a pixel without light, as the curve tells it.
    a, a_error : (m, m) float [electron^-1]
        Change of the area of a pixel by a charge ``[dy, dx]`` away; negative at the origin.
    b, b_error : (m, m) float [electron^-1]
        Its change with the charge; 0 with an infinite error where a is too small to tell.
    turnoff : float [adu]
        Level above which the curve turns over; NaN if it does not.
    turnoff_error : float [adu]
        Half the distance of the levels on both sides.
    chi2 : float
        Sum of squared pulls.
    n_free : int
        Number of covariances less number of parameters.
    used : (n,) bool
        Pairs that entered.
    """

    gain: float
    gain_error: float
    noise: float
    noise_error: float
    a: Floats
    a_error: Floats
    b: Floats
    b_error: Floats
    turnoff: float
    turnoff_error: float
    chi2: float
    n_free: int
    used: NDArray[np.bool_]


def covariance_model(
    levels: Floats, *, gain: float, a: Floats, b: Floats, noise: Floats, transfer: Floats | None = None
) -> Floats:
    """Return the covariances of flats.

    Parameters
    ----------
    levels : (n,) float [adu]
        Mean levels.
    gain : float [electron/adu]
        Gain.
    a, b : (m, m) float [electron^-1]
        Coefficients.
    noise : (m, m) float [electron^2]
        Covariances without light.
    transfer : (m, m) float [], optional
        Covariances that charge transfer makes, over Poisson's variance.

    Returns
    -------
    (n, m, m) float [adu^2]
    """
    return _model(levels, gain, (a, a * b, noise), transfer)


def _model(levels: Floats, gain: float, planes: tuple[Floats, Floats, Floats], transfer: Floats | None) -> Floats:
    """Return the covariances for a, the product ab, and the noise."""
    a, product, noise = planes
    reach = a.shape[0]
    whole_a, whole_ab = _mirror(a), _mirror(product)
    aa = fftconvolve(whole_a, whole_a, mode="same")
    terms = (
        whole_a,
        (2.0 / 3.0) * (aa + whole_ab),
        (2.0 * fftconvolve(aa, whole_a, mode="same") + 5.0 * fftconvolve(whole_a, whole_ab, mode="same")) / 6.0,
    )
    quarter = [term[reach - 1 :, reach - 1 :] for term in terms]
    charge = (levels * gain)[:, None, None]
    series = charge * (quarter[0] + charge * (quarter[1] + charge * quarter[2]))
    series[:, 0, 0] += 1.0
    if transfer is not None:
        series += transfer
    return np.asarray((levels / gain)[:, None, None] * series + noise / gain**2)


def _mirror(quarter: Floats) -> Floats:
    half = np.concatenate([quarter[:0:-1], quarter])
    return np.concatenate([half[:, :0:-1], half], axis=1)


def _shifts(quarter: Floats) -> Floats:
    """Return the matrix of the convolution with a symmetric array, for arrays given by one quarter."""
    size = quarter.shape[0]
    padded = np.zeros((2 * size, 2 * size))
    padded[:size, :size] = quarter
    one = np.arange(size)
    total = np.zeros((size, size, size, size))
    for sign_y in (1, -1):
        for sign_x in (1, -1):
            y = np.abs(one[:, None] - sign_y * one)[:, None, :, None]
            x = np.abs(one[:, None] - sign_x * one)[None, :, None, :]
            part = padded[y, x]
            # Zero distance is one place, not two.
            part = part * (np.where(one > 0, 1.0, 0.5)[:, None] * np.where(one > 0, 1.0, 0.5))
            total += part
    return total.reshape(size * size, size * size)


def find_turnoff(levels: Floats, variances: Floats, *, drop: float = 0.2) -> tuple[float, float]:
    """Return where the variance of flats stops rising as it should, because pixels are full.

    Parameters
    ----------
    levels : (n,) float [adu]
        Mean levels.
    variances : (n,) float [adu^2]
        Variances.
    drop : float []
        A variance this much below the parabola through the lower levels is one of full pixels.

    Returns
    -------
    turnoff : float [adu]
        Level at which the variance has fallen by half, between the last good level and the first bad one; NaN if
        the curve does not turn over.
    error : float [adu]
        Half the distance of these two levels.

    Notes
    -----
    Half of the pixels of an evenly lit amplifier are full where its variance has fallen by half. The levels beside the
    turnoff limit how well it is known: it lies between them.
    """
    order = np.argsort(levels)
    x, y = levels[order], variances[order]
    nothing = (float("nan"), float("nan"))
    if x.size < 4:
        return nothing
    ratio = y / x
    for k in range(3, x.size):
        line = np.polynomial.Polynomial.fit(x[:k], ratio[:k], 1 if k < 5 else 2)
        expected = float(line(x[k]))
        if ratio[k] < (1.0 - drop) * expected:
            left = ratio[k] / expected
            # The share of full pixels goes from 0 at the last good level to 1 - left at the first bad one.
            step = min(0.5 / (1.0 - left), 1.0)
            return float(x[k - 1] + step * (x[k] - x[k - 1])), float(0.5 * (x[k] - x[k - 1]))
    return nothing


def fit_photon_transfer(
    pairs: Sequence[FlatCovariance],
    *,
    read_noise: float,
    read_noise_error: float,
    a: Floats | None = None,
    b: Floats | None = None,
    transfer: Floats | None = None,
    highest: float = np.inf,
) -> PhotonTransfer:
    """Fit the full covariance model to pairs of flats of one amplifier.

    Parameters
    ----------
    pairs : sequence of FlatCovariance
        Measured on linear frames, in any order.
    read_noise, read_noise_error : float [adu]
        Read noise as frames without light tell it; constrains the noise of the fit.
    a, b : (m, m) float [electron^-1], optional
        Coefficients known from elsewhere; only gain and noise are fitted then.
    transfer : (m, m) float [], optional
        Covariances that charge transfer makes, see `uraniborg.algorithms.calib.cti.transfer_covariance`.
    highest : float [adu]
        Pairs above this level are left out, as are those above the turnoff.

    Returns
    -------
    PhotonTransfer

    Raises
    ------
    Unprocessable
        If fewer than four levels are left.
    AlgorithmError
        If the fit does not converge.
    """
    levels = np.array([pair.level for pair in pairs])
    data = np.array([pair.covariance for pair in pairs])
    turnoff, turnoff_error = find_turnoff(levels, data[:, 0, 0])
    limit = min(_BELOW_TURNOFF * turnoff, turnoff - 2.0 * turnoff_error) if np.isfinite(turnoff) else np.inf
    used = (levels <= limit) & (levels <= highest)
    if np.unique(levels[used].round(-1)).size < 4:
        raise Unprocessable(f"{used.sum()} levels of flats below the turnoff, at least 4 are needed")
    problem = _Problem(levels[used], data[used], np.array([p.error for p in pairs])[used], read_noise, transfer)
    problem.noise_error = max(read_noise_error, 1e-4 * read_noise)
    fit = problem.solve(a, b)
    return PhotonTransfer(*fit[:-2], turnoff, turnoff_error, *fit[-2:], used)


class _Problem:
    """The least-squares problem: parameters in natural units, errors from the model of the first round."""

    def __init__(
        self, levels: Floats, data: Floats, errors: Floats, read_noise: float, transfer: Floats | None
    ) -> None:
        self.levels, self.data, self.errors, self.transfer = levels, data, errors, transfer
        self.read_noise = read_noise
        self.noise_error = 1e-3
        self.size = data.shape[1]
        self.scale = 1.0 / (float(levels.max()) * self._first_gain())

    def _first_gain(self) -> float:
        """Return a gain from the levels in the lowest third."""
        low = np.argsort(self.levels)[: max(2, self.levels.size // 3)]
        return float(np.median(self.levels[low] / (self.data[low, 0, 0] - self.read_noise**2)))

    def solve(
        self, a: Floats | None, b: Floats | None
    ) -> tuple[float, float, float, float, Floats, Floats, Floats, Floats, float, int]:
        size = self.size
        count = size * size
        start = np.zeros(1 + 3 * count)
        start[0] = self._first_gain()
        start[1 + 2 * count] = self.read_noise * start[0]
        free = np.ones(start.size, dtype=bool)
        free[1 + count : 1 + 2 * count] = False
        if a is not None:
            free[1 : 1 + count] = False
            start[1 : 1 + count] = a.ravel() / self.scale
            start[1 + count : 1 + 2 * count] = 0.0 if b is None else (a * b).ravel() / self.scale**2
        values, errors, chi2 = self._fit(start, free)
        if a is None:
            significant = np.abs(values[1 : 1 + count]) > _SIGNIFICANT * errors[1 : 1 + count]
            free[1 + count : 1 + 2 * count] = significant
            values, errors, chi2 = self._fit(values, free)
        planes = [plane.reshape(size, size) for plane in np.split(values[1:], 3)[:2]]
        spreads = [plane.reshape(size, size) for plane in np.split(errors[1:], 3)[:2]]
        fitted = free[1 + count : 1 + 2 * count].reshape(size, size)
        divisor = np.where(planes[0] != 0.0, planes[0], 1.0)
        second = planes[1] / divisor * self.scale
        second_error = np.where(fitted, spreads[1] / np.abs(divisor) * self.scale, np.inf)
        noise, noise_error = values[1 + 2 * count], errors[1 + 2 * count]
        n_free = self.data.size + 1 - int(free.sum())
        return (
            *(float(values[0]), float(errors[0]), float(noise), float(noise_error)),
            *(planes[0] * self.scale, spreads[0] * self.scale, second, second_error, chi2, n_free),
        )

    def _model(self, values: Floats) -> Floats:
        a, product, noise = (plane.reshape(self.size, self.size) for plane in np.split(values[1:], 3))
        noise = noise.copy()
        noise[0, 0] = noise[0, 0] ** 2
        planes = (a * self.scale, product * self.scale**2, noise)
        return _model(self.levels, float(values[0]), planes, self.transfer)

    def _derivative(self, values: Floats) -> Floats:
        """Return the derivative of the model by all parameters, (n, m, m, p)."""
        size = self.size
        a, product, noise = (plane.reshape(size, size) for plane in np.split(values[1:], 3))
        a, product, gain = a * self.scale, product * self.scale**2, values[0]
        whole_a = _mirror(a)
        by_a = _shifts(a)
        by_aa = _shifts(fftconvolve(whole_a, whole_a, mode="same")[size - 1 :, size - 1 :])
        unit = np.eye(size * size)
        charge = (self.levels * gain)[:, None, None]
        factor = (self.levels / gain)[:, None, None] * self.scale
        second = (2.0 / 3.0) * 2.0 * by_a
        third = (6.0 * by_aa + 5.0 * _shifts(product)) / 6.0
        to_a = factor * charge * (unit + charge * (second + charge * third))
        to_b = factor * self.scale * charge**2 * ((2.0 / 3.0) * unit + charge * (5.0 / 6.0) * by_a)
        to_noise = np.broadcast_to(unit / gain**2, to_a.shape).copy()
        to_noise[:, 0, 0] *= 2.0 * noise[0, 0]
        step = 1e-6 * gain
        moved = values.copy()
        moved[0] = gain + step
        upper = self._model(moved)
        moved[0] = gain - step
        to_gain = ((upper - self._model(moved)) / (2.0 * step)).reshape(len(self.levels), -1, 1)
        derivative = np.concatenate([to_gain, to_a, to_b, to_noise], axis=2)
        return np.asarray(derivative.reshape(*self.data.shape, values.size))

    def _fit(self, start: Floats, free: NDArray[np.bool_]) -> tuple[Floats, Floats, float]:
        errors = self.errors

        def residual(x: Floats) -> Floats:
            values = start.copy()
            values[free] = x
            pulls = ((self.data - self._model(values)) / errors).ravel()
            known = (values[1 + 2 * self.size**2] - self.read_noise * values[0]) / (self.noise_error * values[0])
            return np.append(pulls, known)

        def jacobian(x: Floats) -> Floats:
            values = start.copy()
            values[free] = x
            rows = -self._derivative(values).reshape(-1, values.size) / errors.reshape(-1, 1)
            noise = values[1 + 2 * self.size**2]
            last = np.zeros(values.size)
            last[1 + 2 * self.size**2] = 1.0 / (self.noise_error * values[0])
            last[0] = -noise / (self.noise_error * values[0] ** 2)
            return np.vstack([rows, last])[:, free]

        solution = least_squares(residual, start[free], jac=jacobian, x_scale="jac", method="trf", max_nfev=60)
        if not solution.success:
            raise AlgorithmError("the photon transfer fit did not converge", status=int(solution.status))
        values = start.copy()
        values[free] = solution.x
        spread = np.full(values.size, np.inf)
        spread[free] = np.sqrt(np.maximum(np.diag(np.linalg.pinv(solution.jac.T @ solution.jac)), 0.0))
        return values, spread, float(2.0 * solution.cost)


def share_coefficients(fits: Sequence[PhotonTransfer]) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the coefficients of a detector: weighted means over its amplifiers, which are cut from one silicon.

    Parameters
    ----------
    fits : sequence of PhotonTransfer
        One for each amplifier.

    Returns
    -------
    a, a_error, b, b_error : (m, m) float [electron^-1]
        ``b`` is 0 with an infinite error where no amplifier can tell it.
    """
    results = []
    for values, errors in (
        (np.array([fit.a for fit in fits]), np.array([fit.a_error for fit in fits])),
        (np.array([fit.b for fit in fits]), np.array([fit.b_error for fit in fits])),
    ):
        weights = 1.0 / errors**2
        total = weights.sum(axis=0)
        known = total > 0.0
        results.append(np.where(known, (weights * values).sum(axis=0) / np.where(known, total, 1.0), 0.0))
        results.append(np.where(known, 1.0 / np.sqrt(np.where(known, total, 1.0)), np.inf))
    return results[0], results[1], results[2], results[3]
