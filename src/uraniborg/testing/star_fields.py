"""An exposure before calibration with its sources and a reference catalogue, all from one known truth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from lsst.images import Image, SkyProjection, VisitImage
from numpy.typing import NDArray

from uraniborg.algorithms.astrometry import from_tangent_plane, propagate_positions
from uraniborg.model.tables import conform, declared_columns
from uraniborg.sim.spectra import BANDS, GAIA_BANDS, black_body_colours
from uraniborg.testing.scenes import SceneExposure, make_scene_image, tangent_wcs

__all__ = ("StarField", "StarFieldConfig", "make_star_field")


@dataclass(frozen=True, slots=True)
class StarFieldConfig:
    """What to make.

    Attributes
    ----------
    n_stars, n_others, n_missing : int
        Reference stars on the image, sources that are none of them, and how many of the stars were not detected.
    shift : tuple of float
        Error of the first-guess projection, East and North [arcsec].
    rotation : float
        Error of its rotation [deg].
    stretch : float
        Error of its scale, as a part.
    zero_point : float
        True magnitude of one electron.
    n_variable : int
        Stars (the brightest) that are a magnitude brighter than in the catalogue.
    centroid_err : float
        Error of each axis of a centroid [pixel].
    exposure : SceneExposure
        The frame.
    """

    n_stars: int = 40
    n_others: int = 60
    n_missing: int = 3
    shift: tuple[float, float] = (0.3, -0.2)
    rotation: float = 0.0
    stretch: float = 0.0
    zero_point: float = 31.2
    n_variable: int = 0
    centroid_err: float = 0.03
    exposure: SceneExposure = field(default_factory=lambda: SceneExposure(shape=(600, 500)))


@dataclass(frozen=True, slots=True)
class StarField:
    """What was made.

    Attributes
    ----------
    image : lsst.images.VisitImage
        In electron, with the wrong first-guess projection. It holds noise only: calibration reads the sources.
    sources : astropy.table.Table
        Rows of ``PreliminarySource`` in a random order; what calibration does not read is zero.
    references : astropy.table.Table
        Rows of ``ReferenceObject``; positions are those of 2000 days earlier.
    projection : lsst.images.SkyProjection
        True projection.
    truth : (n,) int
        Identifier of the reference star of each source, 0 for others.
    """

    image: VisitImage
    sources: Table
    references: Table
    projection: SkyProjection
    truth: NDArray[np.int64]


def _first_guess(image: VisitImage, config: StarFieldConfig) -> VisitImage:
    """Return the image in electron with a projection that is off."""
    exposure = config.exposure
    ny, nx = exposure.shape
    ra, dec = from_tangent_plane(np.array([config.shift]), (exposure.ra, exposure.dec))
    wcs = tangent_wcs(
        float(ra[0]),
        float(dec[0]),
        scale=exposure.scale * (1.0 + config.stretch),
        rotation=exposure.rotation + config.rotation,
        centre=((nx - 1) / 2, (ny - 1) / 2),
    )
    projection = SkyProjection.from_fits_wcs(wcs, image.sky_projection.pixel_frame, pixel_bounds=image.bbox)
    return VisitImage(
        Image(image.image.array, bbox=image.bbox, unit=u.electron),
        mask=image.mask,
        variance=Image(image.variance.array, bbox=image.bbox, unit=u.electron**2),
        sky_projection=projection,
        obs_info=image.obs_info,
        psf=image.psf,
        detector=image.detector,
        aperture_corrections=dict(image.aperture_corrections),
        band=image.band,
        metadata={"gain": 2.0},
    )


def _references(config: StarFieldConfig, projection: SkyProjection, rng: np.random.Generator) -> Table:
    """Return stars on the frame with colours, motions and catalogue errors; ``x``, ``y``, ``mag`` are the truth."""
    n, exposure = config.n_stars, config.exposure
    ny, nx = exposure.shape
    x, y = rng.uniform(10.0, nx - 11.0, n), rng.uniform(10.0, ny - 11.0, n)
    sky = projection.pixel_to_sky(x=x, y=y)
    temperature = rng.uniform(3200.0, 8000.0, n)
    magnitude_r = np.sort(rng.uniform(16.5, 20.0, n))
    motion = rng.normal(0.0, 15.0, (2, n))
    epoch = exposure.mjd - 2000.0
    back = propagate_positions(
        sky.ra.deg, sky.dec.deg, pm_ra=-motion[0], pm_dec=-motion[1], parallax=np.zeros(n), epoch=epoch,
        mjd=exposure.mjd + 15.0 / 86400.0,
    )  # fmt: skip
    table = Table({"refObjectId": np.arange(1, n + 1), "ra": back.ra, "dec": back.dec})
    table["raErr"] = table["decErr"] = np.full(n, 0.3)
    table["epochMjdTai"] = epoch
    table["pmRa"], table["pmDec"] = motion
    table["pmRaErr"] = table["pmDecErr"] = np.full(n, 0.3)
    table["parallax"], table["parallaxErr"] = np.zeros(n), np.full(n, 0.3)
    for name in GAIA_BANDS:
        table[name] = magnitude_r + black_body_colours(temperature, name) + rng.normal(0.0, 0.003, n)
        table[f"{name}Err"] = 0.003
    for band in BANDS:
        table[f"mag_{band}"] = magnitude_r + black_body_colours(temperature, band)
    table["x"], table["y"] = x, y
    return table


def make_star_field(config: StarFieldConfig | None = None, *, seed: int = 1) -> StarField:
    """Make an exposure with known projection and zero point.

    Parameters
    ----------
    config : StarFieldConfig, optional
        What to make.
    seed : int
        Of everything random.

    Returns
    -------
    StarField
    """
    config = config or StarFieldConfig()
    rng, exposure = np.random.default_rng(seed), config.exposure
    nothing = SkyCoord([exposure.ra] * u.deg, [exposure.dec] * u.deg)
    true_image = make_scene_image(replace(exposure), nothing, np.zeros(1), seed=seed)
    projection = true_image.sky_projection
    references = _references(config, projection, rng)
    seen = np.sort(rng.permutation(config.n_stars)[config.n_missing :])
    ny, nx = exposure.shape
    x = np.concatenate([references["x"][seen], rng.uniform(0.0, nx - 1.0, config.n_others)])
    y = np.concatenate([references["y"][seen], rng.uniform(0.0, ny - 1.0, config.n_others)])
    magnitude = np.asarray(references[f"mag_{exposure.band}"])[seen].copy()
    magnitude[: config.n_variable] -= 1.0
    magnitude = np.concatenate([magnitude, rng.uniform(20.0, 22.5, config.n_others)])
    n = len(x)
    flux = 10.0 ** (-0.4 * (magnitude - config.zero_point))
    area = 4.0 * np.pi * exposure.sigma**2
    flux_err = np.sqrt(flux + area * exposure.noise**2)
    sources = Table({"sourceId": np.arange(n) + 1000, "parentSourceId": np.zeros(n, dtype=np.int64)})
    sources["x"], sources["y"] = (values + rng.normal(0.0, config.centroid_err, n) for values in (x, y))
    sources["xErr"] = sources["yErr"] = np.full(n, config.centroid_err)
    sources["psfInstFlux"], sources["psfInstFluxErr"] = flux + rng.normal(0.0, flux_err), flux_err
    for radius in (3, 6, 9, 12, 17, 25):
        caught = 1.0 - np.exp(-0.5 * (radius / exposure.sigma) ** 2)
        sources[f"ap{radius:02d}InstFlux"], sources[f"ap{radius:02d}InstFluxErr"] = flux * caught, flux_err
    for name, column in declared_columns("PreliminarySource").items():
        if name not in sources.colnames:
            sources[name] = np.zeros(n, dtype=column.dtype)
    sources["visit"], sources["detector"] = exposure.visit, exposure.detector
    sources["usedForPsf"] = np.arange(n) < 5
    sources["snr"] = sources["psfInstFlux"] / sources["psfInstFluxErr"]
    sources["psfFlux_apCorr"] = 1.0
    sources["calibInstFlux"], sources["calibInstFluxErr"] = sources["ap12InstFlux"], sources["ap12InstFluxErr"]
    truth = np.concatenate([np.asarray(references["refObjectId"])[seen], np.zeros(config.n_others, dtype=np.int64)])
    order = rng.permutation(n)
    references.remove_columns(["x", "y", *(f"mag_{band}" for band in BANDS)])
    image = _first_guess(true_image, config)
    return StarField(image, conform(sources[order], "PreliminarySource"), references, projection, truth[order])
