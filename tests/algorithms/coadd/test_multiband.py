from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.coadd import combine_significance, joint_threshold
from uraniborg.core.errors import UserError


def test_one_band_is_itself() -> None:
    plane = np.array([[-3.0, 0.0, 2.0, np.nan]])
    np.testing.assert_allclose(combine_significance([plane]), [[0.0, 0.0, 2.0, 0.0]])
    assert joint_threshold(5.0, 1) == pytest.approx(5.0, rel=1e-9)


def test_squares_of_positive_values_add_up() -> None:
    planes = [np.full((2, 2), value) for value in (3.0, 4.0, -7.0)]
    for plane in planes:
        plane.flags.writeable = False
    np.testing.assert_allclose(combine_significance(planes), 5.0)


@pytest.mark.parametrize("n_bands", [2, 3, 6])
def test_noise_exceeds_the_joint_threshold_as_often_as_that_of_one_band(n_bands: int) -> None:
    rng = np.random.default_rng(9)
    single = 2.5
    planes = [rng.normal(size=(2000, 1000)) for _ in range(n_bands)]
    rate = (combine_significance(planes) > joint_threshold(single, n_bands)).mean()
    expected = 0.0062097  # one-sided Gaussian tail above 2.5
    assert rate == pytest.approx(expected, abs=4 * np.sqrt(expected / 2e6))


def test_faint_object_of_all_bands_gains() -> None:
    level = joint_threshold(5.0, 4)
    assert 5.0 < level < 2 * 3.5  # four bands at 3.5 sigma are enough


def test_faulty_arguments_are_refused() -> None:
    with pytest.raises(UserError, match="at least one"):
        combine_significance([])
    with pytest.raises(UserError, match="positive"):
        joint_threshold(5.0, 0)
