import io

import fastavro
import numpy as np
import pytest

from uraniborg.alerts import Cutouts, VisitContext, build_packets, encode_packets, latest_schema
from uraniborg.core.errors import UserError


def context() -> VisitContext:
    return VisitContext("survey", None, {71: Cutouts(b"abc", None, b"x" * 300)})


def test_packets_are_the_bytes_of_fastavro(tables) -> None:
    rng = np.random.default_rng(3)
    for table in tables.values():  # values of all sizes, some of them missing
        for name in table.colnames:
            if table[name].dtype.kind == "f" and name not in ("midpointMjdTai", "ra", "dec", "x", "y"):
                missing = (rng.random(len(table)) < 0.3) & (not name.endswith("MjdTai"))
                table[name] = np.where(missing, np.nan, rng.normal(size=len(table)) * 10.0 ** rng.integers(-9, 9))
    arguments = {"history": tables["history"], "forced": tables["forced"], "context": context()}
    records = build_packets(tables["sources"], tables["objects"], **arguments)
    encoded = encode_packets(tables["sources"], tables["objects"], **arguments)
    assert records[0]["prvDiaSources"]
    assert len(encoded) == len(records) == 2
    for found, record in zip(encoded, records, strict=True):
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, latest_schema().definition, record)
        assert found == buffer.getvalue()


def test_source_without_its_object(tables) -> None:
    with pytest.raises(UserError, match=r"1 sources have no object, e\.g\. 72"):
        encode_packets(tables["sources"], tables["objects"][:1], history=tables["history"], forced=tables["forced"])


def test_empty_tables_give_no_packets(tables) -> None:
    nothing = {"history": tables["history"][:0], "forced": tables["forced"][:0]}
    assert encode_packets(tables["sources"][:0], tables["objects"], **nothing) == []
