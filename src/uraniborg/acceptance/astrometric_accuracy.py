"""The pattern matcher on many fields, and the projection of the survey frame against its truth."""

from __future__ import annotations

import time

import numpy as np
from lsst.images import Box, DetectorFrame, SkyProjection
from numpy.typing import NDArray

from uraniborg.acceptance.pattern_fields import PatternField, PatternFieldConfig, make_pattern_field
from uraniborg.acceptance.survey_frame import SurveyFrame
from uraniborg.algorithms.astrometry import (
    DetectorPlaces,
    FocalPlanePolynomial,
    fit_correction,
    match_patterns,
    sky_offsets,
)
from uraniborg.core.errors import AlgorithmError
from uraniborg.model.focal_plane import focal_plane_projection
from uraniborg.model.projections import pixel_to_sky, sky_to_pixel
from uraniborg.tasks.common.astrometric_solution import SourcePositions, solve_astrometry
from uraniborg.tasks.common.reference_stars import ReferenceStars
from uraniborg.verify.metrics import Value

__all__ = ("measure_pattern_matching", "measure_projection", "true_projection")

type Floats = NDArray[np.float64]

DENSE = 5442
"""References on one detector of the dense fields."""
SCATTER = 0.10
"""Scatter of the pairs of a success [arcsec]."""

_ARCSEC = np.degrees(1.0) * 3600.0
_MIDDLE = (187.0, 25.0)
_SCALE = 0.2


def _succeeds(field: PatternField) -> bool:
    """Return whether a field is matched: nine in ten pairs right, most partners found, small scatter."""
    try:
        match = match_patterns(field.sources, field.references)
    except AlgorithmError:
        return False
    here, there = field.sources[match.source] @ match.rotation.T, field.references[match.reference]
    middle = there.mean(axis=0) / np.linalg.norm(there.mean(axis=0))
    east = np.cross([0.0, 0.0, 1.0], middle)
    axes = np.stack([east / np.linalg.norm(east), np.cross(middle, east / np.linalg.norm(east))])
    planes = [points @ axes.T / (points @ middle)[:, None] * _ARCSEC for points in (here, there)]
    fit = fit_correction(planes[0], planes[1], np.full(len(here), 0.05))
    right = field.partner[match.source] == match.reference
    enough = right.mean() > 0.9 and right.sum() > 0.8 * np.count_nonzero(field.partner >= 0)
    return bool(enough and np.hypot(*fit.rms) < SCATTER)


def measure_pattern_matching(*, n_fields: int = 100, n_dense: int = 20, n_wrong: int = 200) -> Value:
    """Match many simulated fields whose first guess is off by up to 60 arcsec and 2 degrees.

    Parameters
    ----------
    n_fields, n_dense : int
        Sparse fields (15 to 60 references on a detector) and dense ones (5442).
    n_wrong : int
        Fields that do not show the references; one in forty of them is dense.

    Returns
    -------
    Value
        The smaller of the parts of sparse and of dense fields that are matched; the number of false matches and the CPU
        seconds of a dense field in the details.
    """
    sparse = np.mean([
        _succeeds(make_pattern_field(PatternFieldConfig(n_references=15 + 45 * (seed % 2)), seed=seed))
        for seed in range(n_fields)
    ])  # fmt: skip
    hits, seconds = [], []
    for seed in range(n_dense):
        field = make_pattern_field(PatternFieldConfig(n_references=DENSE), seed=seed)
        start = time.process_time()
        hits.append(_succeeds(field))
        seconds.append(time.process_time() - start)
    false = 0
    for seed in range(n_wrong):
        n_references = DENSE if seed % 40 == 0 else (15, 60, 600)[seed % 3]
        field = make_pattern_field(PatternFieldConfig(n_references=n_references, wrong=True), seed=10_000 + seed)
        try:
            match_patterns(field.sources, field.references)
            false += 1
        except AlgorithmError:
            pass
    dense, typical = float(np.mean(hits)), float(np.median(seconds))
    note = f"sparse {sparse:.3f}, dense {dense:.3f}; {false} false of {n_wrong}; dense field {typical:.2f} CPU s"
    details = {"sparse": float(sparse), "dense": dense, "false_matches": false, "dense_seconds_median": typical}
    return Value(min(float(sparse), dense), note, details)


def true_projection(
    shape: tuple[int, int], *, frame: DetectorFrame, angle: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)
) -> SkyProjection[DetectorFrame]:
    """Return a projection with third-order distortion (0.6 arcsec at 400 arcsec from the middle).

    Parameters
    ----------
    shape : (rows, columns) [pixel]
    frame : lsst.images.DetectorFrame
    angle : float [deg]
        Turn.
    shift : (East, North) [arcsec]
        Of the middle.
    """
    exponents = np.array([(i, total - i) for total in range(4) for i in range(total, -1, -1)], dtype=np.intp)
    unit = 0.5 * float(np.hypot(*shape))
    coefficients = np.zeros((2, len(exponents)))
    coefficients[:, 0] = shift
    for axis, powers in enumerate((((1, 0), (3, 0), (1, 2)), ((0, 1), (0, 3), (2, 1)))):
        for power, value in zip(powers, (1.0, 1e-3, 1e-3), strict=True):
            coefficients[axis, (exponents == power).all(axis=1)] = value * _SCALE * unit
    middle = np.array([0.5 * (shape[1] - 1), 0.5 * (shape[0] - 1)])
    places = DetectorPlaces(middle, np.zeros((1, 2)), np.radians([angle]), True)
    polynomial = FocalPlanePolynomial(coefficients, exponents, unit)
    return focal_plane_projection(places, polynomial, _MIDDLE, row=0, frame=frame)


def measure_projection(
    frame: SurveyFrame, positions: SourcePositions, *, max_magnitude: float = 22.0, repeats: int = 3
) -> Value:
    """Match the sources of the frame and fit the projection, from a first guess off by 45 arcsec and 1.5 degrees.

    Parameters
    ----------
    frame : SurveyFrame
    positions : SourcePositions
        Measured sources.
    max_magnitude : float [mag]
        References are the true positions of the sources brighter than this, without errors.
    repeats : int
        Times that it is done; the shortest counts.

    Returns
    -------
    Value
        Rms over the frame, along the worse axis, of fitted minus true sky positions [mas]; CPU seconds and the largest
        error of pixel -> sky -> pixel in the details.
    """
    shape = frame.image.shape
    box = Box.from_shape(shape)
    detector = DetectorFrame(instrument="Survey", visit=1, detector=1, bbox=box)
    truth = true_projection(shape, frame=detector)
    first = true_projection(shape, frame=detector, angle=1.5, shift=(36.0, -27.0))
    ra, dec = pixel_to_sky(truth, frame.x, frame.y)
    rows = np.flatnonzero(frame.magnitude < max_magnitude)
    rows = rows[np.argsort(frame.magnitude[rows], kind="stable")]
    zero = np.zeros(len(rows))
    stars = ReferenceStars(
        ids=rows.astype(np.int64), ra=ra[rows], dec=dec[rows], error=zero + 1e-3, brightness=frame.magnitude[rows],
        color=zero, magnitude=frame.magnitude[rows], magnitude_err=zero, moving=zero > 0.0,
    )  # fmt: skip
    seconds = np.inf
    for _ in range(repeats):
        start = time.process_time()
        solution = solve_astrometry(first, positions, stars, bbox=box, floor=1.0)
        seconds = min(seconds, time.process_time() - start)
    steps = [np.linspace(0.0, side - 1.0, 40) for side in (shape[1], shape[0])]
    x, y = (values.ravel() for values in np.meshgrid(*steps))
    sky = pixel_to_sky(solution.projection, x, y)
    rms = np.sqrt(np.mean(sky_offsets(sky, pixel_to_sky(truth, x, y)) ** 2, axis=0))
    back = sky_to_pixel(solution.projection, *sky)
    trip = float(max(np.abs(back[0] - x).max(), np.abs(back[1] - y).max()))
    model = solution.fit.model if solution.fit else solution.failure
    details = {
        "rms_east": float(rms[0]),
        "rms_north": float(rms[1]),
        "cpu_seconds": seconds,
        "n_used": int(solution.used.sum()),
        "round_trip_pixel": trip,
        "model": model,
    }
    note = f"{rms[0]:.2f}, {rms[1]:.2f} mas from {details['n_used']} stars, {model}; {seconds:.2f} CPU s"
    return Value(float(rms.max()), note, details)
