import numpy as np
import pytest

from uraniborg.model.tables import empty_table
from uraniborg.tasks.common.dia_objects import associate_tables, object_rows, stack_tables
from uraniborg.tasks.common.dia_tables import dia_table


def sources(n_visits: int = 3):
    tables = []
    for visit in range(1, n_visits + 1):
        tables.append(
            dia_table(
                "DiaSource",
                2,
                {
                    "diaSourceId": np.array([10, 11]) + 100 * visit,
                    "visit": visit,
                    "midpointMjdTai": 60000.0 + visit,
                    "ra": np.array([150.0, 150.01]),
                    "dec": np.array([2.0, 2.0]) + visit * 1e-5,
                    "raErr": 2e-5,
                    "decErr": 2e-5,
                    "psfFlux": np.array([100.0, 50.0]) * visit,
                    "psfFluxErr": 10.0,
                    "scienceFlux": 500.0,
                    "scienceFluxErr": 10.0,
                    "band": "g" if visit == 1 else "r",
                },
            )
        )
    return stack_tables(tables, "DiaSource")


def test_association_names_objects_after_their_first_source() -> None:
    linked = associate_tables(sources(), max_separation=1.0, systematic_error=0.05)
    assert list(linked["diaObjectId"]) == [110, 110, 110, 111, 111, 111]
    assert list(linked["diaSourceId"]) == [110, 210, 310, 111, 211, 311]
    assert len(associate_tables(empty_table("DiaSource"), max_separation=1.0, systematic_error=0.05)) == 0


def test_object_rows_summarise_each_band() -> None:
    linked = associate_tables(sources(), max_separation=1.0, systematic_error=0.05)
    forced = dia_table(
        "DiaForcedSource",
        3,
        {
            "diaObjectId": [110, 110, 999],
            "psfFlux": [7.0, 9.0, 1e6],
            "psfFluxErr": 1.0,
            "band": "r",
            "midpointMjdTai": 1.0,
        },
    )
    rows = object_rows(linked, processed=61000.0, forced=forced)
    assert list(rows["diaObjectId"]) == [110, 111]
    first = rows[0]
    assert first["g_psfFluxMean"] == 100.0
    assert first["r_psfFluxMean"] == pytest.approx(250.0)
    assert first["r_psfFluxMaxSlope"] == pytest.approx(100.0)
    assert first["r_fpFluxMean"] == pytest.approx(8.0)
    assert np.isnan(rows[1]["r_fpFluxMean"])
    assert first["nDiaSources"] == 3
    assert first["validityStartMjdTai"] == 61000.0


def test_stack_of_nothing_is_an_empty_table() -> None:
    assert len(stack_tables([], "DiaObject")) == 0
    assert stack_tables([empty_table("DiaObject")], "DiaObject").colnames == empty_table("DiaObject").colnames
