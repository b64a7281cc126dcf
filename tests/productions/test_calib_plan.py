from __future__ import annotations

from uraniborg.productions.calib_plan import PRODUCTS, Exposure, select_exposures

NAMED = {product.name: product for product in PRODUCTS}


def _flats(physical_filter: str, times: list[float], first: int) -> list[Exposure]:
    return [Exposure(first + k, "flat", physical_filter, time, 20250101) for k, time in enumerate(times)]


def test_products_lean_only_on_what_was_made_before() -> None:
    made: set[str] = set()
    for product in PRODUCTS:
        assert set(product.needs) <= made
        made.update(product.datasets)


def test_one_exposure_is_held_back_where_there_are_enough() -> None:
    biases = [Exposure(k, "bias", "r", 0.0, 20250101) for k in range(1, 6)]
    selection = select_exposures(NAMED["bias"], biases)
    assert selection is not None
    assert selection.used == (1, 2, 4, 5)
    assert [item.number for item in selection.held] == [3]
    assert selection.independent
    few = select_exposures(NAMED["bias"], biases[:3])
    assert few is not None
    assert few.used == (1, 2, 3)
    assert not few.independent
    assert select_exposures(NAMED["bias"], biases[:2]) is None


def test_a_ramp_is_of_the_filter_with_most_exposure_times() -> None:
    exposures = _flats("r", [float(k // 2 + 1) for k in range(12)], 1) + _flats("y", [15.0] * 20, 100)
    ramp = select_exposures(NAMED["ptc"], exposures)
    assert ramp is not None
    assert max(ramp.used) < 100
    each = select_exposures(NAMED["flat"], exposures)
    assert each is not None
    assert sorted({item.physical_filter for item in each.held}) == ["r", "y"]
    assert len(each.used) == 30
