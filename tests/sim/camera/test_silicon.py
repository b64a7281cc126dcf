from __future__ import annotations

import numpy as np
import pytest

from uraniborg.sim.camera.silicon import absorption, fringe_contrast, quantum_efficiency


def test_absorption_falls_with_wavelength_and_has_the_published_values() -> None:
    wavelengths = np.linspace(300.0, 1150.0, 500)
    assert np.all(np.diff(absorption(wavelengths)) < 0.0)
    assert absorption([500.0, 1000.0]) == pytest.approx([1.11e4, 64.0])


def test_thick_silicon_sees_more_red_light_and_has_weaker_fringes() -> None:
    thin, thick = ({"thickness": value} for value in (15.0, 100.0))
    assert quantum_efficiency(950.0, **thick) == pytest.approx(1.0 - np.exp(-1.57))
    assert quantum_efficiency(950.0, **thin) == pytest.approx(1.0 - np.exp(-0.2355))
    assert fringe_contrast(950.0, **thin) > 3 * fringe_contrast(950.0, **thick)
    assert fringe_contrast(600.0, **thick) < 1e-15
    assert fringe_contrast(1000.0, **thick) == pytest.approx(2 * np.sqrt(0.009) * np.exp(-0.64))
