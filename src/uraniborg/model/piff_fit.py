"""Piff as another way to fit a point-spread function, behind the same interface as ours.

It is slower by a factor of a hundred and serves as an independent check.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from lsst.images import Box
from lsst.images.psfs import PiffWrapper
from numpy.typing import NDArray

from uraniborg.algorithms.psf import PsfFit, fit_psf, radial_fwhm
from uraniborg.algorithms.psf.analytic import stamp_size_for
from uraniborg.algorithms.psf.stars import StarStamps, cut_stamps
from uraniborg.core.errors import AlgorithmError, UserError
from uraniborg.core.pixelgrid import LANCZOS_ORDER, PsfModel
from uraniborg.model.psf import from_lsst

__all__ = ("PSF_FITTERS", "fit_piff", "psf_fitter")

_STARS_FOR_ORDER = (1, 8, 20, 60)


def psf_fitter(name: str) -> Callable[..., PsfFit]:
    """Return a function with the interface of `uraniborg.algorithms.psf.fit_psf`.

    Raises
    ------
    UserError
        If there is none of this name.
    """
    if name not in PSF_FITTERS:
        raise UserError(f"no fit of point-spread functions {name!r}; there are {sorted(PSF_FITTERS)}")
    return PSF_FITTERS[name]


def fit_piff(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    *,
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    unusable: NDArray[np.bool_] | None = None,
    max_order: int = 2,
    fwhm: float = 4.0,
    max_stars: int = 100,
    n_iterations: int = 4,
) -> PsfFit:
    """Fit a `piff.PixelGrid` in a `piff.BasisPolynomial`.

    Parameters
    ----------
    image, variance : (ny, nx) float
        Background-subtracted image and its variance.
    x, y : (n,) float [pixel]
        Stars, best first: where there are more than ``max_stars`` the first ones are used.
    unusable : (ny, nx) bool, optional
        Pixels not to use.
    max_order : int
        Order of the polynomial; lower where stars are few.
    fwhm : float [pixel]
        First guess of the width.
    max_stars, n_iterations : int
        Largest number of stars, and of rounds with rejection of outliers.

    Returns
    -------
    uraniborg.algorithms.psf.PsfFit

    Raises
    ------
    AlgorithmError
        If there is no star, or if Piff finds no solution.
    """
    import galsim
    import piff

    stamps = cut_stamps(image, variance, unusable, x=x[:max_stars], y=y[:max_stars], size=stamp_size_for(fwhm))
    whole = np.flatnonzero(np.mean(np.isfinite(stamps.variance), axis=(1, 2)) > 0.7)
    if not whole.size:
        raise AlgorithmError("no star to fit a point-spread function to; lower the limits of the selection", n_stars=0)
    order = max(n for n in range(max_order + 1) if whole.size >= _STARS_FOR_ORDER[n] or n == 0)
    size = stamps.data.shape[-1]
    grid = piff.PixelGrid(1.0, size, interp=f"Lanczos({LANCZOS_ORDER})", centered=True)
    solution = piff.SimplePSF(
        grid, piff.BasisPolynomial(order), outliers=piff.ChisqOutliers(nsigma=5), max_iter=n_iterations
    )
    wcs = {0: galsim.PixelScale(1.0)}
    stars = [_star(stamps, int(row), wcs[0]) for row in whole]
    try:
        solution.fit(stars, wcs, None)
    except (RuntimeError, ValueError, np.linalg.LinAlgError) as error:
        raise AlgorithmError(f"Piff found no solution: {error}", n_stars=len(stars)) from error
    box = Box.from_shape(image.shape)
    model = from_lsst(PiffWrapper(solution, box, size - 2))
    assert isinstance(model, PsfModel)
    return _collect(solution, model, whole, n_candidates=len(x), max_order=max_order)


def _star(stamps: StarStamps, row: int, wcs: object) -> object:
    """Return one star as Piff wants it."""
    import galsim
    import piff

    half = stamps.data.shape[-1] // 2
    corner = (int(stamps.x0[row]) - half, int(stamps.y0[row]) - half)
    usable = np.isfinite(stamps.variance[row])
    weight = np.where(usable, 1.0 / np.where(usable, stamps.variance[row], 1.0), 0.0)
    planes = [
        galsim.Image(np.ascontiguousarray(values), xmin=corner[0], ymin=corner[1], wcs=wcs)
        for values in (stamps.data[row], weight)
    ]
    place = galsim.PositionD(stamps.x0[row] + stamps.dx[row], stamps.y0[row] + stamps.dy[row])
    return piff.Star(piff.StarData(planes[0], place, weight=planes[1]), None)


def _collect(solution: object, model: PsfModel, rows: NDArray[np.intp], *, n_candidates: int, max_order: int) -> PsfFit:
    """Return Piff's stars in the arrays of `PsfFit`."""
    x, y, flux, chi2 = (np.full(n_candidates, np.nan) for _ in range(4))
    used = np.zeros(n_candidates, bool)
    for row, star in zip(rows, solution.stars, strict=True):  # type: ignore[attr-defined]
        x[row], y[row] = star.image_pos.x + star.fit.center[0], star.image_pos.y + star.fit.center[1]
        flux[row], chi2[row] = star.fit.flux, star.fit.chisq / max(star.fit.dof, 1)
        used[row] = not (star.is_flagged or star.is_reserve)
    if not used.any():
        raise AlgorithmError("every star was rejected from the point-spread fit", n_candidates=n_candidates)
    reason = f"{int(used.sum())} stars" if model.order < max_order else ""
    return PsfFit(
        model=model,
        order=model.order,
        n_stars=int(used.sum()),
        n_candidates=n_candidates,
        used=used,
        x=x,
        y=y,
        flux=flux,
        chi2=chi2,
        chi2_dof=float(np.median(chi2[used])),
        fwhm=float(np.median(radial_fwhm(model.evaluate(np.floor(x[used] + 0.5), np.floor(y[used] + 0.5))))),
        reason=reason,
    )


PSF_FITTERS: dict[str, Callable[..., PsfFit]] = {"pixel_grid": fit_psf, "piff": fit_piff}
"""Ways to fit a point-spread function, by the name that a configuration gives."""
