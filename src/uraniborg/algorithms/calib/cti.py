"""Charge transfer from the charge that trails into the overscan of flats (extended pixel edge response)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from uraniborg.core.errors import Unprocessable

__all__ = ("TrailFit", "TrailProfile", "fit_trail", "trail_profile", "transfer_covariance")

_BASE = 10  # first pixels of the overscan that may hold trailed charge
type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrailProfile:
    """Mean of one flat along the direction of transfer, at the end of the register.

    Attributes
    ----------
    signal : float [adu]
        Mean of the last pixels before the overscan.
    trail : (n,) float [adu]
        Mean of each pixel of the overscan, above the mean of those far from its start.
    error : float [adu]
        Standard error of a value of the trail.
    """

    signal: float
    trail: Floats
    error: float


@dataclass(frozen=True, slots=True)
class TrailFit:
    """Transfer of one register.

    Attributes
    ----------
    inefficiency, error : float []
        Share of a packet that one transfer leaves behind, and its standard error.
    trap_time, trap_time_error : float [pixel]
        Time constant of the release.
    """

    inefficiency: float
    error: float
    trap_time: float
    trap_time_error: float


def trail_profile(
    pixels: NDArray[np.floating], overscan: NDArray[np.floating], *, bias: NDArray[np.floating] | None = None
) -> TrailProfile:
    """Return the trail of one flat.

    Parameters
    ----------
    pixels : (n, k) float [adu]
        The last image pixels of each line of transfer, without bias.
    overscan : (n, m) float [adu]
        Overscan of the same lines; it may still have the level of each line.
    bias : (n, m) float [adu], optional
        The same overscan of a bias, to be subtracted: electronics settle after a row begins.

    Raises
    ------
    Unprocessable
        If the overscan is too short.
    """
    if overscan.shape[1] < _BASE + 3:
        raise Unprocessable(f"an overscan of {overscan.shape[1]} pixels is too short, {_BASE + 3} are needed")
    lines = np.asarray(overscan, dtype=np.float64)
    if bias is not None:
        lines = lines - bias
    base = lines[:, _BASE:]
    level = base.mean(axis=1, keepdims=True)
    noise = float(np.std(base - level)) * np.sqrt(base.shape[1] / (base.shape[1] - 1.0))
    difference = lines - level
    middle = np.median(difference, axis=0)
    kept = np.abs(difference - middle) <= 6.0 * np.maximum(noise, 1e-9)
    trail = np.where(kept, difference, 0.0).sum(axis=0) / np.maximum(kept.sum(axis=0), 1)
    error = noise * np.sqrt((1.0 + 1.0 / base.shape[1]) / lines.shape[0])
    return TrailProfile(float(np.median(pixels.mean(axis=1))), trail[:_BASE], float(error))


def fit_trail(profiles: Sequence[TrailProfile], *, transfers: int) -> TrailFit:
    """Fit share and time constant to the trails of many flats.

    In an evenly lit register the traps hold what makes release and capture equal, so the first pixel of the overscan
    gets the signal times the number of transfers times the share, and the next ones less by a constant factor. The sum
    of the trail is larger than the first pixel: taking it for the loss overestimates the share.

    Parameters
    ----------
    profiles : sequence of TrailProfile
        Flats of different levels.
    transfers : int
        Transfers of the last pixel before the overscan.

    Raises
    ------
    Unprocessable
        If there are no profiles with light.
    """
    lit = [profile for profile in profiles if profile.signal > 0.0]
    if not lit:
        raise Unprocessable("no flats with light to measure charge transfer with")
    signals = np.array([profile.signal for profile in lit])
    weights = (signals / np.array([profile.error for profile in lit])) ** 2
    shares = np.array([profile.trail / profile.signal for profile in lit])
    mean = (weights[:, None] * shares).sum(axis=0) / weights.sum()
    error = 1.0 / np.sqrt(weights.sum())
    index = np.arange(mean.size)
    first = max(float(mean[0]), error)
    if first < 5.0 * error:  # no trail: nothing is known of its length
        return TrailFit(max(float(mean[0]), 0.0) / transfers, error / transfers, 1.0, float("inf"))

    def law(x: Floats, amplitude: float, tau: float) -> Floats:
        return np.asarray(amplitude * np.exp(-x / max(abs(tau), 1e-3)))

    ratio = float(np.clip(mean[1] / first, 0.02, 0.95))
    best, covariance = curve_fit(
        law, index, mean, p0=(first, -1.0 / np.log(ratio)), sigma=np.full(mean.size, error), absolute_sigma=True
    )
    spread = np.sqrt(np.diag(covariance))
    return TrailFit(
        float(max(best[0], 0.0) / transfers), float(spread[0] / transfers), float(abs(best[1])), float(spread[1])
    )


def transfer_covariance(
    *, serial: float, parallel: float, trap_time: float, shape: tuple[int, int], prescan: int = 0, reach: int = 8
) -> Floats:
    """Return the covariances that lossy transfer makes in a flat, over Poisson's variance.

    A packet that loses the share f gives f (1 - k) k^(i - 1) of its charge to the i-th follower, k = exp(-1 / tau). To
    first order the variance falls by 2 f, and packets i apart get a covariance of f (1 - k) k^(i - 1); f is that of the
    mean pixel of an amplifier.

    Parameters
    ----------
    serial, parallel : float []
        Share of a packet that one transfer leaves behind.
    trap_time : float [pixel]
        Time constant of the release, tau.
    shape : tuple of int
        Rows and columns of the amplifier.
    prescan : int [pixel]
        Transfers before the first column.
    reach : int [pixel]
        Largest distance.

    Returns
    -------
    (reach + 1, reach + 1) float []
    """
    rows, columns = shape
    along, across = serial * (prescan + 0.5 * (columns + 1)), parallel * 0.5 * (rows + 1)
    kept = np.exp(-1.0 / trap_time)
    release = (1.0 - kept) * kept ** np.arange(reach)
    result = np.zeros((reach + 1, reach + 1))
    result[0, 0] = -2.0 * (along + across)
    result[0, 1:] = along * release
    result[1:, 0] = across * release
    return result
