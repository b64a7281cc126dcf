import numpy as np
import pytest

from uraniborg.algorithms.diffim.dipole import fit_dipoles, pair_lobes
from uraniborg.core.pixelgrid import PsfModel


@pytest.fixture(scope="module")
def psf() -> PsfModel:
    offsets = np.arange(-14, 15.0)
    grid = np.exp(-0.5 * (offsets[:, None] ** 2 + offsets**2) / 1.8**2)
    return PsfModel(np.stack([grid / grid.sum()]), 0, (0.0, 0.0), (1.0, 1.0), 1.0, 21)


def dipole_image(psf, positive, negative, fluxes, size: int = 64) -> np.ndarray:
    image = np.zeros((size, size))
    for (x, y), flux in ((positive, fluxes[0]), (negative, -fluxes[1])):
        half = psf.stamp_size // 2
        j, i = int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
        image[j - half : j + half + 1, i - half : i + half + 1] += flux * psf.evaluate(x, y)[0]
    return image


def test_dipole_without_noise_is_exact(psf) -> None:
    positive, negative = (31.2, 30.4), (29.1, 32.0)
    image = dipole_image(psf, positive, negative, (1000.0, 700.0))
    image.setflags(write=False)
    fit = fit_dipoles(
        image, np.ones(image.shape), psf, positive=np.array([[31.0, 30.0]]), negative=np.array([[29.0, 32.0]])
    )
    np.testing.assert_allclose([fit.x_positive[0], fit.y_positive[0]], positive, atol=2e-3)
    np.testing.assert_allclose([fit.x_negative[0], fit.y_negative[0]], negative, atol=2e-3)
    assert fit.mean_flux[0] == pytest.approx(850.0, rel=2e-3)
    assert fit.flux_difference[0] == pytest.approx(300.0, rel=5e-3)
    assert fit.separation[0] == pytest.approx(np.hypot(2.1, 1.6), rel=2e-3)
    assert fit.chi2[0] < 1.0


def test_separation_and_errors_with_noise(psf) -> None:
    rng = np.random.default_rng(8)
    n = 60
    separation, difference = [], []
    for _ in range(n):
        image = dipole_image(psf, (32.5, 30.0), (29.5, 30.0), (400.0, 400.0)) + rng.normal(size=(64, 64))
        fit = fit_dipoles(
            image, np.ones(image.shape), psf, positive=np.array([[32.0, 30.0]]), negative=np.array([[30.0, 30.0]])
        )
        separation.append(fit.separation[0])
        difference.append(fit.flux_difference[0] / fit.flux_difference_err[0])
    assert np.nanmean(separation) == pytest.approx(3.0, rel=0.02)
    assert np.nanstd(difference) == pytest.approx(1.0, abs=0.3)
    assert np.isfinite(separation).mean() > 0.95


def test_masked_and_outside_are_nan(psf) -> None:
    image = np.zeros((64, 64))
    fit = fit_dipoles(
        image,
        np.ones(image.shape),
        psf,
        positive=np.array([[30.0, 30.0], [-80.0, 5.0]]),
        negative=np.array([[32.0, 30.0], [-80.0, 8.0]]),
        unusable=np.ones(image.shape, dtype=bool),
    )
    assert np.isnan(fit.mean_flux).all()
    assert (fit.n_data == 0).all()
    empty = fit_dipoles(image, np.ones(image.shape), psf, positive=np.empty((0, 2)), negative=np.empty((0, 2)))
    assert empty.mean_flux.shape == (0,)


def test_pairs_are_mutual_and_near() -> None:
    x = np.array([10.0, 13.0, 11.5, 50.0, 60.0])
    y = np.full(5, 20.0)
    sign = np.array([1, 1, -1, -1, 1])
    # 10 and 13 are equally far from 11.5; 50 and 60 are too far from each other.
    x[0] = 10.2
    np.testing.assert_array_equal(pair_lobes(x, y, sign, radius=4.0), [[0, 2]])
    np.testing.assert_array_equal(pair_lobes(x, y, sign, radius=12.0), [[0, 2], [4, 3]])
    assert pair_lobes(x, y, np.ones(5, int), radius=4.0).shape == (0, 2)
