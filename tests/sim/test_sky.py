from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.sim.config import SimConfig, SkyConfig
from uraniborg.sim.observing import plan_visits
from uraniborg.sim.sky import REFERENCE_EPOCH_MJD, fluxes_at, make_sky, positions_at
from uraniborg.sim.spectra import flux_to_magnitude, magnitude_to_flux


@pytest.fixture(scope="module")
def config() -> SimConfig:
    return SimConfig(sky=SkyConfig(star_density=200.0, galaxy_density=100.0, n_transients=12, n_variables=6))


@pytest.fixture(scope="module")
def sky(config: SimConfig) -> Table:
    return make_sky(config)


def test_equal_seeds_give_equal_skies_and_others_do_not(config: SimConfig, sky: Table) -> None:
    assert np.array_equal(make_sky(config)["ra"], sky["ra"])
    other = make_sky(config.model_copy(update={"seed": 5}))
    assert not np.array_equal(other["ra"][:50], sky["ra"][:50])


def test_transients_do_not_change_the_stars() -> None:
    few = make_sky(SimConfig(sky=SkyConfig(n_transients=0)))
    many = make_sky(SimConfig(sky=SkyConfig(n_transients=9)))
    assert np.array_equal(few["ra"], many["ra"][many["kind"] != "transient"])


def test_counts_follow_density_and_slope(config: SimConfig, sky: Table) -> None:
    stars = sky[(sky["kind"] == "star") & (sky["lightCurve"] == "constant")]
    side = (1024 * 0.26 + 2 * (15.0 + 12.0 + 512 * 0.26 * np.sin(np.deg2rad(0.5)))) / 60.0
    expected = 200.0 * side**2
    assert len(stars) == pytest.approx(expected, abs=4.0 * np.sqrt(expected))
    magnitude = flux_to_magnitude(np.asarray(stars["r_flux"]))
    assert magnitude.min() >= 14.5
    assert magnitude.max() <= 25.0
    bright, faint = np.sum((magnitude > 16) & (magnitude < 18)), np.sum((magnitude > 18) & (magnitude < 20))
    ratio = 10.0 ** (0.25 * 2.0)
    assert faint / bright == pytest.approx(ratio, abs=4.0 * ratio * np.sqrt(1.0 / faint + 1.0 / bright))


def test_proper_motion_moves_stars_along_the_sky() -> None:
    star = make_sky(SimConfig(sky=SkyConfig(dec=60.0, n_transients=0)))[:1]
    star["pmRa"], star["pmDec"] = 1000.0, -500.0
    before, after = positions_at(star, REFERENCE_EPOCH_MJD), positions_at(star, REFERENCE_EPOCH_MJD + 3652.5)
    moved = (after - before)[0] * 3600.0 * [np.cos(np.deg2rad(star["dec"][0])), 1.0]
    assert moved == pytest.approx([10.0, -5.0], abs=1e-3)  # the rest is the curvature of the circle of declination


def test_transients_appear_and_fade_and_some_have_hosts(config: SimConfig, sky: Table) -> None:
    transients = sky[sky["kind"] == "transient"]
    assert len(transients) == 12
    peak = np.array([fluxes_at(transients[k : k + 1], "g", transients["peakMjdTai"][k])[0] for k in range(12)])
    assert peak == pytest.approx(np.asarray(transients["g_flux"]))
    before = fluxes_at(transients, "g", config.observing.first_mjd - 60.0)
    assert np.all(before < 1e-9 * peak)
    assert np.sum(transients["hostId"] > 0) == round(0.6 * 12)
    hosts = sky[np.isin(sky["truthId"], transients["hostId"])]
    assert set(hosts["kind"]) == {"galaxy"}
    for row in transients[transients["hostId"] > 0]:
        host = hosts[hosts["truthId"] == row["hostId"]][0]
        d_ra = (row["ra"] - host["ra"]) * np.cos(np.deg2rad(host["dec"]))
        assert np.hypot(d_ra, row["dec"] - host["dec"]) * 3600.0 <= host["halfLightRadius"] * 1.001


def test_transients_and_variables_lie_on_every_exposure(config: SimConfig, sky: Table) -> None:
    changing = sky[sky["lightCurve"] != "constant"]
    assert len(changing) == 18
    for visit in plan_visits(config):
        x, y = visit.true_wcs(config, 0).wcs_world2pix(changing["ra"], changing["dec"], 0)
        assert x.min() > 20
        assert x.max() < 1003
        assert y.min() > 20
        assert y.max() < 1003


def test_variables_vary_about_their_mean_by_their_amplitude(sky: Table) -> None:
    stars = sky[(sky["kind"] == "star") & (sky["lightCurve"] != "constant")]
    times = np.linspace(60000.0, 60200.0, 8001)
    magnitude = np.array([flux_to_magnitude(fluxes_at(stars, "r", t)) for t in times])
    assert np.ptp(magnitude, axis=0) == pytest.approx(np.asarray(stars["amplitude"]), rel=0.02)
    # the light curve is gray: the colour stays
    ratio = fluxes_at(stars, "g", 60000.3) / fluxes_at(stars, "r", 60000.3)
    assert ratio == pytest.approx(np.asarray(stars["g_flux"] / stars["r_flux"]))


def test_the_constant_do_not_change(sky: Table) -> None:
    constant = sky[sky["lightCurve"] == "constant"]
    assert np.array_equal(fluxes_at(constant, "r", 60000.0), fluxes_at(constant, "r", 60900.0))


def test_an_empty_sky_is_possible() -> None:
    sky = make_sky(SimConfig(sky=SkyConfig(star_density=0, galaxy_density=0, n_variables=0, n_transients=0)))
    assert len(sky) == 0
    assert sky["ra"].unit == "deg"


def test_units_and_kinds_are_declared(sky: Table) -> None:
    assert sky["r_flux"].unit == "nJy"
    assert set(sky["kind"]) == {"star", "galaxy", "transient"}
    assert len(np.unique(sky["truthId"])) == len(sky)
    galaxies = sky[sky["kind"] == "galaxy"]
    assert np.all(galaxies["r_flux"] <= magnitude_to_flux(18.0) * 1.0001)
    assert np.all((galaxies["axisRatio"] > 0) & (galaxies["axisRatio"] <= 1))
