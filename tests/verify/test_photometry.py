from __future__ import annotations

import numpy as np
import pytest

from uraniborg.core.errors import AlgorithmError
from uraniborg.verify.photometry import compare_zero_points, flux_quality, repeatability, robust_width


def test_zero_points_by_band() -> None:
    found = compare_zero_points([25.0, 25.1, 26.0], [24.98, 25.02, 26.05], band=["g", "g", "r"])
    assert found.offsets == pytest.approx([0.02, 0.08, -0.05])
    assert found.largest == pytest.approx(0.08)
    assert found.scatter == {"g": pytest.approx(0.06 / np.sqrt(2.0))}
    assert found.mean["r"] == pytest.approx(-0.05)


def test_missing_zero_points_cannot_pass() -> None:
    with pytest.raises(AlgorithmError, match="missing"):
        compare_zero_points([25.0, np.nan], [25.0, 25.0], band=["g", "g"])
    with pytest.raises(AlgorithmError, match="missing"):
        compare_zero_points([], [], band=[])


def _epochs(rms: float, *, n_stars: int = 400, n_epochs: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    star = np.repeat(np.arange(n_stars), n_epochs)
    mean = rng.uniform(16.0, 19.0, n_stars)[star]
    return {
        "star": star,
        "band": np.where(star % 2 == 0, "g", "r"),
        "magnitude": mean + rng.normal(0.0, rms, star.size),
        "error": np.full(star.size, rms),
    }


@pytest.mark.parametrize("n_epochs", [2, 3, 6])
def test_repeatability_is_unbiased_by_the_means(n_epochs: int) -> None:
    data = _epochs(0.02, n_epochs=n_epochs)
    found = repeatability(data["star"], data["band"], data["magnitude"], error=data["error"])
    assert found.rms == pytest.approx(0.02, rel=4.0 / np.sqrt(2 * 400 * (n_epochs - 1)))
    assert found.n_stars == 400
    assert found.variable.size == 0
    assert set(found.by_band) == {"g", "r"}


def test_the_variable_star_is_named_and_set_aside_and_only_one() -> None:
    data = _epochs(0.01)
    data["magnitude"][data["star"] == 7] += [0.4, -0.3, 0.1]
    data["magnitude"][data["star"] == 9] += [0.2, -0.2, 0.1]
    found = repeatability(data["star"], data["band"], data["magnitude"], error=data["error"])
    assert found.variable.tolist() == [7]
    assert found.variable_rms[0] > 0.25
    assert found.rms > 0.0105  # star 9 still counts
    both = repeatability(data["star"], data["band"], data["magnitude"], error=data["error"], max_variable=2)
    assert set(both.variable.tolist()) == {7, 9}
    assert both.rms == pytest.approx(0.01, rel=0.1)


def test_stars_seen_once_tell_nothing() -> None:
    with pytest.raises(AlgorithmError, match="measured twice"):
        repeatability([1, 2], ["g", "g"], [17.0, 18.0], error=[0.01, 0.01])
    # two bands are not two epochs
    with pytest.raises(AlgorithmError, match="measured twice"):
        repeatability([1, 1], ["g", "r"], [17.0, 18.0], error=[0.01, 0.01])


def test_flux_quality_finds_bias_and_wrong_errors() -> None:
    rng = np.random.default_rng(5)
    truth = 10.0 ** rng.uniform(3.2, 6.0, 4000)
    error = np.full(4000, 100.0)
    flux = truth * 1.01 + rng.normal(0.0, 120.0, 4000)
    found = flux_quality(flux, error, truth)
    assert found.bias == pytest.approx(0.01, abs=4 * found.bias_error)
    assert found.bias_error < 5e-4
    faint = truth < 2e3  # where 1 % is nothing
    assert flux_quality(
        np.r_[flux[faint], truth[:50]], np.r_[error[faint], truth[:50] / 300], np.r_[truth[faint], truth[:50]]
    ).pull_width == pytest.approx(1.2, rel=0.15)
    assert found.n_all == 4000
    assert found.n_bright == np.sum(truth > 1e4)


def test_too_few_stars_are_an_error() -> None:
    with pytest.raises(AlgorithmError, match="too few"):
        flux_quality([1.0], [1.0], [1.0])


def test_robust_width_of_a_gaussian_with_outliers() -> None:
    values = np.random.default_rng(6).normal(3.0, 2.0, 40000)
    values[:200] = 1e9
    assert robust_width(values) == pytest.approx(2.0, rel=0.03)
