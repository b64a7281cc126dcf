from __future__ import annotations

import numpy as np
import pytest

from uraniborg.core.errors import Unprocessable
from uraniborg.verify import isr

RNG = np.random.default_rng(1)
GOOD = np.ones((100, 100), bool)


def test_pull_and_residuals_see_a_wrong_error_and_an_offset() -> None:
    truth = np.full((100, 100), 500.0)
    image, variance = truth + 20.0 * RNG.standard_normal(truth.shape), np.full(truth.shape, 400.0)
    halves = [(slice(0, 100), slice(0, 50)), (slice(0, 100), slice(50, 100))]
    assert isr.measure_pull(image, variance, truth, good=GOOD).value == pytest.approx(1.0, abs=0.03)
    assert isr.measure_pull(image, 0.25 * variance, truth, good=GOOD).value == pytest.approx(2.0, abs=0.06)
    assert isr.measure_residuals(image, variance, truth, good=GOOD, sections=halves).value < 4.0
    image[:, 50:] += 2.0
    assert isr.measure_residuals(image, variance, truth, good=GOOD, sections=halves).value == pytest.approx(
        7.07, abs=3.0
    )
    with pytest.raises(Unprocessable):
        isr.measure_pull(image, variance, truth, good=~GOOD)


def test_recall_precision_and_damage() -> None:
    rays, found = np.zeros((100, 100)), np.zeros((100, 100), bool)
    rays[10, 10:20] = 1000.0
    found[10, 10:18] = found[50, 50] = found[90, 90] = True
    exclude = np.zeros_like(found)
    exclude[90, 90] = True
    recall, precision = isr.measure_cosmic_rays(found, rays, exclude=exclude, noise=30.0)
    assert recall.value == pytest.approx(80.0)
    assert precision.value == pytest.approx(100.0 * 8 / 9)
    truth = np.full((100, 100), 100.0)
    for place in ((51, 51), (70, 20), (11, 15), (30, 80), (90, 90)):
        truth[place] = 5000.0
    damage = isr.measure_star_damage(found, truth, rays=rays, exclude=exclude, sky=100.0, noise=30.0)
    assert damage.value == pytest.approx(100.0 / 3.0)  # of five stars one has a true ray, one is excluded
    with pytest.raises(Unprocessable):
        isr.measure_cosmic_rays(found, np.zeros((100, 100)), exclude=exclude, noise=30.0)


def test_trails_and_ghosts() -> None:
    light = np.zeros((100, 100))
    light[40:44] = 100.0
    found = np.zeros((100, 100), bool)
    found[41:45] = True
    complete, clean = isr.measure_trails(found, light, noise=30.0, exclude=~GOOD)
    assert complete.value == pytest.approx(75.0)
    assert clean.value == pytest.approx(100.0 / 96.0)
    # A step of 100 in two pixels of half an arcsecond: 50 a pixel, 100 an arcsecond.
    left = isr.measure_ghosts(~GOOD, light, noise=30.0, pixel_scale=0.5)
    assert left.value == pytest.approx(4.0)
    assert isr.measure_ghosts(GOOD, light, noise=30.0, pixel_scale=0.5).value == 0.0
    assert isr.measure_ghosts(~GOOD, light, noise=400.0, pixel_scale=0.5).value == 0.0


def test_moments_and_slopes() -> None:
    y, x = np.mgrid[:41, :41]
    star = 7.0 + 100.0 * np.exp(-0.5 * ((x - 20.3) ** 2 + (y - 19.8) ** 2) / 2.0**2)
    trace = isr.weighted_trace(star, x=20.3, y=19.8, sigma=4.0, sky=7.0)
    assert trace == pytest.approx(2.0 / (1.0 / 4.0 + 1.0 / 16.0), rel=1e-3)
    fluxes, true = np.linspace(1e3, 1e5, 5), np.full(5, 4.0)
    seen, after = true * (1.0 + 4e-7 * fluxes), true * (1.0 + 2e-8 * fluxes)
    removed, left = isr.measure_brighter_fatter(fluxes, true, seen, after, half_well=5e4)
    assert removed.value == pytest.approx(95.0)
    assert left.value == pytest.approx(1e-3)


def test_charge_transfer_and_crosstalk_that_are_left() -> None:
    truth = np.zeros(10)
    assert isr.measure_charge_transfer(truth + 4.0, truth + 1.0, truth).value == pytest.approx(25.0)
    with pytest.raises(Unprocessable):
        isr.measure_charge_transfer(truth, truth, truth)
    psf = np.ones((3, 3)) / 9.0
    residual, variance = np.zeros((2, 30, 30)), np.full((2, 30, 30), 9.0)
    residual[1, 9:12, 14:17] = 2.0
    places = np.array([[0, 10, 15], [1, 20, 20], [0, 0, 0]])
    assert isr.measure_crosstalk(residual, variance, aggressors=places, psf=psf).value == pytest.approx(2.0)
    with pytest.raises(Unprocessable):
        isr.measure_crosstalk(residual, variance, aggressors=places[2:], psf=psf)
