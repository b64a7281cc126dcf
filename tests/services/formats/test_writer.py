from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from uraniborg.services.formats import FORMATS, Format
from uraniborg.services.formats.writer import Ending


@pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.ending + f.identifier[-2:])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_every_format_writes_any_number_of_rows_and_cuts_batches_anywhere(
    format_: Format, n: int, rows: pa.Table, write: Callable[..., bytes]
) -> None:
    whole = write(format_.writer, rows.slice(0, n), size=100)
    assert whole
    if format_.ending not in ("parquet", "arrow"):  # their batches are in the file
        assert write(format_.writer, rows.slice(0, n), size=1).replace(b"\n", b"") == whole.replace(b"\n", b"")


@pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.ending + f.identifier[-2:])
def test_an_error_in_the_middle_is_told_or_leaves_a_broken_file(
    format_: Format, rows: pa.Table, write: Callable[..., bytes]
) -> None:
    out = write(format_.writer, rows, Ending(error="the disk is <full>"))
    if format_.ending in ("parquet", "arrow", "fits"):
        with pytest.raises((pa.ArrowInvalid, OSError)):
            pa.parquet.read_table(pa.py_buffer(out))
    else:
        assert b"the disk is" in out
