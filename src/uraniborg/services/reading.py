"""VOTables of strangers: a small reader that trusts nothing in them.

No entities, no document types, no numbers of rows believed, every length checked against the bytes that are there.
"""

from __future__ import annotations

import binascii
import struct
from typing import Any
from xml.parsers import expat

import numpy as np
import pyarrow as pa

from uraniborg.core.errors import UserError

__all__ = ("read_votable",)

_TYPES: dict[str, tuple[str, pa.DataType]] = {
    "boolean": ("u1", pa.bool_()), "bit": ("u1", pa.bool_()), "unsignedByte": ("u1", pa.uint8()),
    "short": (">i2", pa.int16()),
    "int": (">i4", pa.int32()), "long": (">i8", pa.int64()), "float": (">f4", pa.float32()),
    "double": (">f8", pa.float64()), "char": ("S", pa.string()), "unicodeChar": ("U", pa.string()),
}  # fmt: skip
_LONGEST = 10_000_000
_MOST_FIELDS = 5000


def read_votable(data: bytes, *, most_rows: int) -> pa.Table:
    """Return the first table of a VOTable, with units and descriptions in the metadata of the fields.

    Parameters
    ----------
    data : bytes
        The document: TABLEDATA, BINARY or BINARY2.
    most_rows : int
        A table with more rows is refused.

    Raises
    ------
    UserError
        If it is no VOTable, has types that cannot be held, or is not what it says.
    """
    reader = _Reader(most_rows)
    try:
        reader.parse(data)
    except expat.ExpatError as error:
        raise UserError(f"the upload is not well-formed XML: {error}") from None
    return reader.table()


class _Field:
    def __init__(self, attributes: dict[str, str]) -> None:
        self.name = attributes.get("name") or attributes.get("ID", "")
        self.meta = {"unit": attributes.get("unit", ""), "ucd": attributes.get("ucd", "")}
        self.meta["xtype"] = attributes.get("xtype", "")
        datatype, size = attributes.get("datatype", ""), attributes.get("arraysize", "")
        if datatype not in _TYPES:
            raise UserError(f"column {self.name!r} of the upload has the type {datatype!r}, which is not supported")
        self.code, self.type = _TYPES[datatype]
        self.bit = datatype == "bit"
        self.text = datatype in ("char", "unicodeChar")
        self.width = 2 if datatype == "unicodeChar" else 1
        self.variable = "*" in size
        if not self.text and size not in ("", "1"):
            raise UserError(f"column {self.name!r} of the upload is an array; only single numbers and texts are taken")
        digits = size.rstrip("*") or "1"
        if not digits.isdigit() or int(digits) > _LONGEST:
            raise UserError(f"column {self.name!r} of the upload has the arraysize {size!r}")
        self.length = int(digits)
        self.null: str | None = None

    @property
    def bytes(self) -> int:
        return self.length * self.width if self.text else np.dtype(self.code).itemsize


class _Reader:
    def __init__(self, most_rows: int) -> None:
        self.most_rows = most_rows
        self.fields: list[_Field] = []
        self.columns: list[list[str | None]] = []
        self.form = ""
        self._tables = 0
        self._path: list[str] = []
        self._text: list[str] = []
        self._row: list[str] = []
        self._base64: list[str] = []

    def parse(self, data: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.Parse(data, True)

    def _refuse(self, *_: object) -> None:
        raise UserError("the upload declares a document type or entities; a VOTable has neither")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        if not self._path and name != "VOTABLE":
            raise UserError(f"the upload is no VOTable: it begins with {name[:40]}")
        self._path.append(name)
        if len(self._path) > 50:
            raise UserError("the upload is nested too deep for a VOTable")
        self._text = []
        if name == "TABLE":
            self._tables += 1
        if self._tables != 1:
            return
        if name == "FIELD":
            self.fields.append(_Field(attributes))
            self.columns.append([])
            if len(self.fields) > _MOST_FIELDS:
                raise UserError(f"the upload has more than {_MOST_FIELDS} columns")
        elif name == "VALUES" and self.fields and "FIELD" in self._path:
            self.fields[-1].null = attributes.get("null")
        elif name in ("TABLEDATA", "BINARY", "BINARY2", "FITS"):
            self.form = name
        elif name == "STREAM" and (attributes.get("href") or attributes.get("encoding") != "base64"):
            raise UserError("the upload points to data elsewhere or is not base64; send the rows inside")

    def _characters(self, text: str) -> None:
        self._text.append(text)

    def _end(self, name: str) -> None:
        name = self._path.pop()
        text = "".join(self._text)
        self._text = []
        if self._tables != 1:
            return
        if name == "DESCRIPTION" and self._path[-1] == "FIELD":
            self.fields[-1].meta["description"] = text.strip()
        elif name == "TD":
            self._row.append(text)
        elif name == "TR":
            if len(self._row) != len(self.fields):
                raise UserError(f"a row of the upload has {len(self._row)} cells for {len(self.fields)} columns")
            for field, column, cell in zip(self.fields, self.columns, self._row, strict=True):
                empty = not cell.strip() if not field.text else not cell
                column.append(None if empty or cell.strip() == field.null else cell)
            self._row = []
            if self.columns and len(self.columns[0]) > self.most_rows:
                raise UserError(f"the upload has more than {self.most_rows} rows")
        elif name == "STREAM":
            self._base64.append(text)

    def table(self) -> pa.Table:
        if not self.fields:
            raise UserError("the upload has no table with columns")
        names = [field.name.lower() for field in self.fields]
        if len(set(names)) != len(names) or "" in names:
            raise UserError("columns of the upload have the same name, or none")
        if self.form in ("BINARY", "BINARY2"):
            arrays = self._binary()
        elif self.form in ("TABLEDATA", ""):
            arrays = [_from_text(f, column) for f, column in zip(self.fields, self.columns, strict=True)]
        else:
            raise UserError(f"the upload holds its rows as {self.form}; send TABLEDATA, BINARY or BINARY2")
        schema = pa.schema(
            [pa.field(f.name, f.type, metadata={k: v for k, v in f.meta.items() if v} or None) for f in self.fields]
        )
        return pa.Table.from_arrays(arrays, schema=schema)

    def _binary(self) -> list[pa.Array]:
        try:
            data = binascii.a2b_base64("".join(self._base64))
        except binascii.Error as error:
            raise UserError(f"the rows of the upload are not base64: {error}") from None
        mask = (len(self.fields) + 7) // 8 if self.form == "BINARY2" else 0
        if any(field.variable for field in self.fields):
            return self._binary_variable(data, mask)
        kinds = [("mask", "u1", (mask,))] if mask else []
        kinds += [(f"f{i}", f"V{f.bytes}" if f.text else f.code) for i, f in enumerate(self.fields)]  # type: ignore[misc]
        dtype = np.dtype(kinds)
        if len(data) % dtype.itemsize or len(data) // dtype.itemsize > self.most_rows:
            rows = len(data) / dtype.itemsize
            raise UserError(f"the upload holds {rows:g} rows; wanted is a whole number of at most {self.most_rows}")
        rows_ = np.frombuffer(data, dtype)
        missing = np.unpackbits(rows_["mask"], axis=1).astype(bool) if mask else None
        return [
            _from_bytes(f, rows_[f"f{i}"], None if missing is None else missing[:, i])
            for i, f in enumerate(self.fields)
        ]

    def _binary_variable(self, data: bytes, mask: int) -> list[pa.Array]:
        values: list[list[Any]] = [[] for _ in self.fields]
        at, n = 0, 0
        try:
            while at < len(data):
                n += 1
                if n > self.most_rows:
                    raise UserError(f"the upload has more than {self.most_rows} rows")
                flags = int.from_bytes(data[at : at + mask], "big") if mask else 0
                at += mask
                for i, field in enumerate(self.fields):
                    size = field.bytes
                    if field.variable:
                        (count,) = struct.unpack_from(">i", data, at)
                        at, size = at + 4, count * field.width
                    if size < 0 or at + size > len(data):
                        raise UserError(f"row {n} of the upload is longer than the data")
                    null = flags >> (8 * mask - 1 - i) & 1
                    values[i].append(None if null else data[at : at + size])
                    at += size
        except struct.error:
            raise UserError(f"row {n} of the upload ends in the middle") from None
        arrays = []
        for field, cells in zip(self.fields, values, strict=True):
            if field.text:
                arrays.append(pa.array([None if c is None else _decode(field, c) for c in cells], pa.string()))
            else:
                missing = np.array([cell is None for cell in cells])
                joined = b"".join(cell if cell is not None else bytes(field.bytes) for cell in cells)
                arrays.append(_from_bytes(field, np.frombuffer(joined, field.code), missing))
        return arrays


def _decode(field: _Field, cell: bytes) -> str:
    text = cell.decode("utf-16-be" if field.width == 2 else "utf8", "replace")
    return text.partition("\0")[0].rstrip(" ") if not field.variable else text


def _from_bytes(field: _Field, values: Any, missing: Any) -> pa.Array:
    if field.text:
        cells = [_decode(field, bytes(value)) for value in values]
        return pa.array(cells, pa.string(), mask=missing)
    if pa.types.is_boolean(field.type):
        letters = np.asarray(values)
        if field.bit:
            return pa.array(letters != 0, mask=missing)
        truth = np.isin(letters, np.frombuffer(b"Tt1", np.uint8))
        unknown = ~truth & ~np.isin(letters, np.frombuffer(b"Ff0", np.uint8))
        return pa.array(truth, mask=unknown if missing is None else unknown | missing)
    native = np.ascontiguousarray(values, np.dtype(field.code).newbyteorder("="))
    if field.null is not None and native.dtype.kind in "iu" and field.null.lstrip("-").isdigit():
        same = native == int(field.null)
        missing = same if missing is None else missing | same
    if native.dtype.kind == "f":
        missing = np.isnan(native) if missing is None else missing | np.isnan(native)
    return pa.array(native, field.type, mask=missing)


def _from_text(field: _Field, cells: list[str | None]) -> pa.Array:
    if field.text:
        return pa.array(cells, pa.string())
    try:
        if pa.types.is_boolean(field.type):
            known = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False, "?": None}
            return pa.array([None if c is None else known[c.strip().lower()] for c in cells], pa.bool_())
        if pa.types.is_floating(field.type):
            floats = [None if c is None else float(c) for c in cells]
            return pa.array([None if v is None or v != v else v for v in floats], field.type)
        return pa.array([None if c is None else int(c, 0) if "x" in c.lower() else int(c) for c in cells], field.type)
    except (ValueError, KeyError, OverflowError, pa.ArrowInvalid) as error:
        raise UserError(f"column {field.name!r} of the upload: {str(error)[:200]}") from None
