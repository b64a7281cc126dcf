import pytest
from lsst.alert.packet import get_latest_schema_version

from uraniborg.alerts.schema import latest_schema
from uraniborg.core.errors import UserError
from uraniborg.model.tables import declared_columns


def test_it_is_the_newest_one_shipped() -> None:
    schema = latest_schema()
    assert schema.version == ".".join(map(str, get_latest_schema_version()))
    assert schema.definition["name"].endswith(".alert")


@pytest.mark.parametrize(
    ("record", "table"),
    [("diaSource", "DiaSource"), ("diaObject", "DiaObject"), ("diaForcedSource", "DiaForcedSource")],
)
def test_our_tables_have_every_field_with_a_fitting_type(record: str, table: str) -> None:
    kinds = {"long": "i", "int": "i", "float": "f", "double": "f", "boolean": "b", "string": "U"}
    columns = declared_columns(table)
    for field in latest_schema().fields(record):
        assert field.name in columns
        assert columns[field.name].dtype.kind == kinds[field.kind]


def test_fields_know_whether_they_may_be_null() -> None:
    fields = {field.name: field for field in latest_schema().fields("diaSource")}
    assert not fields["diaSourceId"].nullable
    assert fields["psfFlux"].nullable
    alert = {field.name: field.kind for field in latest_schema().fields()}
    assert (alert["diaSource"], alert["prvDiaSources"], alert["cutoutScience"]) == ("record", "array", "bytes")


def test_unknown_record() -> None:
    with pytest.raises(UserError, match="no record 'diaNothing'"):
        latest_schema().fields("diaNothing")
