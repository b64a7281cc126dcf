"""Detect objects on the coadds of several bands and measure all of them in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from lsst.images import Box
from lsst.images.cells import CellCoadd
from numpy.typing import NDArray

from uraniborg.algorithms.coadd import combine_significance, joint_threshold
from uraniborg.algorithms.detection import Footprints, matched_filter
from uraniborg.algorithms.detection.footprints import assemble_footprints
from uraniborg.algorithms.detection.peaks import find_peaks
from uraniborg.algorithms.measurement import MeasurementResult, measure_sources
from uraniborg.core.flags import MeasurementFlag, PixelBit
from uraniborg.core.pixelgrid import CellPsf
from uraniborg.model.masks import pixel_bits
from uraniborg.model.psf import from_lsst
from uraniborg.tasks.common.coadds import APERTURE_CORRECTION, union_box

__all__ = ("BandPlanes", "ObjectDetections", "detect_objects", "load_bands", "measure_objects")


@dataclass(frozen=True, slots=True)
class BandPlanes:
    """One band of a patch, on the pixels that all bands share.

    Attributes
    ----------
    image, variance : (ny, nx) float32 [nJy, nJy^2]
        The variance holds the noise factor, so that it is right for fluxes and not for single pixels; 0 without data.
    bits : (ny, nx) uint8
        Bits of `uraniborg.core.flags.PixelBit`.
    psf : CellPsf
        In array coordinates.
    correction : lsst.images.cells.CellField
        Aperture correction of PSF fluxes, by position on the tract.
    origin : pair of float [pixel]
        Position (x, y) of the first pixel on the tract.
    n_visits : int
    """

    image: NDArray[np.float32]
    variance: NDArray[np.float32]
    bits: NDArray[np.uint8]
    psf: CellPsf
    correction: Any
    origin: tuple[float, float]
    n_visits: int


@dataclass(frozen=True, slots=True)
class ObjectDetections:
    """Footprints with, for each of their peaks, the band in which it is most significant (n_peaks,)."""

    footprints: Footprints
    best_band: NDArray[np.str_]


def load_bands(coadds: Sequence[CellCoadd]) -> tuple[Box, dict[str, BandPlanes]]:
    """Put the coadds of one patch on common pixels.

    Parameters
    ----------
    coadds : sequence of lsst.images.cells.CellCoadd
        One for each band.

    Returns
    -------
    box : lsst.images.Box
        The common pixels.
    bands : dict of str to BandPlanes
    """
    box = union_box(coadd.bbox for coadd in coadds)
    origin = (float(box.x.start), float(box.y.start))
    bands = {}
    for coadd in sorted(coadds, key=lambda coadd: str(coadd.band)):
        at = tuple(coadd.bbox.slice_within(box))
        image = np.full(tuple(box.shape), np.nan, dtype=np.float32)
        variance = np.zeros(image.shape, dtype=np.float32)
        bits = np.full(image.shape, int(PixelBit.NO_DATA), dtype=np.uint8)
        image[at] = coadd.image.array
        variance[at] = np.nan_to_num(coadd.variance.array) * float(coadd.metadata["noise_factor"])
        bits[at] = pixel_bits(coadd.mask)
        psf = from_lsst(coadd.psf, origin=origin)
        correction = coadd.aperture_corrections[APERTURE_CORRECTION]
        bands[str(coadd.band)] = BandPlanes(
            image, variance, bits, psf, correction, origin, int(coadd.metadata["n_visits"])
        )
    return box, bands


def detect_objects(bands: Mapping[str, BandPlanes], *, threshold: float, prominence: float) -> ObjectDetections:
    """Find objects of any colour.

    Parameters
    ----------
    bands : mapping of str to BandPlanes
        Coadds on common pixels.
    threshold : float [standard deviation]
        Significance in one band that noise would reach as often as it reaches the joint threshold used.
    prominence : float [standard deviation]
        As for `uraniborg.algorithms.detection.peaks.find_peaks`.

    Returns
    -------
    ObjectDetections
        ``peak_value`` is the joint significance.
    """
    planes = {
        band: matched_filter(
            planes.image,
            planes.variance,
            np.nanmean(planes.psf.images, axis=(0, 1)),
            unusable=(planes.bits & int(PixelBit.unusable())) != 0,
        )
        for band, planes in bands.items()
    }
    joint = combine_significance(list(planes.values()))
    level = joint_threshold(threshold, len(planes))
    x, y = find_peaks(joint, level, prominence=prominence)
    footprints = assemble_footprints(joint > level, x, y, peak_value=joint[y, x], sign=1)
    at_peaks = np.stack([plane[footprints.peak_y, footprints.peak_x] for plane in planes.values()])
    names = np.array(list(planes))
    best = names[np.argmax(at_peaks, axis=0)] if len(x) else names[:0]
    return ObjectDetections(footprints, best)


def measure_objects(bands: Mapping[str, BandPlanes], found: ObjectDetections) -> dict[str, MeasurementResult]:
    """Measure all objects in all bands at the positions that the best band of each gives.

    Parameters
    ----------
    bands : mapping of str to BandPlanes
        Coadds on common pixels.
    found : ObjectDetections
        Objects.

    Returns
    -------
    dict of str to MeasurementResult
        One for each band. Position, its errors and the centroid flags are those of the best band, in all of them.
    """
    peaks = found.footprints
    x, y = peaks.peak_x.astype(float), peaks.peak_y.astype(float)
    x_err, y_err = np.full(len(x), np.nan), np.full(len(x), np.nan)
    centroid = np.zeros(len(x), dtype=np.int32)
    wanted = int(MeasurementFlag.CENTROID_FAILED | MeasurementFlag.CENTROID_EDGE)
    for band, planes in bands.items():
        mine = found.best_band == band
        if mine.any():
            free = _measure(planes, peaks.peak_x, peaks.peak_y, peaks.peak_footprint, max_shift=2.0)
            x[mine], y[mine] = free.x[mine], free.y[mine]
            x_err[mine], y_err[mine] = free.x_err[mine], free.y_err[mine]
            centroid[mine] = free.flags[mine] & wanted
    results = {}
    for band, planes in bands.items():
        # No shift allowed: everything is measured at the position given.
        forced = _measure(planes, x, y, peaks.peak_footprint, max_shift=0.0)
        flags = (forced.flags & ~np.int32(wanted)) | centroid
        results[band] = replace(forced, x_err=x_err, y_err=y_err, flags=flags)
    return results


def _measure(
    planes: BandPlanes, x: NDArray[np.number], y: NDArray[np.number], group: NDArray[np.integer], *, max_shift: float
) -> MeasurementResult:
    return measure_sources(
        planes.image, planes.variance, planes.psf, x=x, y=y, group=group, pixel_bits=planes.bits, max_shift=max_shift
    )
