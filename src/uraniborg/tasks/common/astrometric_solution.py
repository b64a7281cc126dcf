"""The projection of one detector image, refined against reference stars, and how well it does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from lsst.images import Box, DetectorFrame, SkyProjection
from numpy.typing import NDArray

from uraniborg.algorithms.astrometry import (
    PlaneFit,
    extra_error,
    fit_correction,
    match_catalogs,
    match_patterns,
    mutual_neighbors,
    sky_offsets,
    to_tangent_plane,
    unit_vectors,
)
from uraniborg.core.errors import AlgorithmError
from uraniborg.core.flags import MeasurementFlag, has_flag
from uraniborg.model.projections import (
    correct_projection,
    pixel_scale,
    pixel_to_sky,
    sky_to_pixel,
    with_fits_approximation,
)
from uraniborg.tasks.common.reference_stars import ReferenceStars

__all__ = ("AstrometricSolution", "SourcePositions", "solve_astrometry", "source_positions")

UNUSABLE_CENTROID = (
    MeasurementFlag.CENTROID_FAILED
    | MeasurementFlag.CENTROID_EDGE
    | MeasurementFlag.PIXEL_SATURATED_CENTER
    | MeasurementFlag.PIXEL_BAD
    | MeasurementFlag.NEGATIVE
    | MeasurementFlag.NO_DATA
)
"""Flags of sources whose position says nothing about a star's."""

STARS_FOR_PATTERNS = 12
"""Sources and references from which patterns are looked for; fewer are matched by the shift that most agree on."""

STARS_FOR_FLOOR = 30
"""Pairs from which the error that more light does not lower is taken from their scatter."""


@dataclass(frozen=True, slots=True)
class SourcePositions:
    """Sources to match.

    Attributes
    ----------
    x, y, error : (n,) float [pixel]
        Centroids and the error of each axis.
    snr : (n,) float
        Signal-to-noise ratio.
    usable : (n,) bool
        Centroid is good.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    error: NDArray[np.float64]
    snr: NDArray[np.float64]
    usable: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AstrometricSolution:
    """Result of `solve_astrometry`.

    Attributes
    ----------
    projection : lsst.images.SkyProjection
        Refined projection, or the first guess where ``fit`` is None; with a FITS approximation.
    fit : PlaneFit or None
        Fit in pixels of the ``n`` pairs; None if there was no match.
    source, reference : (n,) int
        Rows of the pairs; without a fit, of those that lie close together in the first guess.
    first_residuals, residuals, left_out_residuals : (n, 2) float [mas]
        Source minus reference, East and North, of the first guess, of the refined projection, and of one that was
        fitted without the pair.
    failure : str
        Why there is no fit; empty if there is one.
    """

    projection: SkyProjection[DetectorFrame]
    fit: PlaneFit | None
    source: NDArray[np.intp]
    reference: NDArray[np.intp]
    first_residuals: NDArray[np.float64]
    residuals: NDArray[np.float64]
    left_out_residuals: NDArray[np.float64]
    failure: str

    @property
    def used(self) -> NDArray[np.bool_]:
        """Pairs that entered the fit, (n,)."""
        return self.fit.used if self.fit is not None else np.zeros(len(self.source), dtype=bool)


def source_positions(sources: Table) -> SourcePositions:
    """Return the positions of a table of sources.

    Parameters
    ----------
    sources : astropy.table.Table
        Rows of ``PreliminarySource``.

    Returns
    -------
    SourcePositions
    """
    columns = {name: np.asarray(sources[name], dtype=np.float64) for name in ("x", "y", "xErr", "yErr")}
    error = np.sqrt(0.5 * (columns["xErr"] ** 2 + columns["yErr"] ** 2))
    flux, flux_err = (np.asarray(sources[name], dtype=np.float64) for name in ("psfInstFlux", "psfInstFluxErr"))
    with np.errstate(invalid="ignore", divide="ignore"):
        snr = np.where(flux_err > 0.0, flux / flux_err, np.nan)
    usable = ~has_flag(np.asarray(sources["flags"]), UNUSABLE_CENTROID) & np.isfinite(error) & np.isfinite(snr)
    return SourcePositions(columns["x"], columns["y"], error, snr, usable)


def solve_astrometry(
    first: SkyProjection[DetectorFrame],
    sources: SourcePositions,
    stars: ReferenceStars,
    *,
    bbox: Box,
    max_shift: float = 60.0,
    max_rotation: float = 2.0,
    match_radius: float = 0.5,
    min_snr: float = 10.0,
    floor: float = 15.0,
    min_stars: int = 1,
    max_model: str = "cubic",
) -> AstrometricSolution:
    """Match sources to reference stars and refine the projection.

    Parameters
    ----------
    first : lsst.images.SkyProjection
        First-guess projection.
    sources : SourcePositions
        Sources of the image.
    stars : ReferenceStars
        At the epoch of the exposure, brightest first.
    bbox : lsst.images.Box
        Pixels of the image.
    max_shift : float [arcsec]
        Largest error of the first guess.
    max_rotation : float [deg]
        Its largest turn.
    match_radius : float [arcsec]
        Largest separation of a pair after the shift was found.
    min_snr : float
        Faintest sources to use.
    floor : float [mas]
        Error of a position that more light does not lower (turbulence); found from the scatter where there are enough
        pairs.
    min_stars : int
        Fewest stars of a fit.
    max_model : str
        Richest correction to try; see `uraniborg.algorithms.astrometry.MODELS`.

    Returns
    -------
    AstrometricSolution
        With the first guess and the reason in ``failure`` where there is no significant match.
    """
    rows = np.flatnonzero(sources.usable & (sources.snr >= min_snr) & np.isfinite(sources.x + sources.y))
    rows = rows[np.argsort(-sources.snr[rows], kind="stable")]
    middle = (0.5 * (bbox.x.min + bbox.x.max), 0.5 * (bbox.y.min + bbox.y.max))
    scale = pixel_scale(first, *middle)
    center = tuple(float(value) for value in pixel_to_sky(first, *middle))
    points = np.column_stack([sources.x[rows], sources.y[rows]])
    try:
        pair = _match(
            pixel_to_sky(first, *points.T), stars, center, limits=(max_shift, max_rotation), tolerance=match_radius
        )
        if len(pair[0]) < min_stars:
            raise AlgorithmError("too few matched stars", n_matches=len(pair[0]), min_stars=min_stars)
    except AlgorithmError as error:
        kept = with_fits_approximation(first, bbox=bbox)
        return _unsolved(kept, str(error), points=points, rows=rows, stars=stars, radius=match_radius / scale)
    targets = np.column_stack(sky_to_pixel(first, stars.ra, stars.dec))
    geometry = {"max_model": max_model, "origin": np.array(middle), "scale": 0.5 * float(np.hypot(*bbox.shape))}
    blur = floor / 1000.0 / scale
    for _ in range(4):
        sigma = np.hypot(sources.error[rows[pair[0]]], stars.error[pair[1]] / 1000.0 / scale)
        fit = fit_correction(points[pair[0]], targets[pair[1]], np.hypot(sigma, blur), **geometry)
        fitted, again = pair, mutual_neighbors(fit.correction.apply(points), targets, match_radius / scale)
        settled = np.array_equal(again[0], pair[0]) and np.array_equal(again[1], pair[1])
        old = blur
        if np.count_nonzero(fit.used) >= STARS_FOR_FLOOR:
            blur = extra_error(fit.residuals[fit.used], sigma[fit.used], fit.n_parameters)
        if (settled and abs(blur - old) <= 0.1 * old) or len(again[0]) < min_stars:
            break
        pair = again
    projection = correct_projection(first, fit.correction, bbox=bbox)
    return _solved(projection, fit, first, points=points, pair=fitted, rows=rows, stars=stars)


def _match(
    sky: tuple[NDArray[np.float64], NDArray[np.float64]],
    stars: ReferenceStars,
    center: tuple[float, float],
    *,
    limits: tuple[float, float],
    tolerance: float,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of sources at first-guess positions and of their reference stars."""
    max_shift, max_rotation = limits
    if min(len(sky[0]), len(stars)) >= STARS_FOR_PATTERNS:
        try:
            found = match_patterns(
                unit_vectors(*sky),
                unit_vectors(stars.ra, stars.dec),
                max_shift=max_shift,
                max_rotation=max_rotation,
                tolerance=tolerance,
            )
            return found.source, found.reference
        except AlgorithmError:
            pass  # a few stars among many others agree on a small shift before they make a pattern
    near = match_catalogs(
        to_tangent_plane(*sky, center),
        to_tangent_plane(stars.ra, stars.dec, center),
        max_shift=max_shift,
        max_rotation=min(max_rotation, 0.5),
        tolerance=tolerance,
    )
    return near.source, near.reference


def _unsolved(
    projection: SkyProjection[DetectorFrame],
    failure: str,
    *,
    points: NDArray[np.float64],
    rows: NDArray[np.intp],
    stars: ReferenceStars,
    radius: float,
) -> AstrometricSolution:
    """Return the first guess with the pairs that lie close together in it; they serve the zero point."""
    targets = np.column_stack(sky_to_pixel(projection, stars.ra, stars.dec))
    source, reference = mutual_neighbors(points, targets, radius)
    there = (stars.ra[reference], stars.dec[reference])
    offsets = sky_offsets(pixel_to_sky(projection, *points[source].T), there)
    unknown = np.full_like(offsets, np.nan)
    return AstrometricSolution(projection, None, rows[source], reference, offsets, offsets, unknown, failure)


def _solved(
    projection: SkyProjection[DetectorFrame],
    fit: PlaneFit,
    first: SkyProjection[DetectorFrame],
    *,
    points: NDArray[np.float64],
    pair: tuple[NDArray[np.intp], NDArray[np.intp]],
    rows: NDArray[np.intp],
    stars: ReferenceStars,
) -> AstrometricSolution:
    here = points[pair[0]]
    there = (stars.ra[pair[1]], stars.dec[pair[1]])
    # A left-out star misses its reference by the left-out residual, in pixels of the first guess.
    target = np.column_stack(sky_to_pixel(first, *there))
    predicted = pixel_to_sky(first, *(target - fit.left_out_residuals).T)
    return AstrometricSolution(
        projection=projection,
        fit=fit,
        source=rows[pair[0]],
        reference=pair[1],
        first_residuals=sky_offsets(pixel_to_sky(first, *here.T), there),
        residuals=sky_offsets(pixel_to_sky(projection, *here.T), there),
        left_out_residuals=sky_offsets(predicted, there),
        failure="",
    )
