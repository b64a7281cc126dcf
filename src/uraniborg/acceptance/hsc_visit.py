"""A real visit of 81 detectors against Gaia: HSC visit 1180 (z, 270 s, COSMOS)."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from numpy.typing import NDArray

from uraniborg.algorithms.astrometry import (
    DetectorStars,
    VisitAstrometry,
    earth_position,
    propagate_positions,
    solve_visit,
    to_tangent_plane,
)
from uraniborg.core.errors import UserError
from uraniborg.verify.focal_plane import draw_focal_plane
from uraniborg.verify.metrics import Value

__all__ = ("CENTER", "measure_hsc_visit", "read_gaia", "read_hsc_visit", "solve_hsc_visit")

type Floats = NDArray[np.float64]

CENTER = (1023.5, 2087.5)
"""Pixel (x, y) in the middle of a detector."""
BRIGHT = 0.005
"""Largest error of a bright star's centroid and reference position together [arcsec]."""

_MAS = np.degrees(1.0) * 3.6e6
_SCALE = 0.168
_BORESIGHT = (150.2105, 2.2308)
_MJD = 56744.2909
_STEP = 50.0


def read_gaia(path: Path, *, mjd: float) -> tuple[Floats, Floats, Floats]:
    """Return Gaia's stars at a date.

    Parameters
    ----------
    path : pathlib.Path
        Parquet in Rubin's columns (radians).
    mjd : float [day]
        TAI.

    Returns
    -------
    ra, dec : (n,) float [deg]
    error : (n,) float [arcsec]
        Of each axis, brightest first.
    """
    table = pq.read_table(path)
    names = ("ra", "dec", "raErr", "decErr", "pm_ra", "pm_dec", "pm_raErr", "pm_decErr", "parallax")
    columns = {}
    for name in (*names, "epoch", "phot_g_mean_flux"):
        stored = f"coord_{name}" if name.startswith(("ra", "dec")) else name
        columns[name] = np.asarray(table[stored].to_numpy(zero_copy_only=False), float)
    known = np.isfinite(columns["ra"]) & np.isfinite(columns["pm_ra"])
    rows = np.flatnonzero(known)[np.argsort(-columns["phot_g_mean_flux"][known], kind="stable")]
    columns = {name: values[rows] for name, values in columns.items()}
    there = propagate_positions(
        np.degrees(columns["ra"]),
        np.degrees(columns["dec"]),
        pm_ra=columns["pm_ra"] * _MAS,
        pm_dec=columns["pm_dec"] * _MAS,
        parallax=columns["parallax"] * _MAS,
        epoch=columns["epoch"],
        mjd=mjd,
        observer=earth_position(mjd),
    )
    years = np.abs(mjd - columns["epoch"]) / 365.25
    square = sum(columns[f"{axis}Err"] ** 2 + (columns[f"pm_{axis}Err"] * years) ** 2 for axis in ("ra", "dec"))
    return there.ra, there.dec, np.sqrt(0.5 * np.asarray(square)) * _MAS / 1000.0


def read_hsc_visit(folder: Path) -> tuple[list[DetectorStars], list[int]]:
    """Return the stars of each detector and the numbers of the detectors.

    Raises
    ------
    UserError
        If there are no star lists in the folder.
    """
    paths = sorted(folder.glob("1180_*.fits"), key=lambda path: int(path.stem.split("_")[1]))
    if not paths:
        raise UserError(f"no star lists 1180_*.fits in {folder}; set URANIBORG_TESTDATA to the folder with real data")
    offsets = np.array([[0.0, 0.0], [_STEP, 0.0], [-_STEP, 0.0], [0.0, _STEP], [0.0, -_STEP]])
    found = []
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            wcs = WCS(fits.getheader(path))
        rows = fits.getdata(path, 1)
        error = np.hypot(rows["xErr"], rows["yErr"]).astype(float) / np.sqrt(2.0) * _SCALE
        order = np.argsort(error, kind="stable")
        x, y = (np.asarray(rows[name], float)[order] for name in ("x", "y"))
        around = to_tangent_plane(*wcs.all_pix2world(*(offsets + CENTER).T, 0), _BORESIGHT)
        axes = np.stack([around[1] - around[2], around[3] - around[4]], axis=-1) / (2.0 * _STEP)
        plane = to_tangent_plane(*wcs.all_pix2world(x, y, 0), _BORESIGHT)
        found.append(DetectorStars(x, y, error[order], plane, around[0], axes))
    return found, [int(path.stem.split("_")[1]) for path in paths]


def solve_hsc_visit(folder: Path) -> VisitAstrometry:
    """Match and fit the visit; ``folder`` holds the star lists and ``gaia_refCat.parquet``."""
    detectors, _ = read_hsc_visit(folder)
    return solve_visit(detectors, read_gaia(folder / "gaia_refCat.parquet", mjd=_MJD), _BORESIGHT, center=CENTER)


def measure_hsc_visit(folder: Path, *, picture: Path | None = None) -> Value:
    """Match the detectors from their first guesses and fit the focal plane against Gaia.

    Parameters
    ----------
    folder : pathlib.Path
        With the star lists and the reference catalogue.
    picture : pathlib.Path, optional
        Where to draw the residuals (PNG).

    Returns
    -------
    Value
        Rms of the residuals of bright stars along the worse axis [mas]; the part of the detectors that matched by
        themselves in the details.
    """
    start = time.process_time()
    visit = solve_hsc_visit(folder)
    seconds = time.process_time() - start
    fit, stars = visit.fit, visit.stars
    bright = fit.used & (stars.error < BRIGHT)
    rms = np.sqrt(np.mean(fit.residuals[bright] ** 2, axis=0)) * 1000.0
    counts = np.bincount(stars.detector[fit.used], minlength=len(visit.matched))
    if picture is not None:
        draw_focal_plane(stars.target / 3600.0, fit.residuals * 1000.0, used=bright, path=picture)
    details = {
        "matched_fraction": float(visit.matched.mean()),
        "detectors_fitted": int(np.count_nonzero(counts >= 3)),
        "n_stars": int(fit.used.sum()),
        "n_bright": int(bright.sum()),
        "rms_ra": float(rms[0]),
        "rms_dec": float(rms[1]),
        "floor": fit.floor * 1000.0,
        "fewest_stars": int(counts.min()),
        "cpu_seconds": seconds,
    }
    note = (
        f"{visit.matched.sum()} of {len(visit.matched)} detectors matched; {details['n_bright']} bright stars, "
        f"{rms[0]:.1f}, {rms[1]:.1f} mas; {seconds:.1f} CPU s"
    )
    return Value(float(rms.max()), note, details)
