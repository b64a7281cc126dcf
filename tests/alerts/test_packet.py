import numpy as np
import pytest

from uraniborg.alerts.packet import build_packets, table_records
from uraniborg.alerts.schema import latest_schema
from uraniborg.core.errors import UserError


def test_history_is_of_the_object_and_of_twelve_months(packets) -> None:
    first, second = packets
    assert [item["diaSourceId"] for item in first["prvDiaSources"]] == [41, 51]
    assert [item["diaForcedSourceId"] for item in first["prvDiaForcedSources"]] == [1, 2]
    assert second["prvDiaSources"] is None
    assert [item["diaForcedSourceId"] for item in second["prvDiaForcedSources"]] == [3]


def test_every_field_of_the_schema_is_there(packets) -> None:
    schema = latest_schema()
    assert set(packets[0]) == {field.name for field in schema.fields()}
    assert set(packets[0]["diaSource"]) == {field.name for field in schema.fields("diaSource")}
    assert set(packets[0]["diaObject"]) == {field.name for field in schema.fields("diaObject")}


def test_missing_values_become_null(packets) -> None:
    source = packets[0]["diaSource"]
    assert source["psfFlux"] == 900.0
    assert source["trailFlux"] is None
    assert source["ssObjectId"] is None
    assert source["parentDiaSourceId"] is None
    assert source["diaObjectId"] == 11
    assert source["isNegative"] is False
    assert source["psfNdata"] == 0
    assert packets[0]["ssSource"] is None


def test_fields_that_a_table_lacks(tables) -> None:
    table = tables["sources"].copy()
    table.remove_column("apFlux")
    assert table_records(table, "diaSource")[0]["apFlux"] is None
    table.remove_columns(["ra", "visit"])
    table["midpointMjdTai"][1] = np.nan
    with pytest.raises(UserError, match="3 fault") as caught:
        table_records(table, "diaSource")
    assert "no column 'ra'" in str(caught.value)
    assert "'midpointMjdTai' is missing in 1 of 2" in str(caught.value)


def test_source_without_its_object(tables) -> None:
    with pytest.raises(UserError, match="1 sources have no object"):
        build_packets(tables["sources"], tables["objects"][:1], history=tables["history"], forced=tables["forced"])


def test_empty_tables_give_no_packets(tables) -> None:
    assert (
        build_packets(
            tables["sources"][:0], tables["objects"], history=tables["history"][:0], forced=tables["forced"][:0]
        )
        == []
    )
