"""What a column is called in VO documents, and Arrow batches brought to the types that every format can write."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from uraniborg.catalog.schema import Column

__all__ = ("VoField", "field_of", "fields_of", "vo_type", "vo_unit", "writable", "writable_type")

_NUMBERS: dict[pa.DataType, str] = {
    pa.bool_(): "boolean",
    pa.uint8(): "unsignedByte",
    pa.int16(): "short",
    pa.int32(): "int",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
}
_WIDER: dict[pa.DataType, pa.DataType] = {
    pa.int8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.int64(),
    pa.float16(): pa.float32(),
}


@dataclass(frozen=True, slots=True)
class VoField:
    """A column as VOTable and TAP_SCHEMA describe it."""

    name: str
    datatype: str
    arraysize: str = ""
    xtype: str = ""
    unit: str = ""
    ucd: str = ""
    description: str = ""


def writable_type(type_: pa.DataType) -> pa.DataType:
    """Return the type in which values of a type are written: a number, text, or a list of doubles."""
    if type_ in _NUMBERS:
        return type_
    if type_ in _WIDER:
        return _WIDER[type_]
    if pa.types.is_fixed_size_list(type_) and pa.types.is_floating(type_.value_type):
        return pa.list_(pa.float64(), type_.list_size)
    if pa.types.is_list(type_) and pa.types.is_floating(type_.value_type):
        return pa.list_(pa.float64())
    if pa.types.is_decimal(type_):
        return pa.float64()
    return pa.string()


def vo_type(type_: pa.DataType) -> tuple[str, str, str]:
    """Return datatype, arraysize and xtype of VOTable for a type of Arrow."""
    written = writable_type(type_)
    if written in _NUMBERS:
        return _NUMBERS[written], "", ""
    if pa.types.is_fixed_size_list(written):
        return "double", str(written.list_size), "point" if written.list_size == 2 else ""
    if pa.types.is_list(written):
        return "double", "*", ""
    return "char", "*", "timestamp" if pa.types.is_timestamp(type_) else ""


def field_of(field: pa.Field, column: Column | None = None) -> VoField:
    """Return the description of one column; what `column` knows goes before the metadata of the field."""
    meta = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    datatype, arraysize, xtype = vo_type(field.type)
    unit = (column.unit if column is not None else "") or meta.get("unit", "")
    description = (column.description if column is not None else "") or meta.get("description", "")
    if column is not None and column.kind == "geometry" and datatype == "double":
        arraysize, xtype = "2", "point"
    return VoField(field.name, datatype, arraysize, xtype, vo_unit(unit), meta.get("ucd", ""), description)


def fields_of(schema: pa.Schema, columns: tuple[Column, ...] = ()) -> tuple[VoField, ...]:
    """Return the descriptions of all columns of an answer."""
    known: tuple[Column | None, ...] = columns if len(columns) == len(schema) else (None,) * len(schema)
    return tuple(field_of(field, column) for field, column in zip(schema, known, strict=True))


def vo_unit(unit: str) -> str:
    """Return a unit in the syntax of VOUnits, which has no spaces."""
    return unit.strip().replace(" / ", "/").replace(" ", ".")


def writable(batch: pa.RecordBatch, fields: tuple[VoField, ...]) -> pa.RecordBatch:
    """Return a batch whose columns have the types of `writable_type`.

    Times become ISO 8601 text, decimals doubles, points lists of two doubles, anything else that is not known text.
    """
    arrays, out = [], []
    for field, array, vo in zip(batch.schema, batch.columns, fields, strict=True):
        wanted = writable_type(field.type)
        if vo.xtype == "point" and pa.types.is_list(wanted):
            wanted = pa.list_(pa.float64(), 2)
        arrays.append(_convert(array, wanted))
        out.append(pa.field(field.name, wanted, metadata=field.metadata))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(out))


def _convert(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    if array.type == wanted:
        return array
    if pa.types.is_timestamp(array.type):
        return pc.strftime(array.cast(pa.timestamp("us")), format="%Y-%m-%dT%H:%M:%S")
    if pa.types.is_uint64(array.type):
        return array.cast(wanted, safe=False)
    try:
        return array.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())
