"""What a catalogue holds, as a query sees it: tables, columns, kinds and units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

__all__ = ("Column", "Table", "Tables")


@dataclass(frozen=True, slots=True)
class Column:
    """A column; kind is ``number``, ``text``, ``truth``, ``geometry`` or ``any``; hidden ones are not in ``*``."""

    name: str
    kind: str = "any"
    unit: str = ""
    description: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Parameters
    ----------
    name : str
        Name without schema.
    columns : tuple of Column
        In order.
    schema : str
        Schema, or empty.
    position : tuple of (str, str), optional
        Columns of right ascension and declination [deg].
    healpix : str, optional
        Column of the HEALPix index of the position, order 29, nested.
    key : str, optional
        Column that identifies a row.
    """

    name: str
    columns: tuple[Column, ...]
    schema: str = ""
    position: tuple[str, str] | None = None
    healpix: str | None = None
    key: str | None = None

    @property
    def full_name(self) -> str:
        """Name with schema."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


class Tables:
    """The tables that queries may read.

    Parameters
    ----------
    tables : iterable of Table
        No two may have the same full name, without regard to case.
    """

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = tuple(tables)
        names = [table.full_name.lower() for table in self._tables]
        if len(set(names)) != len(names):
            raise ValueError(f"two tables have the same name among {sorted(names)}")

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables)

    def named(self, full_name: str) -> Table:
        """Return the table with exactly this full name."""
        for table in self._tables:
            if table.full_name == full_name:
                return table
        raise KeyError(full_name)

    def find(self, parts: Sequence[tuple[str, bool]]) -> Sequence[Table]:
        """Return the tables that a name in a query may mean.

        Parameters
        ----------
        parts : sequence of (str, bool)
            The names between the dots, and whether each was in double quotes.
        """
        return [table for table in self._tables if len(parts) <= 2 and _matches(table, parts)]


def _matches(table: Table, parts: Sequence[tuple[str, bool]]) -> bool:
    names = [*([table.schema] if len(parts) > 1 else []), table.name]
    return len(names) == len(parts) and all(
        name == text if quoted else name.lower() == text.lower()
        for name, (text, quoted) in zip(names, parts, strict=True)
    )
