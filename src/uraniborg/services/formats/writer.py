"""What every writer of answers does: a beginning, batches, and an end that can still say what went wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from uraniborg.services.formats.fields import VoField

__all__ = ("Ending", "Writer")


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended: cut at the row limit, or broken off with a message."""

    overflow: bool = False
    error: str = ""


class Writer(ABC):
    """Turns batches into bytes.

    Parameters
    ----------
    fields : tuple of VoField
        The columns.
    schema : pyarrow.Schema
        Their types, before `uraniborg.services.formats.fields.writable`.
    query : str
        The query, for formats that can tell it.
    """

    def __init__(self, fields: tuple[VoField, ...], schema: pa.Schema, query: str = "") -> None:
        self.fields = fields
        self.schema = schema
        self.query = query

    @abstractmethod
    def begin(self) -> bytes:
        """Return what stands before the first row."""

    @abstractmethod
    def batch(self, batch: pa.RecordBatch) -> bytes:
        """Return some rows; a format that has to know the whole answer first keeps them on disk."""

    @abstractmethod
    def end(self, ending: Ending) -> Iterator[bytes]:
        """Yield what stands after the last row."""

    def close(self) -> None:  # noqa: B027 - most writers hold nothing
        """Give back what the writer holds; may be called at any moment."""
