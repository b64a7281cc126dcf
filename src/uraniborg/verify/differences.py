"""Numbers about difference imaging: which true changes were found, and what was found that is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.core.errors import AlgorithmError
from uraniborg.verify.matching import match_positions, nearest_separation

__all__ = ("Completeness", "expected_changes", "recovered_changes", "spurious_counts")


@dataclass(frozen=True, slots=True)
class Completeness:
    """True changes that were found.

    Attributes
    ----------
    found : (n,) bool
        For each expected change above the limit.
    expected : astropy.table.Table
        Those changes: rows of `expected_changes`.
    fraction : float []
        Share that was found.
    """

    found: NDArray[np.bool_]
    expected: Table
    fraction: float


def expected_changes(truth: Table, *, weights: Mapping[int, float] | None = None) -> Table:
    """Return what the difference of each visit and the weighted mean of all other visits of its band should show.

    Parameters
    ----------
    truth : astropy.table.Table
        Declared as ``TruthVisit``.
    weights : mapping of int to float, optional
        Weight of each visit in a template; all alike if not given.

    Returns
    -------
    astropy.table.Table
        Columns ``truthId``, ``kind``, ``visit``, ``detector``, ``band``, ``ra``, ``dec``, ``x``, ``y``, ``diffFlux``
        and ``diffFluxErr`` [nJy] (the ideal error: of the visit and of the mean of the others), ``snr`` (signed), of
        every variable source with at least one other visit.
    """
    rows = truth[np.asarray(truth["variable"], dtype=bool)]
    key = np.char.add(np.char.add(np.asarray(rows["truthId"]).astype(str), "/"), np.asarray(rows["band"]).astype(str))
    _, group = np.unique(key, return_inverse=True)
    flux, error = np.asarray(rows["flux"], dtype=float), np.asarray(rows["fluxErr"], dtype=float)
    weight = np.array([1.0 if weights is None else weights[int(visit)] for visit in rows["visit"]])

    def of_others(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(group, values, minlength=1)[group] - values)

    several = of_others(np.ones(len(rows))) > 0.5
    total = np.where(several, of_others(weight), 1.0)
    names = ("truthId", "kind", "visit", "detector", "band", "ra", "dec", "x", "y")
    result = Table({name: rows[name] for name in names})
    result["diffFlux"] = flux - of_others(weight * flux) / total
    result["diffFluxErr"] = np.sqrt(error**2 + of_others((weight * error) ** 2) / total**2)
    result["snr"] = result["diffFlux"] / result["diffFluxErr"]
    return result[several]


def recovered_changes(
    expected: Table, dia_sources: Table, *, radius: float = 0.5, min_snr: float = 7.0, kind: str = "transient"
) -> Completeness:
    """Return which true changes are in the catalogue of difference sources, at their place and with their sign.

    Parameters
    ----------
    expected : astropy.table.Table
        From `expected_changes`.
    dia_sources : astropy.table.Table
        Columns ``visit``, ``ra``, ``dec``, ``isNegative``.
    radius : float [arcsec]
        Largest separation.
    min_snr : float []
        Changes that are expected with at least this signal-to-noise ratio, of either sign.
    kind : str
        "transient", or "star" for variable stars.

    Returns
    -------
    Completeness

    Raises
    ------
    AlgorithmError
        If no change is expected.
    """
    wanted = expected[(np.abs(expected["snr"]) > min_snr) & (np.asarray(expected["kind"]) == kind)]
    if not len(wanted):
        raise AlgorithmError(f"no change of kind {kind} is expected above the limit", limit=min_snr)
    found = np.zeros(len(wanted), dtype=bool)
    negative = np.asarray(wanted["snr"]) < 0.0
    for visit in np.unique(wanted["visit"]):
        for sign in (False, True):
            rows = np.flatnonzero((np.asarray(wanted["visit"]) == visit) & (negative == sign))
            keep = (np.asarray(dia_sources["visit"]) == visit) & (np.asarray(dia_sources["isNegative"]) == sign)
            there = dia_sources[keep]
            pairs = match_positions(
                (wanted["ra"][rows], wanted["dec"][rows]), (there["ra"], there["dec"]), radius=radius
            )
            found[rows[pairs.first]] = True
    return Completeness(found=found, expected=wanted, fraction=float(found.mean()))


def spurious_counts(
    truth: Table, dia_sources: Table, *, visits: NDArray[np.int64], radius: float = 1.0
) -> dict[int, int]:
    """Return, for each visit, how many difference sources lie on nothing that changes.

    Parameters
    ----------
    truth : astropy.table.Table
        Declared as ``TruthVisit``.
    dia_sources : astropy.table.Table
        Columns ``visit``, ``ra``, ``dec``; every row counts, whatever its flags.
    visits : (n,) int
        Visits whose difference images exist; those without sources count 0.
    radius : float [arcsec]
        Every source within this distance of a true variable source is explained by it.

    Returns
    -------
    dict of int to int
    """
    changing = truth[np.asarray(truth["variable"])]
    counts = {}
    for visit in np.unique(visits):
        there = dia_sources[np.asarray(dia_sources["visit"]) == visit]
        real = changing[np.asarray(changing["visit"]) == visit]
        distance = nearest_separation((there["ra"], there["dec"]), (real["ra"], real["dec"]))
        counts[int(visit)] = int(np.sum(distance > radius))
    return counts
