"""Calibrations that are images: bias, dark, flat, fringes, illumination."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import astropy.units as u
import numpy as np
from lsst.images import MaskedImage
from lsst.pipe.base import NoWorkFound
from numpy.typing import NDArray

from uraniborg.algorithms.calib.combine import FrameStack
from uraniborg.algorithms.calib.fringe import find_light, relative_to_sky, smooth_pattern
from uraniborg.algorithms.calib.noise import clipped_moments, measure_read_noise
from uraniborg.algorithms.calib.surface import fit_surface
from uraniborg.algorithms.isr.geometry import DetectorGeometry
from uraniborg.model.calibrations import AmplifierGains, CrosstalkModel, DefectList, LinearityModel
from uraniborg.tasks.common.calib_frames import (
    LazyFrame,
    Signal,
    amplifier_plane,
    electrons,
    linearity_tables,
    masked_image,
    read_signal,
)

__all__ = (
    "LightPath",
    "combine_biases",
    "combine_darks",
    "combine_flats",
    "combine_skies",
    "fringe_of",
    "illumination_of",
)

type Floats = NDArray[np.float32]


class LightPath:
    """What turns raw exposures into electrons: the calibrations that are known already.

    Parameters
    ----------
    bias, dark, flat : lsst.images.MaskedImage, optional
        Images to take out; without dark or flat that step is left out.
    gains : AmplifierGains
        Gains.
    linearizer, crosstalk, defects
        Models; a step without its model is left out.
    """

    def __init__(
        self,
        *,
        bias: MaskedImage,
        gains: AmplifierGains,
        linearizer: LinearityModel | None = None,
        crosstalk: CrosstalkModel | None = None,
        dark: MaskedImage | None = None,
        flat: MaskedImage | None = None,
        defects: DefectList | None = None,
    ) -> None:
        self.bias, self.gains, self.dark, self.flat = bias, gains, dark, flat
        self.linearizer, self.crosstalk, self.defects = linearizer, crosstalk, defects

    def read(self, frame: LazyFrame) -> tuple[Signal, Floats]:
        """Return the signal of an exposure, and its image in electrons without dark current, divided by the flat."""
        signal = read_signal(frame, self.crosstalk)
        tables = linearity_tables(self.linearizer, signal.geometry)
        image = electrons(signal, bias=self.bias.image.array, gains=self.gains, linearity=tables)
        if self.dark is not None:
            image -= np.float32(frame.dark_time) * self.dark.image.array
        if self.flat is not None:
            light = self.flat.image.array
            image = np.where(light > 0.05, image / np.maximum(light, np.float32(0.05)), np.float32(np.nan))
        return signal, image

    def bad(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels that must not enter a level."""
        return np.zeros(shape, dtype=bool) if self.defects is None else self.defects.mask(shape)

    def read_variance(self, geometry: DetectorGeometry) -> Floats:
        """Return the variance of a pixel without light [electron^2]."""
        return amplifier_plane(geometry, np.array(self.gains.read_noise) ** 2)


def combine_biases(
    frames: Sequence[LazyFrame], *, crosstalk: CrosstalkModel | None = None, clip: float = 5.0
) -> tuple[MaskedImage, dict[str, Any]]:
    """Return the bias [adu], and numbers of its making: read noise of each amplifier [adu] among them."""
    if len(frames) < 3:
        raise NoWorkFound(f"{len(frames)} biases are not enough, at least 3 are needed")
    stack: FrameStack | None = None
    previous: Signal | None = None
    noises: list[list[tuple[float, float]]] = []
    for frame in frames:
        signal = read_signal(frame, crosstalk)
        stack = stack or FrameStack(signal.geometry.shape)
        stack.add(signal.readout.image)
        if previous is not None:
            noises.append(_noise_of(previous, signal))
        previous = signal
    assert stack is not None
    assert previous is not None
    values = np.array(noises)
    noise = np.median(values[:, :, 0], axis=0)
    # Successive differences share frames.
    error = np.sqrt(1.5) * values[:, :, 1].mean(axis=0) / np.sqrt(len(values))
    combined = stack.combine(read_variance=amplifier_plane(previous.geometry, noise**2), clip=clip)
    numbers = {
        "amplifiers": list(previous.geometry.names),
        "read_noise": noise.tolist(),
        "read_noise_error": error.tolist(),
        "n_frames": len(frames),
        "rejected": combined.rejected,
        "exposures": [frame.exposure for frame in frames],
    }
    metadata = {"n_frames": len(frames), "rejected": combined.rejected}
    return masked_image(combined.mean, combined.variance, unit=u.adu, metadata=dict(metadata)), numbers


def _noise_of(first: Signal, second: Signal) -> list[tuple[float, float]]:
    """Return read noise and its error of each amplifier from two raw biases."""
    results = []
    for a, b, amplifier in zip(first.raw.segments, second.raw.segments, second.geometry.amplifiers, strict=True):
        box = amplifier.data.slices
        found = measure_read_noise([a.array[box].astype(np.float64), b.array[box].astype(np.float64)])
        results.append((found.sigma, found.error))
    return results


def combine_darks(frames: Sequence[LazyFrame], path: LightPath, *, clip: float = 5.0) -> MaskedImage:
    """Return the dark current [electron/s]."""
    usable = [frame for frame in frames if frame.dark_time > 0.0]
    if len(usable) < 3:
        raise NoWorkFound(f"{len(usable)} darks are not enough, at least 3 are needed to reject cosmic rays")
    stack: FrameStack | None = None
    for frame in usable:
        signal, image = path.read(frame)
        stack = stack or FrameStack(signal.geometry.shape)
        stack.add(image, scale=frame.dark_time)
    assert stack is not None
    combined = stack.combine(read_variance=path.read_variance(signal.geometry), photon_variance=1.0, clip=clip)
    metadata = {"n_frames": len(usable), "rejected": combined.rejected, "seconds": sum(f.dark_time for f in usable)}
    return masked_image(combined.mean, combined.variance, unit=u.electron / u.s, metadata=dict(metadata))


def combine_flats(
    frames: Sequence[LazyFrame], path: LightPath, *, levels: tuple[float, float], clip: float = 5.0
) -> MaskedImage:
    """Return the flat, of median one, from the flats whose level [electron] is within limits."""
    stack: FrameStack | None = None
    used = 0
    for frame in frames:
        signal, image = path.read(frame)
        good = ~path.bad(signal.geometry.shape)
        level = float(np.median(image[good]))
        if not levels[0] <= level <= levels[1]:
            continue
        stack = stack or FrameStack(signal.geometry.shape)
        stack.add(image, scale=level)
        used += 1
    if stack is None or used < 3:
        raise NoWorkFound(f"{used} flats between {levels[0]:.0f} and {levels[1]:.0f} electron; at least 3 are needed")
    combined = stack.combine(read_variance=path.read_variance(signal.geometry), photon_variance=1.0, clip=clip)
    middle = float(np.median(combined.mean[combined.count > 0]))
    metadata = {"n_frames": used, "rejected": combined.rejected, "electrons": float(sum(stack.scales))}
    return masked_image(
        combined.mean / np.float32(middle),
        combined.variance / np.float32(middle**2),
        unit=u.dimensionless_unscaled,
        metadata=dict(metadata),
    )


def combine_skies(frames: Sequence[LazyFrame], path: LightPath, *, clip: float = 4.0) -> tuple[FrameStack, Floats]:
    """Return a stack of exposures of the sky relative to their level, and the read variance of its frames."""
    if len(frames) < 3:
        raise NoWorkFound(f"{len(frames)} exposures of the sky are not enough, at least 3 are needed")
    stack: FrameStack | None = None
    for frame in frames:
        signal, image = path.read(frame)
        bad = path.bad(signal.geometry.shape) | ~np.isfinite(image)
        sky, _, _ = clipped_moments(image[~bad][::7], clip=3.0)
        relative, level = relative_to_sky(image, bad=bad | find_light(image, sky=sky))
        stack = stack or FrameStack(signal.geometry.shape)
        # The stack divides by the scale and weights with it.
        stack.add((relative + np.float32(1.0)) * np.float32(level), scale=level)
    assert stack is not None
    return stack, path.read_variance(signal.geometry)


def fringe_of(stack: FrameStack, read_variance: Floats, *, sigma: float, clip: float = 4.0) -> MaskedImage:
    """Return the pattern of fringes relative to the sky, without its large scales."""
    combined = stack.combine(read_variance=read_variance, photon_variance=1.0, clip=clip)
    empty = combined.count == 0
    large = fit_surface(combined.mean, bad=empty, degree=3, cell=64).evaluate()
    pattern = smooth_pattern(combined.mean / large - np.float32(1.0), bad=empty, sigma=sigma)
    # White noise through a Gaussian of this width keeps 1 / (4 pi sigma^2) of its variance.
    variance = combined.variance / np.float32(4.0 * np.pi * sigma**2)
    metadata = {"n_frames": stack.n_frames, "rejected": combined.rejected}
    return masked_image(pattern, variance, unit=u.dimensionless_unscaled, metadata=dict(metadata))


def illumination_of(stack: FrameStack, read_variance: Floats, *, degree: int, clip: float = 4.0) -> MaskedImage:
    """Return the large scales of the sky on flat-fielded exposures, of median one: what the flat got wrong."""
    combined = stack.combine(read_variance=read_variance, photon_variance=1.0, clip=clip)
    surface = fit_surface(combined.mean, bad=combined.count == 0, degree=degree, cell=32)
    image = surface.evaluate()
    middle = float(np.median(image))
    error = float(np.sqrt(np.sum(surface.errors**2))) / middle
    metadata = {"n_frames": stack.n_frames, "degree": degree, "scatter": surface.scatter}
    return masked_image(
        image / np.float32(middle),
        np.full_like(image, error**2),
        unit=u.dimensionless_unscaled,
        metadata=dict(metadata),
    )
