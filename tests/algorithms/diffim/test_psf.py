import numpy as np
import pytest

from uraniborg.algorithms.diffim.convolve import convolve
from uraniborg.algorithms.diffim.psf import convolve_model, trim_kernel
from uraniborg.core.pixelgrid import PsfModel


def gaussian(sigma: float, half: int, step: float = 1.0) -> np.ndarray:
    offsets = np.arange(-half, half + 1) * step
    image = np.exp(-0.5 * (offsets[:, None] ** 2 + offsets**2) / sigma**2)
    return image / image.sum()


def model(sampling: float) -> PsfModel:
    half = round(18 / sampling)
    grid = gaussian(1.6, half, sampling)
    return PsfModel(np.stack([grid]), 0, (0.0, 0.0), (1.0, 1.0), sampling, 33)


@pytest.mark.parametrize("sampling", [1.0, 0.5])
def test_stamps_equal_convolved_stamps(sampling: float) -> None:
    before = model(sampling)
    after = convolve_model(before, gaussian(1.2, 5))
    for place in [(10.0, 20.0), (10.3, 19.6)]:
        expected = convolve(before.evaluate(*place)[0], gaussian(1.2, 5))
        np.testing.assert_allclose(after.evaluate(*place)[0], expected / expected.sum(), atol=2e-5)


def test_stamps_can_grow() -> None:
    assert convolve_model(model(1.0), gaussian(3.0, 9), grow=6).evaluate(0.0, 0.0).shape == (1, 45, 45)
    assert convolve_model(model(1.0), np.ones((1, 1)), grow=2).evaluate(0.0, 0.0).shape == (1, 37, 37)


def test_any_sampling_and_order() -> None:
    half = 26
    narrow, wide = gaussian(1.5, half, 0.7), gaussian(1.8, half, 0.7)
    before = PsfModel(
        np.stack([(narrow + wide) / 2, 0 * narrow, (wide - narrow) / 2]), 1, (50.0, 40.0), (50.0, 40.0), 0.7, 25
    )
    after = convolve_model(before, gaussian(1.0, 4))
    assert after.sampling == 0.5
    for place in [(10.2, 20.4), (90.0, 71.7)]:
        expected = convolve(before.evaluate(*place)[0], gaussian(1.0, 4))
        np.testing.assert_allclose(after.evaluate(*place)[0], expected / expected.sum(), atol=1e-4)


def test_trim_keeps_the_sum() -> None:
    wide = gaussian(1.0, 20)
    narrow = trim_kernel(wide, lost=1e-3)
    assert 7 <= narrow.shape[0] <= 11
    assert narrow.sum() == pytest.approx(1.0, abs=1e-12)
