from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.modeling.models import BlackBody

from uraniborg.core.errors import UserError
from uraniborg.sim.spectra import (
    BANDS,
    GAIA_BANDS,
    black_body_colours,
    flux_to_magnitude,
    magnitude_to_flux,
    power_law_colours,
)


def _astropy_colour(kelvin: float, band: str) -> float:
    def mean(low: float, high: float) -> float:
        wavelength = np.geomspace(low, high, 4001) * u.micron
        density = BlackBody(kelvin * u.K)(wavelength).value
        log_nu = -np.log(wavelength.value)
        return float(np.trapezoid(density, log_nu) / (log_nu[-1] - log_nu[0]))

    low, high = (BANDS | GAIA_BANDS)[band][:2]
    return -2.5 * np.log10(mean(low, high) / mean(*BANDS["r"]))


@pytest.mark.parametrize("band", [*BANDS, *GAIA_BANDS])
@pytest.mark.parametrize("kelvin", [3000.0, 5800.0, 9500.0])
def test_black_body_colours_agree_with_astropy(kelvin: float, band: str) -> None:
    vega = GAIA_BANDS[band][2] if band in GAIA_BANDS else 0.0
    assert black_body_colours(np.array([kelvin]), band)[0] == pytest.approx(
        _astropy_colour(kelvin, band) - vega, abs=5e-4
    )


def test_hot_stars_are_blue_and_flat_spectra_have_no_colour() -> None:
    cool, hot = black_body_colours(np.array([3200.0, 8000.0]), "g")
    assert cool > 1.0 > 0.3 > hot
    assert power_law_colours(np.array([0.0]), "z")[0] == pytest.approx(0.0, abs=1e-12)
    assert power_law_colours(np.array([2.0]), "g")[0] > 0.3


def test_magnitudes_and_fluxes_are_inverse() -> None:
    assert magnitude_to_flux(31.4) == pytest.approx(1.0)
    assert magnitude_to_flux(8.9) == pytest.approx(1e9)  # 1 Jy
    magnitude = np.array([15.0, 22.5])
    assert flux_to_magnitude(magnitude_to_flux(magnitude)) == pytest.approx(magnitude)
    assert np.isnan(flux_to_magnitude(np.array([0.0, -1.0]))).all()


def test_unknown_band_is_refused() -> None:
    with pytest.raises(UserError, match="no band 'q'"):
        black_body_colours(np.array([5000.0]), "q")
