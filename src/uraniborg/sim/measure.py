"""Whether what is simulated is what was asked for: measurements on simulated light against independent formulae."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import erfa
import galsim
import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.core.errors import UserError
from uraniborg.sim.atmosphere.fields import von_karman_correlation
from uraniborg.sim.config import SimConfig
from uraniborg.sim.exposure import render_exposure
from uraniborg.sim.galaxy_population import cumulative_counts
from uraniborg.sim.motion.movers import elements_of, make_movers, see_movers
from uraniborg.sim.motion.orbits import Elements
from uraniborg.sim.observing import Visit, plan_visits
from uraniborg.sim.psf import PsfField, add_point_sources, make_psf_field
from uraniborg.sim.scene import make_scene, make_smear
from uraniborg.sim.sky import make_sky
from uraniborg.sim.spectra import BANDS, black_body_colours, flux_to_magnitude, magnitude_to_flux

__all__ = (
    "GAIA_COUNTS",
    "NumberCounts",
    "PsfStatistics",
    "Ratio",
    "RefractionShifts",
    "measure_movers",
    "measure_neighbours",
    "measure_number_counts",
    "measure_psf_statistics",
    "measure_refraction_shifts",
    "measure_throughput",
)

GAIA_COUNTS = {13: 74, 14: 118, 15: 200, 16: 265, 17: 394, 18: 533, 19: 842}
"""Stars of Gaia DR2 from G = key to key + 1 in a square degree, within 0.7 degrees of RA 150.15, Dec 2.23."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A mean ratio and its statistical error."""

    value: float
    error: float


@dataclass(frozen=True, slots=True)
class RefractionShifts:
    """Shifts of stars by colour.

    Attributes
    ----------
    band : (n,) str
        Band.
    temperature : (n,) float [K]
        Of the star, a black body.
    measured, expected : (n,) float [mas]
        Shift towards the zenith relative to a black body of 5778 K: centroid of the drawn star; ERFA's refraction.
    """

    band: NDArray[np.str_]
    temperature: NDArray[np.float64]
    measured: NDArray[np.float64]
    expected: NDArray[np.float64]

    @property
    def worst(self) -> float:
        """Largest difference [mas]."""
        return float(np.abs(self.measured - self.expected).max())


@dataclass(frozen=True, slots=True)
class PsfStatistics:
    """Shapes of drawn stars in many exposures.

    Attributes
    ----------
    seeing : Ratio
        Measured over expected full width at half maximum.
    separation : (n,) float [arcmin]
        Distance of two stars.
    correlation, error, expected : (n,) float []
        Mean product of the shears of two stars over the variance that was set, its error, the model.
    """

    seeing: Ratio
    separation: NDArray[np.float64]
    correlation: NDArray[np.float64]
    error: NDArray[np.float64]
    expected: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NumberCounts:
    """Counts in bins of magnitude.

    Attributes
    ----------
    edges : (n + 1,) float [mag]
        Edges of the bins: G of stars, i of galaxies.
    simulated, published : (n,) float [deg^-2]
        Numbers.
    error : (n,) float [deg^-2]
        Poisson error of the simulated ones.
    """

    edges: NDArray[np.float64]
    simulated: NDArray[np.float64]
    error: NDArray[np.float64]
    published: NDArray[np.float64]


def _star_grid(config: SimConfig, visit: Visit, detector: int, magnitude: float, number: int) -> Table:
    """Return constant stars of one magnitude in all bands, at rest, on a grid of a detector."""
    side = int(np.ceil(np.sqrt(number)))
    width, height = config.camera.width, config.camera.height
    y, x = np.meshgrid(np.linspace(40, height - 41, side), np.linspace(40, width - 41, side), indexing="ij")
    nudge = np.random.default_rng(1).uniform(-0.5, 0.5, (2, side * side))
    radec = visit.projection(config, detector).to_sky(x.ravel() + nudge[0], y.ravel() + nudge[1])
    empty = config.sky.model_copy(
        update={"star_model": "simple", "star_density": 20.0, "n_variables": 0, "n_transients": 0}
    )
    template = make_sky(config.model_copy(update={"sky": empty.model_copy(update={"galaxy_density": 0.0})}))
    sky = template[np.zeros(side * side, dtype=int)]
    sky["truthId"], sky["ra"], sky["dec"] = np.arange(1, side * side + 1), radec[:, 0], radec[:, 1]
    sky["pmRa"], sky["pmDec"], sky["parallax"] = 0.0, 0.0, 0.0
    for band in BANDS:
        sky[f"{band}_flux"] = magnitude_to_flux(magnitude)
    return sky


def measure_throughput(
    config: SimConfig, visit: Visit, detector: int = 0, *, magnitude: float = 17.0, number: int = 100
) -> Ratio:
    """Return the electrons of stars in a finished exposure over throughput x exposure time x atmosphere.

    Parameters
    ----------
    config : SimConfig
        The survey; cosmic rays, satellites, moving bodies, dead columns and the structure of clouds are left out.
    visit : Visit
        Exposure.
    detector : int
        Detector.
    magnitude : float [mag]
        Of the stars, AB, in all bands; they should not saturate.
    number : int
        Number of stars.

    Returns
    -------
    Ratio
        The expectation follows from the configuration, airmass and clouds alone; fluxes are fitted with the PSF.
    """
    quiet = config.model_copy(
        update={
            "camera": config.camera.model_copy(update={"cosmic_rays": 0.0, "bad_columns": 0, "noisy_weights": False}),
            "moving": config.moving.model_copy(update={"number": 0, "real": False}),
            "satellites": config.satellites.model_copy(update={"rate": 0.0}),
            "atmosphere": config.atmosphere.model_copy(update={"cloud_structure": 0.0}),
        }
    )
    sky = _star_grid(quiet, visit, detector, magnitude, number)
    rendered = render_exposure(sky, visit, detector, config=quiet)
    scene = make_scene(sky, visit, detector, config=quiet)
    blank = make_scene(sky[:0], visit, detector, config=quiet).mean
    light = rendered.image * quiet.camera.gain - blank
    radius = int(np.ceil(3.0 * scene.fwhm))
    values, sources = [], scene.sources
    for k in range(len(sources.flux)):
        one = slice(k, k + 1)
        x, y = np.round(sources.reference[k]).astype(int)
        psf = add_point_sources(
            np.zeros(light.shape), sources.reference[one], np.ones(1),
            stamps=scene.stamps, radii=np.array([scene.stamps.radius]), terms=sources.terms[one],
        )[y - radius : y + radius + 1, x - radius : x + radius + 1]  # fmt: skip
        cut = light[y - radius : y + radius + 1, x - radius : x + radius + 1]
        values.append(np.sum(psf * cut) / np.sum(psf**2))
    plan = quiet.observing
    extinction, zero_point = (
        {str(band): value for band, value in table.items()}[visit.band] for table in (plan.extinction, plan.zero_points)
    )
    loss = extinction * visit.airmass + visit.cloud
    expected = 10.0 ** (0.4 * (zero_point - loss - magnitude)) * visit.exposure_time
    ratio = np.array(values) / expected
    return Ratio(float(ratio.mean()), float(ratio.std(ddof=1) / np.sqrt(ratio.size)))


def measure_refraction_shifts(
    config: SimConfig, visit: Visit, detector: int = 0, *, temperatures: tuple[float, ...] = (3000.0, 4000.0, 10000.0)
) -> RefractionShifts:
    """Return where drawn stars of different colour lie, and where ERFA says that they should.

    Parameters
    ----------
    config : SimConfig
        The survey, with ``atmosphere.refraction``.
    visit : Visit
        Exposure; all bands are drawn under its sky.
    detector : int
        Detector.
    temperatures : tuple of float [K]
        Of the stars.

    Returns
    -------
    RefractionShifts
    """
    if not config.atmosphere.refraction:
        raise UserError(f"survey {config.name!r} has no refraction; set atmosphere.refraction: true")
    field = replace(make_psf_field(config, visit, detector), nodes=3)
    kelvin = np.array([5778.0, *temperatures])
    fluxes = {band: 10.0 ** (-0.4 * black_body_colours(kelvin, band)) for band in BANDS}
    rows = []
    for band in BANDS:
        smear = make_smear(config, replace(visit, band=band))
        assert smear is not None
        stamps, terms = field.draw_stamps(smear), smear.spread.coefficients(fluxes)
        centre = np.array([[field.shape[1] // 2, field.shape[0] // 2]], dtype=float)
        lifts = []
        for term in terms:
            image = add_point_sources(
                np.zeros(field.shape), centre, np.ones(1),
                stamps=stamps, radii=np.array([stamps.radius]), terms=term[None, :],
            )  # fmt: skip
            rows_cut = slice(int(centre[0, 1]) - stamps.radius, int(centre[0, 1]) + stamps.radius + 1)
            columns_cut = slice(int(centre[0, 0]) - stamps.radius, int(centre[0, 0]) + stamps.radius + 1)
            cut = image[rows_cut, columns_cut]
            y, x = np.indices(cut.shape) - stamps.radius
            lifts.append(np.array([np.sum(cut * x), np.sum(cut * y)]) @ smear.unit / cut.sum() * visit.pixel_scale)
        expected = _erfa_lifts(config, visit.zenith_distance, band, kelvin)
        rows += [
            (band, kelvin[k], 1e3 * (lifts[k] - lifts[0]), 1e3 * (expected[k] - expected[0]))
            for k in range(1, len(kelvin))
        ]
    columns = list(zip(*rows, strict=True))
    return RefractionShifts(*(np.array(column) for column in columns))


def _erfa_lifts(config: SimConfig, zenith: float, band: str, kelvin: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mean refraction of black bodies in a band [arcsec] by ERFA's two-term formula."""
    air, (low, high) = config.atmosphere, BANDS[band]
    fine = np.exp(np.linspace(np.log(low), np.log(high), 400))
    a, b = erfa.refco(air.pressure, air.temperature, air.humidity, fine)
    tangent = np.tan(np.deg2rad(zenith))
    lift = np.degrees(a * tangent + b * tangent**3) * 3600.0
    photons = fine**-3 / np.expm1(14387.768775 / (fine * kelvin[:, None]))  # B_nu / nu for equal steps of log nu
    return np.asarray(np.sum(photons * lift, axis=1) / np.sum(photons, axis=1))


def measure_psf_statistics(
    config: SimConfig, *, exposures: int = 200, separations: tuple[float, ...] = (0.5, 2.0, 5.0, 10.0, 20.0)
) -> PsfStatistics:
    """Return shapes of drawn stars in many exposures against the model of the air.

    Parameters
    ----------
    config : SimConfig
        The survey, with ``atmosphere.turbulence``.
    exposures : int
        Number of exposures.
    separations : tuple of float [arcmin]
        Distances of the second star from the first.

    Returns
    -------
    PsfStatistics
        Shapes are adaptive moments (GalSim's HSM) of stars drawn without noise, calibrated on a profile of known shear.
    """
    air = config.atmosphere
    if not air.turbulence:
        raise UserError(f"survey {config.name!r} has no turbulence; set atmosphere.turbulence")
    first = plan_visits(config)[0]
    response = _shear_response(config, first)
    shears, widths = [], []
    for k in range(exposures):
        drawn = make_psf_field(config, replace(first, visit=first.visit + 1000 * k, snap=0), 0)
        field = replace(drawn, polynomials=np.zeros((3, 6)))  # the smooth part of the optics is known
        still = replace(field, turbulence=())
        places = [0.0, *separations]
        shapes = []
        for distance in places:
            x = field.centre[0] + distance / field.arcmin
            moving, steady = (_shape(one, x, field.centre[1]) for one in (field, still))
            shapes.append([(moving[0] - steady[0]) / response, (moving[1] - steady[1]) / response])
            if distance == 0.0:
                widths.append(moving[2] / steady[2])
        shears.append(shapes)
    values = np.array(shears)  # exposure, place, component
    products = (values[:, :1] * values).sum(axis=2) / (2.0 * air.turbulence**2)
    return PsfStatistics(
        seeing=Ratio(float(np.mean(widths)), float(np.std(widths, ddof=1) / np.sqrt(exposures))),
        separation=np.array([0.0, *separations]),
        correlation=products.mean(axis=0),
        error=products.std(axis=0, ddof=1) / np.sqrt(exposures),
        expected=von_karman_correlation(np.array([0.0, *separations]), scale=air.turbulence_scale),
    )


def _shape(field: PsfField, x: float, y: float) -> tuple[float, float, float]:
    image = galsim.Convolve(field.profile_at(x, y), galsim.Pixel(1.0)).drawImage(
        nx=49, ny=49, scale=1.0, method="no_pixel"
    )
    found = galsim.hsm.FindAdaptiveMom(image)
    return found.observed_shape.g1, found.observed_shape.g2, found.moments_sigma


def _shear_response(config: SimConfig, visit: Visit) -> float:
    field = replace(make_psf_field(config, visit, 0), turbulence=(), polynomials=np.zeros((3, 6)))
    known = np.zeros((3, 6))
    known[0, 0] = 0.01
    return (_shape(replace(field, polynomials=known), *field.centre)[0] - _shape(field, *field.centre)[0]) / 0.01


def measure_number_counts(config: SimConfig, sky: Table | None = None) -> dict[str, NumberCounts]:
    """Return counts of stars (in Gaia's G) and galaxies (in i) against published ones.

    Parameters
    ----------
    config : SimConfig
        A survey with the galactic model of stars, centred where `GAIA_COUNTS` holds, and galaxies with bulge and disc.
    sky : astropy.table.Table, optional
        Declared as ``TruthSource``, if it is at hand.

    Returns
    -------
    dict of str to NumberCounts
        ``stars``: Gaia DR2; ``galaxies``: LSST Science Book, section 3.7.1.
    """
    table = make_sky(config) if sky is None else sky
    area = float(np.prod(np.ptp(np.column_stack([table["ra"], table["dec"]]), axis=0)))
    area *= float(np.cos(np.deg2rad(config.sky.dec)))
    kind = np.asarray(table["kind"])
    stars, galaxies = table[kind == "star"], table[kind == "galaxy"]
    r = flux_to_magnitude(np.asarray(stars["r_flux"]))
    gaia = r + black_body_colours(np.asarray(stars["temperature"]), "phot_g_mean_mag")
    first, last = config.sky.star_magnitudes
    keys = [key for key in GAIA_COUNTS if key >= first + 1.0 and key + 1 <= min(last - 1.0, 20.0)]
    edges = np.array([*keys, keys[-1] + 1], dtype=float)
    i = flux_to_magnitude(np.asarray(galaxies["i_flux"]))
    bins = np.arange(20.5, min(config.sky.galaxy_magnitudes[1], 25.5) + 1e-9, 0.5)
    return {
        "stars": _counts(gaia, edges, area, np.array([GAIA_COUNTS[key] for key in keys], dtype=float)),
        "galaxies": _counts(i, bins, area, np.diff(cumulative_counts(bins)) * 3600.0),
    }


def _counts(
    values: NDArray[np.float64], edges: NDArray[np.float64], area: float, published: NDArray[np.float64]
) -> NumberCounts:
    number = np.histogram(values, edges)[0]
    return NumberCounts(edges, number / area, np.sqrt(np.maximum(number, 1)) / area, published)


def measure_neighbours(config: SimConfig, visit: Visit, detectors: tuple[int, int]) -> float:
    """Return by how much two detectors disagree about the sky between them [pixel].

    Pixels of the first are brought to the sky by the projection as astropy reads it, and from there to the second one
    by our inverse; the difference is that of the places in the focal plane.
    """
    one, other = detectors
    wcs, target = visit.true_wcs(config, one), visit.projection(config, other)
    width, height = config.camera.width, config.camera.height
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(0, width - 1, 15), np.linspace(0, height - 1, 15)))
    ra, dec = wcs.all_pix2world(x, y, 0)
    seen = target.to_pixels(ra, dec) - target.centre
    here = np.column_stack([x, y]) - config.camera.geometry.boresight(one)
    return float(np.abs(seen - here).max())


def measure_movers(
    config: SimConfig,
    mjd: float,
    ephemeris: Callable[[Elements, float], tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> float:
    """Return the largest distance of moving bodies from where another ephemeris has them [arcsec].

    Parameters
    ----------
    config : SimConfig
        The survey.
    mjd : float [day]
        Time, TAI.
    ephemeris : callable
        Takes elements and the time; returns astrometric right ascension and declination [deg] for the same site.
    """
    orbits = make_movers(config)
    seen = see_movers(orbits, mjd)
    ra, dec = ephemeris(elements_of(orbits), mjd)
    east = (np.mod(seen.ra - ra + 180.0, 360.0) - 180.0) * np.cos(np.deg2rad(dec))
    return float(np.hypot(east, seen.dec - dec).max() * 3600.0)
