"""Rendering: the pixels of one detector of one visit, and the truth about everything on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.core.random import random_stream
from uraniborg.instruments.simcam.headers import DQ_BITS
from uraniborg.model.tables import conform, empty_table
from uraniborg.sim.config import SimConfig
from uraniborg.sim.effects import add_noise, bad_column_mask, draw_cosmic_rays
from uraniborg.sim.observing import Visit
from uraniborg.sim.psf import expected_errors
from uraniborg.sim.scene import Scene, Sources, make_scene

__all__ = ("RenderedExposure", "expected_image", "render_exposure")

_ERROR_RADIUS_IN_FWHM = 4.0
_POINT_IN_FWHM = 0.2  # what moves by less counts as a point


@dataclass(frozen=True, slots=True)
class RenderedExposure:
    """One detector of one visit, as a reduction pipeline would deliver it.

    Attributes
    ----------
    image : (ny, nx) float32 [adu]
        Counts, sky included.
    weight : (ny, nx) float32 [adu^-2]
        Inverse variance, 0 where the pixel is unusable.
    dq : (ny, nx) int32
        Bits of `DQ_BITS`.
    truth : astropy.table.Table
        Declared as ``TruthVisit``: the sources whose centres lie on the detector.
    exposure : astropy.table.Table
        Declared as ``TruthExposure``: one row.
    """

    image: NDArray[np.float32]
    weight: NDArray[np.float32]
    dq: NDArray[np.int32]
    truth: Table
    exposure: Table


def expected_image(sky: Table, visit: Visit, detector: int, *, config: SimConfig) -> NDArray[np.float64]:
    """Return the expected electrons of one detector: no noise, no defects, no saturation.

    Parameters
    ----------
    sky : astropy.table.Table
        Declared as ``TruthSource``.
    visit : Visit
        The visit.
    detector : int
        Detector.
    config : SimConfig
        The survey.

    Returns
    -------
    (ny, nx) float [electron]
    """
    return make_scene(sky, visit, detector, config=config).mean


def render_exposure(sky: Table, visit: Visit, detector: int, *, config: SimConfig) -> RenderedExposure:
    """Return the pixels of one detector of one visit.

    Parameters
    ----------
    sky : astropy.table.Table
        Declared as ``TruthSource``.
    visit : Visit
        The visit.
    detector : int
        Detector.
    config : SimConfig
        The survey; its seed, the visit and the detector determine every random number.

    Returns
    -------
    RenderedExposure
    """
    camera = config.camera
    scene = make_scene(sky, visit, detector, config=config)
    shape = scene.mean.shape
    rng = random_stream(config.seed, "exposure", {"visit": visit.visit, "detector": detector})
    counts = add_noise(scene.mean, rng, read_noise=camera.read_noise)
    rays = draw_cosmic_rays(shape, rng, mean_number=camera.cosmic_rays)
    bad = bad_column_mask(
        shape, random_stream(config.seed, "defects", {"detector": detector}), number=camera.bad_columns
    )
    counts += rays.charge
    saturated = counts >= camera.full_well
    counts = np.where(bad, 0.0, np.minimum(counts, camera.full_well))
    dq = (
        DQ_BITS["BAD"] * bad.astype(np.int32)
        + DQ_BITS["SATURATED"] * (saturated & ~bad).astype(np.int32)
        + DQ_BITS["COSMIC_RAY"] * (rays.charge > 0.0).astype(np.int32)
    )
    photons = np.maximum(counts, 0.0) if camera.noisy_weights else scene.mean
    weight = camera.gain**2 / np.maximum(photons + camera.read_noise**2, 1.0)
    unusable = dq != 0
    return RenderedExposure(
        image=(counts / camera.gain).astype(np.float32),
        weight=np.where(unusable, 0.0, weight).astype(np.float32),
        dq=dq.astype(np.int32),
        truth=_truth(scene, visit, detector, config),
        exposure=_exposure_row(scene, visit, detector, cosmic_rays=rays.number),
    )


def _truth(scene: Scene, visit: Visit, detector: int, config: SimConfig) -> Table:
    rows, columns = scene.mean.shape
    everything = scene.sources
    x, y = everything.positions[:, 0], everything.positions[:, 1]
    inside = (x >= -0.5) & (x < columns - 0.5) & (y >= -0.5) & (y < rows - 0.5)
    if not inside.any():
        return empty_table("TruthVisit")
    sources = Sources(**{name: getattr(everything, name)[inside] for name in Sources.__slots__})
    variance = scene.mean + config.camera.read_noise**2
    radius = int(np.ceil(_ERROR_RADIUS_IN_FWHM * scene.fwhm))
    errors = expected_errors(variance, sources.reference, stamps=scene.stamps, radius=radius, terms=sources.terms)
    errors *= 10.0 ** (-0.4 * (visit.zero_point - sources.cloud - 31.4))
    trail = np.hypot(sources.trail[:, 0], sources.trail[:, 1])
    point = (sources.kind != "galaxy") & (trail < _POINT_IN_FWHM * scene.fwhm * visit.pixel_scale)
    nearest = np.round(sources.positions).astype(int)
    column, row = np.clip(nearest[:, 0], 0, columns - 1), np.clip(nearest[:, 1], 0, rows - 1)
    n = len(sources.flux)
    return conform(
        Table(
            {
                "truthId": sources.truth_id,
                "visit": np.full(n, visit.visit),
                "detector": np.full(n, detector),
                "band": np.full(n, visit.band),
                "midpointMjdTai": np.full(n, visit.mjd_middle),
                "kind": sources.kind,
                "ra": sources.radec[:, 0],
                "dec": sources.radec[:, 1],
                "x": sources.positions[:, 0],
                "y": sources.positions[:, 1],
                "chromaticShift": sources.shift,
                "chromaticWidth": sources.width,
                "trailLength": trail,
                "trailAngle": np.mod(np.degrees(np.arctan2(sources.trail[:, 0], sources.trail[:, 1])), 360.0),
                "flux": sources.flux,
                "cloud": sources.cloud,
                "fluxErr": np.where(point, errors, np.nan),
                "electrons": sources.electrons,
                "saturated": scene.mean[row, column] >= config.camera.full_well,
                "variable": sources.variable,
            }
        ),
        "TruthVisit",
    )


def _exposure_row(scene: Scene, visit: Visit, detector: int, *, cosmic_rays: int) -> Table:
    row = {
        "visit": visit.visit,
        "detector": detector,
        "band": visit.band,
        "midpointMjdTai": visit.mjd_middle,
        "exposureTime": visit.exposure_time,
        "airmass": visit.airmass,
        "ra": visit.ra,
        "dec": visit.dec,
        "rotation": visit.rotation,
        "pixelScale": visit.pixel_scale,
        "pointingError": visit.pointing_error,
        "seeing": visit.seeing,
        "psfFwhm": scene.effective_fwhm,
        "zeroPoint": visit.zero_point,
        "skyLevel": visit.sky_level,
        "cloud": visit.cloud,
        "zenithDistance": visit.zenith_distance,
        "parallacticAngle": visit.parallactic_angle,
        "moonAltitude": np.nan if visit.moon is None else visit.moon.altitude,
        "moonSeparation": np.nan if visit.moon is None else visit.moon.separation,
        "moonIlluminated": np.nan if visit.moon is None else visit.moon.illuminated,
        "cosmicRays": cosmic_rays,
    }
    return conform(Table({name: [value] for name, value in row.items()}), "TruthExposure")
