"""VOTable 1.4, as TABLEDATA and BINARY2, made of whole Arrow columns and never of single values.

Rows of BINARY2 (section 5.4 of the standard): bits of the nulls, then the cells, big-endian; texts with their length in
front. Runs of cells of fixed width become one structured array, and Arrow joins runs and texts row by row.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from uraniborg.services.formats.fields import VoField, writable
from uraniborg.services.formats.writer import Ending, Writer
from uraniborg.services.formats.xml import ILLEGAL, attribute, element, escape

__all__ = ("Binary2Writer", "TabledataWriter", "error_document", "votable_head", "votable_tail")

_WIDTHS = {"boolean": "u1", "unsignedByte": "u1", "short": ">i2", "int": ">i4", "long": ">i8",
           "float": ">f4", "double": ">f8"}  # fmt: skip


def votable_head(fields: tuple[VoField, ...], query: str = "") -> str:
    """Return a VOTable up to the fields of its table."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">',
        '<RESOURCE type="results">',
        element("INFO", name="QUERY_STATUS", value="OK"),
    ]
    if query:
        lines.append(element("INFO", name="QUERY", value=query))
    lines.append('<TABLE name="results">')
    for field in fields:
        start = "<FIELD" + attribute(
            name=field.name, datatype=field.datatype, arraysize=field.arraysize, xtype=field.xtype,
            unit=field.unit, ucd=field.ucd,
        )  # fmt: skip
        described = f"{start}>{element('DESCRIPTION', field.description)}</FIELD>"
        lines.append(described if field.description else start + "/>")
    return "\n".join([*lines, "<DATA>"])


def votable_tail(ending: Ending) -> str:
    """Return a VOTable from the end of its data."""
    info = ""
    if ending.error:
        info = "<INFO" + attribute(name="QUERY_STATUS", value="ERROR") + f">{escape(ending.error)}</INFO>\n"
    elif ending.overflow:
        info = element("INFO", name="QUERY_STATUS", value="OVERFLOW") + "\n"
    return f"</DATA>\n</TABLE>\n{info}</RESOURCE>\n</VOTABLE>\n"


def error_document(message: str) -> bytes:
    """Return the VOTable that says why there is no answer (DALI 1.1, section 4.4)."""
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">',
            '<RESOURCE type="results">',
            f'<INFO name="QUERY_STATUS" value="ERROR">{escape(message)}</INFO>',
            "</RESOURCE>",
            "</VOTABLE>\n",
        ]
    ).encode()


class TabledataWriter(Writer):
    """VOTable with one element for every cell."""

    def begin(self) -> bytes:
        """Return the document up to the first row."""
        return f"{votable_head(self.fields, self.query)}\n<TABLEDATA>\n".encode()

    def batch(self, batch: pa.RecordBatch) -> bytes:
        """Return the rows of a batch."""
        if not batch.num_rows:
            return b""
        cells = [_cell(array) for array in writable(batch, self.fields).columns]
        rows = pc.binary_join_element_wise(*cells, "</TD><TD>", null_handling="replace", null_replacement="")
        rows = pc.binary_join_element_wise("<TR><TD>", rows, "</TD></TR>\n", "")
        return _joined(rows)

    def end(self, ending: Ending) -> Iterator[bytes]:
        """Yield the end of the document."""
        yield f"</TABLEDATA>\n{votable_tail(ending)}".encode()


def _joined(rows: pa.Array) -> bytes:
    """Return the bytes of all values of a text or binary array one after the other."""
    offsets = np.frombuffer(rows.buffers()[1], np.int32)[rows.offset : rows.offset + len(rows) + 1]
    data: bytes = rows.buffers()[2].slice(int(offsets[0]), int(offsets[-1] - offsets[0])).to_pybytes()
    return data


def _cell(array: pa.Array) -> pa.Array:
    """Return the cells of a column as text that may stand in XML."""
    if pa.types.is_string(array.type):
        text = pc.replace_substring(array, "&", "&amp;")
        text = pc.replace_substring(pc.replace_substring(text, "<", "&lt;"), ">", "&gt;")
        return pc.replace_substring_regex(text, ILLEGAL, "?")
    if pa.types.is_list(array.type) or pa.types.is_fixed_size_list(array.type):
        return pa.array([None if v is None else " ".join(map(repr, v)) for v in array.to_pylist()], pa.string())
    text = array.cast(pa.string())
    if pa.types.is_floating(array.type):
        for theirs, ours in (("nan", "NaN"), ("-inf", "-Inf"), ("inf", "+Inf")):
            text = pc.if_else(pc.equal(text, theirs), ours, text)
    return text


class Binary2Writer(Writer):
    """VOTable with rows in binary, base64."""

    def begin(self) -> bytes:
        """Return the document up to the first row."""
        self._rest = b""
        return f'{votable_head(self.fields, self.query)}\n<BINARY2>\n<STREAM encoding="base64">\n'.encode()

    def batch(self, batch: pa.RecordBatch) -> bytes:
        """Return the rows of a batch; base64 goes by threes, so up to two bytes wait for the next one."""
        data = self._rest + binary2_rows(writable(batch, self.fields))
        whole = len(data) // 3 * 3
        self._rest = data[whole:]
        return binascii.b2a_base64(memoryview(data)[:whole]) if whole else b""

    def end(self, ending: Ending) -> Iterator[bytes]:
        """Yield the end of the document."""
        rest = binascii.b2a_base64(self._rest) if self._rest else b""
        yield rest + f"</STREAM>\n</BINARY2>\n{votable_tail(ending)}".encode()


def binary2_rows(batch: pa.RecordBatch) -> bytes:
    """Return the rows of a batch of writable columns in the layout of BINARY2."""
    n = batch.num_rows
    if n == 0 or batch.num_columns == 0:
        return b""
    missing = np.zeros((n, batch.num_columns), np.bool_)
    for i, array in enumerate(batch.columns):
        if array.null_count:
            missing[:, i] = array.is_null().to_numpy(zero_copy_only=False)
    runs: list[NDArray[np.void] | pa.Array] = []
    mask = np.packbits(missing, axis=1)
    cells: list[tuple[NDArray[np.generic], str, tuple[int, ...]]] = [(mask, "u1", (mask.shape[1],))]
    for array in batch.columns:
        type_ = array.type
        if pa.types.is_string(type_) or pa.types.is_list(type_):
            text, lengths = _variable(array)
            cells.append((lengths, ">i4", ()))
            runs += [_structured(cells, n), text]
            cells = []
        elif pa.types.is_fixed_size_list(type_):
            filled = pc.if_else(array.is_valid(), array, pa.scalar([0.0] * type_.list_size, type_))
            cells.append((filled.flatten().to_numpy().reshape(n, -1), ">f8", (type_.list_size,)))
        else:
            cells.append(_fixed(array))
    if cells:
        runs.append(_structured(cells, n))
    if len(runs) == 1 and isinstance(runs[0], np.ndarray):
        return runs[0].tobytes()
    return _joined(pc.binary_join_element_wise(*(_as_binary(run, n) for run in runs), b""))


def _fixed(array: pa.Array) -> tuple[NDArray[np.generic], str, tuple[int, ...]]:
    """Return values and big-endian type of a column of fixed width; nulls are NaN, ``?`` or 0."""
    if pa.types.is_boolean(array.type):
        truth = array.fill_null(False).to_numpy(zero_copy_only=False)
        letters = np.where(truth, np.uint8(ord("T")), np.uint8(ord("F")))
        if array.null_count:
            letters[array.is_null().to_numpy(zero_copy_only=False)] = ord("?")
        return letters, "u1", ()
    if array.null_count:
        array = array.fill_null(float("nan") if pa.types.is_floating(array.type) else 0)
    values = array.to_numpy(zero_copy_only=False)
    return values, values.dtype.newbyteorder(">").str, ()


def _variable(array: pa.Array) -> tuple[pa.Array, NDArray[np.int32]]:
    """Return cells of varying length as binary, and their lengths in elements."""
    if pa.types.is_string(array.type):
        filled = array.fill_null("")
        if not pc.all(pc.string_is_ascii(filled)).as_py():  # char is ASCII, and readers hold to it
            filled = pc.replace_substring_regex(filled, r"[^\x00-\x7f]", "?")
        filled = filled.cast(pa.binary())
        return filled, pc.binary_length(filled).to_numpy().astype(np.int32)
    lists = [np.asarray(value or [], ">f8").tobytes() for value in array.to_pylist()]
    return pa.array(lists, pa.binary()), np.array([len(value) // 8 for value in lists], np.int32)


def _structured(cells: list[tuple[NDArray[np.generic], str, tuple[int, ...]]], n: int) -> NDArray[np.void]:
    out = np.empty(n, np.dtype([(f"f{i}", kind, shape) for i, (_, kind, shape) in enumerate(cells)]))
    for i, (values, _, _) in enumerate(cells):
        out[f"f{i}"] = values
    return out


def _as_binary(run: NDArray[np.void] | pa.Array, n: int) -> pa.Array:
    if isinstance(run, np.ndarray):
        offsets = np.arange(n + 1, dtype=np.int32) * np.int32(run.dtype.itemsize)
        return pa.Array.from_buffers(pa.binary(), n, [None, pa.py_buffer(offsets), pa.py_buffer(run)])
    return run
