"""From light to the numbers in a raw file: charge is collected in the silicon, then read out through the amplifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.errors import UserError
from uraniborg.instruments.simcam.raw_layout import cut_segments
from uraniborg.sim.camera.config import ElectronicsConfig, SensorConfig
from uraniborg.sim.camera.effects_charge import bleed, brighter_fatter, transfer
from uraniborg.sim.camera.effects_electronics import add_crosstalk, bend, digitise
from uraniborg.sim.camera.properties import DetectorProperties
from uraniborg.sim.effects import draw_cosmic_rays

__all__ = ("CollectedImage", "amplifier_signals", "collect_charge", "read_out")


@dataclass(frozen=True, slots=True)
class CollectedImage:
    """The charge on a detector when the shutter has closed, and how it came about.

    Attributes
    ----------
    electrons : (ny, nx) float [electron]
        Charge in each pixel.
    saturated : (ny, nx) bool
        Full pixels.
    cosmic_rays : int
        Number of tracks.
    ray_charge : float [electron]
        Charge of all tracks.
    lost : float [electron]
        Charge that bled over the ends of columns.
    """

    electrons: NDArray[np.float64]
    saturated: NDArray[np.bool_]
    cosmic_rays: int
    ray_charge: float
    lost: float


def collect_charge(
    light: NDArray[np.float64],
    properties: DetectorProperties,
    rng: np.random.Generator,
    *,
    sensor: SensorConfig,
    dark_time: float,
    full_well: float,
    mean_rays: float = 0.0,
) -> CollectedImage:
    """Return the charge that light, dark current and cosmic rays leave in the pixels.

    In this order: response, dark current, Poisson noise, cosmic rays, dead pixels, brighter-fatter effect (of the
    charge up to the full well), bleeding.

    Parameters
    ----------
    light : (ny, nx) float [electron]
        Expected charge in pixels of response one.
    properties : DetectorProperties
        The detector.
    rng : numpy.random.Generator
        Source of randomness.
    sensor : SensorConfig
        The silicon.
    dark_time : float [s]
        Time since the last clearing.
    full_well : float [electron]
        A pixel holds no more.
    mean_rays : float
        Mean number of cosmic rays.

    Returns
    -------
    CollectedImage
    """
    mean = light * properties.response + properties.dark_current * dark_time
    charge = rng.poisson(np.maximum(mean, 0.0)).astype(float)
    rays = draw_cosmic_rays(light.shape, rng, mean_number=mean_rays)
    charge += rays.charge
    charge[properties.dead] = 0.0
    if sensor.brighter_fatter > 0.0:
        held = np.minimum(charge, full_well)
        charge += brighter_fatter(held, properties.kernel) - held
    bled = bleed(charge, full_well=full_well, stops=properties.layout.rows)
    return CollectedImage(bled.image, bled.saturated, rays.number, float(rays.charge.sum()), bled.lost)


def amplifier_signals(
    electrons: NDArray[np.float64], properties: DetectorProperties, *, sensor: SensorConfig, full_well: float
) -> NDArray[np.float64]:
    """Return what arrives at the amplifiers and leaves them again: transfer, gain, non-linearity.

    Parameters
    ----------
    electrons : (ny, nx) float [electron]
        Charge in the pixels.
    properties : DetectorProperties
        The detector.
    sensor : SensorConfig
        The silicon.
    full_well : float [electron]
        Where the non-linearity reaches its set value.

    Returns
    -------
    (n, my, mx) float [adu]
        Above the bias, without noise; in order of the amplifiers and of their read-out.
    """
    amplifiers = properties.amplifiers
    segments = cut_segments(electrons, properties.layout)
    for k, segment in enumerate(segments):
        signal = _transfer_segment(segment, properties, sensor) / amplifiers.gain[k]
        full_scale = full_well / amplifiers.gain[k]
        segments[k] = bend(signal, loss=float(amplifiers.nonlinearity[k]), full_scale=full_scale)
    return segments


def read_out(
    signals: NDArray[np.float64],
    properties: DetectorProperties,
    rng: np.random.Generator,
    *,
    electronics: ElectronicsConfig,
    neighbours: Mapping[int, NDArray[np.float64]] | None = None,
) -> NDArray[np.int32] | NDArray[np.uint16]:
    """Return the segments of a detector as they come from the converters.

    In this order: crosstalk, bias with its drift, read noise, digitisation.

    Parameters
    ----------
    signals : (n, my, mx) float [adu]
        What `amplifier_signals` returns.
    properties : DetectorProperties
        The detector.
    rng : numpy.random.Generator
        Source of randomness.
    electronics : ElectronicsConfig
        The amplifiers.
    neighbours : mapping of int to (n, my, mx) float [adu], optional
        Signals of the other detectors of the board.

    Returns
    -------
    (n, my, mx) int32 or uint16 [adu]
        In order of the amplifiers and of their read-out.
    """
    amplifiers = properties.amplifiers
    segments = signals
    if electronics.crosstalk != 0.0:
        segments = add_crosstalk(segments, signals, amplifiers.crosstalk)
    for source, matrix in properties.board.items():
        if neighbours is None or source not in neighbours:
            raise UserError(f"the signals of detector {source}, which shares the board, are needed to read out")
        segments = add_crosstalk(segments, neighbours[source], matrix)
    result = np.empty(segments.shape, dtype=np.uint16 if electronics.bits <= 16 else np.int32)
    for k, segment in enumerate(segments):
        drift = electronics.bias_drift * rng.standard_normal((segment.shape[0], 1))
        noise = (amplifiers.read_noise[k] / amplifiers.gain[k]) * rng.standard_normal(segment.shape)
        result[k] = digitise(segment + amplifiers.bias[k] + drift + noise, bits=electronics.bits)
    return result


def _transfer_segment(
    segment: NDArray[np.float64], properties: DetectorProperties, sensor: SensorConfig
) -> NDArray[np.float64]:
    rows, columns = properties.layout.image_shape
    trap_time = sensor.trap_time
    if sensor.parallel_cti > 0.0:
        lines = np.ascontiguousarray(segment.T)
        moved = transfer(lines, inefficiency=sensor.parallel_cti, trap_time=trap_time, register=rows)
        segment = np.ascontiguousarray(moved.T)
    if sensor.serial_cti > 0.0:
        register = properties.layout.prescan + columns
        segment = transfer(segment, inefficiency=sensor.serial_cti, trap_time=trap_time, register=register)
    return segment
