"""Columns as declared: names, types and units of a batch agree with the felis schema before it is stored."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from uraniborg.core.errors import report_faults
from uraniborg.model.tables import declared_columns

__all__ = ("conform_batch",)


def conform_batch(batch: pa.Table, declared: str | None, *, origin: str) -> pa.Table:
    """Return a batch with exactly the declared columns.

    Parameters
    ----------
    batch : pyarrow.Table
        Rows; the unit of a column, if known, is in the metadata of its field.
    declared : str or None
        Name of the declaration; None leaves the batch as it is.
    origin : str
        Where the rows come from, for errors.

    Raises
    ------
    UserError
        If columns are missing or not declared, or units or types do not convert; all faults in one message.
    """
    if declared is None:
        return batch.replace_schema_metadata(None)
    wanted = declared_columns(declared)
    faults = [f"column {name!r} is missing" for name in wanted if name not in batch.column_names]
    faults += [f"column {name!r} is not declared" for name in batch.column_names if name not in wanted]
    fields, arrays = [], []
    for name, column in wanted.items():
        if name not in batch.column_names:
            continue
        array = batch[name]
        given = (batch.schema.field(name).metadata or {}).get(b"unit", b"").decode()
        try:
            if given and column.unit is not None and u.Unit(given) != column.unit:
                array = pc.multiply(array, float(u.Unit(given).to(column.unit)))
            type_ = pa.string() if column.dtype.kind == "U" else pa.from_numpy_dtype(np.dtype(column.dtype))
            array = array.cast(type_)
        except (u.UnitsError, ValueError) as error:
            faults.append(f"column {name!r}: {str(error).splitlines()[0]}")
            continue
        meta = {"unit": str(column.unit or ""), "description": column.description or ""}
        fields.append(pa.field(name, type_, metadata={k: v for k, v in meta.items() if v} or None))
        arrays.append(array)
    report_faults(f"{origin} as table {declared}", faults)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
