"""Numbers that tell how well each amplifier worked in one exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.isr.geometry import DetectorGeometry
from uraniborg.core.errors import UserError

__all__ = ("AmplifierQuality", "measure_amplifiers")

_STEP = 4  # every so many-th pixel of every so many-th row is looked at


@dataclass(frozen=True, slots=True)
class AmplifierQuality:
    """Quality of all amplifiers; one value for each.

    Attributes
    ----------
    sky : (n,) float [electron]
        Median of the good pixels; NaN if there is none.
    sky_noise : (n,) float [electron]
        Robust scatter (half the 16 to 84 percent range) of the good pixels.
    expected_noise : (n,) float [electron]
        Root of their median variance.
    masked : (n,) float []
        Share of pixels that are not good.
    step : float []
        Largest difference of the sky of neighbouring amplifiers, over the median sky of all; 0 for one amplifier.
    """

    sky: NDArray[np.float64]
    sky_noise: NDArray[np.float64]
    expected_noise: NDArray[np.float64]
    masked: NDArray[np.float64]
    step: float


def measure_amplifiers(
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    geometry: DetectorGeometry,
    *,
    bad: NDArray[np.bool_] | None = None,
) -> AmplifierQuality:
    """Measure sky and noise of every amplifier, on one pixel in sixteen.

    Parameters
    ----------
    image, variance : (ny, nx) float32 [electron], [electron^2]
        Calibrated pixels.
    geometry : DetectorGeometry
        The amplifiers.
    bad : (ny, nx) bool, optional
        Pixels to leave out.

    Returns
    -------
    AmplifierQuality
    """
    if image.shape != geometry.shape or variance.shape != geometry.shape:
        raise UserError(f"image {image.shape} and variance {variance.shape}, the detector has {geometry.shape}")
    numbers = np.full((4, geometry.n_amplifiers), np.nan)
    unused = np.zeros((1, 1), np.bool_) if bad is None else bad
    for k, amplifier in enumerate(geometry.amplifiers):
        box = amplifier.detector
        values, spreads, n = _sample(image, variance, unused, (box.y0, box.y1, box.x0, box.x1))
        numbers[3, k] = 1.0 - len(values) / max(n, 1)
        if len(values):
            low, sky, high = np.percentile(values, (16.0, 50.0, 84.0))
            numbers[:3, k] = sky, 0.5 * (high - low), np.sqrt(np.median(spreads))
    sky, sky_noise, expected, masked = numbers
    return AmplifierQuality(sky, sky_noise, expected, masked, _largest_step(sky, geometry))


def _largest_step(sky: NDArray[np.float64], geometry: DetectorGeometry) -> float:
    middle = float(np.nanmedian(sky)) if np.isfinite(sky).any() else 0.0
    steps = [0.0]
    for i, one in enumerate(geometry.amplifiers):
        for k, other in enumerate(geometry.amplifiers[:i]):
            a, b = one.detector, other.detector
            beside = (a.x0 == b.x1 or b.x0 == a.x1) and a.y0 < b.y1 and b.y0 < a.y1
            above = (a.y0 == b.y1 or b.y0 == a.y1) and a.x0 < b.x1 and b.x0 < a.x1
            if (beside or above) and np.isfinite(sky[i] + sky[k]):
                steps.append(abs(float(sky[i] - sky[k])))
    return max(steps) / middle if middle > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _sample(
    image: NDArray[np.float32], variance: NDArray[np.float32], bad: NDArray[np.bool_], box: tuple[int, int, int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
    y0, y1, x0, x1 = box
    size = ((y1 - y0 + _STEP - 1) // _STEP) * ((x1 - x0 + _STEP - 1) // _STEP)
    values, spreads = np.empty(size, np.float32), np.empty(size, np.float32)
    n, looked = 0, 0
    for j in range(y0, y1, _STEP):
        for i in range(x0, x1, _STEP):
            looked += 1
            if not (bad.size > 1 and bad[j, i]):
                values[n] = image[j, i]
                spreads[n] = variance[j, i]
                n += 1
    return values[:n], spreads[:n], looked
