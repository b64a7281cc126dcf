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
from uraniborg.sim.galaxies import draw_galaxies
from uraniborg.sim.observing import Visit
from uraniborg.sim.psf import StampSet, add_point_sources, expected_errors, make_psf_field, stamp_radii
from uraniborg.sim.sky import fluxes_at, positions_at

__all__ = ("RenderedExposure", "expected_image", "render_exposure")

_ERROR_RADIUS_IN_FWHM = 4.0
_GALAXY_REACH = 15.0  # galaxies this far outside the detector are still drawn [arcsec]
_BRIGHT_GALAXY = 3.0e4  # [electron]


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


@dataclass(frozen=True, slots=True)
class _Scene:
    """Noiseless light on a detector, and the sources that it comes from."""

    mean: NDArray[np.float64]
    stamps: StampSet
    fwhm: float
    effective_fwhm: float
    sources: Table
    radec: NDArray[np.float64]
    positions: NDArray[np.float64]
    flux: NDArray[np.float64]
    electrons: NDArray[np.float64]


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
    return _scene(sky, visit, detector, config).mean


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
    scene = _scene(sky, visit, detector, config)
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


def _scene(sky: Table, visit: Visit, detector: int, config: SimConfig) -> _Scene:
    camera = config.camera
    shape = (camera.height, camera.width)
    field = make_psf_field(config, visit, detector)
    stamps = field.draw_stamps()
    effective_fwhm = field.effective_fwhm()
    radec = positions_at(sky, visit.mjd_middle)
    wcs = visit.true_wcs(config, detector)
    positions = np.column_stack(wcs.wcs_world2pix(radec[:, 0], radec[:, 1], 0)) if len(sky) else np.zeros((0, 2))
    margin = np.where(np.asarray(sky["kind"]) == "galaxy", _GALAXY_REACH / camera.pixel_scale, float(stamps.radius))
    near = np.all((positions > -margin[:, None]) & (positions < np.array(shape[::-1]) + margin[:, None]), axis=1)
    sources, radec, positions = sky[near], radec[near], positions[near]
    flux = fluxes_at(sources, visit.band, visit.mjd_middle)
    electrons = flux * 10.0 ** (0.4 * (visit.zero_point - 31.4))
    galaxy = np.asarray(sources["kind"]) == "galaxy"
    mean = _sky_background(shape, visit) + draw_galaxies(
        shape,
        sources[galaxy],
        positions[galaxy],
        flux=electrons[galaxy],
        psf=field,
        pixel_scale=visit.pixel_scale,
        north=90.0 - visit.rotation,
        bright=_BRIGHT_GALAXY,
    )
    noise = float(np.sqrt(visit.sky_level + camera.read_noise**2))
    radii = stamp_radii(electrons[~galaxy], noise, field=field, limit=stamps.radius)
    mean = add_point_sources(mean, positions[~galaxy], electrons[~galaxy], stamps=stamps, radii=radii)
    return _Scene(mean, stamps, field.fwhm, effective_fwhm, sources, radec, positions, flux, electrons)


def _sky_background(shape: tuple[int, int], visit: Visit) -> NDArray[np.float64]:
    v, u = np.meshgrid(np.linspace(-1.0, 1.0, shape[0]), np.linspace(-1.0, 1.0, shape[1]), indexing="ij")
    return visit.sky_level * (1.0 + visit.sky_gradient[0] * u + visit.sky_gradient[1] * v)


def _truth(scene: _Scene, visit: Visit, detector: int, config: SimConfig) -> Table:
    rows, columns = scene.mean.shape
    x, y = scene.positions[:, 0], scene.positions[:, 1]
    inside = (x >= -0.5) & (x < columns - 0.5) & (y >= -0.5) & (y < rows - 0.5)
    sources = scene.sources[inside]
    if not len(sources):
        return empty_table("TruthVisit")
    variance = scene.mean + config.camera.read_noise**2
    positions = scene.positions[inside]
    radius = int(np.ceil(_ERROR_RADIUS_IN_FWHM * scene.fwhm))
    errors = expected_errors(variance, positions, stamps=scene.stamps, radius=radius)
    errors *= 10.0 ** (-0.4 * (visit.zero_point - 31.4))
    nearest = np.round(positions).astype(int)
    column, row = np.clip(nearest[:, 0], 0, columns - 1), np.clip(nearest[:, 1], 0, rows - 1)
    n = len(sources)
    return conform(
        Table(
            {
                "truthId": sources["truthId"],
                "visit": np.full(n, visit.visit),
                "detector": np.full(n, detector),
                "band": np.full(n, visit.band),
                "midpointMjdTai": np.full(n, visit.mjd_middle),
                "kind": sources["kind"],
                "ra": scene.radec[inside, 0],
                "dec": scene.radec[inside, 1],
                "x": x[inside],
                "y": y[inside],
                "flux": scene.flux[inside],
                "fluxErr": np.where(np.asarray(sources["kind"]) == "galaxy", np.nan, errors),
                "electrons": scene.electrons[inside],
                "saturated": scene.mean[row, column] >= config.camera.full_well,
                "variable": np.asarray(sources["lightCurve"]) != "constant",
            }
        ),
        "TruthVisit",
    )


def _exposure_row(scene: _Scene, visit: Visit, detector: int, *, cosmic_rays: int) -> Table:
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
        "cosmicRays": cosmic_rays,
    }
    return conform(Table({name: [value] for name, value in row.items()}), "TruthExposure")
