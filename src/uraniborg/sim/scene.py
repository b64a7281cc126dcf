"""The scene on one detector of one visit: where every source stands, how bright it is, and the light without noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.core.random import random_stream
from uraniborg.sim.atmosphere.chromatic import make_spread, reference_fluxes
from uraniborg.sim.atmosphere.fields import make_random_field
from uraniborg.sim.config import SimConfig
from uraniborg.sim.galaxies import draw_galaxies
from uraniborg.sim.motion.movers import make_movers, mover_fluxes, see_movers
from uraniborg.sim.motion.trails import draw_trails, plan_trails
from uraniborg.sim.observing import Visit
from uraniborg.sim.optics import Projection
from uraniborg.sim.psf import PsfField, Smear, StampSet, add_point_sources, make_psf_field, stamp_radii
from uraniborg.sim.sky import fluxes_at, positions_at
from uraniborg.sim.spectra import BANDS

__all__ = ("Scene", "Sources", "cloud_extinction", "make_scene", "make_smear")

_GALAXY_REACH = 15.0  # galaxies this far outside the detector are still drawn [arcsec]
_BRIGHT_GALAXY = 3.0e4  # [electron]
_TRAIL_STEP = 0.5  # distance of the points that a trailed source is drawn as [pixel]


@dataclass(frozen=True, slots=True)
class Sources:
    """Sources on a detector and around it.

    Attributes
    ----------
    truth_id : (n,) int
        Number.
    kind : (n,) str
        "star", "galaxy", "agn", "transient" or "mover".
    variable : (n,) bool
        Whether the flux depends on time.
    radec : (n, 2) float [deg]
        Place on the sky, without refraction.
    reference : (n, 2) float [pixel]
        Place on the detector of a source of the reference spectrum.
    positions : (n, 2) float [pixel]
        Place of the source's own light.
    flux, electrons : (n,) float [nJy], [electron]
        Above the atmosphere; expected on the detector.
    cloud : (n,) float [mag]
        Extinction by the structure of clouds.
    shift, width : (n,) float [arcsec]
        Of the light along the direction to the zenith.
    terms : (n, t) float []
        Chromatic terms.
    trail : (n, 2) float [arcsec]
        Motion during the exposure, East and North.
    """

    truth_id: NDArray[np.int64]
    kind: NDArray[np.str_]
    variable: NDArray[np.bool_]
    radec: NDArray[np.float64]
    reference: NDArray[np.float64]
    positions: NDArray[np.float64]
    flux: NDArray[np.float64]
    electrons: NDArray[np.float64]
    cloud: NDArray[np.float64]
    shift: NDArray[np.float64]
    width: NDArray[np.float64]
    terms: NDArray[np.float64]
    trail: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scene:
    """Noiseless light on a detector, and the sources that it comes from.

    Attributes
    ----------
    mean : (ny, nx) float [electron]
        Expected light.
    stamps : StampSet
        The PSF.
    fwhm, effective_fwhm : float [pixel]
        Without the pixel at the boresight; with it, in the middle of the detector.
    sources : Sources
        Everything that could send light to the detector.
    """

    mean: NDArray[np.float64]
    stamps: StampSet
    fwhm: float
    effective_fwhm: float
    sources: Sources


def make_smear(config: SimConfig, visit: Visit) -> Smear | None:
    """Return how the air spreads the light of a visit by colour, or None without refraction."""
    if not config.atmosphere.refraction:
        return None
    return Smear(
        spread=make_spread(visit.band, zenith_distance=visit.zenith_distance, air=config.atmosphere),
        direction=90.0 + visit.parallactic_angle - visit.rotation,
        pixel_scale=visit.pixel_scale,
    )


def cloud_extinction(config: SimConfig, visit: Visit, plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the extinction by the structure of clouds [mag] at places on the tangent plane, (n, 2) [arcmin]."""
    air = config.atmosphere
    if not air.cloud_structure:
        return np.zeros(len(plane))
    rng = random_stream(config.seed, "atmosphere.clouds", {"visit": visit.visit})
    field = make_random_field(rng, scatter=air.cloud_structure, scale=air.cloud_scale, slope=1.0 / 3.0)
    return field(plane[:, 0], plane[:, 1])


def make_scene(sky: Table, visit: Visit, detector: int, *, config: SimConfig) -> Scene:
    """Return the light on one detector of one visit.

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
    Scene
    """
    shape = (config.camera.height, config.camera.width)
    field, smear = make_psf_field(config, visit, detector), make_smear(config, visit)
    projection = visit.projection(config, detector)
    stamps = field.draw_stamps(smear)
    rows, near = _nearby(sky, visit, projection, shape=shape, reach=float(stamps.radius))
    fixed = _fixed(rows, near, visit, smear)
    moving = _moving(config, visit, projection, smear, shape=shape, reach=float(stamps.radius))
    sources = _join(config, visit, projection, [fixed, moving])
    mean = _background(shape, visit, projection)
    galaxy = sources.kind == "galaxy"
    jacobians = projection.jacobians(*sources.positions[galaxy].T) if projection.terms else None
    mean = mean + draw_galaxies(
        shape,
        rows[np.asarray(rows["kind"]) == "galaxy"],
        sources.positions[galaxy],
        flux=sources.electrons[galaxy],
        psf=field,
        pixel_scale=visit.pixel_scale,
        north=90.0 - visit.rotation,
        bright=_BRIGHT_GALAXY,
        widths=None if smear is None else sources.width[galaxy] / visit.pixel_scale,
        smear_angle=0.0 if smear is None else smear.direction,
        jacobians=jacobians,
    )
    mean = _add_points(mean, sources, config, visit, field=field, stamps=stamps)
    trails = plan_trails(config, visit)
    if len(trails):
        sunlight = None if smear is None else smear.spread.coefficients(reference_fluxes())[0]
        mean = draw_trails(
            mean, trails, projection=projection, stamps=stamps, config=config, visit=visit, terms=sunlight
        )
    return Scene(mean, stamps, field.fwhm, field.effective_fwhm(), sources)


def _nearby(
    sky: Table, visit: Visit, projection: Projection, *, shape: tuple[int, int], reach: float
) -> tuple[Table, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the rows of the sky near the detector, with their places on the sky and in pixels."""
    radec = positions_at(sky, visit.mjd_middle) if len(sky) else np.zeros((0, 2))
    positions = projection.to_pixels(radec[:, 0], radec[:, 1])
    margin = np.where(np.asarray(sky["kind"]) == "galaxy", _GALAXY_REACH / visit.pixel_scale, reach)
    near = np.all((positions > -margin[:, None]) & (positions < np.array(shape[::-1]) + margin[:, None]), axis=1)
    return sky[near], (radec[near], positions[near])


def _fixed(
    rows: Table, near: tuple[NDArray[np.float64], NDArray[np.float64]], visit: Visit, smear: Smear | None
) -> Sources:
    fluxes = {band: np.asarray(rows[f"{band}_flux"], dtype=float) for band in BANDS}
    return _with_colours(
        truth_id=np.asarray(rows["truthId"]),
        kind=np.asarray(rows["kind"]),
        variable=np.asarray(rows["lightCurve"]) != "constant",
        radec=near[0],
        reference=near[1],
        flux=fluxes_at(rows, visit.band, visit.mjd_middle),
        fluxes=fluxes,
        trail=np.zeros((len(rows), 2)),
        smear=smear,
    )


def _moving(
    config: SimConfig,
    visit: Visit,
    projection: Projection,
    smear: Smear | None,
    *,
    shape: tuple[int, int],
    reach: float,
) -> Sources | None:
    orbits = make_movers(config)
    if not len(orbits):
        return None
    seen = see_movers(orbits, visit.mjd_middle)
    positions = projection.to_pixels(seen.ra, seen.dec)
    days = visit.exposure_time / 86400.0
    trail = np.column_stack([seen.rate_ra, seen.rate_dec]) * days
    margin = (reach + np.hypot(trail[:, 0], trail[:, 1]) / visit.pixel_scale)[:, None]
    near = np.all((positions > -margin) & (positions < np.array(shape[::-1]) + margin), axis=1)
    if not near.any():
        return None
    fluxes = {band: flux[near] for band, flux in mover_fluxes(orbits, seen).items()}
    return _with_colours(
        truth_id=np.asarray(orbits["truthId"])[near],
        kind=np.full(int(near.sum()), "mover", dtype="U9"),
        variable=np.ones(int(near.sum()), dtype=bool),
        radec=np.column_stack([seen.ra, seen.dec])[near],
        reference=positions[near],
        flux=fluxes[visit.band],
        fluxes=fluxes,
        trail=trail[near],
        smear=smear,
    )


def _with_colours(
    *,
    truth_id: NDArray[np.int64],
    kind: NDArray[np.str_],
    variable: NDArray[np.bool_],
    radec: NDArray[np.float64],
    reference: NDArray[np.float64],
    flux: NDArray[np.float64],
    fluxes: dict[str, NDArray[np.float64]],
    trail: NDArray[np.float64],
    smear: Smear | None,
) -> Sources:
    n = len(truth_id)
    shift, width, terms = np.zeros(n), np.zeros(n), np.ones((n, 1))
    positions = reference
    if smear is not None:
        shift, width = smear.spread.shifts(fluxes), smear.spread.widths(fluxes)
        terms = smear.spread.coefficients(fluxes)
        positions = reference + (shift / smear.pixel_scale)[:, None] * smear.unit
    return Sources(
        truth_id=truth_id,
        kind=kind,
        variable=variable,
        radec=radec,
        reference=reference,
        positions=positions,
        flux=flux,
        electrons=flux,
        cloud=np.zeros(n),
        shift=shift,
        width=width,
        terms=terms,
        trail=trail,
    )


def _join(config: SimConfig, visit: Visit, projection: Projection, parts: list[Sources | None]) -> Sources:
    """Put sources together and let the air and the telescope take their share of the light."""
    present = [part for part in parts if part is not None]
    joined = {name: np.concatenate([getattr(part, name) for part in present]) for name in Sources.__slots__}
    plane = projection.to_plane(*joined["reference"].T) * visit.pixel_scale / 60.0
    joined["cloud"] = cloud_extinction(config, visit, plane)
    joined["electrons"] = joined["flux"] * 10.0 ** (0.4 * (visit.zero_point - 31.4))
    if config.atmosphere.cloud_structure:
        joined["electrons"] = joined["electrons"] * 10.0 ** (-0.4 * joined["cloud"])
    return Sources(**joined)


def _add_points(
    mean: NDArray[np.float64],
    sources: Sources,
    config: SimConfig,
    visit: Visit,
    *,
    field: PsfField,
    stamps: StampSet,
) -> NDArray[np.float64]:
    """Add everything that is not a galaxy; what moves as a row of points."""
    points = np.flatnonzero(sources.kind != "galaxy")
    noise = float(np.sqrt(visit.sky_level + config.camera.read_noise**2))
    radii = stamp_radii(sources.electrons[points], noise, field=field, limit=stamps.radius)
    length = np.hypot(sources.trail[points, 0], sources.trail[points, 1]) / visit.pixel_scale
    steps = np.where(length > 0.0, np.ceil(length / _TRAIL_STEP).astype(int) + 1, 1)
    which = np.repeat(np.arange(points.size), steps)
    step = np.arange(which.size) - np.repeat(np.cumsum(steps) - steps, steps)
    time = (step + 0.5) / steps[which] - 0.5
    angle = np.deg2rad(visit.rotation)
    east, north = sources.trail[points].T / visit.pixel_scale
    along = np.column_stack(
        [-np.cos(angle) * east + np.sin(angle) * north, np.sin(angle) * east + np.cos(angle) * north]
    )
    positions = sources.reference[points][which] + time[:, None] * along[which]
    return add_point_sources(
        mean,
        positions,
        (sources.electrons[points] / steps)[which],
        stamps=stamps,
        radii=radii[which],
        terms=sources.terms[points][which],
    )


def _background(shape: tuple[int, int], visit: Visit, projection: Projection) -> NDArray[np.float64]:
    v, u = np.meshgrid(np.linspace(-1.0, 1.0, shape[0]), np.linspace(-1.0, 1.0, shape[1]), indexing="ij")
    sky = visit.sky_level * (1.0 + visit.sky_gradient[0] * u + visit.sky_gradient[1] * v)
    if not projection.terms:
        return np.asarray(sky)
    sky *= projection.areas(np.arange(float(shape[1]))[None, :], np.arange(float(shape[0]))[:, None])
    return np.asarray(sky)
