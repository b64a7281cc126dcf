from __future__ import annotations

import pytest

from uraniborg.testing.datasets import EXAMPLES, assert_tables_identical, make_table


def test_names_are_unique_and_cover_what_the_pipeline_stores() -> None:
    names = [example.storage_class for example in EXAMPLES]
    assert len(set(names)) == len(names)
    wanted = {
        "VisitImage",
        "DifferenceImage",
        "CellCoadd",
        "SourceTable",
        "ReducedFrame",
        "AlertPackets",
        "TractSkyMap",
    }
    assert wanted <= set(names)


@pytest.mark.parametrize("change", ["value", "unit", "description", "mask", "type", "meta", "order", "length"])
def test_comparison_of_tables_sees_every_difference(change: str) -> None:
    given, other = make_table(), make_table()
    match change:
        case "value":
            other["coord_ra"][2] += 1e-9
        case "unit":
            other["psfFlux"].unit = "mJy"
        case "description":
            other["psfFlux"].description = "other"
        case "mask":
            other["diaObjectId"].mask[1] = True
        case "type":
            other["bits"] = other["bits"].astype("u2")
        case "meta":
            other.meta["nested"]["pair"] = (1, 3)
        case "order":
            other = other[other.colnames[::-1]]
        case "length":
            other = other[:-1]
    with pytest.raises(AssertionError):
        assert_tables_identical(given, other)
    assert_tables_identical(given, make_table())
