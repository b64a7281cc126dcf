"""One simulated raw exposure whose detector is known exactly, and what was put into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.isr.assembly import assemble
from uraniborg.algorithms.isr.calibrate import Master
from uraniborg.algorithms.isr.geometry import DetectorGeometry
from uraniborg.algorithms.isr.linearity import LinearityTables, tabulate_spline
from uraniborg.algorithms.isr.pipeline import ChargeTransferShares, IsrCalibrations
from uraniborg.instruments.raw_geometry import raw_geometry
from uraniborg.model.frames import RawFrame, ReducedFrame
from uraniborg.sim import SimConfig, make_sky, plan_visits
from uraniborg.sim.camera.config import GhostConfig
from uraniborg.sim.camera.ghosts import add_ghosts, ghosts_on_detector
from uraniborg.sim.camera.properties import DetectorProperties
from uraniborg.sim.config import CameraConfig, ObservingConfig, SkyConfig
from uraniborg.sim.exposure import expected_image
from uraniborg.sim.motion.config import SatelliteConfig
from uraniborg.sim.observing import Visit
from uraniborg.sim.raw_exposure import detector_properties, expose_visit

__all__ = ("RawScene", "make_scene", "perfect_calibrations", "scene_config")


@dataclass(frozen=True, slots=True)
class RawScene:
    """A raw exposure and the truth.

    Attributes
    ----------
    config : SimConfig
        The survey.
    visit : Visit
        The exposure.
    segments : tuple of (my, mx) int [adu]
        Pixels as they were read.
    geometry : DetectorGeometry
        The amplifiers.
    properties : DetectorProperties
        What the detector is like.
    light : (ny, nx) float [electron]
        Expected light in pixels of response one: stars, galaxies, sky.
    trails, ghosts : (ny, nx) float [electron]
        Expected light of satellites and of ghosts, in addition.
    dark_time : float [s]
        Of the exposure.
    noise : float [electron]
        Noise of the sky in a pixel.
    """

    config: SimConfig
    visit: Visit
    segments: tuple[NDArray[np.integer], ...]
    geometry: DetectorGeometry
    properties: DetectorProperties
    light: NDArray[np.float64]
    trails: NDArray[np.float64]
    ghosts: NDArray[np.float64]
    dark_time: float
    noise: float


def scene_config(
    size: int,
    *,
    density: float = 20.0,
    band: str = "r",
    satellites: float = 0.0,
    ghosts: Sequence[GhostConfig] = (),
    seed: int = 1572,
) -> SimConfig:
    """Return a survey of one raw exposure of one detector.

    Parameters
    ----------
    size : int [pixel]
        Side of the detector.
    density : float [arcmin^-2]
        Stars; 139 are 500,000 in a square degree.
    band : str
        Filter.
    satellites : float
        Mean number of trails.
    ghosts : sequence of GhostConfig
        Ghosts of the camera.
    seed : int
        Seed of everything.
    """
    return SimConfig(
        name="isr",
        seed=seed,
        raw=True,
        sky=SkyConfig(star_density=density, galaxy_density=min(density, 20.0)),
        camera=CameraConfig(width=size, height=size, cosmic_rays=20.0 * (size / 1024.0) ** 2),
        observing=ObservingConfig.model_validate({"bands": (band,), "nights": (0.0,), "exposure_time": 30.0}),
        satellites=SatelliteConfig(rate=satellites),
        ghosts=tuple(ghosts),
    )


def make_scene(config: SimConfig) -> RawScene:
    """Expose detector 0 in the first visit of a survey."""
    sky, visit = make_sky(config), plan_visits(config)[0]
    exposure = expose_visit(sky, visit, 0, config=config)
    pairs = zip(exposure.headers, exposure.segments, strict=True)
    raw = RawFrame(exposure.primary, tuple(ReducedFrame(exposure.primary, header, pixels) for header, pixels in pairs))
    light = expected_image(sky, visit, 0, config=config)
    without = config.model_copy(update={"satellites": SatelliteConfig()})
    still = expected_image(sky, visit, 0, config=without) if config.satellites.rate > 0.0 else light
    ghosts = np.zeros(light.shape)
    add_ghosts(ghosts, ghosts_on_detector(sky, visit, 0, config=config))
    return RawScene(
        config=config,
        visit=visit,
        segments=tuple(segment.array for segment in raw.segments),
        geometry=raw_geometry(raw),
        properties=detector_properties(config, 0),
        light=still,
        trails=light - still,
        ghosts=ghosts,
        dark_time=float(exposure.primary["DARKTIME"]),
        noise=float(np.sqrt(visit.sky_level + config.camera.read_noise**2)),
    )


def perfect_calibrations(scene: RawScene) -> IsrCalibrations:
    """Return the calibrations that endless calibration exposures would give."""
    true, amplifiers, geometry = scene.properties, scene.properties.amplifiers, scene.geometry
    sensor, n = scene.config.sensor, scene.geometry.n_amplifiers
    full = scene.config.camera.full_well / amplifiers.gain
    bias, _ = assemble(
        [
            (pixels[item.data.slices] - level).astype(np.float32)
            for pixels, item, level in zip(amplifiers.bias, geometry.amplifiers, amplifiers.bias_level, strict=True)
        ],
        geometry,
    )
    tables = []
    for loss, top in zip(amplifiers.nonlinearity, full, strict=True):
        measured = np.linspace(0.0, 1.0, 60) * top
        bend = loss / top
        linear = (1.0 - np.sqrt(1.0 - 4.0 * bend * measured)) / (2.0 * bend) if bend > 0.0 else measured
        tables.append(tabulate_spline(measured, linear - measured))
    return IsrCalibrations(
        gain=amplifiers.gain,
        saturation=full,
        read_noise=amplifiers.read_noise,
        bias=Master(bias),
        dark=Master(true.dark_current.astype(np.float32)),
        flat=Master(true.response.astype(np.float32)),
        fringe=true.fringes.astype(np.float32),
        defects=true.dead | true.hot,
        linearity=LinearityTables.stack(tables),
        crosstalk=amplifiers.crosstalk,
        charge_transfer=ChargeTransferShares(
            np.full(n, sensor.serial_cti), np.full(n, sensor.parallel_cti), np.full(n, sensor.trap_time)
        ),
        kernel=true.kernel,
    )
