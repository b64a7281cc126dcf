from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.photometry.spatial import CalibrationField, fit_calibration_field
from uraniborg.core.errors import AlgorithmError

CORNER, SIZE = (-0.5, -0.5), (4072.0, 4000.0)


def _truth(degree: int, amplitude: float = 0.02) -> CalibrationField:
    rng = np.random.default_rng(degree)
    coefficients = rng.normal(0.0, amplitude, (degree + 1, degree + 1))
    coefficients[np.add.outer(np.arange(degree + 1), np.arange(degree + 1)) > degree] = 0.0
    coefficients[0, 0] = 1.0
    return CalibrationField(0.63 * coefficients, CORNER, SIZE, 0.0, 0.0, np.zeros(0, bool))


def _stars(truth: CalibrationField, n: int, *, seed: int, snr: float = 200.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0.0, 4000.0, (2, n))
    magnitude = rng.uniform(16.0, 20.0, n)
    exact = 10.0 ** (-0.4 * (magnitude - 31.4)) / truth.evaluate(x, y)
    flux = exact * (1.0 + rng.normal(0.0, 1.0 / snr, n))
    return {"flux": flux, "flux_err": exact / snr, "magnitude": magnitude, "magnitude_err": np.zeros(n), "x": x, "y": y}


def _fit(stars: dict[str, np.ndarray], **options: object) -> CalibrationField:
    first = [stars[name] for name in ("flux", "flux_err", "magnitude")]
    rest = {name: stars[name] for name in ("magnitude_err", "x", "y")}
    return fit_calibration_field(*first, **rest, corner=CORNER, size=SIZE, **options)


GRID = np.meshgrid(np.linspace(0.0, 4071.0, 30), np.linspace(0.0, 3999.0, 30))


@pytest.mark.parametrize("degree", [0, 1, 2, 8])
def test_any_degree_is_recovered_exactly_without_noise(degree: int) -> None:
    truth = _truth(degree)
    stars = _stars(truth, 900, seed=1, snr=1e9)
    stars["flux_err"] = stars["flux"] * 1e-3
    found = _fit(stars, max_degree=degree, force=True)
    assert np.abs(found.evaluate(*GRID) / truth.evaluate(*GRID) - 1.0).max() < 1e-7
    assert found.degree == degree


def test_the_field_has_no_bias_and_unit_pulls() -> None:
    truth, pulls, bias = _truth(1), [], []
    for seed in range(60):
        found = _fit(_stars(truth, 120, seed=seed), max_degree=1, force=True)
        middle = float(found.evaluate(2000.0, 2000.0) / truth.evaluate(2000.0, 2000.0)) - 1.0
        bias.append(middle)
        pulls.append(middle / found.error)
        assert found.scatter == pytest.approx(1.0 / 200.0, rel=0.3)
    assert abs(np.mean(bias)) < 3.0 * np.std(bias) / np.sqrt(60)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.25)


def test_richness_follows_the_stars() -> None:
    chosen = [_fit(_stars(_truth(0), 200, seed=seed)).degree for seed in range(40)]
    assert np.mean(np.array(chosen) == 0) > 0.9
    assert _fit(_stars(_truth(2), 200, seed=1)).degree == 2
    assert _fit(_stars(_truth(2), 15, seed=1)).degree == 0


def test_variable_stars_have_no_say() -> None:
    truth = _truth(1)
    stars = _stars(truth, 200, seed=4)
    stars["flux"][:30] *= 2.0
    found = _fit(stars, max_degree=1)
    assert np.abs(found.evaluate(*GRID) / truth.evaluate(*GRID) - 1.0).max() < 0.004
    assert not found.used[:30].any()


def test_no_star_is_an_error() -> None:
    stars = _stars(_truth(0), 3, seed=1)
    stars["flux"] = -stars["flux"]
    with pytest.raises(AlgorithmError, match="no reference star"):
        _fit(stars)
