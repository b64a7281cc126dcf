from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from tests.services.conftest import Served

pytestmark = pytest.mark.service


def test_a_large_answer_streams_and_is_whole(served: Served) -> None:
    reply = served.query("SELECT a.objectId, b.n FROM sky.Star a, sky.Star b WHERE b.objectId < 11", MAXREC=10**7)
    assert reply.headers.get("transfer-encoding") == "chunked"
    assert len(pcsv.read_csv(io.BytesIO(reply.content))) == 200_000


def test_a_small_answer_has_a_length(served: Served) -> None:
    reply = served.query("SELECT TOP 3 * FROM sky.Star", RESPONSEFORMAT="parquet")
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert pq.read_table(io.BytesIO(reply.content)).num_rows == 3


def test_an_error_before_the_first_row_is_a_status(served: Served) -> None:
    reply = served.query("SELECT CAST(band AS INTEGER) AS x FROM sky.Star")
    assert reply.status_code == 400
    assert "ERROR" in reply.text


def test_a_caller_who_leaves_takes_his_query_along(served: Served) -> None:
    slow = "SELECT COUNT(*) AS n FROM sky.Star a, sky.Star b, sky.Star c WHERE a.flux * b.flux > c.flux"
    with served.client() as client:
        for _ in range(5):
            with pytest.raises(Exception, match="timed out"):
                client.post("/tap/sync", data={"QUERY": slow, "LANG": "ADQL"}, timeout=0.3)
        start = time.monotonic()
        served.query(
            "SELECT COUNT(*) AS n FROM sky.Star a, sky.Star b WHERE a.objectId = b.objectId"
        ).raise_for_status()
        assert time.monotonic() - start < 20
