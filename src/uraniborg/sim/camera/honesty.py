"""Whether raw frames show what was put in, found from their pixels: gains, noise, the brighter-fatter effect.

Everything here starts from the numbers of raw files and does what a calibration would do. Only the non-linearity and,
for spots, gain and response are taken from the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from uraniborg.instruments.simcam.headers import SimCamExposure
from uraniborg.instruments.simcam.raw_layout import AmplifierLayout, join_segments
from uraniborg.sim.camera.effects_charge import kernel_covariances
from uraniborg.sim.camera.properties import DetectorProperties
from uraniborg.sim.camera.sequence import plan_calibrations
from uraniborg.sim.config import SimConfig
from uraniborg.sim.raw_exposure import RawExposure, detector_properties, expose_calibration, expose_light

__all__ = (
    "PhotonTransfer",
    "SpotGrowth",
    "linear_segments",
    "measure_photon_transfer",
    "measure_spot_growth",
    "reduce_with_truth",
)

_SKIP = 4  # columns of overscan next to the image, which hold its trail
_EDGE = 10  # pixels at the edges of an amplifier that are left out
_CLIP = 6.0
_ROUNDING = 1.0 / 12.0  # variance of rounding [adu^2]
_SPOT_SIGMA, _SPOT_STEP = 1.8, 32  # [pixel]


@dataclass(frozen=True, slots=True)
class PhotonTransfer:
    """Photon transfer of one detector, by amplifier.

    Attributes
    ----------
    mean : (n, m) float [adu]
        Mean signal of each pair of flats.
    variance : (n, m) float [adu^2]
        Half the variance of the difference of the pair.
    gain, gain_error, true_gain : (n,) float [electron/adu]
        What the fit gives, its standard error, and what was put in.
    noise, noise_error, true_noise : (n,) float [electron]
        Read noise, likewise.
    slope, slope_error : (n,) float [electron^-1]
        Relative loss of variance for each electron, -a00.
    true_slope : float [electron^-1]
        What was put in.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    gain: NDArray[np.float64]
    gain_error: NDArray[np.float64]
    true_gain: NDArray[np.float64]
    noise: NDArray[np.float64]
    noise_error: NDArray[np.float64]
    true_noise: NDArray[np.float64]
    slope: NDArray[np.float64]
    slope_error: NDArray[np.float64]
    true_slope: float


@dataclass(frozen=True, slots=True)
class SpotGrowth:
    """Size of spots against their charge.

    Attributes
    ----------
    peak : (m,) float [electron]
        Peak of the spots as they fall.
    size, error : (m,) float [pixel^2]
        Second moment under a fixed Gaussian weight, mean of both axes, and its standard error.
    expected : (m,) float [pixel^2]
        The same of a noiseless spot whose pixel boundaries the kernel has moved.
    """

    peak: NDArray[np.float64]
    size: NDArray[np.float64]
    error: NDArray[np.float64]
    expected: NDArray[np.float64]

    @property
    def slope_ratio(self) -> tuple[float, float]:
        """Growth with charge over the expected one, weighted by its errors, and the standard error of the ratio."""
        found, expected = self.size - self.size[0], self.expected - self.expected[0]
        weight = 1.0 / (self.error**2 + self.error[0] ** 2)
        norm = float(np.sum(weight * expected**2))
        return float(np.sum(weight * expected * found)) / norm, norm**-0.5


def linear_segments(raw: RawExposure, properties: DetectorProperties, *, full_well: float) -> NDArray[np.float64]:
    """Return the image pixels of all amplifiers, without overscan level and with the true non-linearity undone.

    Parameters
    ----------
    raw : RawExposure
        Raw exposure.
    properties : DetectorProperties
        Its detector.
    full_well : float [electron]
        Charge at which the non-linearity has its set value.

    Returns
    -------
    (n, ny, nx) float [adu]
        In order of read-out.
    """
    layout, amplifiers = properties.layout, properties.amplifiers
    rows, columns = layout.overscan_slices
    scan = raw.segments[:, rows, columns][:, :, _SKIP:].astype(float)
    scan -= amplifiers.bias[:, rows, columns][:, :, _SKIP:] - amplifiers.bias_level[:, None, None]
    signal = raw.segments[(slice(None), *layout.image_slices)] - scan.mean(axis=2, keepdims=True)
    bend = (amplifiers.nonlinearity * amplifiers.gain / full_well)[:, None, None]
    straight = np.maximum(signal, 0.0)
    root = np.sqrt(np.maximum(1.0 - 4.0 * bend * straight, 0.0))
    return np.asarray(np.where(signal > 0.0, 2.0 * straight / (1.0 + root), signal))


def reduce_with_truth(raw: RawExposure, *, config: SimConfig) -> NDArray[np.float64]:
    """Return the light that fell on a detector, everything undone with the true values except what cannot be.

    Bias, non-linearity, crosstalk within the detector, gain, dark current and response are undone; transfer, the
    brighter-fatter effect, fringes, ghosts, cosmic rays and noise stay.

    Parameters
    ----------
    raw : RawExposure
        Raw exposure.
    config : SimConfig
        The survey.

    Returns
    -------
    (ny, nx) float [electron]
        NaN where pixels are dead.
    """
    properties = detector_properties(config, raw.detector)
    layout, amplifiers = properties.layout, properties.amplifiers
    pixels = (slice(None), *layout.image_slices)
    rows, columns = layout.overscan_slices
    drift = (raw.segments - amplifiers.bias)[:, rows, columns][:, :, _SKIP:].mean(axis=2, keepdims=True)
    signal = (raw.segments - amplifiers.bias)[pixels] - drift
    flat = signal.reshape(len(signal), -1)
    signal = signal - (amplifiers.crosstalk @ flat).reshape(signal.shape)
    bend = (amplifiers.nonlinearity * amplifiers.gain / config.camera.full_well)[:, None, None]
    straight = np.maximum(signal, 0.0)
    signal = np.where(signal > 0.0, 2.0 * straight / (1.0 + np.sqrt(np.maximum(1 - 4 * bend * straight, 0.0))), signal)
    bare = AmplifierLayout(layout.width, layout.height, layout.columns, layout.rows, 0, 0, 0)
    image = join_segments(signal * amplifiers.gain[:, None, None], bare).astype(float)
    image = (image - properties.dark_current * float(raw.truth["darkTime"][0])) / properties.response
    return np.asarray(np.where(properties.dead, np.nan, image))


def measure_photon_transfer(config: SimConfig, detector: int = 0) -> PhotonTransfer:
    """Return gains, read noises and slopes from the biases and pairs of flats of a survey's calibration sequence.

    The variance of a flat of mu electrons is mu - s mu^2 + mu^3 / 4 sum(a^2), a the covariances of the kernel
    (second order of the boundary shift); the last term is s^2 times a number that only the shape of the kernel
    decides.

    Parameters
    ----------
    config : SimConfig
        The survey; at least two biases and three levels of flats.
    detector : int
        Number of the detector.

    Returns
    -------
    PhotonTransfer
    """
    properties = detector_properties(config, detector)
    amplifiers, n = properties.amplifiers, properties.layout.n_amplifiers
    plan = [item for item in plan_calibrations(config) if item.header.observation_type in ("bias", "flat")]
    biases = [item for item in plan if item.header.observation_type == "bias"]
    flats = [item for item in plan if item.header.observation_type == "flat"][: 2 * len(config.calibration.flat_levels)]
    good = _good_pixels(properties)
    n_scan = properties.layout.overscan - _SKIP

    def pair(one: int, two: int, exposures: Sequence[object]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        first, second = (
            linear_segments(
                expose_calibration(exposures[k], detector, config=config),  # type: ignore[arg-type]
                properties,
                full_well=config.camera.full_well,
            )
            for k in (one, two)
        )
        return _mean_and_variance(first, second, good)

    dark = np.array([pair(k, k + 1, biases)[1] for k in range(0, len(biases) - 1, 2)])
    read_variance = (dark.mean(axis=0) - _ROUNDING) / (1.0 + 1.0 / n_scan)
    lit = np.array([pair(k, k + 1, flats) for k in range(0, len(flats), 2)])
    mean, variance = lit[:, 0].T, lit[:, 1].T
    number = good.sum(axis=(1, 2))
    fits = np.array([_fit_amplifier(mean[k], variance[k] - dark.mean(axis=0)[k], number[k], properties) for k in range(n)])
    noise = np.sqrt(read_variance) * fits[:, 0]
    relative = np.sqrt(1.0 / (2.0 * number * len(dark)) + (fits[:, 1] / fits[:, 0]) ** 2)
    return PhotonTransfer(
        mean, variance, fits[:, 0], fits[:, 1], amplifiers.gain, noise, noise * relative, amplifiers.read_noise,
        fits[:, 2], fits[:, 3], config.sensor.brighter_fatter,
    )  # fmt: skip


def _good_pixels(properties: DetectorProperties) -> NDArray[np.bool_]:
    layout = properties.layout
    bad = properties.hot | properties.dead
    good = np.stack([~bad[layout.detector_slices(k)] for k in range(layout.n_amplifiers)])
    good[:, :_EDGE], good[:, -_EDGE:], good[:, :, :_EDGE], good[:, :, -_EDGE:] = False, False, False, False
    return good


def _mean_and_variance(
    one: NDArray[np.float64], two: NDArray[np.float64], good: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, by amplifier, mean and half the variance of the difference, without what a cosmic ray has hit."""
    means, variances = [], []
    for k in range(len(one)):
        first, second = one[k][good[k]], two[k][good[k]]
        difference = first - second
        width = 1.4826 * np.median(np.abs(difference - np.median(difference)))
        kept = np.abs(difference - np.median(difference)) < _CLIP * width
        means.append(0.5 * (first[kept].mean() + second[kept].mean()))
        variances.append(0.5 * np.var(difference[kept]))
    return np.array(means), np.array(variances)


def _fit_amplifier(
    mean: NDArray[np.float64], variance: NDArray[np.float64], number: float, properties: DetectorProperties
) -> tuple[float, float, float, float]:
    """Return gain, slope and their errors; iterates because the second-order term needs both."""
    covariances = kernel_covariances(properties.kernel)
    middle = covariances[covariances.shape[0] // 2, covariances.shape[1] // 2]
    shape = float(np.sum(covariances**2) / middle**2) if middle else 0.0
    error = variance * np.sqrt(2.0 / number) / mean
    gain, slope = 1.0, 0.0
    for _ in range(8):
        second = 0.25 * slope**2 * shape * gain * mean**2
        design = np.column_stack([np.ones_like(mean), -mean]) / error[:, None]
        covariance = np.linalg.inv(design.T @ design)
        inverse_gain, slope = covariance @ design.T @ ((variance / mean - second) / error)
        gain = 1.0 / inverse_gain
    return gain, gain**2 * float(np.sqrt(covariance[0, 0])), float(slope), float(np.sqrt(covariance[1, 1]))


def measure_spot_growth(
    config: SimConfig, *, peaks: Sequence[float] = (2e3, 2e4, 4e4, 6e4, 8e4), repeats: int = 1, detector: int = 0
) -> SpotGrowth:
    """Return how spots grow with their charge, and how they should.

    Parameters
    ----------
    config : SimConfig
        The survey.
    peaks : sequence of float [electron]
        Peaks of the spots; the first one is what growth is measured against.
    repeats : int
        Exposures at each of them.
    detector : int
        Number of the detector.

    Returns
    -------
    SpotGrowth
    """
    camera = config.camera
    y, x = (np.arange(size) % _SPOT_STEP - (_SPOT_STEP - 1) // 2 for size in (camera.height, camera.width))
    shape = np.exp(-0.5 * (x[None, :] ** 2 + y[:, None] ** 2) / _SPOT_SIGMA**2)
    properties = detector_properties(config, detector)
    throughput = float(properties.response.mean())
    sizes, errors, expected = [], [], []
    for level, peak in enumerate(peaks):
        found = []
        for repeat in range(repeats if level else 4 * repeats):
            header = SimCamExposure(
                exposure=900 + 100 * level + repeat, physical_filter="r_sim", ra=0.0, dec=0.0, mjd_begin=60000.2,
                exposure_time=10.0, observation_type="crosstalk",
            )  # fmt: skip
            raw = expose_light(peak * shape, header, detector, config=config)
            found.append(_spot_sizes(reduce_with_truth(raw, config=config)))
        each = np.concatenate(found)
        each = each[np.isfinite(each)]
        width = 1.4826 * np.median(np.abs(each - np.median(each)))
        each = each[np.abs(each - np.median(each)) < 4.0 * width]
        sizes.append(each.mean())
        errors.append(each.std() / np.sqrt(len(each)))
        noiseless = throughput * peak * shape[: 4 * _SPOT_STEP, : 4 * _SPOT_STEP]
        expected.append(_spot_sizes(_moved(noiseless, properties.kernel)).mean())
    return SpotGrowth(np.array(peaks), np.array(sizes), np.array(errors), np.array(expected))


def _spot_sizes(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted second moment of each spot of the grid that lies inside."""
    rows, columns = (size // _SPOT_STEP for size in image.shape)
    stamps = image[: rows * _SPOT_STEP, : columns * _SPOT_STEP].reshape(rows, _SPOT_STEP, columns, _SPOT_STEP)
    stamps = stamps.swapaxes(1, 2)[1:-1, 1:-1].reshape(-1, _SPOT_STEP, _SPOT_STEP)
    offset = np.arange(_SPOT_STEP) - (_SPOT_STEP - 1) // 2
    r2 = offset[None, :] ** 2 + offset[:, None] ** 2
    weight = np.exp(-0.5 * r2 / (1.5 * _SPOT_SIGMA) ** 2)
    weight[r2 > 100] = 0.0
    return np.asarray(np.einsum("nij,ij->n", stamps, weight * r2) / (2.0 * np.einsum("nij,ij->n", stamps, weight)))


def _moved(charge: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return charge after the boundaries between pixels have moved, written independently of the simulation."""
    potential = fftconvolve(charge, kernel, mode="same")
    result = charge.copy()
    for axis in (0, 1):
        ahead = np.roll(charge, -1, axis)
        flow = 0.25 * (charge + ahead) * (potential - np.roll(potential, -1, axis))
        last = (slice(None),) * axis + (-1,)
        flow[last] = 0.0
        result += np.roll(flow, 1, axis) - flow
    return result
