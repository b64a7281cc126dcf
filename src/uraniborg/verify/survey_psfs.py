"""Point-spread models that another pipeline made of the same exposures: PSFEx files of the Legacy Surveys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("evaluate_psfex", "read_survey_psfs")


def evaluate_psfex(path: Path, *, x: float, y: float) -> NDArray[np.float64]:
    """Return the image of a PSFEx model at a position.

    A model is a polynomial in two scaled coordinates with an image for each term; the terms are those of total degree
    up to the file's, the power of the first coordinate running fastest (Bertin 2011, ASP Conf. Ser. 442, 435).

    Parameters
    ----------
    path : pathlib.Path
        File with a table of one row, whose column ``psf_mask`` holds the images.
    x, y : float [pixel]
        Position in the coordinates of the file's polynomial.

    Returns
    -------
    (s, s) float
        Of sum 1, with one pixel of the exposure a pixel.

    Raises
    ------
    UserError
        If the file is not such a model.
    """
    with fits.open(path) as file:
        table = file[1]
        header, images = table.header, np.asarray(table.data["psf_mask"][0], dtype=float)
    if header.get("PSF_SAMP") != 1.0 or header.get("POLNGRP") != 1:
        raise UserError(
            f"{path}: only models of one polynomial, sampled in pixels of the exposure, are read; this one has "
            f"PSF_SAMP = {header.get('PSF_SAMP')}, POLNGRP = {header.get('POLNGRP')}"
        )
    degree = int(header["POLDEG1"])
    u = (x - header["POLZERO1"]) / header["POLSCAL1"]
    v = (y - header["POLZERO2"]) / header["POLSCAL2"]
    terms = np.array([u**i * v**j for j in range(degree + 1) for i in range(degree + 1 - j)])
    if len(terms) != len(images):
        raise UserError(f"{path}: {len(images)} images for the {len(terms)} terms of degree {degree}")
    image = np.tensordot(terms, images, axes=1)
    return image / image.sum()


def read_survey_psfs(folder: Path) -> dict[int, NDArray[np.float64]]:
    """Return another pipeline's point-spread image in the middle of each exposure of a folder.

    Parameters
    ----------
    folder : pathlib.Path
        Legacy Surveys exposures ``*_ooi_*.CCD.fits`` with models ``*_ooi_*-CCD-psfex.fits`` beside them.

    Returns
    -------
    dict of int to (s, s) float
        By exposure number; empty if there are no models.
    """
    found = {}
    for path in sorted(folder.glob("*_ooi_*-psfex.fits")):
        stem, ccd = path.name.removesuffix("-psfex.fits").rsplit("-", 1)
        with fits.open(path.with_name(f"{stem}.{ccd}.fits")) as exposure:
            headers = [part.header for part in exposure]
            height, width = next(part.shape for part in exposure if len(part.shape) == 2)
        visit = next(int(header["EXPNUM"]) for header in headers if "EXPNUM" in header)
        found[visit] = evaluate_psfex(path, x=(width + 1) / 2.0, y=(height + 1) / 2.0)
    return found
