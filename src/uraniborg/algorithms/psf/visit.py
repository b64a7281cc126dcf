"""One point-spread function for all detectors of a visit, for those with too few stars of their own.

The model's polynomial runs over the focal plane; for each detector it is written exactly as a polynomial of its pixels.
Detectors must have parallel axes, as grids are not turned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.psf.fit import PsfFit, fit_stamps
from uraniborg.algorithms.psf.stars import StarStamps
from uraniborg.core.errors import UserError
from uraniborg.core.pixelgrid import PsfModel, polynomial_terms

__all__ = ("VisitPsf", "fit_visit_psf", "in_other_pixels")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VisitPsf:
    """A point-spread function over a focal plane.

    Attributes
    ----------
    fit : PsfFit
        In focal-plane coordinates [pixel]; its arrays hold the stars of all detectors, in order.
    detector : (n,) int
        Row of the detector of each star.
    matrices : (d, 2, 2) float
        Derivatives of focal-plane position by pixel position.
    offsets : (d, 2) float [pixel]
        Focal-plane position of each detector's first pixel.
    """

    fit: PsfFit
    detector: NDArray[np.intp]
    matrices: Floats
    offsets: Floats

    def on_detector(self, row: int, shape: tuple[int, int]) -> PsfModel:
        """Return the model in the pixels of a detector with (rows, columns) ``shape``."""
        center, scale = ((shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0), (shape[1] / 2.0, shape[0] / 2.0)
        return in_other_pixels(self.fit.model, self.matrices[row], self.offsets[row], center=center, scale=scale)


def in_other_pixels(
    model: PsfModel, matrix: Floats, offset: Floats, *, center: tuple[float, float], scale: tuple[float, float]
) -> PsfModel:
    """Return a model as a polynomial of other coordinates, without loss.

    Parameters
    ----------
    model : PsfModel
        In coordinates X.
    matrix : (2, 2) float
    offset : (2,) float [pixel]
        X = offset + matrix x.
    center, scale : pair of float [pixel]
        Of the new polynomial in x.

    Returns
    -------
    PsfModel
        In coordinates x.
    """
    steps = np.linspace(-1.0, 1.0, model.order + 2)
    u, v = (side.ravel() for side in np.meshgrid(steps, steps))
    points = np.column_stack([center[0] + u * scale[0], center[1] + v * scale[1]]) @ matrix.T + offset
    old = polynomial_terms(
        (points[:, 0] - model.center[0]) / model.scale[0],
        (points[:, 1] - model.center[1]) / model.scale[1],
        model.order,
    )
    change = np.linalg.lstsq(polynomial_terms(u, v, model.order), old)[0]
    changed = (change @ model.coefficients.reshape(len(change), -1)).reshape(model.coefficients.shape)
    return replace(model, coefficients=changed, center=center, scale=scale)


def fit_visit_psf(
    stars: Sequence[StarStamps],
    matrices: Floats,
    offsets: Floats,
    *,
    fwhm: float,
    max_order: int = 3,
    n_iterations: int = 4,
) -> VisitPsf:
    """Fit the stars of all detectors together.

    Parameters
    ----------
    stars : sequence of StarStamps
        Stars of each detector, stamps of one size, positions in its pixels.
    matrices : (d, 2, 2) float
    offsets : (d, 2) float [pixel]
        Focal-plane position = offset + matrix times pixel position. The matrices must be near the identity: the axes of
        detectors that are turned or mirrored differ.
    fwhm : float [pixel]
        First guess of the width.
    max_order, n_iterations : int
        As for `uraniborg.algorithms.psf.fit_psf`.

    Returns
    -------
    VisitPsf

    Raises
    ------
    UserError
        If a detector is turned or mirrored.
    AlgorithmError
        If no star can be fitted.
    """
    away = np.abs(matrices - np.eye(2)).max(axis=(1, 2))
    if (away > 0.02).any():
        row = int(np.argmax(away))
        raise UserError(
            f"detector {row} is turned against the focal plane (matrix {matrices[row].tolist()}); fit detectors of "
            "each orientation apart"
        )
    detector = np.concatenate([np.full(len(part.x0), row) for row, part in enumerate(stars)])
    places = np.concatenate(
        [np.column_stack([part.x0, part.y0]) @ matrices[row].T + offsets[row] for row, part in enumerate(stars)]
    )
    corner = np.floor(places.min(axis=0))
    whole = np.round(places - corner)  # stamps are centred on whole pixels, also on the focal plane
    columns = {name: np.concatenate([getattr(part, name) for part in stars]) for name in StarStamps.__slots__}
    joined = StarStamps(**(columns | {"x0": whole[:, 0], "y0": whole[:, 1]}))
    field = (int(whole[:, 0].max()) + 1, int(whole[:, 1].max()) + 1)
    fit = fit_stamps(joined, field, fwhm=fwhm, max_order=max_order, n_iterations=n_iterations)
    moved = replace(fit, model=fit.model.shifted(*corner), x=fit.x + corner[0], y=fit.y + corner[1])
    return VisitPsf(moved, detector, np.asarray(matrices, float), np.asarray(offsets, float))
