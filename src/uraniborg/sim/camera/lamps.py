"""The light of calibration exposures: even lamps, light of one wavelength, spots on one amplifier."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.random import random_stream
from uraniborg.instruments.simcam.raw_layout import AmplifierLayout
from uraniborg.sim.camera.config import SensorConfig
from uraniborg.sim.camera.effects_light import fringe_phase
from uraniborg.sim.camera.sequence import CalibrationExposure
from uraniborg.sim.camera.silicon import FRINGE_WAVELENGTH, fringe_contrast, quantum_efficiency
from uraniborg.sim.config import SimConfig

__all__ = ("calibration_light", "monochromatic_light", "spots")

_SPACING = 6.0  # distance of spots in radii


def calibration_light(calibration: CalibrationExposure, detector: int, *, config: SimConfig) -> NDArray[np.float64]:
    """Return the light of a calibration exposure that does not see the sky.

    Parameters
    ----------
    calibration : CalibrationExposure
        One of `plan_calibrations`, without a visit.
    detector : int
        Number of the detector.
    config : SimConfig
        The survey.

    Returns
    -------
    (ny, nx) float [electron]
        Expected charge in pixels of response one.
    """
    camera = config.camera
    shape = (camera.height, camera.width)
    if calibration.header.wavelength is not None:
        phase = fringe_phase(shape, random_stream(config.seed, "camera.fringes", {"detector": detector}))
        wavelength = calibration.header.wavelength
        return calibration.light * monochromatic_light(phase, wavelength=wavelength, sensor=config.sensor)
    if calibration.amplifier is not None:
        layout = config.electronics.layout(camera.width, camera.height)
        return calibration.light * spots(layout, calibration.amplifier, radius=config.calibration.spot_radius)
    return np.full(shape, calibration.light)


def monochromatic_light(
    phase: NDArray[np.float64], *, wavelength: float, sensor: SensorConfig
) -> NDArray[np.float64]:
    """Return the charge that light of one wavelength makes, for each electron that a perfect sensor would make.

    Parameters
    ----------
    phase : (ny, nx) float [cycle]
        Phase of the fringes at `FRINGE_WAVELENGTH`; it is in inverse proportion to the wavelength.
    wavelength : float [nm]
        Wavelength.
    sensor : SensorConfig
        The silicon.

    Returns
    -------
    (ny, nx) float []
    """
    contrast = float(fringe_contrast(wavelength, thickness=sensor.thickness))
    efficiency = float(quantum_efficiency(wavelength, thickness=sensor.thickness))
    return np.asarray(efficiency * (1.0 + contrast * np.cos(2.0 * np.pi * phase * FRINGE_WAVELENGTH / wavelength)))


def spots(layout: AmplifierLayout, amplifier: int, *, radius: float) -> NDArray[np.float64]:
    """Return evenly bright discs on a grid that fills one amplifier and touches no other.

    Parameters
    ----------
    layout : AmplifierLayout
        The amplifiers of the detector.
    amplifier : int
        The one that gets the spots.
    radius : float [pixel]
        Radius of the discs.

    Returns
    -------
    (ny, nx) float []
        One inside, zero outside, in between at the edges.
    """
    image = np.zeros((layout.height, layout.width))
    rows, columns = layout.image_shape
    y, x = (_softened(size, radius) for size in (rows, columns))
    disc = np.clip(radius + 0.5 - np.hypot(y[:, None], x[None, :]), 0.0, 1.0)
    image[layout.detector_slices(amplifier)] = disc
    return image


def _softened(size: int, radius: float) -> NDArray[np.float64]:
    """Return the distance of each pixel along one side from the nearest centre of a spot."""
    number = max(1, int(size / (_SPACING * radius)))
    centres = (np.arange(number) + 0.5) * size / number - 0.5
    positions = np.arange(size)
    nearest = centres[np.argmin(np.abs(positions[:, None] - centres), axis=1)]
    return np.asarray(np.abs(positions - nearest), dtype=float)
