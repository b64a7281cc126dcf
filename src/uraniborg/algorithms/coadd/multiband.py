"""One significance from the significances of several bands, for objects of unknown colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binom, chi2, norm

from uraniborg.core.errors import UserError

__all__ = ("combine_significance", "joint_threshold")


def combine_significance(planes: Sequence[NDArray[np.floating]]) -> NDArray[np.float32]:
    """Return the root of the sum of squares of positive significances.

    Parameters
    ----------
    planes : sequence of (ny, nx) float
        Significance of a point source at each pixel in each band, noise 1; values that are not finite count as 0.

    Returns
    -------
    (ny, nx) float32
        The chi image of Szalay, Connolly & Szokoly (1999, AJ 117, 68) without negative fluctuations; for one band it
        is its positive significance.

    Raises
    ------
    UserError
        If there is no plane.
    """
    if not planes:
        raise UserError("need the significance of at least one band")
    total = np.zeros(planes[0].shape, dtype=np.float32)
    for plane in planes:
        positive = np.fmax(plane, 0.0)
        total += np.nan_to_num(positive, posinf=0.0) ** 2
    return np.sqrt(total)


def joint_threshold(threshold: float, n_bands: int) -> float:
    """Return the level that noise exceeds in `combine_significance` as often as ``threshold`` in one band.

    Parameters
    ----------
    threshold : float
        Significance in one band [standard deviation].
    n_bands : int
        Number of bands.

    Returns
    -------
    float
        For n bands of independent Gaussian noise, k of them are positive with binomial probability, and the sum of
        their squares is then distributed as chi-square with k degrees of freedom.

    Raises
    ------
    UserError
        If an argument is not positive.
    """
    if not (threshold > 0 and n_bands > 0):
        raise UserError(f"threshold {threshold} and number of bands {n_bands} must be positive")
    positive = np.arange(1, n_bands + 1)
    share = binom.pmf(positive, n_bands, 0.5)
    wanted = norm.logsf(threshold)

    def excess(level: float) -> float:
        return float(np.log(np.sum(share * chi2.sf(level**2, positive))) - wanted)

    return float(brentq(excess, 0.5 * threshold, threshold + 2.0 * np.sqrt(n_bands) + 2.0))
