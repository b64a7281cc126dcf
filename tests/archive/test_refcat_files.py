from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table, vstack

from uraniborg.archive.formatters.tables import table_to_arrow
from uraniborg.archive.refcat_files import column_names, read_chunks
from uraniborg.core.errors import UserError

ROWS = Table({"id": np.arange(25), "ra": np.linspace(0, 24, 25) / 7, "mag": np.full(25, 3.5, "f4")})
ROWS["ra"].unit = "deg"


def write(folder: Path, kind: str) -> Path:
    path = folder / f"stars.{kind}"
    if kind == "parquet":
        pq.write_table(table_to_arrow(ROWS), path)
    else:
        formats = {"fits": "fits", "fits.gz": "fits", "csv": "ascii.csv", "ecsv": "ascii.ecsv"}
        ROWS.write(path, format=formats[kind])
    return path


@pytest.mark.parametrize("kind", ["fits", "fits.gz", "parquet", "csv", "ecsv"])
def test_pieces_are_the_whole(tmp_path, kind: str) -> None:
    path = write(tmp_path, kind)
    assert column_names(path) == ["id", "ra", "mag"]
    parts = list(read_chunks(path, ["ra", "id"], rows=10))
    assert [len(part) for part in parts] == [10, 10, 5]
    whole = vstack(parts)
    assert set(whole.colnames) == {"ra", "id"}
    assert np.allclose(whole["ra"], ROWS["ra"], rtol=1e-15)
    assert whole["id"].tolist() == ROWS["id"].tolist()
    assert all(part["ra"].dtype.isnative for part in parts)
    assert str(parts[0]["ra"].unit) == ("None" if kind == "csv" else "deg")


def test_unreadable_files_are_named(tmp_path) -> None:
    with pytest.raises(UserError, match=r"stars\.txt: unknown kind of catalogue"):
        column_names(tmp_path / "stars.txt")
    for name in ("bad.fits", "bad.parquet"):
        (tmp_path / name).write_bytes(b"nonsense" * 1000)
        with pytest.raises(UserError, match=rf"{name}: cannot be read as a catalogue"):
            column_names(tmp_path / name)
    path = write(tmp_path, "fits")
    path.write_bytes(path.read_bytes()[:2880])
    with pytest.raises(UserError, match=r"stars\.fits: cannot be read as a catalogue"):
        column_names(path)
