"""The one registry of per-object flag bits; a flag says why a value is missing or doubtful."""

from __future__ import annotations

from enum import IntFlag, unique

import numpy as np
from numpy.typing import NDArray

__all__ = ("MeasurementFlag", "PixelBit", "flag_columns", "has_flag")


@unique
class MeasurementFlag(IntFlag):
    """Bits set on a source by detection and measurement (stored as int32)."""

    CENTROID_FAILED = 1 << 0
    """The centroid did not converge; the peak position is given instead."""
    CENTROID_EDGE = 1 << 1
    """The centroid stamp ran over the edge of the image."""
    SHAPE_FAILED = 1 << 2
    """Adaptive moments did not converge: shape, windowed centroid and Gaussian flux are missing."""
    PSF_FLUX_FAILED = 1 << 3
    """No usable pixels under the PSF."""
    PSF_FLUX_EDGE = 1 << 4
    """The PSF stamp ran over the edge of the image."""
    APERTURE_EDGE = 1 << 5
    """At least one aperture ran over the edge of the image."""
    APERTURE_BAD_PIXEL = 1 << 6
    """At least one aperture holds bad pixels."""
    PIXEL_BAD = 1 << 7
    """A bad pixel lies in the central 3x3 pixels."""
    PIXEL_SATURATED = 1 << 8
    """A saturated pixel lies in the footprint."""
    PIXEL_SATURATED_CENTER = 1 << 9
    """A saturated pixel lies in the central 3x3 pixels."""
    PIXEL_COSMIC_RAY = 1 << 10
    """A cosmic-ray pixel lies in the central 3x3 pixels."""
    PIXEL_EDGE = 1 << 11
    """The source touches the edge or a region without data."""
    PIXEL_INTERPOLATED = 1 << 12
    """An interpolated pixel lies in the central 3x3 pixels."""
    BLENDED = 1 << 13
    """The footprint holds more than one peak."""
    NEGATIVE = 1 << 14
    """A negative detection."""
    NOT_DEBLENDED = 1 << 15
    """The footprint is blended and its flux was not divided."""
    DIPOLE = 1 << 16
    """A positive and a negative lobe lie side by side."""
    NO_DATA = 1 << 17
    """The position lies outside the valid pixels; every measurement is NaN."""
    PEAK_CENTROID_FAILED = 1 << 18
    """The smoothed image has no top within a pixel of the fitted centre."""
    KRON_FAILED = 1 << 19
    """There is no positive light to take a Kron radius from; that of a point source is used."""
    KRON_EDGE = 1 << 20
    """The Kron aperture runs over the edge of its box or of the image, or over unusable pixels."""
    SKY_SOURCE = 1 << 21
    """Not a detection: a place without one, measured to check the noise."""


@unique
class PixelBit(IntFlag):
    """Bits of the compact mask (uint8) that detection and measurement read."""

    BAD = 1 << 0
    """Must not be used: bad, or part of a trail."""
    SATURATED = 1 << 1
    """Saturated; must not be used."""
    COSMIC_RAY = 1 << 2
    """Hit by a cosmic ray; must not be used."""
    NO_DATA = 1 << 3
    """No data; must not be used."""
    INTERPOLATED = 1 << 4
    """Filled in from neighbours; usable, but flagged."""

    @classmethod
    def unusable(cls) -> PixelBit:
        """Return the bits whose pixels must not be used."""
        return cls.BAD | cls.SATURATED | cls.COSMIC_RAY | cls.NO_DATA


def has_flag(flags: NDArray[np.integer], flag: MeasurementFlag) -> NDArray[np.bool_]:
    """Return whether any bit of ``flag`` is set.

    Parameters
    ----------
    flags : (n,) int
        Flag words.
    flag : MeasurementFlag
        One or several bits.

    Returns
    -------
    (n,) bool
    """
    chosen: NDArray[np.bool_] = (np.asarray(flags) & int(flag)) != 0
    return chosen


def flag_columns(flags: NDArray[np.integer], names: dict[str, MeasurementFlag]) -> dict[str, NDArray[np.bool_]]:
    """Expand flag words to named boolean columns.

    Parameters
    ----------
    flags : (n,) int
        Flag words.
    names : dict
        Column name (Science Data Model) to the bit or bits it reports.

    Returns
    -------
    dict of (n,) bool
    """
    return {name: has_flag(flags, flag) for name, flag in names.items()}
