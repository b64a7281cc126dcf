"""Bias, linearity, gain, dark, flat, and the variance of every pixel: two passes over the image, nothing else moves.

Results can be written over the input with ``out``; nothing is changed otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.isr.geometry import DetectorGeometry
from uraniborg.algorithms.isr.linearity import LinearityTables, linearised
from uraniborg.core.errors import UserError

__all__ = ("CalibratedPixels", "Master", "flatten_light", "to_electrons")


@dataclass(frozen=True, slots=True)
class Master:
    """A calibration image with its variance.

    Attributes
    ----------
    image : (ny, nx) float32
        Pixels.
    variance : (ny, nx) float32 or None
        Variance of the pixels; None if it is to be neglected.
    """

    image: NDArray[np.float32]
    variance: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class CalibratedPixels:
    """Light in electrons, and its variance.

    Attributes
    ----------
    image : (ny, nx) float32 [electron]
        Light in a pixel of response one.
    variance : (ny, nx) float32 [electron^2]
        Variance; infinite where the flat is not positive.
    """

    image: NDArray[np.float32]
    variance: NDArray[np.float32]


def to_electrons(
    image: NDArray[np.float32],
    geometry: DetectorGeometry,
    *,
    gain: NDArray[np.floating],
    bias: NDArray[np.float32] | None = None,
    linearity: LinearityTables | None = None,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the charge that was read out: (image - bias), made linear, times gain.

    Parameters
    ----------
    image : (ny, nx) float32 [adu]
        Signal above the electronic level, in the orientation of the detector.
    geometry : DetectorGeometry
        The amplifiers.
    gain : (n,) float [electron/adu]
        Gain of each amplifier.
    bias : (ny, nx) float32 [adu], optional
        Master bias.
    linearity : LinearityTables, optional
        A row for each amplifier.
    out : (ny, nx) float32, optional
        Where to write the result; may be ``image``.

    Returns
    -------
    (ny, nx) float32 [electron]
    """
    _check(geometry, gain=gain, linearity=None if linearity is None else linearity.corrections)
    _check_shapes(image.shape, bias=bias)
    out = np.zeros_like(image) if out is None else out
    empty = np.zeros((1, 1), np.float32)
    for k, amplifier in enumerate(geometry.amplifiers):
        box = amplifier.detector
        table = np.zeros(2, np.float32) if linearity is None else linearity.corrections[k]
        scale = np.float32(1.0 if linearity is None else 1.0 / linearity.step)
        where = (box.y0, box.y1, box.x0, box.x1)
        _to_electrons(image, empty if bias is None else bias, table, (scale, np.float32(gain[k])), where, out)
    return out


def flatten_light(
    electrons: NDArray[np.float32],
    geometry: DetectorGeometry,
    *,
    noise: NDArray[np.floating],
    gain: NDArray[np.floating],
    dark: Master | None = None,
    dark_time: float = 0.0,
    bias_variance: NDArray[np.float32] | None = None,
    flat: Master | None = None,
    illumination: NDArray[np.float32] | None = None,
    out: NDArray[np.float32] | None = None,
) -> CalibratedPixels:
    """Return light without dark current in pixels of response one, and its variance.

    The variance is that of the electrons counted (never less than none), of the noise of each amplifier, and of the
    calibrations that were applied, whose errors are common to all exposures.

    Parameters
    ----------
    electrons : (ny, nx) float32 [electron]
        Charge that was read out.
    geometry : DetectorGeometry
        The amplifiers.
    noise : (n,) float [electron]
        Noise of a pixel without light: read noise, digitisation, error of the overscan.
    gain : (n,) float [electron/adu]
        Gain, which brings the variance of the bias to electrons.
    dark : Master, optional
        Dark current [electron/s].
    dark_time : float [s], optional
        Time that the dark current was collected.
    bias_variance : (ny, nx) float32 [adu^2], optional
        Variance of the master bias.
    flat : Master, optional
        Response [].
    illumination : (ny, nx) float32 [], optional
        What is wrong with the flat on large scales; the light is divided by it too.
    out : (ny, nx) float32, optional
        Where to write the image; may be ``electrons``.

    Returns
    -------
    CalibratedPixels
    """
    _check(geometry, noise=noise, gain=gain)
    planes: dict[str, NDArray[np.float32] | None] = {
        "dark": None if dark is None else dark.image,
        "dark variance": None if dark is None else dark.variance,
        "bias variance": bias_variance,
        "flat": None if flat is None else flat.image,
        "flat variance": None if flat is None else flat.variance,
        "illumination": illumination,
    }
    _check_shapes(electrons.shape, **planes)
    empty = np.zeros((1, 1), np.float32)
    arrays = tuple(empty if plane is None else np.ascontiguousarray(plane, np.float32) for plane in planes.values())
    image = np.zeros_like(electrons) if out is None else out
    variance = np.zeros_like(electrons)
    for k, amplifier in enumerate(geometry.amplifiers):
        box = amplifier.detector
        numbers = (np.float32(dark_time), np.float32(noise[k] ** 2), np.float32(gain[k] ** 2))
        _flatten(electrons, arrays, numbers, (box.y0, box.y1, box.x0, box.x1), (image, variance))
    return CalibratedPixels(image, variance)


def _check(geometry: DetectorGeometry, **values: NDArray[np.floating] | None) -> None:
    for name, given in values.items():
        if given is not None and len(given) != geometry.n_amplifiers:
            raise UserError(f"{name} is given for {len(given)} amplifiers, the detector has {geometry.n_amplifiers}")


def _check_shapes(shape: tuple[int, ...], **planes: NDArray[np.float32] | None) -> None:
    for name, plane in planes.items():
        if plane is not None and plane.shape != shape:
            raise UserError(f"the {name} has shape {plane.shape}, the image {shape}; it is of another detector")


@njit(cache=True, nogil=True)
def _to_electrons(
    image: NDArray[np.float32],
    bias: NDArray[np.float32],
    table: NDArray[np.float32],
    numbers: tuple[np.float32, np.float32],
    box: tuple[int, int, int, int],
    out: NDArray[np.float32],
) -> None:
    scale, gain = numbers
    with_bias, curved = bias.size > 1, table.size > 2
    for j in range(box[0], box[1]):
        for i in range(box[2], box[3]):
            out[j, i] = image[j, i]
        if with_bias:
            for i in range(box[2], box[3]):
                out[j, i] -= bias[j, i]
        if curved:
            for i in range(box[2], box[3]):
                out[j, i] = linearised(out[j, i], table, scale)
        for i in range(box[2], box[3]):
            out[j, i] *= gain


@njit(cache=True, nogil=True)
def _flatten(
    electrons: NDArray[np.float32],
    planes: tuple[
        NDArray[np.float32],
        NDArray[np.float32],
        NDArray[np.float32],
        NDArray[np.float32],
        NDArray[np.float32],
        NDArray[np.float32],
    ],
    numbers: tuple[np.float32, np.float32, np.float32],
    box: tuple[int, int, int, int],
    outs: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    dark, dark_variance, bias_variance, flat, flat_variance, illumination = planes
    seconds, noise2, gain2 = numbers
    image, variance = outs
    y0, y1, x0, x1 = box
    zero, one = np.float32(0.0), np.float32(1.0)
    for j in range(y0, y1):
        for i in range(x0, x1):
            value = electrons[j, i]
            variance[j, i] = max(value, zero) + noise2
            image[j, i] = value
        if bias_variance.size > 1:
            for i in range(x0, x1):
                variance[j, i] += gain2 * bias_variance[j, i]
        if dark.size > 1:
            for i in range(x0, x1):
                image[j, i] -= seconds * dark[j, i]
        if dark_variance.size > 1:
            for i in range(x0, x1):
                variance[j, i] += seconds * seconds * dark_variance[j, i]
        if flat.size > 1:
            for i in range(x0, x1):
                good = flat[j, i] > zero
                inverse = one / (flat[j, i] if good else one)
                image[j, i] = image[j, i] * inverse if good else zero
                variance[j, i] = variance[j, i] * inverse * inverse if good else np.float32(np.inf)
                if flat_variance.size > 1:
                    variance[j, i] += (image[j, i] * inverse) ** 2 * flat_variance[j, i]
        if illumination.size > 1:
            for i in range(x0, x1):
                good = illumination[j, i] > zero
                inverse = one / (illumination[j, i] if good else one)
                image[j, i] = image[j, i] * inverse if good else zero
                variance[j, i] = variance[j, i] * inverse * inverse if good else np.float32(np.inf)
