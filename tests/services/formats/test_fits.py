from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.table import Table

from uraniborg.services.formats.fits import FitsWriter
from uraniborg.services.formats.writer import Ending


@pytest.mark.filterwarnings("ignore:.*NULL .undefined. values")
def test_astropy_reads_the_same_and_verifies_the_file(rows: pa.Table, write: Callable[..., bytes]) -> None:
    out = write(FitsWriter, rows, Ending(overflow=True))
    assert len(out) % 2880 == 0
    with fits.open(io.BytesIO(out)) as hdus:
        hdus.verify("exception")
        assert hdus[1].header["QSTATUS"] == "OVERFLOW"
        table = Table.read(hdus[1])
    assert [None if np.ma.is_masked(v) else int(v) for v in table["id"]] == rows["id"].to_pylist()
    assert table["text"][0] == 'a<b>&"c"'
    assert table["x"][0] == 1.5
    assert np.isinf(table["x"][1])
    assert [bool(v) for v in table["ok"][[0, 2]]] == [True, False]


def test_points_and_no_rows(write: Callable[..., bytes]) -> None:
    table = pa.table({"p": pa.array([[1.0, 2.0], None], pa.list_(pa.float64(), 2)), "q": [[1.0], [2.0, 3.0]]})
    with fits.open(io.BytesIO(write(FitsWriter, table))) as hdus:
        assert list(hdus[1].data["p"][0]) == [1.0, 2.0]
        assert hdus[1].data["q"][1] == "2.0 3.0"
    with fits.open(io.BytesIO(write(FitsWriter, table.slice(0, 0)))) as hdus:
        assert len(hdus[1].data) == 0
