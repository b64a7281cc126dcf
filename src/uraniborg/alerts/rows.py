"""Rows of tables as Avro, a whole table at a time: each row is encoded once and joined into packets as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.alerts.schema import AlertField, AlertSchema, latest_schema
from uraniborg.core.errors import report_faults

__all__ = ("NULL_IDENTIFIERS", "EncodedRows", "encode_long", "encode_rows")

NULL_IDENTIFIERS = frozenset({"diaObjectId", "ssObjectId", "parentDiaSourceId"})
"""Identifiers for which 0 means that there is none."""

_LONG, _FLOAT, _DOUBLE, _BOOLEAN, _STRING = range(5)
_KINDS = {"int": _LONG, "long": _LONG, "float": _FLOAT, "double": _DOUBLE, "boolean": _BOOLEAN, "string": _STRING}
_BRANCH = 2  # the second branch of a union with null, as Avro writes it (zigzag of 1)


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """The rows of a table, one after the other.

    Attributes
    ----------
    data : (n_bytes,) uint8
        Avro records without a header.
    offsets : (n + 1,) int64
        Where each begins; the last is the end.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def span(self, first: int, last: int) -> memoryview:
        """Return rows ``first <= i < last``, joined."""
        return memoryview(self.data)[self.offsets[first] : self.offsets[last]]


def encode_long(value: int) -> bytes:
    """Return an integer as Avro writes it: zigzag, seven bits a byte, least significant first."""
    rest = (value << 1) ^ (value >> 63)
    found = bytearray()
    while rest > 0x7F:
        found.append((rest & 0x7F) | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)


@nb.njit(cache=True, inline="always")
def _zigzag(word: np.uint64) -> np.uint64:
    value = np.int64(word)
    return np.uint64((value << np.int64(1)) ^ (value >> np.int64(63)))


@nb.njit(cache=True)
def _put_long(out: Any, at: int, rest: np.uint64) -> int:
    while rest > np.uint64(0x7F):
        out[at] = np.uint8(rest & np.uint64(0x7F)) | np.uint8(0x80)
        rest >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(rest)
    return at + 1


@nb.njit(cache=True)
def _encode(words: Any, null: Any, kinds: Any, nullable: Any, text: Any, starts: Any, out: Any, offsets: Any) -> None:
    """Write every row; the word of a text is its number in the pool."""
    n, m = words.shape
    at = 0
    for row in range(n):
        offsets[row] = at
        for item in range(m):
            if nullable[item]:
                if null[row, item]:
                    out[at] = 0
                    at += 1
                    continue
                out[at] = _BRANCH
                at += 1
            kind, word = kinds[item], words[row, item]
            if kind == _LONG:
                at = _put_long(out, at, _zigzag(word))
            elif kind == _BOOLEAN:
                out[at] = np.uint8(word)
                at += 1
            elif kind == _STRING:
                first, last = starts[word], starts[word + np.uint64(1)]
                at = _put_long(out, at, _zigzag(np.uint64(last - first)))
                for index in range(first, last):
                    out[at] = text[index]
                    at += 1
            else:
                for _ in range(4 if kind == _FLOAT else 8):
                    out[at] = np.uint8(word & np.uint64(0xFF))
                    word >>= np.uint64(8)
                    at += 1
    offsets[n] = at


class _Text:
    """Different strings of a table, each kept once."""

    def __init__(self) -> None:
        self.number: dict[str, int] = {}

    def words(self, values: NDArray[Any]) -> NDArray[np.uint64]:
        unique, inverse = np.unique(np.asarray(values).astype(str), return_inverse=True)
        numbers = [self.number.setdefault(str(value), len(self.number)) for value in unique]
        return np.asarray(numbers, dtype=np.uint64)[inverse]

    def pool(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        parts = [value.encode("utf8") for value in self.number]
        starts = np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)]).astype(np.int64)
        return np.frombuffer(b"".join(parts) or b"\0", dtype=np.uint8), starts


def _column(values: NDArray[Any], item: AlertField, text: _Text) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Return the bits of a column and where it is null."""
    none = np.zeros(len(values), dtype=bool)
    if item.kind in ("float", "double"):
        numbers = np.asarray(values, dtype=np.float64)
        if item.kind == "float":
            return numbers.astype(np.float32).view(np.uint32).astype(np.uint64), np.isnan(numbers)
        return numbers.view(np.uint64), np.isnan(numbers)
    if item.kind == "string":
        words = np.asarray(values).astype(str)
        return text.words(words), words == ""
    integers = np.asarray(values).astype(np.int64)
    if item.kind == "boolean":
        return (integers != 0).astype(np.uint64), none
    return integers.view(np.uint64), integers == 0 if item.name in NULL_IDENTIFIERS else none


def encode_rows(table: Table, record: str, *, schema: AlertSchema | None = None) -> EncodedRows:
    """Encode the rows of a table as records of the alert schema.

    Columns that the schema does not have are left out; fields that the table does not have are null, and so are NaN,
    empty strings, and 0 for "no such identifier". The bytes are those that `fastavro` writes for the same records.

    Parameters
    ----------
    table : astropy.table.Table
        Rows of DiaSource, DiaForcedSource or DiaObject.
    record : str
        ``"diaSource"``, ``"diaForcedSource"`` or ``"diaObject"``.
    schema : AlertSchema, optional
        The newest by default.

    Returns
    -------
    EncodedRows

    Raises
    ------
    UserError
        If a field that cannot be null is missing from the table, or null in a row; all faults in one message.
    """
    fields, n = (schema or latest_schema()).fields(record), len(table)
    words = np.zeros((n, len(fields)), dtype=np.uint64)
    null = np.ones((n, len(fields)), dtype=bool)
    text, faults = _Text(), []
    for index, item in enumerate(fields):
        if item.name in table.colnames:
            words[:, index], null[:, index] = _column(np.asarray(table[item.name]), item, text)
            missing = int(null[:, index].sum())
            if missing and not item.nullable:
                faults.append(f"field {item.name!r} is missing in {missing} of {n} rows but cannot be null")
        elif not item.nullable:
            faults.append(f"the table has no column {item.name!r}, which cannot be null")
    report_faults(f"rows for alert record {record!r}", faults)
    kinds = np.array([_KINDS[item.kind] for item in fields], dtype=np.uint8)
    nullable = np.array([item.nullable for item in fields])
    pool, starts = text.pool()
    longest = int(np.diff(starts).max(initial=0)) + 10
    most = int(np.where(kinds == _STRING, longest, 10).sum() + len(fields))
    data, offsets = np.empty(max(n * most, 1), dtype=np.uint8), np.zeros(n + 1, dtype=np.int64)
    _encode(words, null, kinds, nullable, pool, starts, data, offsets)
    return EncodedRows(data[: offsets[-1]].copy(), offsets)
