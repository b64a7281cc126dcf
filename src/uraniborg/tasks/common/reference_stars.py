"""Reference stars as one exposure saw them: at its epoch, displaced by the atmosphere, with magnitudes in its band."""

from __future__ import annotations

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.table import Table
from lsst.images import VisitImage
from numpy.typing import NDArray

from uraniborg.algorithms.astrometry import (
    chromatic_offsets,
    earth_position,
    propagate_positions,
    zenith_geometry,
)
from uraniborg.algorithms.photometry import ColorTermSet
from uraniborg.model.projections import pixel_scale, pixel_to_sky, sky_to_pixel

__all__ = ("ReferenceStars", "midpoint_mjd", "reference_stars", "zenith_distance")

MOTION_SIGNIFICANCE = 5.0
"""Proper motion or parallax, in errors, that shows that a reference object is a star of our Galaxy."""


@dataclass(frozen=True, slots=True)
class ReferenceStars:
    """Reference stars in and around one image.

    Attributes
    ----------
    ids : (n,) int
        Identifiers in the catalogue.
    ra, dec : (n,) float [deg]
        Where a star of the reference colour would have to stand in the catalogue to be seen where this one was.
    error : (n,) float [mas]
        Error of each axis.
    brightness : (n,) float [mag]
        Base magnitude of the colour terms.
    color : (n,) float [mag]
        Catalogue colour.
    magnitude, magnitude_err : (n,) float [mag]
        In the band of the image; NaN where the colour is missing or out of range.
    moving : (n,) bool
        Proper motion or parallax are significant, so this is no quasar.
    """

    ids: NDArray[np.int64]
    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    error: NDArray[np.float64]
    brightness: NDArray[np.float64]
    color: NDArray[np.float64]
    magnitude: NDArray[np.float64]
    magnitude_err: NDArray[np.float64]
    moving: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ids)


def midpoint_mjd(image: VisitImage) -> float:
    """Return the middle of the exposure [MJD TAI]."""
    info = image.obs_info
    return float(0.5 * (info.datetime_begin.tai.mjd + info.datetime_end.tai.mjd))


def _center(image: VisitImage) -> tuple[float, float]:
    box = image.bbox
    ra, dec = pixel_to_sky(image.sky_projection, 0.5 * (box.x.min + box.x.max), 0.5 * (box.y.min + box.y.max))
    return float(ra), float(dec)


def zenith_distance(image: VisitImage) -> float:
    """Return the zenith distance of the centre of an image [deg]; NaN where the observatory is not known."""
    place = image.obs_info.location
    if place is None:
        return np.nan
    lat, lon = place.lat.to_value(u.deg), place.lon.to_value(u.deg)
    return zenith_geometry(_center(image), mjd=midpoint_mjd(image), latitude=lat, longitude=lon).zenith_distance


def _column(table: Table, name: str) -> NDArray[np.float64]:
    """Return a column, NaN where it is masked or the catalogue does not have it."""
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    return np.asarray(np.ma.filled(np.ma.asarray(table[name], dtype=np.float64), np.nan))


def _significant(table: Table) -> NDArray[np.bool_]:
    moving = np.zeros(len(table), dtype=bool)
    for name in ("pmRa", "pmDec", "parallax"):
        with np.errstate(divide="ignore", invalid="ignore"):
            moving |= np.abs(_column(table, name)) > MOTION_SIGNIFICANCE * _column(table, f"{name}Err")
    return moving


def reference_stars(
    table: Table, image: VisitImage, *, terms: ColorTermSet, margin: float, unknown_motion: float
) -> ReferenceStars:
    """Return the reference stars in and around an image.

    Parameters
    ----------
    table : astropy.table.Table
        Rows of ``ReferenceObject``.
    image : lsst.images.VisitImage
        Image with its first-guess projection.
    terms : ColorTermSet
        Colour terms from the catalogue to the camera.
    margin : float [arcsec]
        How far outside the image stars are kept.
    unknown_motion : float [mas/yr]
        Dispersion of the motion of stars whose motion the catalogue does not give.

    Returns
    -------
    ReferenceStars
    """
    mjd = midpoint_mjd(image)
    places = propagate_positions(
        _column(table, "ra"),
        _column(table, "dec"),
        pm_ra=_column(table, "pmRa"),
        pm_dec=_column(table, "pmDec"),
        parallax=_column(table, "parallax"),
        epoch=_column(table, "epochMjdTai"),
        mjd=mjd,
        observer=earth_position(mjd),
        unknown_motion=unknown_motion,
    )
    magnitudes = {name: _column(table, name) for name in terms.columns}
    errors = {name: _column(table, f"{name}Err") for name in terms.columns}
    in_band = terms.magnitudes(image.band, magnitudes, errors)
    offsets = _refraction(image, terms, magnitudes)
    ra = places.ra + offsets[:, 0] / 3.6e6 / np.cos(np.radians(places.dec))
    dec = places.dec + offsets[:, 1] / 3.6e6
    catalogue_err = np.sqrt(0.5 * (_column(table, "raErr") ** 2 + _column(table, "decErr") ** 2))
    stars = ReferenceStars(
        ids=np.asarray(table["refObjectId"], dtype=np.int64),
        ra=ra,
        dec=dec,
        error=np.hypot(np.nan_to_num(catalogue_err), places.motion_err),
        brightness=magnitudes[terms.base],
        color=in_band.color,
        magnitude=in_band.magnitude,
        magnitude_err=in_band.error,
        moving=_significant(table),
    )
    return _select(stars, image, margin)


def _refraction(
    image: VisitImage, terms: ColorTermSet, magnitudes: dict[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the displacements of stars by differential refraction, (n, 2) [mas]."""
    coefficient = terms.term(image.band).refraction
    place = image.obs_info.location
    color = terms.displacement_color(magnitudes)
    if coefficient == 0.0 or place is None:
        return np.zeros((len(color), 2))
    lat, lon = place.lat.to_value(u.deg), place.lon.to_value(u.deg)
    zenith = zenith_geometry(_center(image), mjd=midpoint_mjd(image), latitude=lat, longitude=lon)
    return chromatic_offsets(color, zenith, coefficient=coefficient, reference_color=terms.refraction_reference)


def _select(stars: ReferenceStars, image: VisitImage, margin: float) -> ReferenceStars:
    """Keep what lies in reach, brightest first."""
    box = image.bbox
    center = (0.5 * (box.x.min + box.x.max), 0.5 * (box.y.min + box.y.max))
    edge = margin / pixel_scale(image.sky_projection, *center)
    center_ra, center_dec = _center(image)
    near = np.abs(stars.dec - center_dec) < 5.0  # where the projection can be inverted safely
    near &= np.abs(np.mod(stars.ra - center_ra + 180.0, 360.0) - 180.0) * np.cos(np.radians(center_dec)) < 5.0
    x, y = np.full(len(stars), np.nan), np.full(len(stars), np.nan)
    x[near], y[near] = sky_to_pixel(image.sky_projection, stars.ra[near], stars.dec[near])
    keep = (np.abs(x - center[0]) < 0.5 * box.x.size + edge) & (np.abs(y - center[1]) < 0.5 * box.y.size + edge)
    order = np.flatnonzero(keep)[np.argsort(stars.brightness[keep], kind="stable")]
    return ReferenceStars(*(getattr(stars, name)[order] for name in ReferenceStars.__slots__))
