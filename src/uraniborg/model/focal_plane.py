"""Projections in named steps: pixel -> focal plane -> field angle -> sky, as `lsst.images` composes and stores them."""

from __future__ import annotations

import astropy.units as u
import numpy as np
from astropy.wcs import WCS
from lsst.images import (
    Box,
    DetectorFrame,
    FieldAngleFrame,
    FocalPlaneFrame,
    SkyFrame,
    SkyProjection,
    Transform,
)
from lsst.images._transforms import _ast as ast
from numpy.typing import NDArray

from uraniborg.algorithms.astrometry.focal_plane import DetectorPlaces, FocalPlanePolynomial
from uraniborg.model.projections import with_fits_approximation

__all__ = ("field_angle_to_sky", "focal_plane_projection", "focal_plane_to_field_angle", "pixel_to_focal_plane")

type Floats = NDArray[np.float64]

_ARCSEC_RADIAN = np.degrees(1.0) * 3600.0


def pixel_to_focal_plane(
    places: DetectorPlaces, row: int, frame: DetectorFrame, *, pixel_size: float
) -> Transform[DetectorFrame, FocalPlaneFrame]:
    """Return where the pixels of a detector lie on the focal plane.

    Parameters
    ----------
    places : DetectorPlaces
        Of all detectors.
    row : int
        Row of the detector.
    frame : lsst.images.DetectorFrame
        Its pixels.
    pixel_size : float [mm]
        Side of a pixel.

    Returns
    -------
    lsst.images.Transform
        To mm.
    """
    axes = places.axes()[row] * pixel_size
    offset = places.place[row] * pixel_size - axes @ places.center
    matrix = np.vstack([np.column_stack([axes, offset]), [0.0, 0.0, 1.0]])
    return Transform.affine(frame, FocalPlaneFrame(instrument=frame.instrument, visit=frame.visit, unit=u.mm), matrix)


def focal_plane_to_field_angle(
    polynomial: FocalPlanePolynomial, frame: FocalPlaneFrame, *, pixel_size: float
) -> Transform[FocalPlaneFrame, FieldAngleFrame]:
    """Return the distortion of the optics.

    Parameters
    ----------
    polynomial : FocalPlanePolynomial
        Field angles of focal-plane positions in pixels.
    frame : lsst.images.FocalPlaneFrame
        In mm.
    pixel_size : float [mm]
        Side of a pixel.

    Returns
    -------
    lsst.images.Transform
        To radians, East and North of the boresight on the tangent plane; the inverse is iterated to 1e-13 of the field.
    """
    scale = polynomial.scale * pixel_size
    exponents, values = polynomial.exponents, polynomial.coefficients / _ARCSEC_RADIAN
    # Scaled so that the polynomial is about the identity, from which AST starts to iterate its inverse.
    linear = np.column_stack([values[:, (exponents == power).all(axis=1)][:, 0] for power in ((1, 0), (0, 1))])
    unit = np.linalg.solve(linear, values)
    rows = [[unit[axis, k], axis + 1, *powers] for axis in (0, 1) for k, powers in enumerate(exponents)]
    bent = ast.PolyMap(np.array(rows, float), 2, "IterInverse=1, NiterInverse=30, TolInverse=1e-13")
    mapping = ast.ZoomMap(2, 1.0 / scale).then(bent).then(ast.MatrixMap(linear))
    return Transform(frame, FieldAngleFrame(instrument=frame.instrument, visit=frame.visit), mapping)


def field_angle_to_sky(boresight: tuple[float, float], frame: FieldAngleFrame) -> Transform[FieldAngleFrame, SkyFrame]:
    """Return the gnomonic projection about a boresight (ra, dec) [deg], from radians East and North."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = list(boresight)
    wcs.wcs.crpix = [1.0, 1.0]
    wcs.wcs.cd = np.degrees(1.0) * np.eye(2)
    wcs.wcs.radesys = "ICRS"
    return Transform.from_fits_wcs(wcs, frame, SkyFrame.ICRS)


def focal_plane_projection(
    places: DetectorPlaces,
    polynomial: FocalPlanePolynomial,
    boresight: tuple[float, float],
    *,
    row: int,
    frame: DetectorFrame,
    pixel_size: float = 0.015,
) -> SkyProjection[DetectorFrame]:
    """Return the projection of one detector of a fitted focal plane.

    Parameters
    ----------
    places : DetectorPlaces
        Of all detectors.
    polynomial : FocalPlanePolynomial
        Shared distortion.
    boresight : (ra, dec) float [deg]
        Tangent point of the field angles.
    row : int
        Row of the detector in ``places``.
    frame : lsst.images.DetectorFrame
        Its pixels; the FITS approximation holds in its bounding box.
    pixel_size : float [mm]
        Side of a pixel.

    Returns
    -------
    lsst.images.SkyProjection
        With a TAN-SIP approximation for FITS headers.

    Raises
    ------
    AlgorithmError
        If TAN-SIP cannot follow the projection.
    """
    to_plane = pixel_to_focal_plane(places, row, frame, pixel_size=pixel_size)
    to_angle = focal_plane_to_field_angle(polynomial, to_plane.out_frame, pixel_size=pixel_size)
    to_sky = field_angle_to_sky(boresight, to_angle.out_frame)
    # Files keep the mapping, not the list of its steps; without that list what is read equals what was written.
    composed = to_plane.then(to_angle.then(to_sky, remember_components=False), remember_components=False)
    box: Box = frame.bbox
    return with_fits_approximation(SkyProjection(composed), bbox=box)
