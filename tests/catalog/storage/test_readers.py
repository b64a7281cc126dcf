from __future__ import annotations

from pathlib import Path

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from astropy.table import MaskedColumn, Table

from uraniborg.catalog.storage.readers import arrow_from_astropy, read_batches
from uraniborg.core.errors import UserError


@pytest.fixture
def table() -> Table:
    n = 250
    made = Table({"id": np.arange(n), "ra": np.linspace(0, 359, n) * u.deg, "band": np.array(list("ugriz") * 50)})
    made["flux"] = MaskedColumn(np.arange(n, dtype=np.float32), mask=np.arange(n) == 7, unit="nJy")
    return made


def _write(table: Table, path: Path) -> None:
    arrow = arrow_from_astropy(table)
    if path.suffix == ".parquet":
        pq.write_table(arrow, path)
    elif path.suffix == ".csv":
        pa.csv.write_csv(arrow, path)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(path, arrow.schema) as writer:
            writer.write_table(arrow, max_chunksize=100)
    else:
        table.write(path, format="fits" if path.suffix == ".fits" else "votable")


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow", "fits", "vot"])
def test_every_format_gives_the_same_rows(table: Table, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t.{ending}"
    _write(table, path)
    batches = list(read_batches(path, rows=100))
    joined = pa.concat_tables(batches)
    assert joined["id"].to_pylist() == list(range(250))
    assert joined["band"].to_pylist()[:3] == ["u", "g", "r"]
    assert np.allclose(joined["ra"].to_numpy(), table["ra"].value)
    assert joined["flux"].to_pylist()[6] == 6
    assert joined["flux"].to_pylist()[7] is None or np.isnan(joined["flux"].to_pylist()[7])
    if ending in ("parquet", "arrow", "fits"):
        assert len(batches) == 3
    if ending != "csv":
        assert batches[0].schema.field("flux").metadata[b"unit"] == b"nJy"


def test_what_cannot_be_read_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown format"):
        list(read_batches(tmp_path / "t.xls"))
    with pytest.raises(UserError, match="is not a file"):
        list(read_batches(tmp_path / "t.csv"))
    (tmp_path / "t.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match="cannot be read as parquet"):
        list(read_batches(tmp_path / "t.parquet"))
