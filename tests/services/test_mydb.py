from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from tests.services.conftest import Served

pytestmark = pytest.mark.service


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"objectId": [1, 2, 3], "label": ["a", "b", "c"]}), out)
    return out.getvalue()


def test_a_table_of_ones_own_from_file_to_join_to_end(served: Served) -> None:
    with served.client("alice") as alice, served.client("bob") as bob:
        made = alice.put("/mydb/marks", content=_parquet())
        assert (made.status_code, made.json()["rows"]) == (201, 3)
        assert alice.put("/mydb/marks", content=_parquet()).status_code == 400
        query = "SELECT label, n FROM mydb.marks JOIN sky.Star USING (objectId) ORDER BY label"
        assert served.query(query, "alice").text.count("\n") == 4
        for user in ("bob", None):
            for text in (query, query.replace("mydb", "user_alice"), "SELECT * FROM user_alice.marks"):
                assert served.query(text, user).status_code == 400
        assert bob.get("/mydb").json()["tables"] == []
        assert bob.delete("/mydb/marks").status_code == 400
        assert alice.post("/mydb/marks/share", data={"WITH": "bob"}).status_code == 200
        assert "3" in served.query("SELECT COUNT(*) AS n FROM user_alice.marks", "bob").text
        assert served.query("SELECT COUNT(*) AS n FROM user_alice.marks").status_code == 400
        assert alice.post("/mydb/marks/unshare").status_code == 200
        assert served.query("SELECT COUNT(*) AS n FROM user_alice.marks", "bob").status_code == 400
        made = alice.post("/mydb/bright", data={"QUERY": "SELECT TOP 7 * FROM sky.Star ORDER BY flux DESC"})
        assert made.json()["rows"] == 7
        assert alice.post("/mydb/wrong", data={"QUERY": "SELECT"}).status_code == 400
        assert {t["name"] for t in alice.get("/mydb").json()["tables"]} == {"marks", "bright"}
        for name in ("marks", "bright"):
            assert alice.delete(f"/mydb/{name}").status_code == 200
        assert alice.get("/mydb").json()["used"] == 0


def test_a_table_expires(served: Served) -> None:
    with served.client("alice") as alice:
        assert alice.put("/mydb/old?expires=2001-01-01T00:00:00Z", content=_parquet()).status_code == 201
        assert served.query("SELECT * FROM mydb.old", "alice").status_code == 400
        assert "old" not in alice.get("/mydb").text


@pytest.mark.parametrize("name", ["..%2f..%2fx", "a%20b", "a;drop", "%00"])
def test_names_that_cannot_be(served: Served, name: str) -> None:
    with served.client("alice") as alice:
        assert alice.put(f"/mydb/{name}", content=_parquet()).status_code in (400, 404, 405)


def test_strangers_have_no_tables(served: Served) -> None:
    with served.client() as client:
        assert client.get("/mydb").status_code == 403
        assert client.put("/mydb/x", content=_parquet()).status_code == 403
        assert client.post("/mydb/x", data={"QUERY": "SELECT 1"}).status_code == 403
