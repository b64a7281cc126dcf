from __future__ import annotations

import erfa
import galsim
import numpy as np
import pytest

from uraniborg.sim.atmosphere.air import refraction, refractivity

AIR = {"temperature": 10.0, "pressure": 743.0, "humidity": 0.4}
WAVELENGTHS = np.array([0.33, 0.40, 0.55, 0.69, 0.82, 1.08])


def test_standard_air_has_its_known_index() -> None:
    dry = refractivity(0.5893, temperature=15.0, pressure=1013.25, humidity=0.0)
    assert float(dry) == pytest.approx(2.770e-4, rel=2e-3)


@pytest.mark.parametrize("zenith", [20.0, 45.0, 60.0])
def test_dispersion_is_that_of_erfa_within_five_mas(zenith: float) -> None:
    ours = refraction(refractivity(WAVELENGTHS, **AIR), zenith, temperature=10.0)
    a, b = erfa.refco(743.0, 10.0, 0.4, WAVELENGTHS)
    theirs = np.degrees(a * np.tan(np.deg2rad(zenith)) + b * np.tan(np.deg2rad(zenith)) ** 3) * 3600.0
    within = slice(1, 6)  # from 0.4 micron on: the dispersion formulae differ in the ultraviolet, see below
    assert np.ptp((ours - theirs)[within]) * 1e3 < 5.0 * np.tan(np.deg2rad(zenith))
    assert np.ptp(ours) * 1e3 > 500.0 * np.tan(np.deg2rad(zenith))


def test_dispersion_is_that_of_galsim_near_the_zenith() -> None:
    ours = refraction(refractivity(WAVELENGTHS, **AIR), 20.0, temperature=10.0)
    vapour = 0.4 * 12.28 / 10.0  # [kPa]
    theirs = np.array(
        [
            galsim.dcr.get_refraction(
                wave * 1e3, 20.0 * galsim.degrees, pressure=74.3, temperature=283.15, H2O_pressure=vapour
            )
            * 206264.806
            for wave in WAVELENGTHS
        ]
    )
    assert np.ptp(ours - theirs) * 1e3 < 3.0
