"""Numbers about positions: residuals against reference stars and against the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uraniborg.core.errors import AlgorithmError

__all__ = ("AxisRms", "axis_rms", "sky_offsets_mas", "worst")


@dataclass(frozen=True, slots=True)
class AxisRms:
    """Scatter of residuals about zero.

    Attributes
    ----------
    ra, dec : float [mas]
        Root mean square along right ascension (times the cosine of the declination) and declination; an offset of the
        whole exposure counts.
    n : int
        Stars.
    """

    ra: float
    dec: float
    n: int

    @property
    def largest(self) -> float:
        """The larger of both axes [mas]."""
        return max(self.ra, self.dec)


def axis_rms(d_ra: ArrayLike, d_dec: ArrayLike, *, keep: NDArray[np.bool_] | None = None) -> AxisRms:
    """Return the root mean square of residuals on each axis.

    Parameters
    ----------
    d_ra, d_dec : (n,) float [mas]
        Residuals on the sky.
    keep : (n,) bool, optional
        Stars to use; all with finite residuals if not given.

    Returns
    -------
    AxisRms

    Raises
    ------
    AlgorithmError
        If no star is left.
    """
    x, y = np.asarray(d_ra, dtype=float), np.asarray(d_dec, dtype=float)
    use = np.isfinite(x) & np.isfinite(y)
    if keep is not None:
        use &= keep
    if not use.any():
        raise AlgorithmError("no star is left to measure positional residuals with", n_stars=x.size)
    return AxisRms(float(np.sqrt(np.mean(x[use] ** 2))), float(np.sqrt(np.mean(y[use] ** 2))), int(use.sum()))


def sky_offsets_mas(
    measured: tuple[ArrayLike, ArrayLike], true: tuple[ArrayLike, ArrayLike]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return measured minus true positions along right ascension and declination [mas].

    Parameters
    ----------
    measured, true : tuple of (n,) float [deg]
        Right ascensions and declinations, within a degree of each other.

    Returns
    -------
    tuple of (n,) float [mas]
    """
    (ra, dec), (ra0, dec0) = ((np.asarray(a, dtype=float) for a in pair) for pair in (measured, true))
    wrapped = np.mod(ra - ra0 + 180.0, 360.0) - 180.0
    return wrapped * np.cos(np.deg2rad(dec0)) * 3.6e6, (dec - dec0) * 3.6e6


def worst(results: dict[int, AxisRms]) -> int:
    """Return the key of the result with the largest residuals."""
    return max(results, key=lambda key: results[key].largest)
