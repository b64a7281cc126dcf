from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.surface import fit_surface
from uraniborg.core.errors import Unprocessable

SHAPE = (300, 400)


def test_a_smooth_surface_comes_back_from_noise_and_stars() -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
    truth = 1.0 + 0.02 * x - 0.01 * y**2 + 0.008 * x * y
    image = truth + 0.02 * rng.standard_normal(SHAPE)
    bad = rng.random(SHAPE) < 0.2
    image[bad] += 3.0
    surface = fit_surface(image, bad=bad, degree=3, cell=20)
    residual = surface.evaluate() - truth
    assert np.abs(residual).max() < 2e-3
    assert residual.std() < 4e-4
    assert surface.coefficients[0, 1] == pytest.approx(0.02, abs=5.0 * surface.errors[0, 1])


def test_too_much_mask_is_refused() -> None:
    with pytest.raises(Unprocessable, match="usable cells"):
        fit_surface(np.full(SHAPE, np.nan))
