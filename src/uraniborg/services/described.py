"""What is known of the columns of an answer beyond what an engine tells: UCDs and extended types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from uraniborg.services.catalogue import ServedTable
from uraniborg.services.formats.fields import VoField

__all__ = ("Describer",)

type _Key = tuple[str, str, str]


class Describer:
    """Adds what tables say of their columns.

    A column of an answer is taken for the column of a table if name, unit and description are the same; where tables
    differ, nothing is added.

    Parameters
    ----------
    tables : iterable of ServedTable
        The tables.
    """

    def __init__(self, tables: Iterable[ServedTable] = ()) -> None:
        self._known: dict[_Key, tuple[str, str]] = {}
        for table in tables:
            for field in table.fields:
                self._learn((field.name, field.unit, field.description), (field.ucd, field.xtype))

    def _learn(self, key: _Key, value: tuple[str, str]) -> None:
        before = self._known.setdefault(key, value)
        if before != value:
            self._known[key] = ("", "")

    def also(self, files: Mapping[str, Path]) -> Describer:
        """Return one that knows the columns of some Parquet files too."""
        if not files:
            return self
        new = Describer()
        new._known.update(self._known)
        for file in files.values():
            for field in pq.read_schema(file):
                meta = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
                key = (field.name, meta.get("unit", ""), meta.get("description", ""))
                new._known[key] = (meta.get("ucd", ""), meta.get("xtype", ""))
        return new

    def __call__(self, fields: tuple[VoField, ...]) -> tuple[VoField, ...]:
        """Return the fields with what is known of them."""
        return tuple(self._one(field) for field in fields)

    def _one(self, field: VoField) -> VoField:
        ucd, xtype = self._known.get((field.name, field.unit, field.description), ("", ""))
        return replace(field, ucd=field.ucd or ucd, xtype=field.xtype or xtype)
