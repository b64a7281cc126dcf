from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.io import votable

from uraniborg.services.catalogue import ServedTable
from uraniborg.services.cone import cone_columns, cone_query
from uraniborg.services.formats.fields import VoField

if TYPE_CHECKING:
    from tests.services.conftest import Served


def test_the_query_quotes_names() -> None:
    fields = tuple(VoField(name, "double") for name in ("size", "ra", 'd"ec', *map(str, range(30))))
    table = ServedTable("s", "table", "", fields, position=("ra", 'd"ec'), key="size")
    assert [f.name for f in cone_columns(table, 1)] == ["size", "ra", 'd"ec']
    assert len(cone_columns(table, 2)) == 20
    assert len(cone_columns(table, 3)) == 33
    query = cone_query(table, cone_columns(table, 1), 10.0, -5.0, 0.1)
    assert query.startswith('SELECT "size", ra, "d""ec" FROM s."table" WHERE CONTAINS(POINT(ra, "d""ec")')


@pytest.mark.service
def test_a_cone_equals_the_formula(served: Served) -> None:
    table = pq.read_table(served.catalog.parent / "objects.parquet")
    ra, dec = (np.radians(table[name].to_numpy()) for name in ("ra", "dec"))
    vectors = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    a, d = np.radians([200.0, 40.0])
    near = vectors @ [np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)] >= np.cos(np.radians(5.0))
    with served.client() as client:
        reply = client.get("/cone/Star?RA=200&DEC=40&SR=5&VERB=3")
        found = votable.parse(io.BytesIO(reply.content)).get_first_table()
        assert sorted(found.array["objectId"].tolist()) == sorted(table["objectId"].to_numpy()[near].tolist())
        assert {f.name: f.ucd for f in found.fields}["ra"] == "POS_EQ_RA_MAIN"
        empty = client.get("/cone/Visit?RA=200&DEC=40&SR=0")
        assert len(votable.parse(io.BytesIO(empty.content)).get_first_table().array) == 0


@pytest.mark.service
@pytest.mark.parametrize("query", ["RA=1&DEC=2", "RA=400&DEC=0&SR=1", "RA=1&DEC=0&SR=nan", "RA=1'&DEC=0&SR=1"])
def test_bad_cones_are_told_in_a_votable(served: Served, query: str) -> None:
    with served.client() as client:
        reply = client.get(f"/cone/Star?{query}")
        assert '<INFO ID="Error" name="Error"' in reply.text
        assert client.get("/cone/none?RA=1&DEC=2&SR=1").status_code == 404
