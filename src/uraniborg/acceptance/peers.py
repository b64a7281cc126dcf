"""SExtractor and PSFEx on the survey frame, where they are installed: CPU seconds, and a catalogue to judge."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from uraniborg.acceptance.survey_accuracy import FrameCatalogue
from uraniborg.acceptance.survey_frame import SurveyFrame, draw_moffats, enclosed_light
from uraniborg.core.errors import Unprocessable

__all__ = ("PsfexRun", "SExtractorRun", "run_psfex", "run_sextractor")

_COLUMNS = (
    "NUMBER X_IMAGE Y_IMAGE XWIN_IMAGE YWIN_IMAGE ERRAWIN_IMAGE FLUX_AUTO FLUXERR_AUTO FLUX_APER(6) FLUXERR_APER(6) "
    "X2_IMAGE Y2_IMAGE XY_IMAGE FLUX_RADIUS ELONGATION SNR_WIN FLAGS BACKGROUND CLASS_STAR"
)
_RADIUS = 12.0
_SHARE = Path("/usr/share/source-extractor")
_SETTINGS = """CATALOG_TYPE FITS_LDAC
PARAMETERS_NAME columns.param
FILTER Y
FILTER_NAME psf.conv
STARNNW_NAME {share}/default.nnw
DETECT_MINAREA 1
DETECT_THRESH {threshold:.4f}
ANALYSIS_THRESH {threshold:.4f}
WEIGHT_TYPE NONE
PHOT_APERTURES 6,12,18,24,34,50
SATUR_LEVEL {saturation}
GAIN 1.0
SEEING_FWHM 0.8
PIXEL_SCALE 0.2
BACK_SIZE 128
CHECKIMAGE_NAME back.fits
MEMORY_OBJSTACK 30000
MEMORY_PIXSTACK 3000000
NTHREADS 1
VERBOSE_TYPE QUIET
"""


@dataclass(frozen=True, slots=True)
class SExtractorRun:
    """What SExtractor made of a frame.

    Attributes
    ----------
    catalogue : FrameCatalogue
        Windowed centroids, fluxes within 12 pixels brought to total light with the true profile.
    seconds : float [s]
        CPU time of one process on one thread, reading and writing included.
    sky_bias : float [standard deviation]
        Mean of its sky minus the true one, in units of the noise of a pixel.
    """

    catalogue: FrameCatalogue
    seconds: float
    sky_bias: float


@dataclass(frozen=True, slots=True)
class PsfexRun:
    """What PSFEx made of the stars of a frame.

    Attributes
    ----------
    seconds : float [s]
        CPU time of one process on one thread, without that of the catalogue of stars.
    terms : (k, s, s) float
        Stamps that the terms of the polynomial have.
    degree : int
        Degree of the polynomial in x and y.
    zero, scale : (2,) float [pixel]
        ``(position - zero) / scale`` are its arguments, positions counted from 0.
    """

    seconds: float
    terms: NDArray[np.float64]
    degree: int
    zero: NDArray[np.float64]
    scale: NDArray[np.float64]

    def evaluate(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the stamps at positions [pixel], (n, s, s)."""
        u, v = ((values - zero) / scale for values, zero, scale in zip((x, y), self.zero, self.scale, strict=True))
        powers = [(i, j) for j in range(self.degree + 1) for i in range(self.degree + 1 - j)]
        return np.asarray(
            np.stack([u**i * v**j for i, j in powers], axis=1) @ self.terms.reshape(len(powers), -1)
        ).reshape(len(u), *self.terms.shape[1:])


def _cpu_seconds(command: list[str], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _need(*programs: str) -> None:
    missing = [name for name in programs if shutil.which(name) is None]
    if missing or not _SHARE.is_dir():
        raise Unprocessable(
            f"{', '.join(missing) or _SHARE} not installed (Debian: apt install source-extractor psfex)"
        )


def _prepare(frame: SurveyFrame, folder: Path, columns: str) -> list[str]:
    kernel = np.zeros((15, 15))
    shape = np.array([[frame.config.fwhm, 0.0, 0.0]])
    draw_moffats(kernel, np.full(1, 7.0), np.full(1, 7.0), np.ones(1), shape, frame.config.beta, 1e-9)
    lines = [" ".join(f"{value:.6f}" for value in row) for row in kernel / kernel.max()]
    (folder / "psf.conv").write_text("\n".join(["CONV NORM", *lines, ""]))
    # A signal-to-noise ratio of 5 after filtering, in units of the noise of a pixel before it.
    threshold = 5.0 * float(np.sqrt(np.sum((kernel / kernel.sum()) ** 2)))
    (folder / "columns.param").write_text("\n".join([*columns.split(), ""]))
    settings = _SETTINGS.format(share=_SHARE, threshold=threshold, saturation=frame.config.full_well)
    (folder / "frame.sex").write_text(settings)
    fits.writeto(folder / "image.fits", frame.image, overwrite=True)
    return ["source-extractor", "image.fits", "-c", "frame.sex"]


def run_sextractor(frame: SurveyFrame, folder: Path, *, repeats: int = 3) -> SExtractorRun:
    """Run SExtractor with a filter of the true profile at a signal-to-noise ratio of 5.

    Parameters
    ----------
    frame : SurveyFrame
        Frame.
    folder : pathlib.Path
        Empty folder for its files.
    repeats : int
        Runs of which the quickest counts.

    Raises
    ------
    Unprocessable
        If it is not installed.
    """
    _need("source-extractor")
    command = [*_prepare(frame, folder, _COLUMNS), "-CATALOG_NAME", "found.fits"]
    seconds = min(_cpu_seconds(command, folder) for _ in range(repeats))
    _cpu_seconds([*command, "-CHECKIMAGE_TYPE", "BACKGROUND"], folder)
    table = fits.getdata(folder / "found.fits", 2)
    noise = float(np.sqrt(frame.config.sky + frame.config.read_noise**2))
    bias = float(np.mean(fits.getdata(folder / "back.fits") - frame.sky)) / noise
    columns = {name: np.asarray(table[name], float) for name in ("XWIN_IMAGE", "YWIN_IMAGE", "ERRAWIN_IMAGE")}
    flux, error = (np.asarray(table[name], float)[:, 3] for name in ("FLUX_APER", "FLUXERR_APER"))
    whole = enclosed_light(frame.config, _RADIUS)
    flux, error = flux / whole, error / whole
    good = (np.asarray(table["FLAGS"]) & ~3) == 0
    x, y = columns["XWIN_IMAGE"] - 1.0, columns["YWIN_IMAGE"] - 1.0
    return SExtractorRun(FrameCatalogue(x, y, flux, good, error, columns["ERRAWIN_IMAGE"]), seconds, bias)


def run_psfex(frame: SurveyFrame, folder: Path, *, repeats: int = 2) -> PsfexRun:
    """Fit a model of degree 2 with PSFEx.

    Parameters
    ----------
    frame : SurveyFrame
        Frame.
    folder : pathlib.Path
        Empty folder for its files.
    repeats : int
        Runs of which the quickest counts.

    Raises
    ------
    Unprocessable
        If it is not installed.
    """
    _need("source-extractor", "psfex")
    _cpu_seconds([*_prepare(frame, folder, f"{_COLUMNS} VIGNET(35,35)"), "-CATALOG_NAME", "stars.fits"], folder)
    model = ["psfex", "stars.fits", "-NTHREADS", "1", "-PSFVAR_DEGREES", "2", "-CHECKPLOT_TYPE", "NONE"]
    model += ["-CHECKIMAGE_TYPE", "NONE", "-PSF_SIZE", "25,25", "-PSF_SAMPLING", "1.0", "-VERBOSE_TYPE", "QUIET"]
    seconds = min(_cpu_seconds(model, folder) for _ in range(repeats))
    with fits.open(folder / "stars.psf") as hdus:
        header, terms = hdus[1].header, np.array(hdus[1].data["PSF_MASK"][0], float)
    zero, scale = (np.array([header[f"{name}{axis}"] for axis in (1, 2)], float) for name in ("POLZERO", "POLSCAL"))
    return PsfexRun(seconds, terms, int(header["POLDEG1"]), zero - 1.0, scale)
