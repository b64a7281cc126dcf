"""The point-spread function: first guess, selection of stars, model, its size."""

from uraniborg.algorithms.psf.analytic import elliptical_moffat, gaussian_psf
from uraniborg.algorithms.psf.fit import PsfFit, fit_psf, fit_stamps
from uraniborg.algorithms.psf.select import StarSelection, select_stars
from uraniborg.algorithms.psf.shape import PsfShape, gaussian_fwhm, psf_shape, radial_fwhm
from uraniborg.core.pixelgrid import CellPsf, PointSpread, PsfModel

__all__ = (
    "CellPsf",
    "PointSpread",
    "PsfFit",
    "PsfModel",
    "PsfShape",
    "StarSelection",
    "elliptical_moffat",
    "fit_psf",
    "fit_stamps",
    "gaussian_fwhm",
    "gaussian_psf",
    "psf_shape",
    "radial_fwhm",
    "select_stars",
)
