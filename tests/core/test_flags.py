from __future__ import annotations

import numpy as np

from uraniborg.core.flags import MeasurementFlag, flag_columns, has_flag


def test_bits_are_distinct_and_fit_int32() -> None:
    values = [int(flag) for flag in MeasurementFlag]
    assert sum(values) == np.bitwise_or.reduce(values)
    assert max(values) < 2**31


def test_columns_follow_bits() -> None:
    flags = np.array([0, MeasurementFlag.BLENDED, MeasurementFlag.BLENDED | MeasurementFlag.NEGATIVE], dtype=np.int32)
    np.testing.assert_array_equal(has_flag(flags, MeasurementFlag.NEGATIVE), [False, False, True])
    columns = flag_columns(flags, {"deblend_nChild": MeasurementFlag.BLENDED})
    np.testing.assert_array_equal(columns["deblend_nChild"], [False, True, True])
