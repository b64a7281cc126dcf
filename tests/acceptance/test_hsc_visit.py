from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uraniborg.acceptance.hsc_visit import measure_hsc_visit, read_hsc_visit
from uraniborg.core.errors import UserError


@pytest.mark.realdata
def test_a_real_visit_lies_on_gaia_within_a_few_hundredths_of_a_pixel(testdata: Path, tmp_path: Path) -> None:
    value = measure_hsc_visit(testdata / "refcat" / "hsc_visit1180", picture=tmp_path / "residuals.png")
    assert value.details["matched_fraction"] >= 0.95
    assert value.details["detectors_fitted"] == 81
    assert value.value <= 12.0
    assert value.details["n_bright"] > 1300
    assert (tmp_path / "residuals.png").stat().st_size > 10_000


@pytest.mark.realdata
def test_detectors_are_read_brightest_first(testdata: Path) -> None:
    detectors, numbers = read_hsc_visit(testdata / "refcat" / "hsc_visit1180")
    assert len(detectors) == len(numbers) == 81
    assert numbers == sorted(numbers)
    assert all(np.all(np.diff(stars.error) >= 0.0) for stars in detectors)
    scales = [np.sqrt(abs(np.linalg.det(stars.axes))) for stars in detectors]
    assert 0.155 < min(scales) < max(scales) < 0.170


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="URANIBORG_TESTDATA"):
        read_hsc_visit(tmp_path)
