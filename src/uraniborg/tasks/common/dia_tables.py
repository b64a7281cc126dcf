"""Tables of difference imaging: neutral columns, positions and directions on the sky, flags of pixels in footprints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from lsst.images import Mask, VisitImage
from numpy.typing import NDArray

from uraniborg.algorithms.detection import Footprints
from uraniborg.model.masks import select_pixels
from uraniborg.model.projections import pixel_jacobians, pixel_to_sky
from uraniborg.model.tables import conform, declared_columns

__all__ = ("dia_table", "footprint_sizes", "pixel_flags", "position_angle", "sky_columns")

FLAGGED_PLANES: Mapping[str, tuple[str, ...]] = {
    "bad": ("BAD", "BLEED"),
    "cr": ("COSMIC_RAY",),
    "edge": ("DETECTION_EDGE",),
    "nodata": ("NO_DATA",),
    "interpolated": ("INTERPOLATED",),
    "saturated": ("SATURATED", "SAT_TEMPLATE"),
    "suspect": ("SUSPECT",),
    "streak": ("STREAK",),
}
"""Suffix of the pixel flags to the mask planes they report."""


def dia_table(name: str, n: int, columns: Mapping[str, Any]) -> Table:
    """Return a declared table in which columns that are not given are NaN, 0, False or empty.

    Parameters
    ----------
    name : str
        ``"DiaSource"``, ``"DiaObject"`` or ``"DiaForcedSource"``.
    n : int
        Number of rows.
    columns : mapping of str to array or scalar
        Values that are known.

    Returns
    -------
    astropy.table.Table
    """
    filled = {}
    for key, column in declared_columns(name).items():
        neutral: Any = np.nan if column.dtype.kind == "f" else "" if column.dtype.kind == "U" else 0
        filled[key] = np.broadcast_to(np.asarray(columns.get(key, neutral)), (n,))
    unknown = set(columns) - set(filled)
    return conform(Table(filled | {key: columns[key] for key in unknown}), name)


def sky_columns(
    image: VisitImage, x: NDArray[np.floating], y: NDArray[np.floating], errors: NDArray[np.floating]
) -> dict[str, NDArray[np.float64]]:
    """Return positions on the sky with their errors.

    Parameters
    ----------
    image : lsst.images.VisitImage
        Has the projection.
    x, y : (n,) float [pixel]
        Positions on the detector.
    errors : (2, n) float [pixel]
        Errors of x and y, taken as independent.

    Returns
    -------
    dict
        ``ra``, ``dec`` [deg], ``raErr``, ``decErr`` [deg, on the sky], ``ra_dec_Cov`` [deg^2].
    """
    ra, dec = pixel_to_sky(image.sky_projection, x, y)
    jacobian = pixel_jacobians(image.sky_projection, x, y) / 3600.0
    covariance = np.einsum("nij,jn,nkj->nik", jacobian, np.asarray(errors, dtype=np.float64) ** 2, jacobian)
    return {
        "ra": np.atleast_1d(ra),
        "dec": np.atleast_1d(dec),
        "raErr": np.sqrt(covariance[:, 0, 0]),
        "decErr": np.sqrt(covariance[:, 1, 1]),
        "ra_dec_Cov": covariance[:, 0, 1],
    }


def position_angle(
    image: VisitImage, x: NDArray[np.floating], y: NDArray[np.floating], direction: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the angle on the sky, from North through East in [0, 360), of directions on the detector.

    Parameters
    ----------
    image : lsst.images.VisitImage
        Has the projection.
    x, y : (n,) float [pixel]
        Where.
    direction : (2, n) float [pixel]
        Steps along x and y.

    Returns
    -------
    (n,) float [deg]
    """
    safe_x, safe_y = np.nan_to_num(x), np.nan_to_num(y)
    steps = np.einsum("nij,jn->in", pixel_jacobians(image.sky_projection, safe_x, safe_y), direction)
    return np.asarray(np.degrees(np.arctan2(steps[0], steps[1])) % 360.0)


def footprint_sizes(footprints: Footprints) -> NDArray[np.int32]:
    """Return the side of the smallest square that holds each footprint, (n_footprints,) [pixel]."""
    n = len(footprints)
    low, high = np.full((2, n), np.iinfo(np.int32).max), np.full((2, n), -1)
    owner = footprints.span_footprint
    for axis, (start, stop) in enumerate(
        ((footprints.span_y, footprints.span_y), (footprints.span_x0, footprints.span_x1))
    ):
        np.minimum.at(low[axis], owner, start)
        np.maximum.at(high[axis], owner, stop)
    return (high - low + 1).max(axis=0, initial=0).astype(np.int32)


def pixel_flags(
    mask: Mask, footprints: Footprints, *, owner: NDArray[np.integer], x: NDArray[np.floating], y: NDArray[np.floating]
) -> dict[str, NDArray[np.bool_]]:
    """Return the ``pixelFlags_*`` columns.

    Parameters
    ----------
    mask : lsst.images.Mask
        Mask of the difference.
    footprints : Footprints
        In array coordinates.
    owner : (n,) int
        Footprint of each source.
    x, y : (n,) float [pixel]
        Centroids in array coordinates.

    Returns
    -------
    dict of (n,) bool
    """
    labels = footprints.labels()
    ny, nx = labels.shape
    outside = ~((x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5))
    rows, columns = (np.floor(np.nan_to_num(value) + 0.5).astype(int) for value in (y, x))
    steps = np.arange(-1, 2)
    window = (
        np.clip(rows[:, None, None] + steps[:, None], 0, ny - 1),
        np.clip(columns[:, None, None] + steps, 0, nx - 1),
    )
    flags: dict[str, NDArray[np.bool_]] = {"pixelFlags_offimage": outside}
    for suffix, planes in FLAGGED_PLANES.items():
        plane = select_pixels(mask, planes)
        touched = np.zeros(len(footprints), dtype=bool)
        touched[labels[plane & (labels >= 0)]] = True
        centre = plane[window].any(axis=(1, 2))
        flags[f"pixelFlags_{suffix}"] = touched[owner] | centre
        if suffix not in ("bad", "edge"):
            flags[f"pixelFlags_{suffix}Center"] = centre
    flags["pixelFlags_edge"] |= outside
    return flags
