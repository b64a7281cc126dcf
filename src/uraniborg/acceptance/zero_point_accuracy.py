"""What measuring and calibrating adds to the errors of bright stars' magnitudes on the survey frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from uraniborg.acceptance.survey_frame import SurveyFrame
from uraniborg.algorithms.astrometry import extra_error, mutual_neighbors
from uraniborg.algorithms.photometry import fit_calibration_field, fit_zero_point
from uraniborg.verify.metrics import Value

__all__ = ("measure_zero_point",)

type Floats = NDArray[np.float64]

_ISOLATION = 15.0


def measure_zero_point(
    frame: SurveyFrame,
    x: Floats,
    y: Floats,
    *,
    flux: Floats,
    flux_err: Floats,
    usable: NDArray[np.bool_] | None = None,
    max_magnitude: float = 20.0,
) -> Value:
    """Calibrate measured fluxes with the true magnitudes and compare star by star.

    Parameters
    ----------
    frame : SurveyFrame
    x, y : (n,) float [pixel]
        Measured positions.
    flux, flux_err : (n,) float [electron]
        Measured fluxes with aperture correction.
    usable : (n,) bool, optional
        Sources without flags.
    max_magnitude : float [mag]
        Faintest star.

    Returns
    -------
    Value
        Scatter of measured minus true magnitudes beyond the photon noise [mmag]; the offset of the zero point from the
        truth (of the aperture) and the variation that a field of degree two finds in the details.
    """
    source, star = mutual_neighbors(np.column_stack([x, y]), np.column_stack([frame.x, frame.y]), 1.0)
    ny, nx = frame.image.shape
    chosen = (frame.magnitude[star] < max_magnitude) & np.isfinite(flux[source]) & (flux[source] > 0.0)
    chosen &= ~frame.saturated[
        np.clip(np.round(y[source]), 0, ny - 1).astype(int), np.clip(np.round(x[source]), 0, nx - 1).astype(int)
    ]
    chosen &= _isolated(frame, star)
    if usable is not None:
        chosen &= usable[source]
    source, star = source[chosen], star[chosen]
    light, noise, known = flux[source], flux_err[source], frame.magnitude[star]
    fit = fit_zero_point(light, noise, known, magnitude_err=np.zeros(len(known)))
    photon = 2.5 / np.log(10.0) * noise / light
    added = extra_error(fit.residuals[fit.used][:, None], photon[fit.used], 1) * 1000.0
    field = fit_calibration_field(
        light, noise, known, magnitude_err=np.zeros(len(known)), x=x[source], y=y[source], corner=(-0.5, -0.5),
        size=(float(nx), float(ny)), max_degree=2, force=True,
    )  # fmt: skip
    steps = np.meshgrid(np.linspace(0.0, nx - 1.0, 20), np.linspace(0.0, ny - 1.0, 20))
    variation = float(np.std(field.evaluate(*steps)) / np.mean(field.evaluate(*steps)) * 2.5 / np.log(10.0) * 1000.0)
    offset = (fit.zero_point - frame.config.zero_point) * 1000.0
    note = f"{fit.n_used} of {len(star)} stars; zero point off by {offset:.1f} mmag; variation {variation:.1f} mmag rms"
    details = {"offset_mmag": offset, "variation_mmag": variation, "n_stars": fit.n_used, "scatter": fit.scatter * 1e3}
    return Value(float(added), note, details)


def _isolated(frame: SurveyFrame, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which stars have no neighbour of more than 1 % of their flux within reach."""
    points = np.column_stack([frame.x, frame.y])
    pairs = KDTree(points).query_pairs(_ISOLATION, output_type="ndarray")
    disturbed = np.zeros(len(points), bool)
    for one, two in ((0, 1), (1, 0)):
        disturbed[pairs[frame.flux[pairs[:, two]] > 0.01 * frame.flux[pairs[:, one]], one]] = True
    return ~disturbed[rows]
