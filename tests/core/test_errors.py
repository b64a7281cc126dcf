from __future__ import annotations

import pytest

from uraniborg.core.errors import AlgorithmError, DataError, NoWorkFound, UserError, report_faults


def test_algorithm_error_keeps_and_shows_its_numbers() -> None:
    error = AlgorithmError("too few stars; lower the threshold", n_stars=2, wanted=5)
    assert error.metadata == {"n_stars": 2, "wanted": 5}
    assert str(error) == "too few stars; lower the threshold (n_stars=2, wanted=5)"
    assert isinstance(error, DataError)


def test_no_work_is_not_a_user_error() -> None:
    assert issubclass(NoWorkFound, DataError)
    assert not issubclass(NoWorkFound, UserError)


def test_all_faults_are_reported_at_once() -> None:
    report_faults("nothing", [])
    with pytest.raises(UserError, match=r"input: 2 fault\(s\) found\n  - a\n  - b"):
        report_faults("input", ["a", "b"])
