"""What one detector is really like: everything a calibration has to find out, drawn once from the survey's seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.random import random_stream
from uraniborg.instruments.simcam.raw_layout import AmplifierLayout
from uraniborg.sim.camera.effects_charge import brighter_fatter_kernel
from uraniborg.sim.camera.effects_electronics import bias_frame, board_crosstalk_matrix, crosstalk_matrix
from uraniborg.sim.camera.effects_light import dust_shadows, fringe_pattern, vignetting
from uraniborg.sim.config import SimConfig
from uraniborg.sim.effects import bad_column_mask

__all__ = ("AmplifierProperties", "DetectorProperties", "make_detector_properties")


@dataclass(frozen=True, slots=True)
class AmplifierProperties:
    """All amplifiers of a detector, one value for each.

    Attributes
    ----------
    gain : (n,) float [electron/adu]
        Gain.
    read_noise : (n,) float [electron]
        Read noise.
    bias_level : (n,) float [adu]
        Level of the bias.
    nonlinearity : (n,) float []
        Relative loss at the full well.
    crosstalk : (n, n) float []
        Row is the victim, column the source.
    bias : (n, my, mx) float [adu]
        Fixed bias, with its level.
    """

    gain: NDArray[np.float64]
    read_noise: NDArray[np.float64]
    bias_level: NDArray[np.float64]
    nonlinearity: NDArray[np.float64]
    crosstalk: NDArray[np.float64]
    bias: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DetectorProperties:
    """One detector.

    Attributes
    ----------
    detector : int
        Its number.
    layout : AmplifierLayout
        How it is cut into segments.
    amplifiers : AmplifierProperties
        Its amplifiers.
    board : dict of int to (n, n) float []
        For each other detector of the read-out board, the crosstalk that its amplifiers (columns) make here (rows).
    response : (ny, nx) float32 []
        Response to light: vignetting, dust and pixels; one at the boresight of a perfect detector.
    fringes : (ny, nx) float32 []
        Pattern of fringes, of amplitude one.
    dark_current : (ny, nx) float32 [electron/s]
        Dark current, hot pixels included.
    hot : (ny, nx) bool
        Hot pixels.
    dead : (ny, nx) bool
        Pixels without charge.
    kernel : (m, m) float [electron^-1]
        Brighter-fatter kernel.
    """

    detector: int
    layout: AmplifierLayout
    amplifiers: AmplifierProperties
    board: dict[int, NDArray[np.float64]]
    response: NDArray[np.float32]
    fringes: NDArray[np.float32]
    dark_current: NDArray[np.float32]
    hot: NDArray[np.bool_]
    dead: NDArray[np.bool_]
    kernel: NDArray[np.float64]


def make_detector_properties(config: SimConfig, detector: int) -> DetectorProperties:
    """Return what a detector of a survey is like.

    Parameters
    ----------
    config : SimConfig
        The survey; its seed and the detector determine everything.
    detector : int
        Number of the detector.

    Returns
    -------
    DetectorProperties
    """
    camera, sensor = config.camera, config.sensor
    shape = (camera.height, camera.width)
    layout = config.electronics.layout(camera.width, camera.height)
    key = {"detector": detector}
    hot, dark_current = _dark(config, shape, random_stream(config.seed, "camera.dark", key))
    return DetectorProperties(
        detector=detector,
        layout=layout,
        amplifiers=_amplifiers(config, layout, random_stream(config.seed, "camera.amplifiers", key)),
        board=_board(config, detector, layout.n_amplifiers),
        response=_response(config, detector, random_stream(config.seed, "camera.response", key)),
        fringes=fringe_pattern(shape, random_stream(config.seed, "camera.fringes", key)).astype(np.float32),
        dark_current=dark_current,
        hot=hot,
        dead=bad_column_mask(shape, random_stream(config.seed, "defects", key), number=camera.bad_columns),
        kernel=brighter_fatter_kernel(sensor.brighter_fatter),
    )


def _amplifiers(config: SimConfig, layout: AmplifierLayout, rng: np.random.Generator) -> AmplifierProperties:
    electronics, n = config.electronics, layout.n_amplifiers
    gain = config.camera.gain * np.exp(rng.normal(0.0, electronics.gain_scatter, n))
    read_noise = config.camera.read_noise * np.exp(rng.normal(0.0, electronics.read_noise_scatter, n))
    level = electronics.bias_level + rng.uniform(-np.sqrt(3.0), np.sqrt(3.0), n) * electronics.bias_scatter
    loss = electronics.nonlinearity * rng.uniform(0.5, 1.5, n)
    matrix = crosstalk_matrix(layout.columns, layout.rows, nearest=electronics.crosstalk, rng=rng)
    shape = layout.segment_shape
    bias = np.stack([bias_frame(shape, rng, level=value, pattern=electronics.bias_pattern) for value in level])
    return AmplifierProperties(gain, read_noise, level, loss, matrix, bias)


def _board(config: SimConfig, detector: int, n: int) -> dict[int, NDArray[np.float64]]:
    electronics = config.electronics
    if electronics.board_crosstalk == 0.0:
        return {}
    return {
        source: board_crosstalk_matrix(
            n,
            typical=electronics.board_crosstalk,
            rng=random_stream(config.seed, "camera.board_crosstalk", {"detector": detector, "source": source}),
        )
        for source in config.camera.geometry.board(detector, electronics.board)
        if source != detector
    }


def _response(config: SimConfig, detector: int, rng: np.random.Generator) -> NDArray[np.float32]:
    geometry, sensor = config.camera.geometry, config.sensor
    shape = (geometry.height, geometry.width)
    corner = 0.5 * float(np.hypot(*geometry.full_size))
    light = vignetting(shape, centre=geometry.boresight(detector), corner=corner, loss=sensor.vignetting)
    light *= dust_shadows(shape, rng, mean_number=sensor.dust_grains)
    return np.asarray(light * (1.0 + sensor.pixel_response * rng.standard_normal(shape)), dtype=np.float32)


def _dark(
    config: SimConfig, shape: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return which pixels are hot, and the dark current of all."""
    sensor = config.sensor
    hot = np.zeros(shape, dtype=bool)
    current = np.full(shape, sensor.dark_current, dtype=np.float32)
    number = min(int(rng.poisson(sensor.hot_pixels * 1e-6 * hot.size)), hot.size)
    where = np.unravel_index(rng.choice(hot.size, number, replace=False), shape)
    hot[where] = True
    current[where] += (sensor.hot_pixel_current * rng.lognormal(0.0, 0.8, number)).astype(np.float32)
    return hot, current
