"""Cameras whose raw frames we read and reduce ourselves, and what their headers lack.

Some cameras do not write the sections that tell where a segment belongs, or write wrong ones for a while. Their
translators mend the headers (`fix_header`); `completed_segment` brings what they mended to a segment.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, ClassVar

import numpy as np
from astro_metadata_translator import MetadataTranslator, fix_header
from astropy.io.fits import Header
from numpy.typing import NDArray

from uraniborg.core.errors import UserError
from uraniborg.instruments.base import FrameDescription, Member, SurveyInstrument, merged_header

__all__ = ("SECTIONS", "RawInstrument", "completed_segment")

SECTIONS = ("DATASEC", "DETSEC", "DETSIZE", "BIASSEC", "POVSEC")
"""Keywords that tell where the pixels of a segment are."""


def completed_segment(primary: Header, extension: Header) -> Header:
    """Return the header of a segment with the sections that its camera is known to have.

    Parameters
    ----------
    primary, extension : astropy.io.fits.Header
        Headers as they are in the file.

    Returns
    -------
    astropy.io.fits.Header
        A copy of the extension's header; equal to it unless the translator of the camera mends the sections.
    """
    merged = merged_header(primary, extension.copy())
    result = extension.copy()
    try:
        translator = MetadataTranslator.determine_translator(merged)
    except ValueError:
        return result
    before = {keyword: merged.get(keyword) for keyword in SECTIONS}
    fix_header(merged, translator_class=translator)
    for keyword in SECTIONS:
        if merged.get(keyword) != before[keyword]:
            result[keyword] = merged[keyword]
    return result


class RawInstrument(SurveyInstrument):
    """A camera of which raw frames are read, and no frames that others reduced."""

    raw_definition = ("raw", ("instrument", "exposure", "detector"), "RawFrame")
    raw_formatter: ClassVar[str] = "uraniborg.archive.formatters.raw_frames.RawFrameFormatter"
    required_keywords: ClassVar[tuple[str, ...]] = ()

    def identify(self, path: PurePath, primary: Header) -> tuple[str, Member] | None:
        """Say that no file is a reduced frame."""
        return None

    def describe_frame(self, header: Header) -> FrameDescription:
        """Refuse: there are no reduced frames.

        Raises
        ------
        UserError
            Always.
        """
        raise UserError(f"{self.getName()} has no reduced frames of others; ingest its raw frames")

    def mask_planes(self, dq: NDArray[np.integer[Any]], header: Header) -> dict[str, NDArray[np.bool_]]:
        """Refuse: there are no data-quality images of others.

        Raises
        ------
        UserError
            Always.
        """
        raise UserError(f"{self.getName()} has no data-quality images of others; ingest its raw frames")
