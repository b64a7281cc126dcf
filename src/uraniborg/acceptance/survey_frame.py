"""The frame that the survey's promises are measured on: one detector of known point sources, made from a seed.

Moffat stars of 0.8 arcsec in 0.2 arcsec pixels under a dark r sky of 30 s: a source of magnitude 24.34 has a
signal-to-noise ratio of 5, and about 8,000 sources are brighter. Shape and size vary a little over the frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ("SurveyFrame", "SurveyFrameConfig", "draw_moffats", "enclosed_light", "ideal_errors", "make_survey_frame")

type Floats = NDArray[np.float64]

_NODES = np.array([-math.sqrt(0.6), 0.0, math.sqrt(0.6)]) / 2.0
_WEIGHTS = np.array([5.0, 8.0, 5.0]) / 18.0


@dataclass(frozen=True, slots=True)
class SurveyFrameConfig:
    """What the frame is made of.

    Attributes
    ----------
    shape : (int, int) [pixel]
        Rows, columns.
    fwhm : float [pixel]
        Full width at half maximum of the Moffat profile in the middle, without the pixel.
    beta : float
        Its exponent.
    variation : float
        Relative change of the width, and change of the shear, from the middle to the corners.
    zero_point : float [mag]
        Magnitude of one electron.
    sky : float [electron]
        Level of the sky.
    sky_slope : float
        Relative change of the sky from the middle to an edge, along x; half of it along y.
    read_noise : float [electron]
    full_well : float [electron]
        Pixels above are cut off and marked as saturated.
    n_detectable : int
        Sources brighter than ``limit``.
    limit, bright, faint : float [mag]
        Where ``n_detectable`` is counted, and the range of magnitudes.
    slope : float [dex / mag]
        Slope of the number counts.
    margin : float [pixel]
        Sources also lie this far outside the frame.
    """

    shape: tuple[int, int] = (4000, 4072)
    fwhm: float = 4.0
    beta: float = 3.0
    variation: float = 0.01
    zero_point: float = 32.05
    sky: float = 876.0
    sky_slope: float = 0.02
    read_noise: float = 9.0
    full_well: float = 100_000.0
    n_detectable: int = 8000
    limit: float = 24.34
    bright: float = 17.0
    faint: float = 25.5
    slope: float = 0.3
    margin: float = 20.0


@dataclass(frozen=True, slots=True)
class SurveyFrame:
    """The frame and its truth.

    Attributes
    ----------
    config : SurveyFrameConfig
    image, variance : (ny, nx) float32 [electron]
        Pixels with sky; variance as a camera reports it, from the electrons that were counted.
    saturated : (ny, nx) bool
    sky : (ny, nx) float32 [electron]
        True level of the sky.
    x, y : (n,) float [pixel]
        True centres.
    magnitude : (n,) float [mag]
    flux : (n,) float [electron]
    shapes : (n, 3) float
        Width [pixel], g1, g2 of each source's profile.
    """

    config: SurveyFrameConfig
    image: NDArray[np.float32]
    variance: NDArray[np.float32]
    saturated: NDArray[np.bool_]
    sky: NDArray[np.float32]
    x: Floats
    y: Floats
    magnitude: Floats
    flux: Floats
    shapes: Floats


@njit(cache=True, nogil=True)
def _pixel_light(dx: float, dy: float, shape: Floats, beta: float) -> float:
    """Return the part of a Moffat's light that falls on the pixel with this offset (3 x 3 Gauss points)."""
    width, g1, g2 = shape[0], shape[1], shape[2]
    scale = width / (2.0 * math.sqrt(2.0 ** (1.0 / beta) - 1.0))
    norm = 1.0 / ((1.0 - g1 * g1 - g2 * g2) * scale * scale)
    peak = (beta - 1.0) / (math.pi * scale * scale)
    total = 0.0
    for b in range(3):
        v = dy + _NODES[b]
        for a in range(3):
            u = dx + _NODES[a]
            s, t = (1.0 - g1) * u - g2 * v, (1.0 + g1) * v - g2 * u
            base = 1.0 + (s * s + t * t) * norm
            value = 1.0 / (base * base * base) if beta == 3.0 else base**-beta
            total += _WEIGHTS[a] * _WEIGHTS[b] * value
    light: float = peak * total
    return light


@njit(cache=True, nogil=True)
def draw_moffats(
    out: NDArray[np.floating], x: Floats, y: Floats, flux: Floats, shapes: Floats, beta: float, depth: float
) -> None:
    """Add pixel-integrated Moffat profiles to an image.

    Parameters
    ----------
    out : (ny, nx) float
        Changed in place.
    x, y : (n,) float [pixel]
        Centres.
    flux : (n,) float
        Total fluxes.
    shapes : (n, 3) float
        Width at half maximum [pixel], g1, g2.
    beta : float
        Exponent.
    depth : float
        Profiles are cut where they fall below this value in one pixel.
    """
    ny, nx = out.shape
    for k in range(x.shape[0]):
        scale = shapes[k, 0] / (2.0 * math.sqrt(2.0 ** (1.0 / beta) - 1.0))
        peak = flux[k] * (beta - 1.0) / (math.pi * scale * scale)
        reach = scale * math.sqrt(max((peak / depth) ** (1.0 / beta) - 1.0, 0.0)) + 3.0
        for j in range(max(0, int(y[k] - reach)), min(ny, int(y[k] + reach) + 2)):
            for i in range(max(0, int(x[k] - reach)), min(nx, int(x[k] + reach) + 2)):
                if (i - x[k]) ** 2 + (j - y[k]) ** 2 < reach * reach:
                    out[j, i] += flux[k] * _pixel_light(i - x[k], j - y[k], shapes[k], beta)


@njit(cache=True, nogil=True)
def _information(sky: Floats, flux: Floats, shapes: Floats, beta: float, read_variance: float) -> Floats:
    """Return the least errors (Cramer-Rao) of x, y and flux of isolated stars, (n, 3)."""
    out = np.empty((flux.shape[0], 3))
    step, reach = 1e-3, 20
    for k in range(flux.shape[0]):
        matrix = np.zeros((3, 3))
        slopes = np.empty(3)
        for j in range(-reach, reach + 1):
            for i in range(-reach, reach + 1):
                p = _pixel_light(float(i), float(j), shapes[k], beta)
                right = _pixel_light(i - step, float(j), shapes[k], beta)
                left = _pixel_light(i + step, float(j), shapes[k], beta)
                above = _pixel_light(float(i), j - step, shapes[k], beta)
                below = _pixel_light(float(i), j + step, shapes[k], beta)
                slopes[0] = flux[k] * (right - left) / (2.0 * step)
                slopes[1] = flux[k] * (above - below) / (2.0 * step)
                slopes[2] = p
                weight = 1.0 / (sky[k] + read_variance + flux[k] * p)
                for r in range(3):
                    for c in range(3):
                        matrix[r, c] += weight * slopes[r] * slopes[c]
        inverse = np.linalg.inv(matrix)
        for r in range(3):
            out[k, r] = math.sqrt(inverse[r, r])
    return out


def enclosed_light(config: SurveyFrameConfig, radius: float) -> float:
    """Return the part of a profile's light within a radius [pixel]."""
    scale = config.fwhm / (2.0 * math.sqrt(2.0 ** (1.0 / config.beta) - 1.0))
    return float(1.0 - (1.0 + (radius / scale) ** 2) ** (1.0 - config.beta))


def ideal_errors(frame: SurveyFrame, chosen: NDArray[np.intp]) -> Floats:
    """Return the least possible errors of x, y [pixel] and flux [electron] of chosen sources, (n, 3).

    The bound of Cramer and Rao for isolated stars with everything but position and flux known.
    """
    config = frame.config
    return np.asarray(
        _information(
            np.full(len(chosen), config.sky),
            frame.flux[chosen],
            frame.shapes[chosen],
            config.beta,
            config.read_noise**2,
        )
    )


def profile_shapes(config: SurveyFrameConfig, x: Floats, y: Floats) -> Floats:
    """Return width [pixel], g1 and g2 of the profile at positions, (n, 3)."""
    ny, nx = config.shape
    u, v = 2.0 * x / (nx - 1) - 1.0, 2.0 * y / (ny - 1) - 1.0
    width = config.fwhm * (1.0 + 0.5 * config.variation * (u * u + v * v))
    return np.stack([width, config.variation * (u + 0.5 * v * v), config.variation * (u * v - 0.5)], axis=1)


def make_survey_frame(config: SurveyFrameConfig | None = None, *, seed: int = 5) -> SurveyFrame:
    """Make the frame.

    Parameters
    ----------
    config : SurveyFrameConfig, optional
        What to make; the frame of the promises if not given.
    seed : int
        Of everything random.

    Returns
    -------
    SurveyFrame
    """
    config = config or SurveyFrameConfig()
    rng = np.random.default_rng(seed)
    ny, nx = config.shape
    margin, slope = config.margin, config.slope * math.log(10.0)
    area = (nx + 2 * margin) * (ny + 2 * margin) / (nx * ny)
    rise = math.exp(slope * (config.faint - config.limit))
    cut = math.exp(slope * (config.bright - config.limit))
    n = round(config.n_detectable * area * (rise - cut) / (1.0 - cut))
    magnitude = config.limit + np.log(rng.uniform(cut, rise, n)) / slope
    x, y = rng.uniform(-margin - 0.5, nx + margin - 0.5, n), rng.uniform(-margin - 0.5, ny + margin - 0.5, n)
    flux = 10.0 ** (-0.4 * (magnitude - config.zero_point))
    shapes = profile_shapes(config, x, y)
    columns, rows = np.linspace(-1.0, 1.0, nx), np.linspace(-1.0, 1.0, ny)
    tilt = np.add.outer(0.5 * config.sky_slope * rows, config.sky_slope * columns)
    sky = (config.sky * (1.0 + tilt)).astype(np.float32)
    light = sky.copy()
    draw_moffats(light, x, y, flux, shapes, config.beta, 0.02)
    image = np.empty((ny, nx), np.float32)
    for start in range(0, ny, 500):  # blocks of rows keep the memory of the random numbers small
        part = light[start : start + 500]
        image[start : start + 500] = rng.poisson(part) + rng.normal(0.0, config.read_noise, part.shape)
    saturated = image >= config.full_well
    np.minimum(image, config.full_well, out=image)
    variance = np.maximum(image, 1.0) + np.float32(config.read_noise**2)
    return SurveyFrame(config, image, variance, saturated, sky, x, y, magnitude, flux, shapes)
