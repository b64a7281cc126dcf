"""From associated difference sources to objects: rows of ``DiaObject`` with what the sources say so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from uraniborg.algorithms.association import (
    FluxSummary,
    associate_sources,
    summarise_fluxes,
    summarise_positions,
)
from uraniborg.model.tables import empty_table
from uraniborg.tasks.common.dia_tables import dia_table

__all__ = ("associate_tables", "object_rows", "stack_tables")

BANDS = "ugrizy"


def stack_tables(tables: Iterable[Table], name: str) -> Table:
    """Return all rows of tables of one declaration; empty if there are none."""
    parts = [Table(table, copy=False) for table in tables if len(table)]
    for part in parts:
        part.meta.clear()
    return vstack(parts, join_type="exact") if parts else empty_table(name)


def associate_tables(sources: Table, *, max_separation: float, systematic_error: float) -> Table:
    """Return the sources with their ``diaObjectId``, that of an object being the identifier of its first source.

    Parameters
    ----------
    sources : astropy.table.Table
        Rows of ``DiaSource``.
    max_separation : float [arcsec]
        Largest distance of a source from its object.
    systematic_error : float [arcsec]
        Error of positions from visit to visit.

    Returns
    -------
    astropy.table.Table
        Ordered by object, then time.
    """
    result = Table(sources, copy=True)
    if not len(result):
        return result
    found = associate_sources(
        np.asarray(sources["ra"]),
        np.asarray(sources["dec"]),
        errors=np.sqrt(0.5 * (np.asarray(sources["raErr"]) ** 2 + np.asarray(sources["decErr"]) ** 2)) * 3600.0,
        visit=np.asarray(sources["visit"]),
        time=np.asarray(sources["midpointMjdTai"]),
        max_separation=max_separation,
        systematic_error=systematic_error,
    )
    result["diaObjectId"] = np.asarray(sources["diaSourceId"])[found.founder][found.object_index]
    result.sort(["diaObjectId", "midpointMjdTai", "diaSourceId"])
    return result


def _errors(sources: Table) -> NDArray[np.float64]:
    return np.stack([np.asarray(sources["raErr"]), np.asarray(sources["decErr"])], axis=1).astype(np.float64)


def _summary(table: Table, chosen: NDArray[np.bool_], index: NDArray[np.intp], flux: str, n: int) -> FluxSummary:
    return summarise_fluxes(
        index[chosen],
        np.asarray(table[flux])[chosen],
        np.asarray(table[f"{flux}Err"])[chosen],
        time=np.asarray(table["midpointMjdTai"])[chosen],
        n_objects=n,
    )


def object_rows(sources: Table, *, processed: float, forced: Table | None = None) -> Table:
    """Return one row of ``DiaObject`` for each object that the sources belong to.

    Parameters
    ----------
    sources : astropy.table.Table
        Associated rows of ``DiaSource``: all that are known at the time that the rows are to describe.
    processed : float [MJD TAI]
        From when the rows are valid.
    forced : astropy.table.Table, optional
        Rows of ``DiaForcedSource`` of these objects, for the mean forced fluxes; others are ignored.

    Returns
    -------
    astropy.table.Table
        Ordered by identifier.
    """
    identifiers, index = np.unique(np.asarray(sources["diaObjectId"]), return_inverse=True)
    n = len(identifiers)
    time = np.asarray(sources["midpointMjdTai"])
    first, last = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(first, index, time)
    np.maximum.at(last, index, time)
    positions = np.stack([np.asarray(sources["ra"]), np.asarray(sources["dec"])], axis=1)
    place = summarise_positions(index, positions, _errors(sources), n_objects=n)
    columns: dict[str, Any] = {
        "diaObjectId": identifiers,
        "validityStartMjdTai": processed,
        "ra": place.ra,
        "dec": place.dec,
        "raErr": place.ra_err,
        "decErr": place.dec_err,
        "ra_dec_Cov": place.covariance,
        "firstDiaSourceMjdTai": first,
        "lastDiaSourceMjdTai": last,
        "nDiaSources": np.bincount(index, minlength=n),
    }
    band = np.asarray(sources["band"])
    for name in BANDS:
        difference = _summary(sources, band == name, index, "psfFlux", n)
        science = _summary(sources, band == name, index, "scienceFlux", n)
        columns |= {
            f"{name}_psfFluxMean": difference.mean,
            f"{name}_psfFluxMeanErr": difference.mean_err,
            f"{name}_psfFluxSigma": difference.sigma,
            f"{name}_psfFluxNdata": difference.count,
            f"{name}_psfFluxMin": difference.minimum,
            f"{name}_psfFluxMax": difference.maximum,
            f"{name}_psfFluxMaxSlope": difference.max_slope,
            f"{name}_psfFluxErrMean": difference.err_mean,
            f"{name}_scienceFluxMean": science.mean,
            f"{name}_scienceFluxMeanErr": science.mean_err,
        }
    if forced is not None and len(forced):
        columns |= _forced_means(forced, identifiers)
    return dia_table("DiaObject", n, columns)


def _forced_means(forced: Table, identifiers: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    owner = np.asarray(forced["diaObjectId"])
    index = np.clip(np.searchsorted(identifiers, owner), 0, max(len(identifiers) - 1, 0))
    known = identifiers[index] == owner if len(identifiers) else np.zeros(len(owner), dtype=bool)
    band = np.asarray(forced["band"])
    columns = {}
    for name in BANDS:
        found = _summary(forced, known & (band == name), index, "psfFlux", len(identifiers))
        columns |= {f"{name}_fpFluxMean": found.mean, f"{name}_fpFluxMeanErr": found.mean_err}
    return columns
