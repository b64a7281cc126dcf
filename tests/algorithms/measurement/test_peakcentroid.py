from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement import measure_sources
from uraniborg.algorithms.psf import gaussian_psf
from uraniborg.core.flags import MeasurementFlag, has_flag

from .conftest import Repeats


@pytest.mark.parametrize("name", ["sdss_x", "sdss_y"])
def test_errors_are_right(repeats: Repeats, name: str) -> None:
    pull = repeats.pull(name, flux=(1e4, np.inf))
    assert pull.std() == pytest.approx(1.0, abs=0.05)
    assert abs(pull.mean()) < 0.1


def test_clean_stars_are_found_where_they_are(repeats: Repeats) -> None:
    np.testing.assert_allclose(repeats.clean.sdss_x, repeats.x, atol=3e-3)
    np.testing.assert_allclose(repeats.clean.sdss_y, repeats.y, atol=3e-3)


def test_no_top_is_flagged() -> None:
    psf = gaussian_psf(1.8, stamp_size=25)
    image = (-np.hypot(*np.mgrid[-50:51, -50:51])).astype(np.float32) * -3.0
    found = measure_sources(image, np.full_like(image, 100.0), psf, x=np.array([50.0]), y=np.array([50.0]))
    assert has_flag(found.flags, MeasurementFlag.PEAK_CENTROID_FAILED)[0]
    assert np.isnan(found.sdss_x[0])
