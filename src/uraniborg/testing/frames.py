"""Small exposures of SimCam written to files, for tests of ingest and of whatever starts from files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from astropy.io import fits

from uraniborg.instruments.base import MEMBERS, Member
from uraniborg.instruments.simcam.headers import (
    DQ_BITS,
    SimCamExposure,
    SimCamGeometry,
    file_name,
    make_headers,
)

__all__ = ("TINY_GEOMETRY", "tiny_exposure", "write_raw", "write_triplet")

TINY_GEOMETRY = SimCamGeometry(columns=2, rows=1, width=40, height=32, gap=4)
"""Two detectors of 40 x 32 pixels."""

_SENSOR = {"gain": 1.5, "read_noise": 6.0, "saturation": 50000.0, "fwhm": 3.5, "sky_level": 200.0}


def tiny_exposure(
    number: int, *, physical_filter: str = "r_sim", ra: float = 150.0, dec: float = 2.0
) -> SimCamExposure:
    """Return what all detectors of one exposure share; exposures start a minute apart.

    Parameters
    ----------
    number : int
        Number of the exposure.
    physical_filter : str, optional
        Filter.
    ra, dec : float, optional [deg]
        Boresight.
    """
    return SimCamExposure(
        exposure=number,
        physical_filter=physical_filter,
        ra=ra,
        dec=dec,
        mjd_begin=61000.2 + number / 1440.0,
        field="tiny",
        seed=number,
    )


def write_triplet(
    folder: Path, exposure: SimCamExposure, detector: int = 0, *, geometry: SimCamGeometry = TINY_GEOMETRY
) -> dict[Member, Path]:
    """Write image, weight and data quality of one detector: sky and noise, and one pixel of each quality bit.

    Parameters
    ----------
    folder : pathlib.Path
        Where to write; made if needed.
    exposure : SimCamExposure
        The exposure; its seed makes the noise.
    detector : int, optional
        Number of the detector.
    geometry : SimCamGeometry, optional
        The camera.

    Returns
    -------
    dict of str to pathlib.Path
    """
    rng = np.random.default_rng([exposure.seed, detector])
    shape = (geometry.height, geometry.width)
    electrons = rng.poisson(_SENSOR["sky_level"] * _SENSOR["gain"], shape) + rng.normal(0, _SENSOR["read_noise"], shape)
    variance = _SENSOR["sky_level"] / _SENSOR["gain"] + (_SENSOR["read_noise"] / _SENSOR["gain"]) ** 2
    dq = np.zeros(shape, dtype=np.int32)
    dq[3, : len(DQ_BITS)] = list(DQ_BITS.values())
    weight = np.where(dq == 0, 1.0 / variance, 0.0).astype(np.float32)
    pixels = {"image": (electrons / _SENSOR["gain"]).astype(np.float32), "weight": weight, "dq": dq}
    folder.mkdir(parents=True, exist_ok=True)
    paths: dict[Member, Path] = {}
    for member in MEMBERS:
        primary, extension = make_headers(exposure, detector, member, geometry=geometry, **_SENSOR)
        paths[member] = folder / file_name(exposure.exposure, detector, member)
        hdus = fits.HDUList([fits.PrimaryHDU(header=primary), fits.ImageHDU(pixels[member], header=extension)])
        hdus.writeto(paths[member], overwrite=True)
    return paths


def write_raw(
    folder: Path,
    exposure: SimCamExposure,
    detectors: Iterable[int] = (0,),
    *,
    geometry: SimCamGeometry = TINY_GEOMETRY,
) -> Path:
    """Write raw frames of one or several detectors to one multi-extension file.

    Parameters
    ----------
    folder : pathlib.Path
        Where to write; made if needed.
    exposure : SimCamExposure
        The exposure; its seed makes the noise.
    detectors : iterable of int, optional
        Numbers of the detectors; the pixels of detector ``n`` are around ``1000 + 100 n``.
    geometry : SimCamGeometry, optional
        The camera.

    Returns
    -------
    pathlib.Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    hdus = fits.HDUList([fits.PrimaryHDU()])
    for detector in detectors:
        rng = np.random.default_rng([exposure.seed, detector, 1])
        pixels = rng.normal(1000.0 + 100.0 * detector, 5.0, (geometry.height, geometry.width)).astype(np.uint16)
        primary, extension = make_headers(exposure, detector, "image", geometry=geometry, **_SENSOR)
        hdus[0].header.update(primary)
        hdus.append(fits.ImageHDU(pixels, header=extension))
    hdus[0].header["PRODTYPE"] = "raw"
    path = folder / f"simcam_{exposure.exposure:011d}_raw.fits"
    hdus.writeto(path, overwrite=True)
    return path
