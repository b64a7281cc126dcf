from __future__ import annotations

import pytest

from uraniborg.catalog.schema import Column, Table, Tables


def test_names_are_found_with_and_without_schema() -> None:
    tables = Tables([Table("Object", (Column("a"),), "dr1"), Table("Object", (Column("b"),), "dr2")])
    assert len(tables.find([("object", False)])) == 2
    assert [t.full_name for t in tables.find([("DR1", False), ("OBJECT", False)])] == ["dr1.Object"]
    assert not tables.find([("object", True)])
    assert not tables.find([("x", False), ("dr1", False), ("Object", False)])
    assert tables.named("dr2.Object").columns[0].name == "b"
    with pytest.raises(KeyError):
        tables.named("Object")


def test_two_tables_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        Tables([Table("A", ()), Table("a", ())])
