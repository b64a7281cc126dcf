"""Point-spread models against the truth of the survey frame, and against real stars."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.spatial import KDTree

from uraniborg.acceptance.peers import PsfexRun
from uraniborg.acceptance.survey_frame import SurveyFrame, draw_moffats, profile_shapes
from uraniborg.algorithms.psf import PsfFit, fit_psf, fit_stamps
from uraniborg.algorithms.psf.stars import make_stamps
from uraniborg.core.pixelgrid import PsfModel
from uraniborg.verify.metrics import Value
from uraniborg.verify.psf import residual_correlation, shape_residuals

__all__ = ("fit_frame_psf", "measure_psf_size", "measure_rubin_stars", "true_stamps")

type Floats = NDArray[np.float64]

_PIXEL = 0.2
"""Size of a pixel of the survey frame [arcsec]."""


def true_stamps(frame: SurveyFrame, x: Floats, y: Floats, *, size: int = 31) -> Floats:
    """Return noise-free stamps (n, size, size) of stars of flux one at positions [pixel] of a frame."""
    out = np.zeros((len(x), size, size))
    shapes = profile_shapes(frame.config, x, y)
    for row in range(len(x)):  # some hundred stamps, each by a compiled kernel
        place = [np.array([value - np.floor(value + 0.5) + size // 2]) for value in (x[row], y[row])]
        draw_moffats(out[row], place[0], place[1], np.ones(1), shapes[row : row + 1], frame.config.beta, 1e-9)
    return out


def _stars(frame: SurveyFrame, max_stars: int, *, isolation: float = 12.0, margin: float = 20.0) -> NDArray[np.intp]:
    """Return the brightest unsaturated stars without neighbours of more than 3 % of their flux, brightest first."""
    ny, nx = frame.image.shape
    inside = (np.minimum(frame.x, frame.y) > margin) & (frame.x < nx - margin) & (frame.y < ny - margin)
    pairs = KDTree(np.column_stack([frame.x, frame.y])).query_pairs(isolation, output_type="ndarray")
    for one, two in ((0, 1), (1, 0)):
        disturbed = frame.flux[pairs[:, two]] > 0.03 * frame.flux[pairs[:, one]]
        inside[pairs[disturbed, one]] = False
    rows = np.flatnonzero(inside)
    whole = ~frame.saturated[np.round(frame.y[rows]).astype(int), np.round(frame.x[rows]).astype(int)]
    rows = rows[whole]
    return rows[np.argsort(-frame.flux[rows], kind="stable")][:max_stars]


def fit_frame_psf(
    frame: SurveyFrame, flat: NDArray[np.floating] | None = None, *, max_stars: int = 1000, repeats: int = 3
) -> tuple[PsfFit, float]:
    """Fit the point-spread function of the frame to known stars.

    Parameters
    ----------
    frame : SurveyFrame
    flat : (ny, nx) float, optional [electron]
        Image without sky; without the true sky if not given.
    max_stars : int
        Number of stars.
    repeats : int
        Times that it is done; the shortest counts.

    Returns
    -------
    fit : PsfFit
    seconds : float [s]
        Of one core.
    """
    image = frame.image - frame.sky if flat is None else flat
    rows = _stars(frame, max_stars)
    x, y = np.round(frame.x[rows]), np.round(frame.y[rows])
    seconds = np.inf
    for _ in range(repeats):
        start = time.process_time()
        fit = fit_psf(image, frame.variance, x=x, y=y, unusable=frame.saturated, max_order=2, n_iterations=3)
        seconds = min(seconds, time.process_time() - start)
    return fit, seconds


def measure_psf_size(frame: SurveyFrame, model: PsfModel | PsfexRun, *, n: int = 600, seed: int = 1) -> Value:
    """Compare a model with the truth at random places of the frame.

    Parameters
    ----------
    frame : SurveyFrame
    model : PsfModel or PsfexRun
        In pixels of the frame.
    n : int
        Number of places.
    seed : int
        Of the places.

    Returns
    -------
    Value
        Mean of dT / T; its rms about the mean, ellipticity residuals, TE1 and TE2 with their floors in the details.
    """
    ny, nx = frame.image.shape
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(20.0, nx - 21.0, n), rng.uniform(20.0, ny - 21.0, n)
    residuals = shape_residuals(model.evaluate(x, y), true_stamps(frame, x, y))
    arcmin = 60.0 / _PIXEL
    near = residual_correlation(x, y, residuals.ellipticity, separation=(0.0, arcmin))
    far = residual_correlation(x, y, residuals.ellipticity, separation=(5.0 * arcmin, np.inf))
    mean, rms = float(residuals.size.mean()), float(residuals.size.std())
    first, second = (float(value) for value in np.sqrt(np.mean(residuals.ellipticity**2, axis=0)))
    details = {
        "rms": rms,
        "worst": float(np.abs(residuals.size).max()),
        "e1_rms": first,
        "e2_rms": second,
        "te1": near.value,
        "te1_floor": near.floor,
        "te2": far.value,
        "te2_floor": far.floor,
    }
    note = f"rms {rms:.1e}; ellipticity {first:.1e}, {second:.1e}; TE1 {near.value:.1e}, TE2 {far.value:.1e}"
    return Value(mean, note, details)


def measure_rubin_stars(folder: Path) -> Value:
    """Fit the published stamps of Rubin stars.

    Parameters
    ----------
    folder : pathlib.Path
        With ``testStarsRubin.fits``.

    Returns
    -------
    Value
        Median chi-square per degree of freedom in the cores of the stars used; the sky of each stamp is the median of
        its rim.
    """
    row = fits.getdata(folder / "testStarsRubin.fits", 1)[0]
    data, weight = (np.array(row[name], float) for name in ("IMAGE", "WEIGHT"))
    rim = np.ones(data.shape[1:], bool)
    rim[3:-3, 3:-3] = False
    data -= np.median(data[:, rim], axis=1)[:, None, None]
    variance = np.where(weight > 0.0, 1.0 / np.maximum(weight, 1e-30), np.inf)
    stars = make_stamps(data, variance, x=np.array(row["X"], float), y=np.array(row["Y"], float))
    fit = fit_stamps(stars, (4096, 4096), fwhm=4.0, max_order=2)
    mean = float(fit.chi2[fit.used].mean())
    note = f"{fit.n_stars} of {fit.n_candidates} stars, order {fit.order}, FWHM {fit.fwhm:.2f} pixel, mean {mean:.2f}"
    return Value(fit.chi2_dof, note, {"n_stars": fit.n_stars, "mean": mean, "fwhm": fit.fwhm})
