from __future__ import annotations

import numpy as np
import pytest
from scipy.special import eval_legendre

from uraniborg.sim.atmosphere.chromatic import make_spread, reference_fluxes
from uraniborg.sim.atmosphere.config import AtmosphereConfig
from uraniborg.sim.spectra import BANDS, black_body_colours

AIR = AtmosphereConfig(real_sky=True, refraction=True)


def _fluxes(kelvin: np.ndarray) -> dict[str, np.ndarray]:
    return {band: 10.0 ** (-0.4 * black_body_colours(kelvin, band)) for band in BANDS}


def test_the_reference_is_not_displaced_and_blue_light_is_lifted_more() -> None:
    spread = make_spread("g", zenith_distance=45.0, air=AIR)
    assert spread.shifts(reference_fluxes())[0] == pytest.approx(0.0, abs=1e-12)
    shift = spread.shifts(_fluxes(np.array([3000.0, 5778.0, 15000.0])))
    assert shift[0] < -0.03 < 0.0 < shift[2]
    assert spread.lift[0] > spread.lift[-1]
    overhead = make_spread("g", zenith_distance=1e-3, air=AIR)
    assert np.abs(overhead.lift).max() < 1e-4


def test_legendre_terms_give_the_moments_of_the_light() -> None:
    spread = make_spread("u", zenith_distance=55.0, air=AIR)
    fluxes = _fluxes(np.array([3000.0, 9000.0]))
    terms = spread.coefficients(fluxes)
    assert terms[:, 0] == pytest.approx(1.0)
    t = np.linspace(-1.0, 1.0, 4001)
    density = sum(terms[:, n][:, None] * eval_legendre(n, t)[None, :] for n in range(5)) / 2.0
    mean = np.trapezoid(density * t, t, axis=1)
    width = np.sqrt(np.trapezoid(density * t**2, t, axis=1) - mean**2)
    assert spread.middle + spread.half_length * mean == pytest.approx(spread.shifts(fluxes), abs=1e-5)
    assert spread.half_length * width == pytest.approx(spread.widths(fluxes), abs=1e-4)


def test_transfer_functions_are_fourier_transforms_of_the_terms() -> None:
    spread = make_spread("r", zenith_distance=60.0, air=AIR)
    wave = np.array([0.0, 1.0, 5.0, 20.0])
    t = np.linspace(-1.0, 1.0, 20001)
    for n, term in enumerate(spread.transfer(wave)):
        place = spread.middle + spread.half_length * t
        direct = np.trapezoid(eval_legendre(n, t) * np.exp(-1j * wave[:, None] * place), t, axis=1) / 2.0
        assert np.abs(term - direct).max() < 1e-6
