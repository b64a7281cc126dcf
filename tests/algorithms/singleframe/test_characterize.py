from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from uraniborg.algorithms.singleframe import FrameCharacterization, characterize_frame
from uraniborg.core.errors import AlgorithmError, Unprocessable, UserError
from uraniborg.core.flags import MeasurementFlag, PixelBit, has_flag
from uraniborg.testing.fields import SimulatedField, simulate_field


@pytest.fixture(scope="module")
def field() -> SimulatedField:
    return simulate_field(
        (900, 900), n_stars=260, n_galaxies=60, isolated=True, flux_range=(1e3, 3e5), variation=0.03, seed=21
    )


@pytest.fixture(scope="module")
def found(field: SimulatedField) -> FrameCharacterization:
    return characterize_frame(field.image, field.variance, pixel_bits=np.zeros(field.image.shape, np.uint8), fwhm=5.0)


@pytest.fixture(scope="module")
def matched(field: SimulatedField, found: FrameCharacterization) -> tuple[np.ndarray, np.ndarray]:
    """Return the true source of each measured one, and which measured ones have one."""
    distance, index = cKDTree(np.stack([field.x, field.y], axis=1)).query(
        np.stack([found.sources.x, found.sources.y], axis=1)
    )
    return index, distance < 1.5


def test_sky_and_point_spread_function_are_found(found: FrameCharacterization, field: SimulatedField) -> None:
    assert found.background.evaluate().mean() == pytest.approx(field.sky, abs=0.5)
    assert found.psf.order == 2
    assert found.psf.n_stars > 60
    assert found.psf.fwhm == pytest.approx(4.1, abs=0.1)
    assert found.used_for_psf.sum() == found.psf.n_stars
    assert not found.sources.extendedness[found.used_for_psf].any()


def test_what_is_bright_enough_is_found_and_little_else(
    found: FrameCharacterization, field: SimulatedField, matched: tuple[np.ndarray, np.ndarray]
) -> None:
    index, real = matched
    detectable = ~field.is_galaxy & (field.flux > 2.5e3)
    assert np.isin(np.flatnonzero(detectable), index[real]).mean() > 0.99
    assert (~real).sum() <= 5


def test_bright_stars_have_the_right_fluxes_with_the_measured_model(
    found: FrameCharacterization, field: SimulatedField, matched: tuple[np.ndarray, np.ndarray]
) -> None:
    index, real = matched
    stars = real & ~field.is_galaxy[index]
    bright = stars & (field.flux[index] > 3e4)
    # The correction brings fluxes to a radius of 12 pixels, which holds 0.992 of this Moffat profile.
    ratio = found.sources.psf_flux * found.aperture_correction.value / (0.9922 * field.flux[index])
    assert bright.sum() > 50
    assert np.median(ratio[bright]) == pytest.approx(1.0, abs=0.005)
    assert np.std(ratio[bright]) < 0.01
    assert found.aperture_correction.error < 0.002


def test_pulls_with_the_measured_model(
    found: FrameCharacterization, field: SimulatedField, matched: tuple[np.ndarray, np.ndarray]
) -> None:
    index, real = matched
    stars = real & ~field.is_galaxy[index] & (found.sources.snr > 8) & (field.flux[index] < 5e4)
    scale = np.median((found.sources.psf_flux / field.flux[index])[stars & (field.flux[index] > 2e4)])
    pulls = {
        "flux": (found.sources.psf_flux - scale * field.flux[index]) / found.sources.psf_flux_err,
        "x": (found.sources.x - field.x[index]) / found.sources.x_err,
        "y": (found.sources.y - field.y[index]) / found.sources.y_err,
    }
    for pull in pulls.values():
        assert np.std(pull[stars]) == pytest.approx(1.0, abs=0.15)
        assert abs(np.mean(pull[stars])) < 0.3


def test_a_bad_first_guess_does_no_harm(field: SimulatedField, found: FrameCharacterization) -> None:
    for guess in (2.5, 8.0):
        other = characterize_frame(field.image, field.variance, fwhm=guess)
        assert other.psf.fwhm == pytest.approx(found.psf.fwhm, rel=0.01)
        assert abs(len(other.sources.x) - len(found.sources.x)) < 0.05 * len(found.sources.x)


def test_small_frames_with_few_stars_work() -> None:
    field = simulate_field((250, 250), n_stars=14, n_galaxies=4, isolated=True, flux_range=(1e3, 5e4), seed=3)
    found = characterize_frame(field.image, field.variance)
    assert found.psf.order <= 1
    assert found.psf.reason
    assert found.psf.fwhm == pytest.approx(4.1, abs=0.25)
    assert len(found.sources.x) >= 10


def test_saturation_anywhere_in_a_footprint_is_flagged(field: SimulatedField) -> None:
    bits = np.zeros(field.image.shape, np.uint8)
    k = int(field.flux.argmax())
    column, row = round(field.x[k]), round(field.y[k])
    bits[row - 1 : row + 2, column - 1 : column + 2] = int(PixelBit.SATURATED)
    found = characterize_frame(field.image, field.variance, pixel_bits=bits)
    near = np.hypot(found.footprints.peak_x - field.x[k], found.footprints.peak_y - field.y[k]) < 6
    assert near.any()
    assert has_flag(found.sources.flags[near], MeasurementFlag.PIXEL_SATURATED).all()
    assert not found.used_for_psf[near].any()


def test_errors_say_what_is_missing() -> None:
    image, variance = np.zeros((200, 200), np.float32), np.ones((200, 200), np.float32)
    with pytest.raises(AlgorithmError, match="no star"):
        characterize_frame(image, variance)
    with pytest.raises(Unprocessable, match="usable"):
        characterize_frame(image, variance, pixel_bits=np.ones(image.shape, np.uint8))
    with pytest.raises(UserError, match="aperture correction"):
        characterize_frame(image, variance, correction_radius=11.0)
