"""The summary of a visit from the facts of its detectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from astropy.table import Table, vstack
from numpy.typing import NDArray

from uraniborg.model.tables import conform, declared_columns

__all__ = ("REFERENCE_TIME", "effective_time", "visit_summary_table")

REFERENCE_TIME = 30.0
"""Exposure time of the fiducial depths [s]."""


def effective_time(depth: NDArray[np.float64], fiducial_depth: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the time in which fiducial conditions reach a depth.

    Parameters
    ----------
    depth : (n,) float [mag]
        Magnitude of a point source at five times the noise.
    fiducial_depth : float [mag]
        The same under fiducial conditions in `REFERENCE_TIME`.

    Returns
    -------
    (n,) float [s]
        Noise is that of the sky: the depth in flux improves with the square root of time.
    """
    return np.asarray(REFERENCE_TIME * 10.0 ** (0.8 * (depth - fiducial_depth)))


def visit_summary_table(details: Sequence[Table], *, fiducial_depth: Mapping[str, float]) -> Table:
    """Return the summary of a visit.

    Parameters
    ----------
    details : sequence of astropy.table.Table
        Rows of ``VisitDetectorSummary`` of one visit.
    fiducial_depth : mapping of str to float [mag]
        Depth of each band under fiducial conditions in `REFERENCE_TIME`.

    Returns
    -------
    astropy.table.Table
        Declared as ``VisitSummary``, by detector.
    """
    joined = vstack(list(details), metadata_conflicts="silent")
    joined = joined[np.argsort(np.asarray(joined["detector"]), kind="stable")]
    columns = {name: np.asarray(joined[name]) for name in declared_columns("VisitSummary") if name in joined.colnames}
    xx, yy, xy = (np.asarray(joined[f"psfI{axes}"], float) for axes in ("xx", "yy", "xy"))
    columns |= {"psfE1": (xx - yy) / (xx + yy), "psfE2": 2.0 * xy / (xx + yy)}
    zero, scale = np.asarray(joined["zeroPoint"], float), np.asarray(joined["pixelScale"], float)
    columns["zeroPointDelta"] = zero - (np.nanmedian(zero) if np.isfinite(zero).any() else np.nan)
    sky = np.asarray(joined["skyBg"], float) / scale**2
    with np.errstate(invalid="ignore", divide="ignore"):
        columns["skyBrightness"] = np.where(sky > 0.0, zero - 2.5 * np.log10(sky), np.nan)
    depth, bands = np.asarray(joined["magLim"], float), np.asarray(joined["band"])
    known = np.array([fiducial_depth.get(str(band), np.nan) for band in bands])
    columns["effTime"] = effective_time(depth, known)
    meta = {"visit": int(joined["visitId"][0])}
    return conform(Table(columns, meta=meta), "VisitSummary")
