from __future__ import annotations

import numpy as np
import pytest

from uraniborg.core.errors import AlgorithmError
from uraniborg.verify.astrometry import AxisRms, axis_rms, sky_offsets_mas, worst


def test_rms_counts_offset_and_scatter_of_the_stars_kept() -> None:
    rng = np.random.default_rng(3)
    d_ra, d_dec = rng.normal(30.0, 10.0, 20000), rng.normal(0.0, 5.0, 20000)
    d_ra[:100] = 1e6
    d_dec[100:110] = np.nan
    found = axis_rms(d_ra, d_dec, keep=np.arange(20000) >= 100)
    assert found.ra == pytest.approx(np.hypot(30.0, 10.0), rel=0.01)
    assert found.dec == pytest.approx(5.0, rel=0.03)
    assert found.n == 19890
    assert found.largest == found.ra


def test_no_star_is_an_error() -> None:
    with pytest.raises(AlgorithmError, match="no star"):
        axis_rms([1.0], [2.0], keep=np.array([False]))


def test_offsets_are_on_the_sky_and_cross_zero() -> None:
    d_ra, d_dec = sky_offsets_mas(([359.999999, 10.0], [60.0, 0.0]), ([0.000001, 10.0], [60.0, 1e-6]))
    assert d_ra == pytest.approx([-2e-6 * 3.6e6 * 0.5, 0.0], abs=1e-6)
    assert d_dec == pytest.approx([0.0, -3.6], abs=1e-6)


def test_worst_is_that_of_either_axis() -> None:
    assert worst({1: AxisRms(3.0, 4.0, 9), 2: AxisRms(5.0, 1.0, 9), 3: AxisRms(1.0, 4.5, 9)}) == 2
