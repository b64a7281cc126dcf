"""Everything that is measured on the sources of one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.measurement.boxes import measure_boxes
from uraniborg.algorithms.measurement.flags import bit_flags, edge_flags
from uraniborg.algorithms.measurement.psffit import PointFit, fit_points, masked_image
from uraniborg.core.errors import UserError
from uraniborg.core.flags import MeasurementFlag, PixelBit
from uraniborg.core.pixelgrid import PointSpread

__all__ = ("APERTURES", "MeasurementResult", "measure_sources")

APERTURES = (3.0, 6.0, 9.0, 12.0, 17.0, 25.0)
"""Default radii of circular apertures in pixels (a subset of Rubin's)."""

type Floats = NDArray[np.float64]

_EXTENDED = 0.1
"""A source is called extended if its moments exceed those of the point-spread function by this part at least."""


@dataclass(frozen=True, slots=True)
class MeasurementResult:
    """Measurements of n sources; what could not be measured is NaN and has a flag.

    Attributes
    ----------
    x, y, x_err, y_err : (n,) float [pixel]
        Centre and its standard error; the given position, and NaN errors, where CENTROID_FAILED is set.
    psf_flux, psf_flux_err : (n,) float
        Flux of the fitted point source, neighbours taken out.
    chi2 : (n,) float
        Chi-square per pixel of that fit in the core.
    area : (n,) float [pixel^2]
        Effective noise area of the point-spread function there.
    xx, yy, xy, xx_err, yy_err, xy_err : (n,) float [pixel^2]
        Adaptive second moments.
    psf_xx, psf_yy, psf_xy : (n,) float [pixel^2]
        Those of the point-spread function there.
    apertures : (k,) float [pixel]
        Radii.
    aperture_flux, aperture_flux_err : (n, k) float
        Fluxes within them, neighbours taken out as point sources.
    sky, sky_err : (n,) float
        Clipped mean of the residual image in an annulus between 0.6 and 1 times the largest aperture, and its error.
    size_ratio : (n,) float
        (xx + yy) / (psf_xx + psf_yy).
    extendedness : (n,) float
        1 if ``size_ratio`` exceeds 1.1 and does so by three standard errors, else 0.
    flags : (n,) int32
        Bits of `uraniborg.core.flags.MeasurementFlag`.
    """

    x: Floats
    y: Floats
    x_err: Floats
    y_err: Floats
    psf_flux: Floats
    psf_flux_err: Floats
    chi2: Floats
    area: Floats
    xx: Floats
    yy: Floats
    xy: Floats
    xx_err: Floats
    yy_err: Floats
    xy_err: Floats
    psf_xx: Floats
    psf_yy: Floats
    psf_xy: Floats
    apertures: Floats
    aperture_flux: Floats
    aperture_flux_err: Floats
    sky: Floats
    sky_err: Floats
    size_ratio: Floats
    extendedness: Floats
    flags: NDArray[np.int32]

    @property
    def snr(self) -> Floats:
        """Signal-to-noise ratio of the point-source flux, (n,)."""
        return np.asarray(self.psf_flux / self.psf_flux_err)


def measure_sources(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    psf: PointSpread,
    *,
    x: NDArray[np.number],
    y: NDArray[np.number],
    group: NDArray[np.integer] | None = None,
    sign: NDArray[np.number] | None = None,
    pixel_bits: NDArray[np.uint8] | None = None,
    apertures: tuple[float, ...] = APERTURES,
    max_shift: float = 2.0,
) -> MeasurementResult:
    """Measure all sources of an image together.

    Parameters
    ----------
    image, variance : (ny, nx) float
        Background-subtracted image and its variance.
    psf : PointSpread
        Point-spread function in array coordinates.
    x, y : (n,) number [pixel]
        Peaks.
    group : (n,) int, optional
        Footprint of each peak; those that share one get BLENDED.
    sign : (n,) number, optional
        Negative for sources of negative flux (given NEGATIVE); positive by default.
    pixel_bits : (ny, nx) uint8, optional
        Bits of `uraniborg.core.flags.PixelBit`.
    apertures : tuple of float [pixel]
        Radii, rising.
    max_shift : float [pixel]
        Largest distance of a centre from its peak.

    Returns
    -------
    MeasurementResult

    Raises
    ------
    UserError
        If shapes do not fit.
    """
    bits = np.zeros((1, 1), np.uint8) if pixel_bits is None else pixel_bits
    if image.shape != variance.shape or (pixel_bits is not None and pixel_bits.shape != image.shape):
        raise UserError(f"image {image.shape}, variance {variance.shape} and mask {bits.shape} must have one shape")
    xs, ys = np.asarray(x, float), np.asarray(y, float)
    signs = np.ones(len(xs)) if sign is None else np.where(np.asarray(sign) < 0, -1.0, 1.0)
    residual = masked_image(image, variance, bits, int(PixelBit.unusable()))
    points = fit_points(residual, variance, psf, x=xs, y=ys, sign=signs, max_shift=max_shift)
    radii = np.asarray(apertures, float)
    usable = np.isfinite(points.flux)
    centers = np.stack([np.where(usable, points.x, xs), np.where(usable, points.y, ys)], axis=1)
    grids = np.nan_to_num(psf.grids(xs, ys))
    table, seen = measure_boxes(
        residual, variance, bits, grids, psf.sampling, psf.stamp_size, centers, np.nan_to_num(points.flux), signs, radii
    )
    flags = bit_flags(seen[:, 0], seen[:, 1]) | _fit_flags(points, usable, signs)
    flags |= edge_flags(centers, (image.shape[0], image.shape[1]), psf.stamp_size // 2, radii[-1], core=seen[:, 4])
    flags[seen[:, 2] > 0] |= int(MeasurementFlag.SHAPE_FAILED)
    flags[seen[:, 3] > 0] |= int(MeasurementFlag.APERTURE_BAD_PIXEL)
    if group is not None:
        blended = np.bincount(group, minlength=1)[group] > 1
        flags[blended] |= int(MeasurementFlag.BLENDED)
    table[~usable] = np.nan
    return _result(points, centers, table, flags, radii)


def _fit_flags(points: PointFit, usable: NDArray[np.bool_], signs: Floats) -> NDArray[np.int32]:
    flags = np.zeros(len(usable), np.int32)
    flags[~points.moved] |= int(MeasurementFlag.CENTROID_FAILED)
    flags[~usable] |= int(MeasurementFlag.PSF_FLUX_FAILED)
    flags[points.seen == 0.0] |= int(MeasurementFlag.NO_DATA)
    flags[signs < 0] |= int(MeasurementFlag.NEGATIVE)
    return flags


def _result(
    points: PointFit, centers: Floats, table: Floats, flags: NDArray[np.int32], radii: Floats
) -> MeasurementResult:
    xx, yy, xy, xx_err, yy_err, xy_err, psf_xx, psf_yy, psf_xy, sky, sky_err = table[:, :11].T
    n_radii = len(radii)
    psf_trace = psf_xx + psf_yy
    ratio = (xx + yy) / psf_trace
    error = np.hypot(xx_err, yy_err) / psf_trace
    extended = np.where(np.isfinite(ratio), (ratio - 1.0 > np.maximum(_EXTENDED, 3.0 * error)).astype(float), np.nan)
    return MeasurementResult(
        x=centers[:, 0],
        y=centers[:, 1],
        x_err=np.where(points.moved, points.x_err, np.nan),
        y_err=np.where(points.moved, points.y_err, np.nan),
        psf_flux=points.flux,
        psf_flux_err=points.flux_err,
        chi2=points.chi2,
        area=points.area,
        xx=xx,
        yy=yy,
        xy=xy,
        xx_err=xx_err,
        yy_err=yy_err,
        xy_err=xy_err,
        psf_xx=psf_xx,
        psf_yy=psf_yy,
        psf_xy=psf_xy,
        apertures=radii,
        aperture_flux=table[:, 11 : 11 + n_radii],
        aperture_flux_err=table[:, 11 + n_radii :],
        sky=sky,
        sky_err=sky_err,
        size_ratio=ratio,
        extendedness=extended,
        flags=flags,
    )
