from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uraniborg.core.errors import UserError
from uraniborg.core.ids import source_ids, unpack_source_id
from uraniborg.instruments.lsst.exposures import (
    CONTROLLERS,
    exposure_number,
    packed_exposure,
    parse_observation_id,
    split_exposure_number,
    unpacked_exposure,
)


def test_names_are_taken_apart() -> None:
    assert parse_observation_id("MC_O_20250415_000060") == ("MC", "O", 20250415, 60)


@pytest.mark.parametrize("name", ["", "MC_20250415_000060", "E2V-CCD250-179_lambda_bias_024"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="MC_O_20250415_000060"):
        parse_observation_id(name)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("MC_O_20250415_000060", 2025041500060),
        ("AT_C_20180920_000065", 3018092000065),
        ("CC_H_20100217_006001", 4010021706001),
    ],
)
def test_numbers_have_controller_night_and_sequence(name: str, number: int) -> None:
    _, controller, day, sequence = parse_observation_id(name)
    assert exposure_number(day, sequence, controller) == number


@given(
    st.dates(min_value=datetime.date(2010, 1, 1), max_value=datetime.date(2054, 11, 8)),
    st.integers(0, 99_999),
    st.sampled_from(CONTROLLERS),
)
def test_numbers_go_there_and_back_and_fit_row_identifiers(day: datetime.date, sequence: int, controller: str) -> None:
    number = exposure_number(int(f"{day:%Y%m%d}"), sequence, controller)
    assert split_exposure_number(number) == (int(f"{day:%Y%m%d}"), sequence, controller)
    packed = packed_exposure(number)
    assert 0 <= packed < 1 << 34
    assert unpacked_exposure(packed) == number
    assert unpack_source_id(int(source_ids(packed, 204, 1)[0])) == (packed, 204)


@pytest.mark.parametrize("number", [42, 2009123100001, 2060010100001, 2025139900001, 9025010100001])
def test_numbers_that_cannot_be_packed_are_refused(number: int) -> None:
    with pytest.raises(UserError, match=str(number)):
        packed_exposure(number)


def test_wrong_parts_are_refused() -> None:
    with pytest.raises(UserError, match="controller"):
        exposure_number(20250415, 1, "X")
    with pytest.raises(UserError, match="100000"):
        exposure_number(20250415, 100_000)
