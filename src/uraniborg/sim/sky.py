"""The sky: stars, galaxies, variable stars and transients in one truth table, and their fluxes at any time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table, vstack
from astropy.wcs import WCS
from numpy.typing import NDArray

from uraniborg.core.random import random_stream
from uraniborg.model.tables import conform, declared_columns
from uraniborg.sim.config import CameraConfig, ObservingConfig, SimConfig
from uraniborg.sim.galaxy_population import draw_galaxy_population
from uraniborg.sim.light_curves import band_factor, bazin, damped_walk, eclipses, rr_lyrae, sawtooth, sinusoid
from uraniborg.sim.milky_way import draw_stars
from uraniborg.sim.motion.stars import star_positions
from uraniborg.sim.spectra import (
    BANDS,
    black_body_colours,
    colour_temperature,
    magnitude_to_flux,
    power_law_colours,
)

__all__ = ("REFERENCE_EPOCH_MJD", "fluxes_at", "make_sky", "positions_at")

REFERENCE_EPOCH_MJD = 57388.5
"""Epoch of the positions in the truth table, J2016.0 as in Gaia DR3 [day]."""

_STAR_COUNT_SLOPES = ((20.0, 0.25), (np.inf, 0.12))
"""d log10(N) / d(mag) of stars up to a magnitude, then beyond it; about that of intermediate latitudes."""
_PERIODIC = {
    "sinusoid": sinusoid,
    "mira": sinusoid,
    "sawtooth": sawtooth,
    "rrlyrae": rr_lyrae,
    "eclipsing": eclipses,
}
_GALAXY_COUNT_SLOPES = ((23.0, 0.40), (np.inf, 0.33))
_CLASSES = {
    "rrlyrae": ((0.4, 0.8), (0.4, 1.1)),
    "eclipsing": ((0.4, 6.0), (0.2, 1.0)),
    "mira": ((120.0, 450.0), (2.0, 5.0)),
    "agn": ((100.0, 600.0), (0.1, 0.3)),
}
"""Range of the periods (of nuclei: time scales) [day] and amplitudes in r [mag]."""
_MARGIN = 15.0  # sky around the area seen by any visit [arcsec]
_SERSIC_STEP = 0.5  # indices are multiples of it, so that profiles can be tabulated once


@dataclass(frozen=True, slots=True)
class _Zone:
    """A rectangle on the tangent plane of the field's centre, half sizes in arcsec."""

    wcs: WCS
    half_width: float
    half_height: float

    @property
    def area(self) -> float:
        """Area [arcmin^2]."""
        return 4.0 * self.half_width * self.half_height / 3600.0

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """Return n uniform positions as an (n, 2) array of ra, dec [deg]."""
        offsets = rng.uniform(-1.0, 1.0, (n, 2)) * (self.half_width, self.half_height)
        return np.asarray(self.wcs.wcs_pix2world(offsets, 0)).reshape(n, 2)

    def holds(self, ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which positions lie inside."""
        x, y = self.wcs.wcs_world2pix(ra, dec, 0)
        return np.asarray((np.abs(x) <= self.half_width) & (np.abs(y) <= self.half_height))


def make_sky(config: SimConfig) -> Table:
    """Return all sources of a survey.

    Parameters
    ----------
    config : SimConfig
        The survey; equal configurations give equal skies.

    Returns
    -------
    astropy.table.Table
        Declared as ``TruthSource``.
    """
    everywhere, covered = _zones(config)
    galaxies = (_galaxies if config.sky.galaxy_model == "simple" else _bulges_and_discs)(config, everywhere)
    parts = [
        (_stars if config.sky.star_model == "simple" else _galactic_stars)(config, everywhere),
        _variables(config, covered, galaxies),
        galaxies,
        _transients(config, covered, galaxies),
    ]
    sky = (
        vstack([part for part in parts if len(part)], metadata_conflicts="silent") if any(map(len, parts)) else parts[0]
    )
    sky.meta = {"survey": config.name, "seed": config.seed}
    return conform(sky, "TruthSource")


def positions_at(sky: Table, mjd: float) -> NDArray[np.float64]:
    """Return the positions of sources at one time, with proper motion and parallax.

    Parameters
    ----------
    sky : astropy.table.Table
        Declared as ``TruthSource``.
    mjd : float [day]
        Time, TAI.

    Returns
    -------
    (n, 2) float [deg]
        ICRS right ascension and declination.
    """
    return star_positions(
        np.asarray(sky["ra"]),
        np.asarray(sky["dec"]),
        pm_ra=np.asarray(sky["pmRa"]),
        pm_dec=np.asarray(sky["pmDec"]),
        parallax=np.asarray(sky["parallax"]),
        epoch=np.asarray(sky["epochMjdTai"]),
        mjd=mjd,
    )


def fluxes_at(sky: Table, band: str, mjd: float) -> NDArray[np.float64]:
    """Return the fluxes of sources in one band at one time.

    Parameters
    ----------
    sky : astropy.table.Table
        Declared as ``TruthSource``.
    band : str
        Band.
    mjd : float [day]
        Time, TAI.

    Returns
    -------
    (n,) float [nJy]
    """
    flux = np.array(sky[f"{band}_flux"], dtype=float)
    curve = np.asarray(sky["lightCurve"])
    for name, function in _PERIODIC.items():
        rows = np.flatnonzero(curve == name)
        change = function(
            mjd,
            period=np.asarray(sky["period"])[rows],
            amplitude=np.asarray(sky["amplitude"])[rows],
            phase=np.asarray(sky["phase"])[rows],
        )
        flux[rows] *= 10.0 ** (-0.4 * change * band_factor(name, band))
    rows = np.flatnonzero(curve == "agn")
    walk = damped_walk(
        mjd,
        time_scale=np.asarray(sky["period"])[rows],
        amplitude=np.asarray(sky["amplitude"])[rows],
        phase=np.asarray(sky["phase"])[rows],
    )
    flux[rows] *= 10.0 ** (-0.4 * walk * band_factor("agn", band))
    rows = np.flatnonzero(np.isin(curve, ("bazin", "supernova", "fast")))
    flux[rows] *= bazin(
        mjd,
        peak_time=np.asarray(sky["peakMjdTai"])[rows],
        rise=np.asarray(sky["riseTime"])[rows],
        fall=np.asarray(sky["fallTime"])[rows],
    )
    return flux


def _zones(config: SimConfig) -> tuple[_Zone, _Zone]:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [config.sky.ra, config.sky.dec]
    wcs.wcs.crpix = [1.0, 1.0]
    wcs.wcs.cdelt = [-1.0 / 3600.0, 1.0 / 3600.0]
    width, height = _half_sizes(config.camera)
    wobble = _wobble(config.observing, max(width, height))
    inner = wobble + 10.0
    return (
        _Zone(wcs, width + wobble + _MARGIN, height + wobble + _MARGIN),
        _Zone(wcs, max(width - inner, 0.3 * width), max(height - inner, 0.3 * height)),
    )


def _half_sizes(camera: CameraConfig) -> tuple[float, float]:
    width, height = camera.geometry.full_size
    return 0.5 * width * camera.pixel_scale, 0.5 * height * camera.pixel_scale


def _wobble(observing: ObservingConfig, half_size: float) -> float:
    return observing.dither + half_size * float(np.sin(np.deg2rad(observing.rotation)))


def _draw_magnitudes(
    rng: np.random.Generator, n: int, limits: tuple[float, float], *, slopes: tuple[tuple[float, float], ...]
) -> NDArray[np.float64]:
    """Draw from number counts whose logarithm is a broken line, by inverting the cumulative counts."""
    grid = np.linspace(*limits, 2001)
    log_counts = np.zeros_like(grid)
    start = grid[0]
    for end, slope in slopes:
        log_counts += slope * (np.clip(grid, start, max(end, start)) - start)
        start = max(end, start)
    density = 10.0**log_counts
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return np.interp(rng.uniform(0.0, cumulative[-1], n), cumulative, grid)


def _blank(n: int, kind: str, first_id: int) -> Table:
    table = Table()
    for name, column in declared_columns("TruthSource").items():
        if column.dtype.kind == "f":
            table[name] = np.full(n, np.nan)
        elif column.dtype.kind == "U":
            table[name] = np.full(n, "", dtype="U10")
        else:
            table[name] = np.zeros(n, dtype=column.dtype)
    table["truthId"] = np.arange(first_id, first_id + n)
    table["kind"] = np.full(n, kind, dtype="U10")
    table["lightCurve"] = np.full(n, "constant", dtype="U10")
    table["epochMjdTai"] = REFERENCE_EPOCH_MJD
    for name in ("pmRa", "pmDec", "parallax"):
        table[name] = 0.0
    return table


def _set_black_bodies(table: Table, r_magnitude: NDArray[np.float64], temperature: NDArray[np.float64]) -> None:
    table["temperature"] = temperature
    for band in BANDS:
        table[f"{band}_flux"] = magnitude_to_flux(r_magnitude + black_body_colours(temperature, band))


def _set_positions(table: Table, positions: NDArray[np.float64]) -> None:
    table["ra"], table["dec"] = positions[:, 0], positions[:, 1]


def _set_star_physics(table: Table, rng: np.random.Generator, r_magnitude: NDArray[np.float64]) -> None:
    """Give stars temperatures (more red dwarfs where fainter) and proper motions."""
    n = len(table)
    red = rng.uniform(size=n) < np.clip(0.25 + 0.5 * (r_magnitude - 16.0) / 8.0, 0.2, 0.8)
    temperature = np.where(red, rng.normal(3500.0, 300.0, n), rng.normal(5600.0, 500.0, n))
    _set_black_bodies(table, r_magnitude, np.clip(temperature, 2800.0, 9000.0))
    speed = rng.lognormal(np.log(5.0), 0.8, n)  # [mas/yr]
    angle = rng.uniform(0.0, 2.0 * np.pi, n)
    table["pmRa"], table["pmDec"] = speed * np.sin(angle), speed * np.cos(angle)


def _stars(config: SimConfig, zone: _Zone) -> Table:
    rng = random_stream(config.seed, "sky.stars")
    n = int(rng.poisson(config.sky.star_density * zone.area))
    table = _blank(n, "star", 1)
    _set_positions(table, zone.draw(rng, n))
    magnitude = _draw_magnitudes(rng, n, config.sky.star_magnitudes, slopes=_STAR_COUNT_SLOPES)
    _set_star_physics(table, rng, magnitude)
    return table


def _galactic_stars(config: SimConfig, zone: _Zone) -> Table:
    rng = random_stream(config.seed, "sky.stars")
    where = config.sky
    stars = draw_stars(
        rng, where.ra, where.dec, area=zone.area, limits=where.star_magnitudes, factor=where.star_factor
    )
    table = _blank(len(stars.distance), "star", 1)
    _set_positions(table, zone.draw(rng, len(table)))
    for band, magnitude in stars.magnitudes.items():
        table[f"{band}_flux"] = magnitude_to_flux(magnitude)
    table["temperature"] = colour_temperature(stars.magnitudes["r"] - stars.magnitudes["i"])
    table["parallax"] = 1e3 / stars.distance
    table["pmRa"], table["pmDec"] = stars.proper_motions(table["ra"], table["dec"])
    return table


def _variables(config: SimConfig, zone: _Zone, galaxies: Table) -> Table:
    rng = random_stream(config.seed, "sky.variables")
    n = config.sky.n_variables
    table = _blank(n, "star", 1_000_001)
    _set_positions(table, zone.draw(rng, n))
    _set_star_physics(table, rng, rng.uniform(*config.sky.variable_magnitudes, n))
    classes = config.sky.variable_classes
    table["lightCurve"] = np.array([classes[k % len(classes)] for k in range(n)], dtype="U10")
    table["period"] = np.exp(rng.uniform(np.log(0.3), np.log(20.0), n))
    table["amplitude"] = rng.uniform(0.4, 1.2, n)
    table["phase"] = rng.uniform(0.0, 1.0, n)
    _set_class_properties(config, table, _eligible_hosts(galaxies, zone))
    return table


def _set_class_properties(config: SimConfig, table: Table, hosts: Table) -> None:
    """Give the classes of variables periods, amplitudes and places of their own; nuclei lie in galaxies."""
    rng = random_stream(config.seed, "sky.variables.classes")
    curve, n = np.asarray(table["lightCurve"]), len(table)
    for name, (periods, amplitudes) in _CLASSES.items():
        rows = curve == name
        table["period"] = np.where(rows, np.exp(rng.uniform(*np.log(periods), n)), table["period"])
        table["amplitude"] = np.where(rows, rng.uniform(*amplitudes, n), table["amplitude"])
    rows = np.flatnonzero(curve == "agn")
    if rows.size:
        table["kind"][rows] = "agn"
        table["temperature"][rows] = np.nan
        r_flux = np.asarray(table["r_flux"])[rows]
        table["slope"][rows] = rng.normal(0.5, 0.2, rows.size)
        for band in BANDS:
            colours = power_law_colours(np.asarray(table["slope"])[rows], band)
            table[f"{band}_flux"][rows] = r_flux * 10.0 ** (-0.4 * colours)
        table["pmRa"][rows] = table["pmDec"][rows] = 0.0
        chosen = hosts[rng.choice(len(hosts), min(len(hosts), rows.size), replace=False)]
        for name, host_name in (("ra", "ra"), ("dec", "dec"), ("hostId", "truthId"), ("redshift", "redshift")):
            table[name][rows[: len(chosen)]] = chosen[host_name]


def _bulges_and_discs(config: SimConfig, zone: _Zone) -> Table:
    rng = random_stream(config.seed, "sky.galaxies")
    drawn = draw_galaxy_population(rng, area=zone.area, limits=config.sky.galaxy_magnitudes)
    n = len(drawn.redshift)
    table = _blank(n, "galaxy", 2_000_001)
    _set_positions(table, zone.draw(rng, n))
    for band, magnitude in drawn.magnitudes.items():
        table[f"{band}_flux"] = magnitude_to_flux(magnitude)
    table["sersicIndex"] = 1.0
    table["slope"], table["redshift"] = drawn.slope, drawn.redshift
    table["halfLightRadius"], table["axisRatio"] = drawn.disc_radius, drawn.axis_ratio
    table["bulgeFraction"], table["bulgeRadius"] = drawn.bulge_fraction, drawn.bulge_radius
    table["positionAngle"] = rng.uniform(0.0, 180.0, n)
    table["shear"], table["shearAngle"] = config.sky.shear
    return table


def _galaxies(config: SimConfig, zone: _Zone) -> Table:
    """Sersic galaxies; sizes follow log10(r / arcsec) = 0.04 - 0.11 (r - 20) with 0.15 of scatter."""
    rng = random_stream(config.seed, "sky.galaxies")
    n = int(rng.poisson(config.sky.galaxy_density * zone.area))
    table = _blank(n, "galaxy", 2_000_001)
    _set_positions(table, zone.draw(rng, n))
    magnitude = _draw_magnitudes(rng, n, config.sky.galaxy_magnitudes, slopes=_GALAXY_COUNT_SLOPES)
    early = rng.uniform(size=n) < 0.3
    slope = np.where(early, rng.normal(3.0, 0.4, n), rng.normal(1.2, 0.5, n))
    table["slope"] = slope
    for band in BANDS:
        table[f"{band}_flux"] = magnitude_to_flux(magnitude + power_law_colours(slope, band))
    index = np.where(early, rng.uniform(2.0, 4.0, n), rng.uniform(0.75, 1.75, n))
    table["sersicIndex"] = _SERSIC_STEP * np.round(index / _SERSIC_STEP)
    radius = 10.0 ** (0.04 - 0.11 * (magnitude - 20.0) + rng.normal(0.0, 0.15, n))
    table["halfLightRadius"] = np.clip(radius, 0.1, 8.0)
    table["axisRatio"] = np.where(early, rng.uniform(0.5, 1.0, n), rng.uniform(0.2, 1.0, n))
    table["positionAngle"] = rng.uniform(0.0, 180.0, n)
    return table


def _transients(config: SimConfig, zone: _Zone, galaxies: Table) -> Table:
    """Transients: peak magnitudes evenly over their range, peaks near the nights in turn, some of them on galaxies."""
    rng = random_stream(config.seed, "sky.transients")
    n = config.sky.n_transients
    table = _blank(n, "transient", 3_000_001)
    _set_positions(table, zone.draw(rng, n))
    faint = config.sky.transient_magnitudes
    steps = (np.arange(n) + rng.uniform(0.0, 1.0, n)) / max(n, 1)
    _set_black_bodies(table, rng.permutation(faint[0] + (faint[1] - faint[0]) * steps), rng.uniform(7e3, 1.5e4, n))
    nights = np.asarray(config.observing.nights)
    near = nights[np.arange(n) % len(nights)]
    table["peakMjdTai"] = config.observing.first_mjd + near + rng.uniform(-1.0, 1.5, n)
    table["riseTime"] = rng.uniform(0.6, 1.5, n)
    table["fallTime"] = rng.uniform(2.5, 5.0, n)
    classes = config.sky.transient_classes
    table["lightCurve"] = np.array([classes[k % len(classes)] for k in range(n)], dtype="U10")
    for name, factor in (("supernova", 6.0), ("fast", 0.3)):
        for column in ("riseTime", "fallTime"):
            table[column] = np.where(np.asarray(table["lightCurve"]) == name, factor, 1.0) * table[column]
    _put_on_hosts(table, rng, _eligible_hosts(galaxies, zone), fraction=config.sky.hosted_fraction)
    return table


def _eligible_hosts(galaxies: Table, zone: _Zone) -> Table:
    if not len(galaxies):
        return galaxies
    flux = np.asarray(galaxies["r_flux"])
    inside = zone.holds(np.asarray(galaxies["ra"]), np.asarray(galaxies["dec"]))
    return galaxies[inside & (flux > magnitude_to_flux(23.5)) & (flux < magnitude_to_flux(19.0))]


def _put_on_hosts(transients: Table, rng: np.random.Generator, hosts: Table, *, fraction: float) -> None:
    """Move a share of the transients onto different galaxies, within a half-light radius of their centres."""
    n = min(round(fraction * len(transients)), len(hosts))
    chosen = hosts[rng.choice(len(hosts), n, replace=False)] if n else hosts[:0]
    which = rng.permutation(len(transients))[:n]
    radius = np.asarray(chosen["halfLightRadius"]) * np.sqrt(rng.uniform(0.0, 1.0, n)) / 3600.0
    angle = rng.uniform(0.0, 2.0 * np.pi, n)
    dec = np.asarray(chosen["dec"])
    transients["ra"][which] = np.asarray(chosen["ra"]) + radius * np.sin(angle) / np.cos(np.deg2rad(dec))
    transients["dec"][which] = dec + radius * np.cos(angle)
    transients["hostId"][which] = chosen["truthId"]
