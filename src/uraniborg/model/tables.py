"""Declared tables: names, types, units and descriptions come from the felis files in `model/schemas`.

A table that leaves a task goes through `conform`, so that what is declared and what is stored cannot differ.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import astropy.units as u
import numpy as np
import yaml
from astropy.table import Column, Table
from felis import Schema
from felis import Table as FelisTable

from uraniborg.core.errors import UserError, report_faults

__all__ = ("conform", "declared_columns", "declared_tables", "empty_table", "load_schema")

_DTYPES = {
    "boolean": np.dtype(bool),
    "byte": np.dtype("i1"),
    "short": np.dtype("i2"),
    "int": np.dtype("i4"),
    "long": np.dtype("i8"),
    "float": np.dtype("f4"),
    "double": np.dtype("f8"),
    "char": np.dtype("U"),
    "string": np.dtype("U"),
    "unicode": np.dtype("U"),
    "text": np.dtype("U"),
}


@cache
def load_schema(name: str) -> Schema:
    """Return one schema file, validated by felis.

    Parameters
    ----------
    name : str
        File name without extension in ``uraniborg/model/schemas``.

    Raises
    ------
    UserError
        If there is no such file.
    """
    path = files("uraniborg.model") / "schemas" / f"{name}.yaml"
    if not path.is_file():
        raise UserError(f"no table schema {name!r}; declared are {sorted(declared_tables())}")
    return Schema.model_validate(yaml.safe_load(path.read_text("utf8")))


@cache
def declared_tables() -> dict[str, str]:
    """Return the name of every declared table and the schema file it is in."""
    folder = files("uraniborg.model") / "schemas"
    found: dict[str, str] = {}
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".yaml"):
            stem = entry.name.removesuffix(".yaml")
            for table in yaml.safe_load(entry.read_text("utf8"))["tables"]:
                found[table["name"]] = stem
    return found


@cache
def _declaration(table_name: str) -> FelisTable:
    stem = declared_tables().get(table_name)
    if stem is None:
        raise UserError(f"no declared table {table_name!r}; declared are {sorted(declared_tables())}")
    return next(table for table in load_schema(stem).tables if table.name == table_name)


def declared_columns(table_name: str) -> dict[str, Column]:
    """Return the columns of a declared table, empty, with type, unit and description.

    Parameters
    ----------
    table_name : str
        Name in the felis files, e.g. ``"Source"``.

    Raises
    ------
    UserError
        If the table is not declared.
    """
    columns = {}
    for column in _declaration(table_name).columns:
        unit = u.Unit(column.fits_tunit or column.ivoa_unit) if (column.fits_tunit or column.ivoa_unit) else None
        dtype = _DTYPES[str(getattr(column.datatype, "value", column.datatype))]
        columns[column.name] = Column(name=column.name, dtype=dtype, unit=unit, description=column.description)
    return columns


def empty_table(table_name: str) -> Table:
    """Return a declared table without rows."""
    return Table(list(declared_columns(table_name).values()), meta={"table": table_name})


def conform(table: Table, table_name: str) -> Table:
    """Return a copy of a table that is exactly as declared.

    Parameters
    ----------
    table : astropy.table.Table
        Must hold every declared column; units, where set, must be convertible. Extra columns are a fault.
    table_name : str
        Name of the declaration.

    Returns
    -------
    astropy.table.Table
        Columns in declared order with declared types, units and descriptions; ``meta`` is kept.

    Raises
    ------
    UserError
        If columns are missing, unknown, or have a unit that does not convert; all faults in one message.
    """
    wanted = declared_columns(table_name)
    faults = [f"column {name!r} is missing" for name in wanted if name not in table.colnames]
    faults += [f"column {name!r} is not declared" for name in table.colnames if name not in wanted]
    result = Table(meta={**table.meta, "table": table_name})
    for name, column in wanted.items():
        if name not in table.colnames:
            continue
        given = table[name]
        values = np.asarray(given)
        if given.unit is not None and column.unit is not None and given.unit != column.unit:
            try:
                values = values * given.unit.to(column.unit)
            except u.UnitConversionError:
                faults.append(f"column {name!r} has unit {given.unit}, declared is {column.unit}")
        dtype = values.dtype if column.dtype.kind == "U" and values.dtype.kind == "U" else column.dtype
        result[name] = Column(values.astype(dtype), unit=column.unit, description=column.description)
    report_faults(f"table {table_name}", faults)
    return result
