"""Answers as files: every format is written batch by batch, with bounded memory."""

from uraniborg.services.formats.registry import FORMATS, Format, find_format

__all__ = ("FORMATS", "Format", "find_format")
