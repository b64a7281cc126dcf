"""Fluxes of point sources at given positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.measurement.flags import bit_flags, bits_near, edge_flags
from uraniborg.algorithms.measurement.psffit import fit_points, masked_image
from uraniborg.core.errors import UserError
from uraniborg.core.flags import MeasurementFlag, PixelBit
from uraniborg.core.pixelgrid import PointSpread

__all__ = ("ForcedFlux", "forced_psf_flux")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ForcedFlux:
    """Fluxes at n positions; NaN where nothing can be measured.

    Attributes
    ----------
    flux, flux_err : (n,) float
        Of either sign.
    chi2 : (n,) float
        Chi-square per pixel of the fit in the core.
    area : (n,) float [pixel^2]
        Effective noise area, 1 / sum(p^2).
    background : (n,) float
        Fitted local background per pixel; 0 where it was not asked for.
    flags : (n,) int32
        NO_DATA, PSF_FLUX_FAILED, PSF_FLUX_EDGE, PIXEL_* of `uraniborg.core.flags.MeasurementFlag`.
    """

    flux: Floats
    flux_err: Floats
    chi2: Floats
    area: Floats
    background: Floats
    flags: NDArray[np.int32]


def forced_psf_flux(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    psf: PointSpread,
    *,
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    pixel_bits: NDArray[np.uint8] | None = None,
    deblend: bool = True,
    local_background: bool = False,
) -> ForcedFlux:
    """Fit the flux of a point source at each position, centre fixed.

    Parameters
    ----------
    image, variance : (ny, nx) float
        Background-subtracted or difference image and its variance.
    psf : PointSpread
        Point-spread function in array coordinates.
    x, y : (n,) float [pixel]
        Positions; they may lie outside the image or be NaN.
    pixel_bits : (ny, nx) uint8, optional
        Bits of `uraniborg.core.flags.PixelBit`.
    deblend : bool
        Whether all fluxes are fitted together; False measures each as if it were alone, which is
        right for positions of which most hold nothing, or that are not all on one image (differences).
    local_background : bool
        Whether a constant is fitted with each flux.

    Returns
    -------
    ForcedFlux

    Raises
    ------
    UserError
        If shapes do not fit.
    """
    bits = np.zeros((1, 1), np.uint8) if pixel_bits is None else pixel_bits
    if image.shape != variance.shape or (pixel_bits is not None and pixel_bits.shape != image.shape):
        raise UserError(f"image {image.shape}, variance {variance.shape} and mask {bits.shape} must have one shape")
    xs, ys = np.asarray(x, float), np.asarray(y, float)
    residual = masked_image(image, variance, bits, int(PixelBit.unusable()))
    fit = fit_points(
        residual, variance, psf, x=xs, y=ys, free=False, deblend=deblend, local_background=local_background
    )
    centers = np.stack([xs, ys], axis=1)
    core = np.full(len(xs), 3)
    flags = edge_flags(centers, (image.shape[0], image.shape[1]), psf.stamp_size // 2, core=core)
    near = bits_near(centers, bits)
    flags |= bit_flags(near, near)
    flags[~np.isfinite(fit.flux)] |= int(MeasurementFlag.PSF_FLUX_FAILED)
    flags[fit.seen == 0.0] |= int(MeasurementFlag.NO_DATA)
    return ForcedFlux(fit.flux, fit.flux_err, fit.chi2, fit.area, fit.background, flags)
