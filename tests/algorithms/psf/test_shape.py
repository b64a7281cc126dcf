from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.psf import CellPsf, gaussian_psf, psf_shape
from uraniborg.algorithms.psf.shape import radial_fwhm


def test_shape_of_a_gaussian() -> None:
    shape = psf_shape(gaussian_psf(2.0, stamp_size=31), x=[5.2, 100.0], y=[8.9, -3.0])
    np.testing.assert_allclose(shape.fwhm, 2.3548 * 2.0, rtol=2e-3)
    np.testing.assert_allclose([shape.xx, shape.yy], 4.0, rtol=2e-3)
    np.testing.assert_allclose(shape.xy, 0.0, atol=1e-6)
    np.testing.assert_allclose(shape.area, 4 * np.pi * 4.0, rtol=2e-3)


def test_missing_cells_have_no_shape() -> None:
    images = np.full((1, 2, 21, 21), np.nan)
    images[0, 0] = gaussian_psf(2.0, stamp_size=21).evaluate(0, 0)[0]
    shape = psf_shape(CellPsf(images, (-0.5, -0.5), (10.0, 10.0)), x=[5, 15], y=[5, 5])
    assert shape.fwhm[0] == pytest.approx(4.71, abs=0.02)
    assert np.isnan(shape.fwhm[1])
    assert np.isnan(shape.xx[1])


def test_profiles_without_half_maximum_have_no_width() -> None:
    assert np.isnan(radial_fwhm(np.ones((1, 9, 9)))[0])
