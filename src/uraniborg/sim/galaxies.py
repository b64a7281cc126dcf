"""Sersic galaxies through the PSF, drawn by GalSim onto the image of one detector."""

from __future__ import annotations

import galsim
import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.sim.psf import PsfField

__all__ = ("draw_galaxies",)

_FAINT = galsim.GSParams(folding_threshold=1e-2, maxk_threshold=1e-2, kvalue_accuracy=1e-3)
_TRUNCATION = 5.0  # a profile ends at this many half-light radii


def draw_galaxies(
    shape: tuple[int, int],
    galaxies: Table,
    positions: NDArray[np.float64],
    *,
    flux: NDArray[np.float64],
    psf: PsfField,
    pixel_scale: float,
    north: float,
    bright: float,
) -> NDArray[np.float64]:
    """Return the expected image of galaxies.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    galaxies : astropy.table.Table
        Rows of ``TruthSource`` with ``sersicIndex``, ``halfLightRadius``, ``axisRatio``, ``positionAngle``.
    positions : (n, 2) float [pixel]
        x and y.
    flux : (n,) float [electron]
        Fluxes.
    psf : PsfField
        The PSF.
    pixel_scale : float [arcsec]
        Size of a pixel.
    north : float [deg]
        Angle from +x to the direction of North, towards +y; East is 90 degrees further.
    bright : float [electron]
        Galaxies above this flux are drawn with GalSim's default accuracy, fainter ones less finely.

    Returns
    -------
    (ny, nx) float [electron]
    """
    image = galsim.ImageD(shape[1], shape[0], xmin=0, ymin=0)
    axis_angle = north + np.asarray(galaxies["positionAngle"], dtype=float)
    axis_ratio = np.asarray(galaxies["axisRatio"], dtype=float)
    radius = np.asarray(galaxies["halfLightRadius"], dtype=float) / pixel_scale
    index = np.asarray(galaxies["sersicIndex"], dtype=float)
    for k, (x, y) in enumerate(positions):
        params = None if flux[k] > bright else _FAINT
        galaxy = galsim.Sersic(
            n=index[k],
            half_light_radius=radius[k],
            flux=flux[k],
            trunc=_TRUNCATION * radius[k],
            gsparams=params,
        ).shear(q=axis_ratio[k], beta=axis_angle[k] * galsim.degrees)
        seen = galsim.Convolve(galaxy, psf.profile_at(x, y, gsparams=params))
        _add(image, seen, float(x), float(y))
    return np.array(image.array)


def _add(image: galsim.ImageD, profile: galsim.GSObject, x: float, y: float) -> None:
    half = profile.getGoodImageSize(1.0) // 2
    column, row = round(x), round(y)
    bounds = galsim.BoundsI(column - half, column + half, row - half, row + half) & image.bounds
    if bounds.isDefined():
        profile.drawImage(
            image=image[bounds], center=galsim.PositionD(x, y), add_to_image=True, scale=1.0, method="auto"
        )
