from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table

from uraniborg.core.errors import UserError
from uraniborg.model.tables import conform, declared_columns, declared_tables, empty_table, load_schema


@pytest.mark.parametrize("name", sorted(declared_tables()))
def test_every_declaration_is_valid_described_and_typed(name: str) -> None:
    load_schema(declared_tables()[name])
    for column in declared_columns(name).values():
        assert column.description, f"{name}.{column.name} has no description"


@pytest.mark.parametrize("name", sorted(declared_tables()))
def test_an_empty_table_conforms_to_itself(name: str) -> None:
    table = conform(empty_table(name), name)
    assert len(table) == 0
    assert table.meta["table"] == name


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(UserError, match="no declared table 'Nothing'"):
        empty_table("Nothing")


def test_units_are_converted_and_the_input_is_kept() -> None:
    columns = declared_columns("Source")
    n = 3
    table = Table({name: np.zeros(n, dtype=c.dtype if c.dtype.kind != "U" else "U4") for name, c in columns.items()})
    table["ra"] = np.array([0.1, 0.2, 0.3]) * u.rad
    table.meta["visit"] = 7
    result = conform(table, "Source")
    np.testing.assert_allclose(result["ra"], np.rad2deg([0.1, 0.2, 0.3]))
    assert result["ra"].unit == u.deg
    assert result.meta["visit"] == 7
    assert table["ra"].unit == u.rad


def test_all_faults_come_in_one_message() -> None:
    table = empty_table("Source")
    table.remove_column("ra")
    table["surprise"] = np.zeros(0)
    with pytest.raises(UserError, match=r"(?s)'ra' is missing.*'surprise' is not declared"):
        conform(table, "Source")
