import numpy as np
import pytest

from uraniborg.algorithms.diffim.trail import measure_trails, trail_length_from_moments
from uraniborg.core.pixelgrid import PsfModel

SIGMA = 1.7


@pytest.fixture(scope="module")
def psf() -> PsfModel:
    offsets = np.arange(-14, 15.0)
    grid = np.exp(-0.5 * (offsets[:, None] ** 2 + offsets**2) / SIGMA**2)
    return PsfModel(np.stack([grid / grid.sum()]), 0, (0.0, 0.0), (1.0, 1.0), 1.0, 21)


def trail_image(length: float, angle: float, flux: float, centre: tuple[float, float], size: int = 80) -> np.ndarray:
    y, x = np.mgrid[:size, :size].astype(float)
    image = np.zeros((size, size))
    for along in length * ((np.arange(200) + 0.5) / 200 - 0.5):
        dx, dy = x - centre[0] - along * np.cos(angle), y - centre[1] - along * np.sin(angle)
        image += np.exp(-0.5 * (dx**2 + dy**2) / SIGMA**2) / (2 * np.pi * SIGMA**2) / 200
    return flux * image


def adaptive_moments(image: np.ndarray) -> tuple[float, float, float, float, float]:
    """Return centroid and adaptive moments by plain fixed-point iteration on the whole image."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(float)
    cx, cy, m = 40.0, 40.0, np.eye(2) * SIGMA**2
    for _ in range(200):
        inverse = np.linalg.inv(m)
        dx, dy = x - cx, y - cy
        weight = np.exp(-0.5 * (inverse[0, 0] * dx**2 + 2 * inverse[0, 1] * dx * dy + inverse[1, 1] * dy**2)) * image
        total = weight.sum()
        cx, cy = (weight * x).sum() / total, (weight * y).sum() / total
        m = (
            2
            * np.array(
                [
                    [(weight * dx * dx).sum(), (weight * dx * dy).sum()],
                    [(weight * dx * dy).sum(), (weight * dy * dy).sum()],
                ]
            )
            / total
        )
    return cx, cy, m[0, 0], m[1, 1], m[0, 1]


@pytest.mark.parametrize(("length", "angle"), [(4.0, 0.4), (9.0, -1.2), (15.0, 1.5)])
def test_length_angle_and_flux_of_a_line(psf, length: float, angle: float) -> None:
    image = trail_image(length, angle, 5000.0, (40.3, 39.8))
    image.setflags(write=False)
    x, y, *moments = adaptive_moments(image)
    fit = measure_trails(
        image,
        np.ones(image.shape),
        psf,
        positions=np.array([[x, y]]),
        moments=np.array(moments)[:, None],
        psf_moments=np.array([[SIGMA**2], [SIGMA**2], [0.0]]),
    )
    assert fit.length[0] == pytest.approx(length, rel=0.01)
    assert fit.angle[0] == pytest.approx(angle, abs=0.005)
    assert fit.flux[0] == pytest.approx(5000.0, rel=0.005)
    assert fit.chi2[0] / fit.n_data[0] < 1.0


def test_point_source_has_no_length(psf) -> None:
    one = np.array([SIGMA**2])
    assert trail_length_from_moments(one, one, 0 * one, psf=np.array([one, one, 0 * one]))[0, 0] == 0.0
    smaller = 0.5 * one
    assert trail_length_from_moments(smaller, smaller, 0 * one, psf=np.array([one, one, 0 * one]))[0, 0] == 0.0


def test_missing_moments_stay_missing(psf) -> None:
    nan = np.array([np.nan])
    fit = measure_trails(
        np.zeros((30, 30)),
        np.ones((30, 30)),
        psf,
        positions=np.array([[15.0, 15.0]]),
        moments=np.array([nan, nan, nan]),
        psf_moments=np.array([[SIGMA**2], [SIGMA**2], [0.0]]),
        unusable=np.zeros((30, 30), dtype=bool),
    )
    assert np.isnan(fit.length[0])
    assert np.isnan(fit.flux[0])
    assert fit.n_data[0] == 0
