from __future__ import annotations

import pytest

from uraniborg.core.errors import UserError
from uraniborg.services.parameters import Parameters


def test_names_have_no_case_and_values_are_checked() -> None:
    parameters = Parameters()
    parameters.add("maxRec", "10")
    parameters.add("MAXREC", "10")
    parameters.add("ra", "1e3")
    assert parameters.whole("MAXREC") == 10
    assert parameters.number("RA") == 1000.0
    assert parameters.whole("NONE") is None
    assert parameters.one("NONE", "x") == "x"
    parameters.add("RA", "2")
    with pytest.raises(UserError, match="2 times"):
        parameters.number("RA")


@pytest.mark.parametrize("text", ["-1", "1.5", "x", "9" * 30, "٣", "1e3"])
def test_numbers_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="whole number"):
        Parameters({"N": [text]}).whole("N")


@pytest.mark.parametrize("text", ["nan", "inf", "x", "1,5"])
def test_numbers_that_are_not_finite(text: str) -> None:
    with pytest.raises(UserError, match="write a number"):
        Parameters({"N": [text]}).number("N")
