"""Random fields on the sky with the correlation of turbulence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gamma, kv

__all__ = ("RandomField", "make_random_field", "von_karman_correlation")

_MODES = 512


@dataclass(frozen=True, slots=True)
class RandomField:
    """A sum of plane waves of equal amplitude: Gaussian in the limit of many.

    Attributes
    ----------
    waves : (m, 2) float [1/unit]
        Wave vectors (angular).
    phases : (m,) float [rad]
        Phases.
    amplitude : float
        Amplitude of each wave.
    """

    waves: NDArray[np.float64]
    phases: NDArray[np.float64]
    amplitude: float

    def __call__(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Return the field at positions, in the unit that the scale was given in."""
        px, py = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        flat = np.stack([px.ravel(), py.ravel()], axis=-1)
        value = np.empty(len(flat))
        for first in range(0, len(flat), 4096):
            part = slice(first, first + 4096)
            value[part] = np.cos(flat[part] @ self.waves.T + self.phases).sum(axis=1)
        return np.asarray(self.amplitude * value.reshape(px.shape))


def make_random_field(rng: np.random.Generator, *, scatter: float, scale: float, slope: float = 5.0 / 6.0) -> RandomField:
    """Draw a field whose correlation is `von_karman_correlation`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    scatter : float
        Standard deviation of the field.
    scale : float [unit of positions]
        Outer scale.
    slope : float []
        The structure function rises as distance^(2 slope): 5/6 is Kolmogorov's phase, 1/3 a turbulent scalar.

    Returns
    -------
    RandomField

    Notes
    -----
    Wave numbers are drawn from the power spectrum, k (1 + k^2 scale^2)^-(slope + 1), by inverting its integral, so the
    expected covariance of any pair of points is exact for any number of waves.
    """
    u = rng.uniform(0.0, 1.0, _MODES)
    k = np.sqrt((1.0 - u) ** (-1.0 / slope) - 1.0) / scale
    direction = rng.uniform(0.0, 2.0 * np.pi, _MODES)
    waves = k[:, None] * np.stack([np.cos(direction), np.sin(direction)], axis=-1)
    return RandomField(waves, rng.uniform(0.0, 2.0 * np.pi, _MODES), float(scatter * np.sqrt(2.0 / _MODES)))


def von_karman_correlation(distance: ArrayLike, *, scale: float, slope: float = 5.0 / 6.0) -> NDArray[np.float64]:
    """Return the correlation of a field at two points: 2^(1 - s) / Gamma(s) (d / L)^s K_s(d / L).

    Parameters
    ----------
    distance : (n,) float
        Distances d.
    scale : float
        Outer scale L, in the same unit.
    slope : float []
        s; 5/6 for von Karman turbulence (Tokovinin 2002, PASP 114, 1156).

    Returns
    -------
    (n,) float []
        1 at distance 0.
    """
    z = np.asarray(distance, dtype=float) / scale
    safe = np.where(z > 0.0, z, 1.0)
    return np.where(z > 0.0, 2.0 ** (1.0 - slope) / gamma(slope) * safe**slope * kv(slope, safe), 1.0)
