from __future__ import annotations

import numpy as np
import pytest

from uraniborg.sim.atmosphere.night_sky import MoonState, moon_state, moonlight, night_sky
from uraniborg.sim.motion.observer import observer_at


def test_the_papers_example_is_found_again() -> None:
    # Krisciunas & Schaefer (1991), section 4: k = 0.172, phase angle 30, moon at 30 degrees from the zenith, ...
    bright = [
        float(moonlight(rho, phase_angle=30.0, moon_zenith=30.0, zenith=40.0, extinction=0.172)) for rho in (10, 60)
    ]
    assert bright[0] > 3.0 * bright[1]
    # full Moon at 60 degrees: some 2 mag brighter than a dark sky of 79 nanolambert (V = 21.6)
    full = float(moonlight(60.0, phase_angle=0.0, moon_zenith=30.0, zenith=30.0, extinction=0.172))
    assert 2.5 * np.log10(1.0 + full / 79.0) == pytest.approx(2.8, abs=0.5)


def test_a_moon_below_the_horizon_gives_no_light() -> None:
    assert moonlight(30.0, phase_angle=0.0, moon_zenith=95.0, zenith=10.0, extinction=0.17) == 0.0
    dark = MoonState(altitude=-5.0, separation=100.0, phase_angle=0.0)
    assert night_sky(21.5, "r", extinction=0.1, zenith=0.0, moon=dark) == pytest.approx(21.5)
    assert night_sky(21.5, "r", extinction=0.1, zenith=60.0, moon=dark) < 21.1  # airglow along a longer path


def test_moonlight_is_bluer_than_the_dark_sky() -> None:
    moon = MoonState(altitude=50.0, separation=60.0, phase_angle=10.0)
    gain = [dark - night_sky(dark, band, extinction=k, zenith=30.0, moon=moon) for band, dark, k in (
        ("u", 22.9, 0.45), ("r", 21.2, 0.10), ("y", 18.6, 0.08))]  # fmt: skip
    assert gain[0] > gain[1] > gain[2] > 0.0


def test_phases_are_those_of_the_calendar() -> None:
    full, new = observer_at(60748.29), observer_at(60763.46)  # 2025 March 14 and 29: eclipses of the Moon and the Sun
    assert moon_state(full, 170.0, 0.0).illuminated > 0.995
    assert moon_state(new, 170.0, 0.0).illuminated < 0.005
