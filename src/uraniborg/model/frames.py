"""A frame as it came from a file: headers and pixels, nothing interpreted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io.fits import Header
from numpy.typing import NDArray

__all__ = ("RawFrame", "ReducedFrame")


@dataclass(frozen=True, slots=True)
class ReducedFrame:
    """One image extension of a FITS file with the primary header that goes with it.

    Attributes
    ----------
    primary : astropy.io.fits.Header
        Header of the primary HDU (of the exposure).
    header : astropy.io.fits.Header
        Header of the image extension (of the detector).
    array : (ny, nx) float or int
        Pixels, native byte order, units as in the file.
    """

    primary: Header
    header: Header
    array: NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class RawFrame:
    """All amplifier segments of one detector in one exposure, as they were read out.

    Attributes
    ----------
    primary : astropy.io.fits.Header
        Header of the primary HDU.
    segments : tuple of ReducedFrame
        Header and pixels [adu] of each amplifier, in the order of the file.
    """

    primary: Header
    segments: tuple[ReducedFrame, ...]

    @property
    def header(self) -> Header:
        """Header of the first segment."""
        return self.segments[0].header
