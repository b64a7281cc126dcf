from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.core.errors import AlgorithmError
from uraniborg.verify.differences import expected_changes, recovered_changes, spurious_counts


def _truth() -> Table:
    """A transient and a variable star in three visits, a constant star, and a transient that only one visit covers."""
    rows = [
        # id, kind, visit, ra, flux, error, variable
        (1, "transient", 11, 150.000, 0.0, 100.0, True),
        (1, "transient", 12, 150.000, 3000.0, 100.0, True),
        (1, "transient", 13, 150.000, 1500.0, 100.0, True),
        (2, "star", 11, 150.010, 9000.0, 120.0, True),
        (2, "star", 12, 150.010, 8000.0, 120.0, True),
        (2, "star", 13, 150.010, 8500.0, 120.0, True),
        (3, "star", 11, 150.020, 5000.0, 110.0, False),
        (3, "star", 12, 150.020, 5000.0, 110.0, False),
        (4, "transient", 12, 150.030, 9999.0, 110.0, True),
    ]
    names = ("truthId", "kind", "visit", "ra", "flux", "fluxErr", "variable")
    table = Table(rows=rows, names=names)
    table["detector"], table["band"], table["dec"], table["x"], table["y"] = 0, "g", 2.0, 1.0, 1.0
    return table


def test_expected_change_is_against_the_mean_of_the_others() -> None:
    expected = expected_changes(_truth())
    assert set(expected["truthId"]) == {1, 2}
    change = {(row["truthId"], row["visit"]): row for row in expected}
    assert change[1, 12]["diffFlux"] == pytest.approx(3000.0 - 750.0)
    assert change[1, 12]["diffFluxErr"] == pytest.approx(np.sqrt(100.0**2 + 100.0**2 / 2.0))
    assert change[1, 11]["snr"] == pytest.approx(-2250.0 / np.sqrt(15000.0))


def test_templates_are_weighted() -> None:
    expected = expected_changes(_truth(), weights={11: 3.0, 12: 1.0, 13: 1.0})
    change = {(row["truthId"], row["visit"]): row for row in expected}
    assert change[1, 12]["diffFlux"] == pytest.approx(3000.0 - 1500.0 / 4.0)
    assert change[1, 13]["diffFlux"] == pytest.approx(1500.0 - 3000.0 / 4.0)
    assert change[1, 13]["diffFluxErr"] == pytest.approx(100.0 * np.sqrt(1.0 + 10.0 / 16.0))
    assert len(expected_changes(_truth()[:0])) == 0


def _found(*rows: tuple[int, float, bool]) -> Table:
    table = Table(rows=list(rows), names=("visit", "ra", "isNegative"))
    table["dec"] = 2.0
    return table


def test_recovered_needs_place_visit_and_sign() -> None:
    expected = expected_changes(_truth())
    all_there = _found((11, 150.0, True), (12, 150.00001, False), (13, 150.0, False))
    # visit 13 changes by nothing: 1500 against the mean of 0 and 3000
    result = recovered_changes(expected, all_there)
    assert result.expected["visit"].tolist() == [11, 12]
    assert result.fraction == 1.0
    wrong_sign = _found((11, 150.0, False), (12, 150.0, False))
    assert recovered_changes(expected, wrong_sign).found.tolist() == [False, True]
    wrong_place = _found((11, 150.001, True), (12, 150.0, False))
    assert recovered_changes(expected, wrong_place).fraction == 0.5
    wrong_visit = _found((13, 150.0, True), (13, 150.0, False))
    assert recovered_changes(expected, wrong_visit).fraction == 0.0


def test_one_source_recovers_one_change_only() -> None:
    truth = _truth()
    near = truth[truth["truthId"] == 1].copy()
    near["truthId"], near["ra"] = 9, 150.0 + 0.2 / 3600.0
    from astropy.table import vstack

    expected = expected_changes(vstack([truth, near]))
    assert recovered_changes(expected, _found((12, 150.0, False))).found.sum() == 1


def test_nothing_expected_is_an_error_and_not_a_success() -> None:
    with pytest.raises(AlgorithmError, match="no change"):
        recovered_changes(expected_changes(_truth()), _found((11, 150.0, True)), min_snr=1e4)


def test_spurious_sources_are_those_far_from_all_that_varies() -> None:
    found = _found((11, 150.0, True), (11, 150.02, False), (11, 150.3, True), (12, 150.01, False))
    counts = spurious_counts(_truth(), found, visits=np.array([11, 12, 13]))
    assert counts == {11: 2, 12: 0, 13: 0}
    assert spurious_counts(_truth()[:0], found, visits=np.array([11])) == {11: 3}
