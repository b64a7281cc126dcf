from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from uraniborg.services.catalogue import ServedTable
from uraniborg.services.described import Describer
from uraniborg.services.formats.fields import VoField


def _table(name: str, ucd: str) -> ServedTable:
    return ServedTable("s", name, "", (VoField("ra", "double", unit="deg", ucd=ucd), VoField("x", "int", ucd="meta")))


def test_columns_are_known_again_unless_tables_differ(tmp_path: Path) -> None:
    asked = (VoField("ra", "double", unit="deg"), VoField("x", "int"), VoField("x", "int", unit="s"))
    same = Describer([_table("a", "pos.eq.ra"), _table("b", "pos.eq.ra")])
    assert [field.ucd for field in same(asked)] == ["pos.eq.ra", "meta", ""]
    assert [field.ucd for field in Describer([_table("a", "pos.eq.ra"), _table("b", "pos")])(asked)] == ["", "meta", ""]
    schema = pa.schema([pa.field("t", pa.string(), metadata={"xtype": "timestamp"})])
    pq.write_table(schema.empty_table(), tmp_path / "u.parquet")
    more = same.also({"u": tmp_path / "u.parquet"})
    assert more((VoField("t", "char", "*"),))[0].xtype == "timestamp"
    assert same((VoField("t", "char", "*"),))[0].xtype == ""
