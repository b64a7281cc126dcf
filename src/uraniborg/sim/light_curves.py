"""Brightness over time of variable stars and of transients."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ("band_factor", "bazin", "damped_walk", "eclipses", "rr_lyrae", "sawtooth", "sinusoid")


def sinusoid(time: ArrayLike, *, period: ArrayLike, amplitude: ArrayLike, phase: ArrayLike) -> NDArray[np.float64]:
    """Return the magnitude minus the mean magnitude of a sinusoidal variable.

    Parameters
    ----------
    time : (n,) float [day]
        Times.
    period : (n,) float [day]
        Period.
    amplitude : (n,) float [mag]
        Brightest to faintest.
    phase : (n,) float []
        Phase at time 0, in cycles.

    Returns
    -------
    (n,) float [mag]
    """
    cycles = np.asarray(time, dtype=float) / np.asarray(period) + np.asarray(phase)
    result: NDArray[np.float64] = 0.5 * np.asarray(amplitude) * np.sin(2.0 * np.pi * cycles)
    return result


def sawtooth(
    time: ArrayLike, *, period: ArrayLike, amplitude: ArrayLike, phase: ArrayLike, rise: float = 0.15
) -> NDArray[np.float64]:
    """Return the magnitude minus the mean magnitude of a star that brightens fast and fades slowly, like an RR Lyrae.

    Parameters
    ----------
    time, period, amplitude, phase
        As for `sinusoid`.
    rise : float []
        Share of the period that the brightening takes.

    Returns
    -------
    (n,) float [mag]
    """
    cycle = np.mod(np.asarray(time, dtype=float) / np.asarray(period) + np.asarray(phase), 1.0)
    faintness = np.where(cycle < rise, 1.0 - cycle / rise, (cycle - rise) / (1.0 - rise))
    result: NDArray[np.float64] = np.asarray(amplitude) * (faintness - 0.5)
    return result


def bazin(time: ArrayLike, *, peak_time: ArrayLike, rise: ArrayLike, fall: ArrayLike) -> NDArray[np.float64]:
    """Return the flux of a transient relative to its flux at peak (Bazin et al. 2009, A&A 499, 653, eq. 1).

    f(t) = exp(-(t - t0) / fall) / (1 + exp(-(t - t0) / rise)), with t0 set so that the maximum is at ``peak_time``.

    Parameters
    ----------
    time : (n,) float [day]
        Times.
    peak_time : (n,) float [day]
        Time of the maximum.
    rise, fall : (n,) float [day]
        Time scales; ``fall`` must be larger than ``rise``.

    Returns
    -------
    (n,) float []
        Between 0 and 1.
    """
    up, down = np.asarray(rise, dtype=float), np.asarray(fall, dtype=float)
    late = up * np.log(down / up - 1.0)  # of the maximum after t0
    shape = _bazin_logarithm(np.asarray(time, dtype=float) - np.asarray(peak_time) + late, up, down)
    result: NDArray[np.float64] = np.exp(shape - _bazin_logarithm(late, up, down))
    return result


def _bazin_logarithm(
    since: NDArray[np.float64], rise: NDArray[np.float64], fall: NDArray[np.float64]
) -> NDArray[np.float64]:
    result: NDArray[np.float64] = -since / fall - np.logaddexp(0.0, -since / rise)
    return result


def rr_lyrae(
    time: ArrayLike, *, period: ArrayLike, amplitude: ArrayLike, phase: ArrayLike, rise: float = 0.15
) -> NDArray[np.float64]:
    """Return the magnitude minus the mean of an RR Lyrae star of type ab: a steep rise and an exponential decline.

    Parameters
    ----------
    time, period, amplitude, phase, rise
        As for `sawtooth`.

    Returns
    -------
    (n,) float [mag]
    """
    cycle = np.mod(np.asarray(time, dtype=float) / np.asarray(period) + np.asarray(phase), 1.0)
    decline = -np.expm1(-3.0 * (cycle - rise) / (1.0 - rise)) / -np.expm1(-3.0)
    faintness = np.where(cycle < rise, 0.5 * (1.0 + np.cos(np.pi * cycle / rise)), decline)
    mean = 0.5 * rise + (1.0 - rise) * (1.0 / -np.expm1(-3.0) - 1.0 / 3.0)
    result: NDArray[np.float64] = np.asarray(amplitude) * (faintness - mean)
    return result


def eclipses(
    time: ArrayLike, *, period: ArrayLike, amplitude: ArrayLike, phase: ArrayLike, width: float = 0.06
) -> NDArray[np.float64]:
    """Return the magnitude minus that outside of eclipse, of two stars of unequal brightness in circular orbits.

    Parameters
    ----------
    time, period, phase
        As for `sinusoid`; the primary eclipse is at phase 0, the secondary, 0.4 times as deep, at 0.5.
    amplitude : (n,) float [mag]
        Depth of the primary eclipse.
    width : float []
        Half length of an eclipse, in cycles.

    Returns
    -------
    (n,) float [mag]
    """
    cycle = np.mod(np.asarray(time, dtype=float) / np.asarray(period) + np.asarray(phase), 1.0)
    depth = np.zeros(np.shape(cycle))
    for at, share in ((0.0, 1.0), (0.5, 0.4)):
        away = np.abs(np.mod(cycle - at + 0.5, 1.0) - 0.5) / width
        depth = depth + share * np.where(away < 1.0, 0.5 * (1.0 + np.cos(np.pi * away)), 0.0)
    return np.asarray(np.asarray(amplitude) * depth)


def damped_walk(
    time: float, *, time_scale: ArrayLike, amplitude: ArrayLike, phase: ArrayLike, waves: int = 256
) -> NDArray[np.float64]:
    """Return the magnitude minus the mean of active nuclei, a damped random walk (Kelly et al. 2009, ApJ 698, 895).

    Parameters
    ----------
    time : float [day]
        Time.
    time_scale : (n,) float [day]
        The correlation of two times falls as exp(-difference / time scale).
    amplitude : (n,) float [mag]
        Standard deviation.
    phase : (n,) float []
        In 0..1; chooses the course of each source.
    waves : int
        Each course is a sum of this many sines, of frequencies drawn from the walk's power spectrum, a Lorentzian.

    Returns
    -------
    (n,) float [mag]
    """
    result = np.zeros(np.shape(phase))
    for k, (tau, seed) in enumerate(zip(np.asarray(time_scale), np.asarray(phase), strict=True)):
        rng = np.random.Generator(np.random.Philox(int(seed * 2.0**53)))
        frequency = np.tan(np.pi * (rng.uniform(size=waves) - 0.5)) / tau
        result[k] = np.sqrt(2.0 / waves) * np.sum(np.cos(frequency * time + rng.uniform(0.0, 2.0 * np.pi, waves)))
    return np.asarray(np.asarray(amplitude) * result)


_BAND_FACTORS = {
    "rrlyrae": {"u": 1.34, "g": 1.41, "r": 1.0, "i": 0.80, "z": 0.75, "y": 0.73},
    "mira": {"u": 1.2, "g": 1.2, "r": 1.0, "i": 0.70, "z": 0.55, "y": 0.50},
    "agn": {"u": 1.29, "g": 1.14, "r": 1.0, "i": 0.91, "z": 0.85, "y": 0.79},
}


def band_factor(curve: str, band: str) -> float:
    """Return the amplitude of a class of light curve in a band relative to r.

    RR Lyrae: Sesar et al. (2010, ApJ 708, 717); active nuclei: wavelength^-0.48 (MacLeod et al. 2010, ApJ 721, 1014);
    Miras: about that of the Galactic bulge; 1 for all others.
    """
    return _BAND_FACTORS.get(curve, {}).get(band, 1.0)
