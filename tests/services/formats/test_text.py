from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pyarrow as pa

from uraniborg.services.formats.text import CsvWriter, JsonWriter, TsvWriter
from uraniborg.services.formats.writer import Ending


def test_csv_and_tsv_read_back(rows: pa.Table, write: Callable[..., bytes]) -> None:
    for kind, delimiter in ((CsvWriter, ","), (TsvWriter, "\t")):
        found = list(csv.reader(io.StringIO(write(kind, rows).decode()), delimiter=delimiter))
        assert found[0] == rows.column_names
        assert found[1][4] == 'a<b>&"c"'
        assert found[3][4] == "line\nbreak, comma"
        assert found[2][0] == str(2**53 + 1)
        assert found[2][1] == ""


def test_json_has_rows_metadata_and_status(rows: pa.Table, write: Callable[..., bytes]) -> None:
    found = json.loads(write(JsonWriter, rows, Ending(overflow=True)))
    assert [column["name"] for column in found["metadata"]] == rows.column_names
    assert found["status"] == "OVERFLOW"
    assert found["data"][1] == [2**53 + 1, None, None, None, None, None, "zz"]
    assert found["data"][0][2] == 1.5
