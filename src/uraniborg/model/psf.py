"""Point-spread functions on their way into and out of `lsst.images`, and stamps of any of them.

A `PsfModel` is stored as a Piff solution (`PixelGrid` in a `BasisPolynomial`) inside `PiffWrapper`, so that plain
`lsst.images` opens and draws it without this package; see docs/design/0002-psf-persistence.md.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from lsst.images import Bounds
from lsst.images.cells import CellPointSpreadFunction
from lsst.images.psfs import GaussianPointSpreadFunction, PiffWrapper, PointSpreadFunction
from numpy.typing import ArrayLike, NDArray

from uraniborg.core.errors import UserError
from uraniborg.core.pixelgrid import LANCZOS_ORDER, CellPsf, PointSpread, PsfModel

__all__ = ("from_lsst", "stamps", "to_lsst")

type Floats = NDArray[np.float64]


def to_lsst(model: PsfModel, bounds: Bounds, *, origin: tuple[float, float] = (0.0, 0.0)) -> PiffWrapper:
    """Return a model as a type that `lsst.images` stores.

    Parameters
    ----------
    model : PsfModel
        Model in array coordinates.
    bounds : lsst.images.Bounds
        Region where it may be evaluated, in the coordinates of the image (not of the array).
    origin : pair of float [pixel]
        Image coordinates (x, y) of the array's first pixel.

    Returns
    -------
    lsst.images.psfs.PiffWrapper
        Its images equal those of `PsfModel.evaluate` to about 1e-6 of the peak.
    """
    import galsim
    import piff

    placed = model.shifted(*origin)
    side = placed.coefficients.shape[-1]
    grid = piff.PixelGrid(placed.sampling, side, interp=f"Lanczos({LANCZOS_ORDER})", centered=True)
    interpolation = piff.BasisPolynomial(placed.order)
    interpolation.q = _raw_polynomials(placed)
    solution = piff.SimplePSF(grid, interpolation)
    solution.wcs, solution.pointing = {0: galsim.PixelScale(1.0)}, None
    solution.stars = []
    return PiffWrapper(solution, bounds, placed.stamp_size)


def _powers(order: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]


def _raw_polynomials(model: PsfModel) -> Floats:
    """Return the coefficients (g * g, n_terms) of powers of pixel positions instead of scaled ones."""
    powers = _powers(model.order)
    change = np.zeros((len(powers), len(powers)))
    for row, (i, j) in enumerate(powers):  # ((x - cx) / sx)^i ((y - cy) / sy)^j, by the binomial theorem
        for a in range(i + 1):
            for b in range(j + 1):
                x_part = math.comb(i, a) * (-model.center[0]) ** (i - a) / model.scale[0] ** i
                y_part = math.comb(j, b) * (-model.center[1]) ** (j - b) / model.scale[1] ** j
                change[row, powers.index((a, b))] = x_part * y_part
    flat = model.coefficients.reshape(len(powers), -1) / model.coefficients[0].sum()
    return np.ascontiguousarray(flat.T @ change)


def from_lsst(psf: PointSpreadFunction, *, origin: tuple[float, float] = (0.0, 0.0)) -> PsfModel | CellPsf:
    """Return what can be evaluated fast, in array coordinates.

    Parameters
    ----------
    psf : lsst.images.psfs.PointSpreadFunction
        A `PiffWrapper` around a pixel grid (as written by `to_lsst`), a Gaussian, or a coadd's cells.
    origin : pair of float [pixel]
        Image coordinates (x, y) of the array's first pixel, ``image.bbox.x.start`` and ``image.bbox.y.start``.

    Returns
    -------
    PsfModel or CellPsf

    Raises
    ------
    UserError
        If the type is none of these.
    """
    match psf:
        case GaussianPointSpreadFunction():
            return _from_gaussian(psf.sigma, psf.kernel_bbox.x.size)
        case CellPointSpreadFunction():
            return _from_cells(psf).shifted(-origin[0], -origin[1])
        case PiffWrapper():
            return _from_piff(psf).shifted(-origin[0], -origin[1])
    raise UserError(f"no fast evaluation of a {type(psf).__name__}; convert it to a pixel grid first")


def _from_gaussian(sigma: float, size: int) -> PsfModel:
    """Sample a Gaussian finely enough that interpolation adds nothing to it."""
    sampling = min(1.0, sigma / 4.0)
    side = 2 * math.ceil((size // 2 + 1) / sampling + LANCZOS_ORDER) + 1
    line = np.exp(-0.5 * ((np.arange(side) - side // 2) * sampling / sigma) ** 2)
    grid = np.outer(line, line)
    return PsfModel((grid / grid.sum())[None], 0, (0.0, 0.0), (1.0, 1.0), sampling, size)


def _from_cells(psf: CellPointSpreadFunction) -> CellPsf:
    start, grid = psf.bounds.subgrid_start, psf.grid
    stop = psf.bounds.subgrid_stop
    width, height = grid.cell_shape.x, grid.cell_shape.y
    box = psf.kernel_bbox
    images = np.full((stop.i - start.i, stop.j - start.j, box.y.size, box.x.size), np.nan)
    for cell in psf.bounds.cell_indices():  # cells of a patch, not pixels
        if cell not in psf.bounds.missing:
            images[cell.i - start.i, cell.j - start.j] = psf[cell].array
    origin = (grid.bbox.x.start + start.j * width - 0.5, grid.bbox.y.start + start.i * height - 0.5)
    return CellPsf(images, origin, (float(width), float(height)))


def _from_piff(psf: PiffWrapper) -> PsfModel:
    solution: Any = psf.piff_psf
    names = tuple(type(getattr(solution, name, None)).__name__ for name in ("model", "interp"))
    if names != ("PixelGrid", "BasisPolynomial"):
        raise UserError(
            f"no fast evaluation of the Piff solution {names}; only a PixelGrid in a BasisPolynomial has one"
        )
    grid, interpolation = solution.model, solution.interp
    orders = {interpolation._max_order, *interpolation._orders}
    lanczos = re.search(r"Lanczos\((\d+)", repr(grid.interp))
    if len(orders) != 1 or tuple(interpolation._keys) != ("u", "v"):
        raise UserError(f"no fast evaluation of orders {interpolation._orders} in the keys {interpolation._keys}")
    if lanczos is None or int(lanczos.group(1)) != LANCZOS_ORDER or solution.wcs[0].scale != 1.0:
        raise UserError(f"the solution is not on pixels with Lanczos({LANCZOS_ORDER}): {grid.interp}, {solution.wcs}")
    coefficients = np.asarray(interpolation.q, np.float64).T.reshape(-1, grid.size, grid.size)
    box = psf.bounds.bbox
    center = ((box.x.start + box.x.stop - 1) / 2.0, (box.y.start + box.y.stop - 1) / 2.0)
    scale = (box.x.size / 2.0, box.y.size / 2.0)
    raw = PsfModel(coefficients, int(orders.pop()), (0.0, 0.0), (1.0, 1.0), float(grid.scale), psf.kernel_bbox.x.size)
    return _rescaled(raw, center, scale)


def _rescaled(model: PsfModel, center: tuple[float, float], scale: tuple[float, float]) -> PsfModel:
    """Write a polynomial in raw positions in scaled ones, which loses no digits on large images."""
    powers = _powers(model.order)
    change = np.zeros((len(powers), len(powers)))
    for row, (i, j) in enumerate(powers):  # x = center + scale * u
        for a in range(i + 1):
            for b in range(j + 1):
                x_part = math.comb(i, a) * center[0] ** (i - a) * scale[0] ** a
                y_part = math.comb(j, b) * center[1] ** (j - b) * scale[1] ** b
                change[row, powers.index((a, b))] = x_part * y_part
    flat = change.T @ model.coefficients.reshape(len(powers), -1)
    return PsfModel(
        flat.reshape(model.coefficients.shape), model.order, center, scale, model.sampling, model.stamp_size
    )


def stamps(psf: PointSpreadFunction, x: ArrayLike, y: ArrayLike, *, size: int | None = None) -> Floats:
    """Return images of point sources of unit flux, centred on given positions.

    Parameters
    ----------
    psf : lsst.images.psfs.PointSpreadFunction
        Any type; those of `from_lsst` are fast.
    x, y : (n,) float [pixel]
        Positions in the coordinates of the image.
    size : int, optional [pixel]
        Side of the stamps (odd): smaller cuts the rim off, larger adds zeros. That of the model by default.

    Returns
    -------
    (n, size, size) float
        Indexed ``[n, y, x]``; the central pixel is the one that the position lies in; NaN where there is no model.
    """
    xs, ys = (np.atleast_1d(np.asarray(values, float)) for values in (x, y))
    try:
        fast: PointSpread | None = from_lsst(psf)
    except UserError:
        fast = None
    if fast is not None:
        images = fast.evaluate(xs, ys)
    else:
        images = np.stack([psf.compute_stellar_image(x=a, y=b).array for a, b in zip(xs, ys, strict=True)])
    return images if size is None else _resized(images, size)


def _resized(images: Floats, size: int) -> Floats:
    change = (size - images.shape[-1]) // 2
    if change >= 0:
        return np.pad(images, ((0, 0), (change, change), (change, change)))
    return images[:, -change:change, -change:change]
