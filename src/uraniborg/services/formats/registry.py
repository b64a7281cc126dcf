"""The formats of answers: names that a client may ask for, media types, writers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from uraniborg.catalog.schema import Column
from uraniborg.core.errors import UserError
from uraniborg.services.formats.columnar import ArrowWriter, ParquetWriter
from uraniborg.services.formats.fields import VoField, fields_of
from uraniborg.services.formats.fits import FitsWriter
from uraniborg.services.formats.text import CsvWriter, JsonWriter, TsvWriter
from uraniborg.services.formats.votable import Binary2Writer, TabledataWriter
from uraniborg.services.formats.writer import Writer

__all__ = ("FORMATS", "Format", "find_format")


@dataclass(frozen=True, slots=True)
class Format:
    """A format: media type, other names for it, ending of files, what writes it; `describe` knows more of columns."""

    media_type: str
    aliases: tuple[str, ...]
    ending: str
    writer: type[Writer]
    identifier: str = ""
    describe: Callable[[tuple[VoField, ...]], tuple[VoField, ...]] | None = None

    def open(self, schema: pa.Schema, columns: tuple[Column, ...] = (), query: str = "") -> Writer:
        """Return a writer for an answer with these columns."""
        fields = fields_of(schema, columns)
        return self.writer(self.describe(fields) if self.describe is not None else fields, schema, query)


_TAP = "ivo://ivoa.net/std/TAPRegExt#output-votable-"

FORMATS = (
    Format("application/x-votable+xml", ("votable", "votable/b2", "text/xml",
           "application/x-votable+xml;serialization=binary2"), "vot", Binary2Writer, f"{_TAP}binary2"),
    Format("application/x-votable+xml;serialization=tabledata", ("votable/td", "votabletd"), "vot", TabledataWriter,
           f"{_TAP}td"),
    Format("text/csv", ("csv", "text/csv;header=present"), "csv", CsvWriter),
    Format("text/tab-separated-values", ("tsv",), "tsv", TsvWriter),
    Format("application/json", ("json",), "json", JsonWriter),
    Format("application/fits", ("fits",), "fits", FitsWriter),
    Format("application/vnd.apache.parquet", ("parquet", "application/parquet", "application/x-parquet"), "parquet",
           ParquetWriter),
    Format("application/vnd.apache.arrow.stream", ("arrow",), "arrow", ArrowWriter),
)  # fmt: skip
"""The first one is what a client gets that asks for none."""


def find_format(name: str | None) -> Format:
    """Return the format that a client means.

    Parameters
    ----------
    name : str or None
        Media type or alias, without regard to case and spaces.

    Raises
    ------
    UserError
        If it is not known.
    """
    if not name:
        return FORMATS[0]
    wanted = name.lower().replace(" ", "").replace('"', "")
    for format_ in FORMATS:
        if wanted == format_.media_type or wanted in format_.aliases:
            return format_
    raise UserError(f"format {name!r} is not known; there are {', '.join(f.aliases[0] for f in FORMATS)}")
