"""Sky projections in degrees and arrays: corrected first guesses, FITS approximations, pixel scales.

A projection that no FITS standard can express (AST writes TPV with private keywords that astropy silently ignores,
seconds of arc off) carries a TAN-SIP approximation, so that astropy reads the right WCS from the header of the file.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS
from lsst.images import Box, DetectorFrame, SkyFrame, SkyProjection, Transform
from lsst.images._transforms import _ast as ast
from numpy.typing import ArrayLike, NDArray

from uraniborg.algorithms.astrometry import PlaneCorrection, to_tangent_plane
from uraniborg.core.errors import AlgorithmError

__all__ = (
    "correct_projection",
    "pixel_areas",
    "pixel_jacobians",
    "pixel_scale",
    "pixel_to_sky",
    "sip_approximation",
    "sip_wcs",
    "sky_to_pixel",
    "with_fits_approximation",
)

SIP_TOLERANCE = 1e-5
"""Largest misfit of the FITS approximation [pixel]."""


def pixel_to_sky(
    projection: SkyProjection, x: ArrayLike, y: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sky positions of pixel positions.

    Parameters
    ----------
    projection : lsst.images.SkyProjection
        Pixel to sky.
    x, y : (n,) float [pixel]
        Positions in the pixel frame of the projection (that of ``image.bbox``).

    Returns
    -------
    ra, dec : (n,) float [deg]
    """
    radian = projection.pixel_to_sky_transform.apply_forward(x=np.asarray(x, float), y=np.asarray(y, float))
    return np.mod(np.degrees(radian.x), 360.0), np.degrees(radian.y)


def sky_to_pixel(
    projection: SkyProjection, ra: ArrayLike, dec: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return pixel positions of sky positions.

    Parameters
    ----------
    projection : lsst.images.SkyProjection
        Pixel to sky.
    ra, dec : (n,) float [deg]
        ICRS.

    Returns
    -------
    x, y : (n,) float [pixel]
        Positions in the pixel frame of the projection.
    """
    pixel = projection.pixel_to_sky_transform.apply_inverse(
        x=np.radians(np.asarray(ra, float)), y=np.radians(np.asarray(dec, float))
    )
    return np.asarray(pixel.x), np.asarray(pixel.y)


def pixel_jacobians(projection: SkyProjection, x: ArrayLike, y: ArrayLike, *, step: float = 0.5) -> NDArray[np.float64]:
    """Return the local derivatives of the sky position by the pixel position.

    Parameters
    ----------
    projection : lsst.images.SkyProjection
        Pixel to sky.
    x, y : (n,) float [pixel]
        Positions.
    step : float [pixel]
        Half the length of the difference.

    Returns
    -------
    (n, 2, 2) float [arcsec/pixel]
        ``[:, 0, :]`` is East, ``[:, 1, :]`` North; the last axis is (x, y).
    """
    xs, ys = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
    columns = []
    for dx, dy in ((step, 0.0), (0.0, step)):
        ahead = pixel_to_sky(projection, xs + dx, ys + dy)
        behind = pixel_to_sky(projection, xs - dx, ys - dy)
        east = (np.mod(ahead[0] - behind[0] + 180.0, 360.0) - 180.0) * np.cos(np.radians(0.5 * (ahead[1] + behind[1])))
        columns.append(np.stack([east, ahead[1] - behind[1]], axis=-1) * 3600.0 / (2.0 * step))
    return np.stack(columns, axis=-1)


def pixel_areas(projection: SkyProjection, x: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """Return the area of pixels on the sky, (n,) [arcsec^2], at positions [pixel]."""
    return np.asarray(np.abs(np.linalg.det(pixel_jacobians(projection, x, y))))


def pixel_scale(projection: SkyProjection, x: float, y: float) -> float:
    """Return the square root of the pixel area [arcsec/pixel] at one position [pixel]."""
    return float(np.sqrt(pixel_areas(projection, x, y)[0]))


def correct_projection(
    first: SkyProjection[DetectorFrame], correction: PlaneCorrection, *, bbox: Box
) -> SkyProjection[DetectorFrame]:
    """Return a projection that corrects pixel positions before the first guess is applied.

    Parameters
    ----------
    first : lsst.images.SkyProjection
        First guess.
    correction : PlaneCorrection
        Displacement on the pixel plane of ``first``.
    bbox : lsst.images.Box
        Region where the FITS approximation has to hold.

    Returns
    -------
    lsst.images.SkyProjection
        With a TAN-SIP approximation for FITS headers. Plain `lsst.images` reads it.

    Raises
    ------
    AlgorithmError
        If TAN-SIP cannot follow the projection.
    """
    frame = first.pixel_frame
    shift = _displacement_map(correction)
    pixel_to_pixel = Transform(frame, frame, shift, in_bounds=first.pixel_bounds)
    # Components are not remembered: a transform within one frame counts as none when they are listed.
    composed = pixel_to_pixel.then(first.pixel_to_sky_transform, remember_components=False)
    return with_fits_approximation(SkyProjection(composed), bbox=bbox)


def _displacement_map(correction: PlaneCorrection) -> ast.Mapping:
    """Return the AST mapping x -> x + displacement(x): exact for linear corrections, else a polynomial."""
    origin, scale = correction.origin, correction.scale
    exponents = [tuple(int(power) for power in row) for row in correction.exponents]
    zero = np.zeros(2)
    terms = {(0, 0): zero, (1, 0): zero, (0, 1): zero} | dict(zip(exponents, correction.coefficients.T, strict=True))
    if max(sum(row) for row in exponents) <= 1:
        matrix = np.eye(2) + np.column_stack([terms[(1, 0)], terms[(0, 1)]]) / scale
        offset = origin + terms[(0, 0)] - matrix @ origin
        return ast.MatrixMap(matrix).then(ast.ShiftMap(offset.tolist()))
    # In scaled coordinates u = (x - origin) / scale the mapping is u + displacement / scale.
    rows = [[value[axis] / scale + (row == (1 - axis, axis)), axis + 1, *row]
            for axis in (0, 1) for row, value in terms.items()]  # fmt: skip
    to_unit = ast.ShiftMap((-origin).tolist()).then(ast.ZoomMap(2, 1.0 / scale))
    polynomial = ast.PolyMap(np.array(rows), 2, "IterInverse=1, NiterInverse=20, TolInverse=1e-12")
    return to_unit.then(polynomial).then(ast.ZoomMap(2, scale)).then(ast.ShiftMap(origin.tolist()))


def with_fits_approximation(projection: SkyProjection, *, bbox: Box) -> SkyProjection:
    """Return the same projection with a TAN-SIP approximation for FITS headers.

    Parameters
    ----------
    projection : lsst.images.SkyProjection
        Any projection from pixels.
    bbox : lsst.images.Box
        Region where the approximation has to hold.

    Returns
    -------
    lsst.images.SkyProjection

    Raises
    ------
    AlgorithmError
        If TAN-SIP cannot follow the projection to `SIP_TOLERANCE`.
    """
    return SkyProjection(projection.pixel_to_sky_transform, fits_approximation=sip_approximation(projection, bbox=bbox))


def sip_approximation(projection: SkyProjection, *, bbox: Box) -> Transform:
    """Return the TAN-SIP approximation of a projection as a transform of the same frames; see `sip_wcs`."""
    return Transform.from_fits_wcs(sip_wcs(projection, bbox=bbox), projection.pixel_frame, SkyFrame.ICRS)


def sip_wcs(projection: SkyProjection, *, bbox: Box, tolerance: float = SIP_TOLERANCE) -> WCS:
    """Fit a TAN-SIP WCS to a projection.

    Parameters
    ----------
    projection : lsst.images.SkyProjection
        Any projection from pixels.
    bbox : lsst.images.Box
        Region to approximate.
    tolerance : float [pixel]
        Largest misfit on a grid over the region, in both directions.

    Returns
    -------
    astropy.wcs.WCS
        FITS pixel (1, 1) is pixel (0, 0) of the projection's frame, whatever ``bbox.start`` is.

    Raises
    ------
    AlgorithmError
        If the misfit is larger at the highest degree.

    Notes
    -----
    Shupe et al. 2005, ASP Conf. Ser. 347, 491. The degree is the lowest that serves.
    """
    grid_x, grid_y = (
        side.ravel()
        for side in np.meshgrid(
            np.linspace(bbox.x.min - 0.5, bbox.x.max + 0.5, 25), np.linspace(bbox.y.min - 0.5, bbox.y.max + 0.5, 25)
        )
    )
    misfit = np.inf
    for degree in range(1, 8):
        wcs = _fit_sip(projection, bbox, points=(grid_x, grid_y), degree=degree)
        misfit = _misfit(projection, wcs, grid_x, grid_y)
        if misfit <= tolerance:
            return wcs
    raise AlgorithmError("TAN-SIP cannot follow this projection", misfit=misfit, tolerance=tolerance, degree=7)


def _misfit(projection: SkyProjection, wcs: WCS, x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the largest error [pixel] of a WCS, of its way to the sky and of its way back."""
    ra, dec = pixel_to_sky(projection, x, y)
    found = wcs.all_pix2world(x, y, 0)
    scale = pixel_scale(projection, float(np.mean(x)), float(np.mean(y)))
    center = (float(ra[0]), float(dec[0]))
    away = to_tangent_plane(found[0], found[1], center) - to_tangent_plane(ra, dec, center)
    forward = np.hypot(away[:, 0], away[:, 1]).max() / scale
    focal = wcs.wcs_world2pix(ra, dec, 1)
    if wcs.sip is None:
        back = np.array(focal)
    else:
        back = np.array(wcs.sip.foc2pix(np.column_stack(focal) - wcs.wcs.crpix, 1)).T
    return float(max(forward, np.hypot(back[0] - 1.0 - x, back[1] - 1.0 - y).max()))


def _fit_sip(
    projection: SkyProjection, bbox: Box, *, points: tuple[NDArray[np.float64], NDArray[np.float64]], degree: int
) -> WCS:
    """Return the TAN-SIP WCS of one degree by linear least squares on a grid."""
    x0, y0 = 0.5 * (bbox.x.min + bbox.x.max), 0.5 * (bbox.y.min + bbox.y.max)
    ra0, dec0 = (float(value) for value in pixel_to_sky(projection, x0, y0))
    span = 0.5 * max(bbox.x.size, bbox.y.size)
    u_, v_ = points[0] - x0, points[1] - y0
    plane = to_tangent_plane(*pixel_to_sky(projection, *points), (ra0, dec0)) / 3600.0
    powers = [(p, total - p) for total in range(degree + 1) for p in range(total, -1, -1)]
    solve = partial(_solve_polynomial, powers=powers, span=span)
    forward = solve(u_, v_, plane)
    cd = np.array([[forward[(1, 0)][0], forward[(0, 1)][0]], [forward[(1, 0)][1], forward[(0, 1)][1]]])
    inverse_cd = np.linalg.inv(cd)
    center = inverse_cd @ forward[(0, 0)]
    focal = plane @ inverse_cd.T
    header = Header()
    sip = degree > 1
    header["CTYPE1"], header["CTYPE2"] = ("RA---TAN-SIP", "DEC--TAN-SIP") if sip else ("RA---TAN", "DEC--TAN")
    header["CUNIT1"] = header["CUNIT2"] = "deg"
    header["RADESYS"] = "ICRS"
    header["CRVAL1"], header["CRVAL2"] = ra0, dec0
    header["CRPIX1"], header["CRPIX2"] = x0 + 1.0 - (0.0 if sip else center[0]), y0 + 1.0 - (0.0 if sip else center[1])
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        header[f"CD{i + 1}_{j + 1}"] = cd[i, j]
    if sip:
        backward = solve(focal[:, 0], focal[:, 1], np.column_stack([u_, v_]) - focal)
        for name in ("A", "B", "AP", "BP"):
            header[f"{name}_ORDER"] = degree
        for p, q in powers:
            distortion = inverse_cd @ forward[(p, q)] - np.array([(p, q) == (1, 0), (p, q) == (0, 1)], dtype=float)
            header[f"A_{p}_{q}"], header[f"B_{p}_{q}"] = distortion
            header[f"AP_{p}_{q}"], header[f"BP_{p}_{q}"] = backward[(p, q)]
    return WCS(header)


def _solve_polynomial(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    values: NDArray[np.float64],
    *,
    powers: list[tuple[int, int]],
    span: float,
) -> dict[tuple[int, int], NDArray[np.float64]]:
    """Return the coefficients (in unscaled powers of x and y) of the polynomial closest to ``values``, (n, 2)."""
    design = np.stack([(x / span) ** p * (y / span) ** q for p, q in powers], axis=-1)
    solution = np.linalg.lstsq(design, values)[0]
    return {(p, q): row / span ** (p + q) for (p, q), row in zip(powers, solution, strict=True)}
