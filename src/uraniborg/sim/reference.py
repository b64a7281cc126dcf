"""A reference catalogue like Gaia's of the stars of a simulated sky, with magnitudes in the survey's bands added."""

from __future__ import annotations

import numpy as np
from astropy.table import Column, Table
from numpy.typing import NDArray

from uraniborg.core.random import random_stream
from uraniborg.model.tables import conform
from uraniborg.sim.config import SimConfig
from uraniborg.sim.sky import REFERENCE_EPOCH_MJD
from uraniborg.sim.spectra import BANDS, GAIA_BANDS, black_body_colours, flux_to_magnitude

__all__ = ("GAIA_LIMIT", "gaia_position_error", "make_reference_catalogue")

GAIA_LIMIT = 20.7
"""Faintest G in the catalogue [mag]."""


def gaia_position_error(g_magnitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the error of a position, which is also that of a yearly proper motion [mas].

    About the median errors of Gaia DR3: 0.02 below G = 15, 0.07 at 17, 0.5 at 20 (Gaia Collaboration, Vallenari et
    al. 2023, A&A 674, A1, table 4).

    Parameters
    ----------
    g_magnitude : (n,) float [mag]
        Gaia's G.

    Returns
    -------
    (n,) float [mas]
    """
    return np.hypot(0.02, 0.5 * 10.0 ** (0.31 * (g_magnitude - 20.0)))


def make_reference_catalogue(sky: Table, config: SimConfig) -> Table:
    """Return what Gaia would have measured of the stars of a sky.

    Parameters
    ----------
    sky : astropy.table.Table
        Declared as ``TruthSource``.
    config : SimConfig
        The survey; its seed determines the errors.

    Returns
    -------
    astropy.table.Table
        Declared as ``ReferenceObject`` (``refObjectId`` is the truth's ``truthId``).
    """
    rng = random_stream(config.seed, "reference")
    stars = sky[np.asarray(sky["kind"]) == "star"]
    temperature = np.asarray(stars["temperature"], dtype=float)
    r_magnitude = flux_to_magnitude(np.asarray(stars["r_flux"]))
    g_magnitude = r_magnitude + black_body_colours(temperature, "phot_g_mean_mag")
    keep = g_magnitude < GAIA_LIMIT
    stars, temperature, r_magnitude = stars[keep], temperature[keep], r_magnitude[keep]
    error = gaia_position_error(g_magnitude[keep])
    dec = np.asarray(stars["dec"], dtype=float)
    noise = rng.normal(0.0, 1.0, (5, len(stars))) * error
    table = Table(meta={"name": "simulated Gaia", "epoch": "J2016.0"})
    table["refObjectId"] = np.asarray(stars["truthId"])
    table["ra"] = np.asarray(stars["ra"]) + noise[0] / 3.6e6 / np.cos(np.deg2rad(dec))
    table["dec"] = dec + noise[1] / 3.6e6
    table["epochMjdTai"] = np.full(len(stars), REFERENCE_EPOCH_MJD)
    table["pmRa"] = np.asarray(stars["pmRa"]) + noise[2]
    table["pmDec"] = np.asarray(stars["pmDec"]) + noise[3]
    table["parallax"] = np.asarray(stars["parallax"]) + noise[4]
    for name in ("ra", "dec", "pmRa", "pmDec", "parallax"):
        table[f"{name}Err"] = error
    for band in GAIA_BANDS:
        depth = (0.002, 0.008) if band == "phot_g_mean_mag" else (0.004, 0.06)
        _add_magnitude(table, band, r_magnitude + black_body_colours(temperature, band), rng, depth=depth)
    for band in BANDS:
        magnitude = flux_to_magnitude(np.asarray(stars[f"{band}_flux"]))
        _add_magnitude(table, f"mag_{band}", magnitude, rng, depth=(0.005, 0.02))
    return conform(table, "ReferenceObject")


def _add_magnitude(
    table: Table, name: str, true: NDArray[np.float64], rng: np.random.Generator, *, depth: tuple[float, float]
) -> None:
    """Add a noisy magnitude and its error: a floor, and the error at magnitude 20 that grows with 10^(0.3 m)."""
    error = np.hypot(depth[0], depth[1] * 10.0 ** (0.3 * (true - 20.0)))
    table[name] = Column(true + rng.normal(0.0, 1.0, true.size) * error, unit="mag")
    table[f"{name}Err"] = Column(error, unit="mag")
