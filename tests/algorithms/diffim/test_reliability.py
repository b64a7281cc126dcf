import numpy as np
import pytest

from uraniborg.algorithms.diffim.reliability import point_flux_map, score_reliability, stamp_features


def good(**changes):
    values = {
        "snr": np.array([12.0]),
        "chi2_dof": np.array([1.0]),
        "size_ratio": np.array([1.02]),
        "features": np.array([[60.0], [3.0], [0.0]]),
        "star_ratio": np.array([5.0]),
    }
    return score_reliability(**(values | {name: np.array(value) for name, value in changes.items()}))


def test_a_point_source_scores_high() -> None:
    assert good().score[0] > 0.9
    assert good(snr=[-12.0], features=[[3.0], [60.0], [0.0]]).score[0] > 0.9
    assert good(snr=[200.0], chi2_dof=[4.0]).score[0] > 0.8


@pytest.mark.parametrize(
    ("name", "value", "factor"),
    [
        ("chi2_dof", [6.0], "fit"),
        ("chi2_dof", [np.nan], "fit"),
        ("size_ratio", [0.35], "size"),
        ("size_ratio", [2.5], "size"),
        ("features", [[60.0], [55.0], [0.0]], "sign"),
        ("star_ratio", [0.005], "star"),
        ("features", [[60.0], [3.0], [0.5]], "pixels"),
    ],
)
def test_each_factor_lowers_the_score_alone(name: str, value: list, factor: str) -> None:
    factors = good(**{name: value})
    assert factors.score[0] < 0.15
    assert getattr(factors, factor)[0] < 0.15
    others = {"fit", "size", "sign", "star", "pixels"} - {factor}
    assert all(getattr(factors, other)[0] > 0.9 for other in others)


def test_features_count_both_signs_and_unusable_pixels() -> None:
    pulls = np.zeros((20, 20))
    pulls[10, 10], pulls[10, 12], pulls[9, 9], pulls[10, 14] = 5.0, -3.0, 1.9, 9.0
    unusable = np.zeros((20, 20), dtype=bool)
    unusable[11, 10:12] = True
    features = stamp_features(pulls, unusable, np.array([[10.2, 9.8], [0.0, 0.0], [np.nan, 3.0]]), half_size=2)
    np.testing.assert_allclose(features[:, 0], [5.0, 3.0, 2 / 25])
    assert features[2, 1] == pytest.approx(16 / 25)
    assert features[2, 2] == 1.0


def test_point_flux_map_gives_the_flux_of_a_star_nearby() -> None:
    offsets = np.arange(-8, 9.0)
    psf = np.exp(-0.5 * (offsets[:, None] ** 2 + offsets**2) / 1.5**2)
    image = np.zeros((40, 40))
    image[12:29, 12:29] = 700.0 * psf / psf.sum()
    image[0, 0] = np.nan
    found = point_flux_map(image, psf, radius=3)
    assert found[20, 20] == pytest.approx(700.0)
    assert found[20, 23] == pytest.approx(700.0)
    assert found[20, 24] < 650.0
