from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement import measure_sources
from uraniborg.algorithms.psf import gaussian_psf
from uraniborg.core.flags import MeasurementFlag, has_flag

from .conftest import Repeats


def test_errors_are_right(repeats: Repeats) -> None:
    pull = repeats.pull("kron_flux", flux=(3e4, np.inf))
    assert pull.size > 700
    assert pull.std() == pytest.approx(1.0, abs=0.05)
    assert abs(pull.mean()) < 0.12


def test_a_gaussian_has_its_radius_and_nearly_all_its_light(repeats: Repeats) -> None:
    # First moment of a Gaussian within six sigma over its light: sqrt(pi / 2).
    sigma = np.sqrt(0.5 * (repeats.clean.xx + repeats.clean.yy))
    np.testing.assert_allclose(repeats.clean.kron_radius / sigma, np.sqrt(np.pi / 2.0), rtol=0.02)
    share = 1.0 - np.exp(-0.5 * (2.5 * np.sqrt(np.pi / 2.0)) ** 2)
    np.testing.assert_allclose(repeats.clean.kron_flux / repeats.flux, share, rtol=3e-3)


def test_no_light_and_cut_apertures_are_flagged() -> None:
    psf = gaussian_psf(1.8, stamp_size=25)
    image = np.full((101, 101), -5.0, np.float32)
    found = measure_sources(image, np.full_like(image, 100.0), psf, x=np.array([50.0]), y=np.array([50.0]))
    assert has_flag(found.flags, MeasurementFlag.KRON_FAILED)[0]
    image[38:63, 0:16] += (1e5 * psf.evaluate(3.0, 50.0)[0][:, 9:]).astype(np.float32)
    cut = measure_sources(image, np.full_like(image, 100.0), psf, x=np.array([3.0]), y=np.array([50.0]))
    assert has_flag(cut.flags, MeasurementFlag.KRON_EDGE)[0]
