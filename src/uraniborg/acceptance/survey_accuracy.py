"""How good a catalogue of the survey frame is: the same measures for our catalogue and for that of any program."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial import cKDTree
from scipy.special import erf

from uraniborg.acceptance.survey_frame import SurveyFrame, ideal_errors

__all__ = ("MAGNITUDE_BINS", "FrameAccuracy", "FrameCatalogue", "half_completeness", "judge_catalogue")

type Floats = NDArray[np.float64]

MAGNITUDE_BINS = ((17.0, 19.5), (19.5, 21.5), (21.5, 23.0))
"""Magnitudes in which centroids and fluxes are judged."""

_MATCH = 2.5
_ISOLATION = 20.0
_MAX_JUDGED = 600


@dataclass(frozen=True, slots=True)
class FrameCatalogue:
    """What is judged.

    Attributes
    ----------
    x, y : (n,) float [pixel]
        Centroids of all detections, zero-based.
    flux : (n,) float [electron]
        Flux that is held against the truth.
    good : (n,) bool
        Detections whose centroid and flux are judged; all are counted as detections.
    flux_err, x_err : (n,) float
        Errors; NaN where a program gives none.
    """

    x: Floats
    y: Floats
    flux: Floats
    good: NDArray[np.bool_]
    flux_err: Floats
    x_err: Floats


@dataclass(frozen=True, slots=True)
class FrameAccuracy:
    """Measures of one catalogue; per-bin values in the order of `MAGNITUDE_BINS`.

    Attributes
    ----------
    n_detections : int
    false_percent : float [%]
        Detections without a true source within 2.5 pixels.
    half_completeness : float [mag]
        Magnitude at which half of the sources are found.
    ideal_half_completeness : float [mag]
        Magnitude of a signal-to-noise ratio of 5 for a perfect matched filter.
    centroid_rms, centroid_ideal : tuple of float [mas]
        Scatter of one axis (1.4826 times the median absolute deviation), and the Cramer-Rao bound of the same sources.
    flux_bias, flux_scatter, flux_ideal : tuple of float [mmag]
        Median, scatter and bound of magnitude differences, measured minus true.
    centroid_pull, flux_pull : tuple of float
        Width of (measured - true) / error about its middle.
    n_judged : tuple of float
        Number of stars.
    """

    n_detections: int
    false_percent: float
    half_completeness: float
    ideal_half_completeness: float
    centroid_rms: tuple[float, ...]
    centroid_ideal: tuple[float, ...]
    flux_bias: tuple[float, ...]
    flux_scatter: tuple[float, ...]
    flux_ideal: tuple[float, ...]
    centroid_pull: tuple[float, ...]
    flux_pull: tuple[float, ...]
    n_judged: tuple[float, ...]


def _spread(values: Floats) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values)))) if values.size else math.nan


def _rms(values: Floats) -> float:
    """Return the root mean square about zero of what lies within five robust widths."""
    width = _spread(values)
    inside = values[np.abs(values) < 5.0 * width]
    return float(np.sqrt(np.mean(inside**2))) if inside.size else math.nan


def half_completeness(magnitude: Floats, found: NDArray[np.bool_], *, near: float) -> float:
    """Return the magnitude at which half of the sources are found.

    Maximum likelihood of an error function in flux, with free middle, width and plateau, for sources within 0.7 mag.

    Parameters
    ----------
    magnitude : (n,) float [mag]
        True magnitudes.
    found : (n,) bool
    near : float [mag]
        First guess.

    Returns
    -------
    float [mag]
    """
    chosen = np.abs(magnitude - near) < 0.7
    flux, hit = 10.0 ** (-0.4 * (magnitude[chosen] - near)), found[chosen]

    def loss(values: Floats) -> float:
        middle, width, plateau, floor = values[0], abs(values[1]) + 1e-3, min(values[2], 1.0), max(values[3], 0.0)
        chance = floor + (plateau - floor) * 0.5 * (1.0 + erf((flux - middle) / (width * math.sqrt(2.0))))
        chance = np.clip(chance, 1e-4, 1.0 - 1e-4)
        return float(-np.sum(np.where(hit, np.log(chance), np.log1p(-chance))))

    best = minimize(loss, np.array([1.0, 0.2, 0.98, 0.01]), method="Nelder-Mead", options={"maxiter": 2000}).x
    # Half of the plateau: what close neighbours hide is not a matter of the threshold.
    return near - 2.5 * math.log10(best[0])


def _ideal_limit(frame: SurveyFrame) -> float:
    """Return the magnitude whose ideal signal-to-noise ratio is 5, position known."""
    near = np.flatnonzero(np.abs(frame.magnitude - frame.config.limit) < 0.3)[:200]
    errors = ideal_errors(frame, near)[:, 2]
    ratio = np.log10(frame.flux[near] / errors)
    slope, offset = np.polyfit(ratio, frame.magnitude[near], 1)
    return float(offset + slope * math.log10(5.0))


def judge_catalogue(
    frame: SurveyFrame, catalogue: FrameCatalogue, *, edge: float = 30.0, pixel_scale: float = 200.0
) -> FrameAccuracy:
    """Hold a catalogue against the truth.

    Parameters
    ----------
    frame : SurveyFrame
        Frame and truth.
    catalogue : FrameCatalogue
        What a program made of the frame.
    edge : float [pixel]
        What is closer to an edge is not judged.
    pixel_scale : float [mas]
        Size of a pixel.

    Returns
    -------
    FrameAccuracy
    """
    ny, nx = frame.config.shape

    def inside(x: Floats, y: Floats) -> NDArray[np.bool_]:
        return (np.minimum(x, y) > edge) & (x < nx - 1 - edge) & (y < ny - 1 - edge)

    truth = np.column_stack([frame.x, frame.y])
    found = np.column_stack([catalogue.x, catalogue.y])
    true_tree, found_tree = cKDTree(truth), cKDTree(found)
    apart, _ = true_tree.query(found)
    counted = inside(catalogue.x, catalogue.y)
    # A true source is found if a detection lies close to it and closer to it than to any brighter one.
    gap, detection = found_tree.query(truth)
    claimed = np.zeros(len(truth), bool)
    order = np.argsort(frame.magnitude, kind="stable")
    _, first = np.unique(np.where(gap < _MATCH, detection, len(found))[order], return_index=True)
    claimed[order[first]] = True
    claimed &= gap < _MATCH
    judged = inside(frame.x, frame.y)
    near = true_tree.query_pairs(_ISOLATION, output_type="ndarray")
    blended = np.zeros(len(truth), bool)
    light = frame.flux
    for one, two in ((0, 1), (1, 0)):
        close = near[light[near[:, two]] > 0.02 * light[near[:, one]]]
        blended[close[:, one]] = True
    alone = judged & ~blended & claimed & catalogue.good[detection]
    rows: list[tuple[float, ...]] = []
    for low, high in MAGNITUDE_BINS:
        chosen = np.flatnonzero(alone & (frame.magnitude >= low) & (frame.magnitude < high))[:_MAX_JUDGED]
        rows.append(_judge_bin(frame, catalogue, chosen, detection[chosen], pixel_scale))
    columns = tuple(zip(*rows, strict=True))
    open_field = judged & (found_free(frame, true_tree))
    ideal = _ideal_limit(frame)
    return FrameAccuracy(
        int(counted.sum()),
        100.0 * float(np.mean(apart[counted] > _MATCH)),
        half_completeness(frame.magnitude[open_field], claimed[open_field], near=ideal),
        ideal,
        *columns,
    )


def found_free(frame: SurveyFrame, tree: cKDTree) -> NDArray[np.bool_]:
    """Return which true sources have no other within 3 widths of the profile that is brighter than half of them."""
    pairs = tree.query_pairs(3.0 * frame.config.fwhm, output_type="ndarray")
    hidden = np.zeros(len(frame.x), bool)
    for one, two in ((0, 1), (1, 0)):
        hidden[pairs[frame.flux[pairs[:, two]] > 0.2 * frame.flux[pairs[:, one]], one]] = True
    return ~hidden


def _judge_bin(
    frame: SurveyFrame,
    catalogue: FrameCatalogue,
    chosen: NDArray[np.intp],
    found: NDArray[np.intp],
    pixel_scale: float,
) -> tuple[float, ...]:
    ideal = ideal_errors(frame, chosen)
    dx, dy = catalogue.x[found] - frame.x[chosen], catalogue.y[found] - frame.y[chosen]
    flux = frame.flux[chosen]
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = -2500.0 * np.log10(catalogue.flux[found] / flux)
    difference = difference[np.isfinite(difference)]
    both = np.concatenate([dx, dy])
    pull = (catalogue.flux[found] - flux) / catalogue.flux_err[found]
    return (
        pixel_scale * _rms(both - np.median(both)),
        pixel_scale * float(np.sqrt(np.mean(ideal[:, :2] ** 2))),
        float(np.median(difference)),
        _rms(difference - np.median(difference)),
        1085.7 * float(np.sqrt(np.mean((ideal[:, 2] / flux) ** 2))),
        _rms((both - np.median(both)) / np.tile(catalogue.x_err[found], 2)),
        _rms(pull - np.median(pull)),
        float(chosen.size),
    )
