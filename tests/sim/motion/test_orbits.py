from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uraniborg.sim.config import SimConfig
from uraniborg.sim.measure import measure_movers
from uraniborg.sim.motion.config import MovingConfig
from uraniborg.sim.motion.movers import elements_of, make_movers
from uraniborg.sim.motion.observer import SITE
from uraniborg.sim.motion.orbits import Elements, apparent_magnitude, heliocentric, look_at, solve_kepler

MJD = 60740.12


def _skyfield(elements: Elements, mjd: float) -> tuple[np.ndarray, np.ndarray]:
    """Places by skyfield: JPL's DE421, its own propagation of orbits, light time and rotation of the Earth."""
    api = pytest.importorskip("skyfield.api")
    data = pytest.importorskip("skyfield_data")
    from skyfield.data.spice import inertial_frames
    from skyfield.keplerlib import _KeplerOrbit
    from skyfield.toposlib import ITRSPosition

    planets = api.load_file(str(Path(data.__file__).parent / "data" / "de421.bsp"))
    scale = api.load.timescale(builtin=True)
    site = planets["earth"] + ITRSPosition(api.Distance(m=np.array(SITE)))
    here = site.at(scale.tai_jd(mjd + 2400000.5))
    places = []
    for k in range(elements.a.size):
        orbit = _KeplerOrbit._from_mean_anomaly(
            elements.a[k] * (1.0 - elements.e[k] ** 2),
            elements.e[k],
            elements.inclination[k],
            elements.node[k],
            elements.argument[k],
            elements.anomaly[k],
            scale.tdb_jd(elements.epoch[k] + 2400000.5),
            132712440041.93938,
            10,
        )
        orbit._rotation = inertial_frames["ECLIPJ2000"].T
        ra, dec, _ = here.observe(planets["sun"] + orbit).radec()
        places.append((ra.hours * 15.0, dec.degrees))
    planets.close()
    return tuple(np.array(places).T)


def test_keplers_equation_is_solved() -> None:
    mean, e = np.meshgrid(np.linspace(-3.1, 3.1, 41), np.linspace(0.0, 0.99, 30))
    anomaly = solve_kepler(mean, e)
    assert np.abs(anomaly - e * np.sin(anomaly) - mean).max() < 1e-13


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")  # of skyfield
def test_bodies_stand_where_an_independent_ephemeris_says() -> None:
    config = SimConfig(moving=MovingConfig(number=25, real=True))
    for mjd in (config.observing.first_mjd, config.observing.first_mjd + 60.0):
        assert measure_movers(config, mjd, _skyfield) < 0.5  # [arcsec]


def test_rates_are_the_change_of_places() -> None:
    elements = elements_of(make_movers(SimConfig(moving=MovingConfig(real=True))))
    before, now, after = (look_at(elements, MJD + step) for step in (-0.01, 0.0, 0.01))
    east = (np.mod(after.ra - before.ra + 180.0, 360.0) - 180.0) * np.cos(np.deg2rad(now.dec)) * 3600.0 / 0.02
    assert now.rate_ra == pytest.approx(east, abs=1.0)
    assert now.rate_dec == pytest.approx((after.dec - before.dec) * 3600.0 / 0.02, abs=1.0)
    assert 100.0 < np.median(np.hypot(now.rate_ra, now.rate_dec)) < 1500.0  # [arcsec/day]


def test_an_orbit_closes_and_keeps_its_energy() -> None:
    one = Elements(*(np.array([value]) for value in (2.5, 0.3, 10.0, 40.0, 50.0, 60.0, MJD)))
    period = 365.2568983 * 2.5**1.5
    assert heliocentric(one, MJD + period) == pytest.approx(heliocentric(one, MJD), abs=1e-6)
    step = 1e-3
    for time in (MJD, MJD + 200.0, MJD + 700.0):
        place = heliocentric(one, time)[0]
        velocity = (heliocentric(one, time + step) - heliocentric(one, time - step))[0] / (2.0 * step)
        mu = 0.01720209895**2
        assert velocity @ velocity / 2.0 - mu / np.linalg.norm(place) == pytest.approx(-mu / 5.0, rel=1e-5)


def test_magnitudes_are_those_of_the_hg_system() -> None:
    # at opposition and unit distances the magnitude is H; from 10 to 20 degrees a body fades by some 0.033 mag a degree
    assert apparent_magnitude(10.0, 0.15, sun_distance=1.0, distance=1.0, phase=0.0) == pytest.approx(10.0)
    ten, twenty = (apparent_magnitude(0.0, 0.15, sun_distance=1.0, distance=1.0, phase=p) for p in (10.0, 20.0))
    assert twenty - ten == pytest.approx(0.33, abs=0.04)
    assert apparent_magnitude(0.0, 0.15, sun_distance=2.0, distance=3.0, phase=0.0) == pytest.approx(5 * np.log10(6))
