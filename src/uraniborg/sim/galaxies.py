"""Sersic galaxies through the PSF, drawn by GalSim onto the image of one detector."""

from __future__ import annotations

import galsim
import numpy as np
from astropy.table import Row, Table
from numpy.typing import NDArray

from uraniborg.sim.psf import PsfField

__all__ = ("draw_galaxies",)

_FAINT = galsim.GSParams(folding_threshold=1e-2, maxk_threshold=1e-2, kvalue_accuracy=1e-3)
_LEAST_SMEAR = 0.02  # a shorter smear is not seen [pixel]
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
    widths: NDArray[np.float64] | None = None,
    smear_angle: float = 0.0,
    jacobians: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the expected image of galaxies.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    galaxies : astropy.table.Table
        Rows of ``TruthSource`` with ``sersicIndex``, ``halfLightRadius``, ``axisRatio``, ``positionAngle``; where
        ``bulgeFraction`` is a number, ``bulgeRadius``, ``shear`` and ``shearAngle`` as well.
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
    widths : (n,) float [pixel], optional
        Standard deviation of each galaxy's light along the direction to the zenith, spread evenly by the air.
    smear_angle : float [deg]
        That direction, from +x towards +y.
    jacobians : (n, 2, 2) float [], optional
        Derivatives of the pixel position by the place on an undistorted tangent plane.

    Returns
    -------
    (ny, nx) float [electron]
    """
    image = galsim.ImageD(shape[1], shape[0], xmin=0, ymin=0)
    axis_angle = north + np.asarray(galaxies["positionAngle"], dtype=float)
    axis_ratio = np.asarray(galaxies["axisRatio"], dtype=float)
    radius = np.asarray(galaxies["halfLightRadius"], dtype=float) / pixel_scale
    index = np.asarray(galaxies["sersicIndex"], dtype=float)
    seeing = psf.parameters_at(positions) if psf.turbulence else None
    composite = "bulgeFraction" in galaxies.colnames and bool(np.any(np.isfinite(galaxies["bulgeFraction"])))
    for k, (x, y) in enumerate(positions):
        params = None if flux[k] > bright else _FAINT
        if composite:
            galaxy = _bulge_and_disc(galaxies[k], flux[k], pixel_scale, axis_angle[k], north, params)
        else:
            galaxy = _sersic(index[k], radius[k], flux[k], params).shear(
                q=axis_ratio[k], beta=axis_angle[k] * galsim.degrees
            )
        if jacobians is not None:
            matrix = jacobians[k]
            galaxy = galaxy.transform(*matrix.ravel()) / abs(np.linalg.det(matrix))
        shape_here = psf.parameters(x, y) if seeing is None else seeing[k]
        parts = [galaxy, psf.profile_of(shape_here, gsparams=params)]
        if widths is not None and widths[k] > _LEAST_SMEAR:
            line = galsim.Box(np.sqrt(12.0) * widths[k], _LEAST_SMEAR, gsparams=params)
            parts.append(line.rotate(smear_angle * galsim.degrees))
        _add(image, galsim.Convolve(parts), float(x), float(y))
    return np.array(image.array)


def _sersic(index: float, radius: float, flux: float, params: galsim.GSParams | None) -> galsim.GSObject:
    return galsim.Sersic(
        n=index, half_light_radius=radius, flux=flux, trunc=_TRUNCATION * radius, gsparams=params
    )


def _bulge_and_disc(
    row: Row, flux: float, pixel_scale: float, axis_angle: float, north: float, params: galsim.GSParams | None
) -> galsim.GSObject:
    share, q = float(row["bulgeFraction"]), float(row["axisRatio"])
    angle = axis_angle * galsim.degrees
    parts = []
    if share < 1.0:
        disc = _sersic(1.0, float(row["halfLightRadius"]) / pixel_scale, flux * (1.0 - share), params)
        parts.append(disc.shear(q=q, beta=angle))
    if share > 0.0:
        bulge = _sersic(4.0, float(row["bulgeRadius"]) / pixel_scale, flux * share, params)
        parts.append(bulge.shear(q=np.sqrt(q), beta=angle))
    galaxy = galsim.Add(parts) if len(parts) > 1 else parts[0]
    if row["shear"]:
        galaxy = galaxy.shear(g=float(row["shear"]), beta=(north + float(row["shearAngle"])) * galsim.degrees)
    return galaxy


def _add(image: galsim.ImageD, profile: galsim.GSObject, x: float, y: float) -> None:
    half = profile.getGoodImageSize(1.0) // 2
    column, row = round(x), round(y)
    bounds = galsim.BoundsI(column - half, column + half, row - half, row + half) & image.bounds
    if bounds.isDefined():
        profile.drawImage(
            image=image[bounds], center=galsim.PositionD(x, y), add_to_image=True, scale=1.0, method="auto"
        )
