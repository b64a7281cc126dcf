"""Answers as a FITS binary table: rows wait on disk until their number and the longest texts are known."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from uraniborg.services.formats.fields import writable
from uraniborg.services.formats.writer import Ending, Writer

__all__ = ("FitsWriter",)

_FORMS = {
    "boolean": "1L",
    "unsignedByte": "1B",
    "short": "1I",
    "int": "1J",
    "long": "1K",
    "float": "1E",
    "double": "1D",
}
_BLOCK = 2880


class FitsWriter(Writer):
    """FITS 4.0 binary table; nulls are NaN, TNULL, 0 for truths, and empty texts."""

    def begin(self) -> bytes:
        """Return nothing: the header holds the number of rows."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._stream: pa.ipc.RecordBatchStreamWriter | None = None
        self._rows = 0
        self._widths = [1] * len(self.fields)
        self._missing = [False] * len(self.fields)
        return b""

    def batch(self, batch: pa.RecordBatch) -> bytes:
        """Keep the rows on disk."""
        batch = writable(batch, self.fields)
        for i, array in enumerate(batch.columns):
            if pa.types.is_list(array.type):
                cells = [None if v is None else " ".join(map(repr, v)) for v in array.to_pylist()]
                array = pa.array(cells, pa.string())
                batch = batch.set_column(i, batch.schema.field(i).name, array)
            self._missing[i] |= array.null_count > 0
            if pa.types.is_string(array.type):
                self._widths[i] = max(self._widths[i], pc.max(pc.binary_length(array)).as_py() or 1)
        if self._stream is None:
            self._stream = pa.ipc.new_stream(self._file, batch.schema)
        self._stream.write_batch(batch)
        self._rows += batch.num_rows
        return b""

    def end(self, ending: Ending) -> Iterator[bytes]:
        """Yield the file; nothing after an error."""
        if ending.error:
            return
        formats = [self._format(i) for i in range(len(self.fields))]
        row = np.dtype([(f"f{i}", kind, shape) for i, (_, kind, shape) in enumerate(formats)])
        yield _header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])
        yield _header(self._cards([form for form, _, _ in formats], row.itemsize, ending))
        if self._stream is not None:
            self._stream.close()
            self._file.seek(0)
            with pa.ipc.open_stream(self._file) as reader:
                for batch in reader:
                    out = np.zeros(batch.num_rows, row)
                    for i, array in enumerate(batch.columns):
                        out[f"f{i}"] = self._values(i, array)
                    yield out.tobytes()
        yield b"\0" * (-self._rows * row.itemsize % _BLOCK)

    def _format(self, i: int) -> tuple[str, str, tuple[int, ...]]:
        field = self.fields[i]
        if field.datatype == "char" or field.arraysize == "*":
            return f"{self._widths[i]}A", f"S{self._widths[i]}", ()
        if field.arraysize:
            return f"{field.arraysize}D", ">f8", (int(field.arraysize),)
        kinds = {"1L": "u1", "1B": "u1", "1I": ">i2", "1J": ">i4", "1K": ">i8", "1E": ">f4", "1D": ">f8"}
        return _FORMS[field.datatype], kinds[_FORMS[field.datatype]], ()

    def _null(self, i: int) -> int | None:
        nulls = {"unsignedByte": 255, "short": -(2**15), "int": -(2**31), "long": -(2**63)}
        return nulls.get(self.fields[i].datatype) if self._missing[i] and not self.fields[i].arraysize else None

    def _values(self, i: int, array: pa.Array) -> object:
        if pa.types.is_boolean(array.type):
            letters = np.where(array.fill_null(False).to_numpy(zero_copy_only=False), ord("T"), ord("F"))
            letters[array.is_null().to_numpy(zero_copy_only=False)] = 0
            return letters
        if pa.types.is_fixed_size_list(array.type):
            filled = pc.if_else(array.is_valid(), array, pa.scalar([np.nan] * array.type.list_size, array.type))
            return filled.flatten().to_numpy().reshape(len(array), -1)
        if pa.types.is_string(array.type):
            return np.array(array.fill_null("").cast(pa.binary()).to_pylist(), dtype=f"S{self._widths[i]}")
        if array.null_count:
            null = self._null(i)
            array = array.fill_null(float("nan") if null is None else null)
        return array.to_numpy(zero_copy_only=False)

    def _cards(self, forms: list[str], width: int, ending: Ending) -> list[tuple[str, object]]:
        cards: list[tuple[str, object]] = [
            ("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", width), ("NAXIS2", self._rows),
            ("PCOUNT", 0), ("GCOUNT", 1), ("TFIELDS", len(forms)), ("EXTNAME", "results"),
            ("QSTATUS", "OVERFLOW" if ending.overflow else "OK"),
        ]  # fmt: skip
        for i, (field, form) in enumerate(zip(self.fields, forms, strict=True)):
            cards += [(f"TTYPE{i + 1}", field.name), (f"TFORM{i + 1}", form)]
            if field.unit:
                cards.append((f"TUNIT{i + 1}", field.unit))
            null = self._null(i)
            if null is not None:
                cards.append((f"TNULL{i + 1}", null))
        return cards

    def close(self) -> None:
        """Delete what waits on disk."""
        if hasattr(self, "_file"):
            self._file.close()


def _header(cards: list[tuple[str, object]]) -> bytes:
    lines = [*(_card(key, value) for key, value in cards), f"{'END':<80}"]
    text = "".join(lines).encode("ascii", "replace")
    return text + b" " * (-len(text) % _BLOCK)


def _card(key: str, value: object) -> str:
    if isinstance(value, bool):
        shown = f"{'T' if value else 'F':>20}"
    elif isinstance(value, int):
        shown = f"{value:>20}"
    else:
        shown = "'" + str(value).replace("'", "''")[:66].ljust(8) + "'"
    return f"{key:<8}= {shown}"[:80].ljust(80)
