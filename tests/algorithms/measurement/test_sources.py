from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement import MeasurementResult, measure_sources
from uraniborg.algorithms.psf import gaussian_psf
from uraniborg.core.errors import UserError
from uraniborg.core.flags import MeasurementFlag, PixelBit, has_flag
from uraniborg.testing.fields import SimulatedField, simulate_field, true_psf


@pytest.fixture(scope="module")
def field() -> SimulatedField:
    return simulate_field((900, 900), n_stars=200, n_galaxies=25, isolated=True, flux_range=(4e3, 2e5), seed=11)


@pytest.fixture(scope="module")
def measured(field: SimulatedField) -> MeasurementResult:
    psf = true_psf(field, size=31)
    return measure_sources(field.flat, field.variance, psf, x=np.round(field.x), y=np.round(field.y))


def _share(field: SimulatedField, radius: float) -> float:
    """Return the part of a star's light within a radius, from a noise-free star."""
    lone = simulate_field((201, 201), n_stars=1, isolated=True, flux_range=(1e6, 1e6), sky=1e-6, seed=1)
    light = lone.variance.astype(float) - lone.sky
    y, x = np.mgrid[:201, :201]
    fine = np.hypot(x - lone.x[0], y - lone.y[0])
    weight = np.clip(radius + 0.5 - fine, 0, 1)  # good to the curvature of the edge
    return float((light * weight).sum() / lone.flux[0])


def test_aperture_fluxes_and_errors_agree_with_the_truth(field: SimulatedField, measured: MeasurementResult) -> None:
    stars = ~field.is_galaxy
    for k, radius in enumerate(measured.apertures[:4]):
        pull = (measured.aperture_flux[:, k] - _share(field, radius) * field.flux) / measured.aperture_flux_err[:, k]
        assert pull[stars & (field.flux < 3e4)].std() == pytest.approx(1.0, abs=0.17)
        assert abs(np.median(pull[stars])) < 0.25


def test_moments_of_stars_are_those_of_the_model(measured: MeasurementResult, field: SimulatedField) -> None:
    bright = ~field.is_galaxy & (field.flux > 1e4)
    for axes in ("xx", "yy", "xy"):
        pull = (getattr(measured, axes) - getattr(measured, f"psf_{axes}")) / getattr(measured, f"{axes}_err")
        assert pull[bright].std() == pytest.approx(1.0, abs=0.2)
        assert abs(np.median(pull[bright])) < 0.3


def test_stars_and_galaxies_are_told_apart(field: SimulatedField, measured: MeasurementResult) -> None:
    secure = measured.snr > 20
    assert measured.extendedness[field.is_galaxy & secure].mean() > 0.95
    assert measured.extendedness[~field.is_galaxy & secure].mean() < 0.02
    assert np.median(measured.size_ratio[~field.is_galaxy & secure]) == pytest.approx(1.0, abs=0.01)


def test_bright_stars_have_unbiased_fluxes(field: SimulatedField, measured: MeasurementResult) -> None:
    bright = ~field.is_galaxy & (field.flux > 5e4)
    ratio = measured.psf_flux[bright] / (field.flux[bright] * np.median(_share(field, 17.0)))
    assert np.median(ratio) == pytest.approx(1.0, abs=0.005)


def test_sky_is_what_is_left(field: SimulatedField) -> None:
    psf = true_psf(field, size=31)
    options = {"x": np.round(field.x), "y": np.round(field.y)}
    raised = measure_sources(field.flat + np.float32(7.0), field.variance, psf, **options)
    stars = ~field.is_galaxy & (field.flux < 2e4)
    pull = (raised.sky - 7.0) / raised.sky_err
    assert abs(np.nanmedian(raised.sky[stars]) - 7.0) < 0.5
    assert np.nanstd(pull[stars]) < 2.0


def _small(flux: float = 2e4, place: tuple[float, float] = (40.0, 40.0)) -> tuple[np.ndarray, np.ndarray]:
    psf = gaussian_psf(1.8, stamp_size=25)
    image = np.random.default_rng(3).normal(0, 10, (81, 81)).astype(np.float32)
    column, row = round(place[0]), round(place[1])
    stamp = psf.evaluate(*place)[0]
    for b in range(25):
        for a in range(25):
            j, i = row + b - 12, column + a - 12
            if 0 <= j < 81 and 0 <= i < 81:
                image[j, i] += flux * stamp[b, a]
    return image, np.full((81, 81), 100.0, np.float32)


def _flags(bits: np.ndarray | None = None, place: tuple[float, float] = (40.0, 40.0)) -> int:
    image, variance = _small(place=place)
    x, y = np.array([round(place[0])]), np.array([round(place[1])])
    psf = gaussian_psf(1.8, stamp_size=25)
    result = measure_sources(image, variance, psf, x=x, y=y, pixel_bits=bits, apertures=(3.0, 12.0))
    return int(result.flags[0])


def test_a_clean_source_has_no_flags() -> None:
    assert _flags(np.zeros((81, 81), np.uint8)) == 0


@pytest.mark.parametrize(
    ("bit", "offset", "flag"),
    [
        (PixelBit.BAD, 1, MeasurementFlag.PIXEL_BAD),
        (PixelBit.COSMIC_RAY, 1, MeasurementFlag.PIXEL_COSMIC_RAY),
        (PixelBit.SATURATED, 0, MeasurementFlag.PIXEL_SATURATED_CENTER),
        (PixelBit.SATURATED, 3, MeasurementFlag.PIXEL_SATURATED),
        (PixelBit.INTERPOLATED, 0, MeasurementFlag.PIXEL_INTERPOLATED),
        (PixelBit.NO_DATA, 3, MeasurementFlag.PIXEL_EDGE),
        (PixelBit.BAD, 9, MeasurementFlag.APERTURE_BAD_PIXEL),
    ],
)
def test_mask_bits_are_flagged(bit: PixelBit, offset: int, flag: MeasurementFlag) -> None:
    bits = np.zeros((81, 81), np.uint8)
    bits[40, 40 + offset] = int(bit)
    assert has_flag(np.array([_flags(bits)]), flag)[0]


def test_edges_are_flagged() -> None:
    flags = np.array([_flags(place=(5.0, 40.0))])
    assert has_flag(flags, MeasurementFlag.APERTURE_EDGE)[0]
    assert has_flag(flags, MeasurementFlag.PSF_FLUX_EDGE)[0]
    assert not has_flag(flags, MeasurementFlag.NO_DATA)[0]


def test_negative_sources_are_measured_like_positive_ones() -> None:
    image, variance = _small()
    psf, place = gaussian_psf(1.8, stamp_size=25), {"x": np.array([40]), "y": np.array([40])}
    positive = measure_sources(image, variance, psf, **place)
    negative = measure_sources(-image, variance, psf, **place, sign=np.array([-1]))
    assert negative.psf_flux[0] == pytest.approx(-positive.psf_flux[0], rel=1e-6)
    assert negative.x[0] == pytest.approx(positive.x[0], abs=1e-6)
    assert negative.xx[0] == pytest.approx(positive.xx[0], rel=1e-6)
    np.testing.assert_allclose(negative.aperture_flux, -positive.aperture_flux, rtol=1e-6)
    assert has_flag(negative.flags, MeasurementFlag.NEGATIVE)[0]


def test_shared_footprints_are_blended_and_outside_is_no_data() -> None:
    image, variance = _small()
    psf = gaussian_psf(1.8, stamp_size=25)
    x, y = np.array([40, 50, 20, -300]), np.array([40, 40, 20, 20])
    result = measure_sources(image, variance, psf, x=x, y=y, group=np.array([0, 0, 1, 2]))
    assert has_flag(result.flags, MeasurementFlag.BLENDED).tolist() == [True, True, False, False]
    assert has_flag(result.flags, MeasurementFlag.NO_DATA).tolist() == [False, False, False, True]
    assert np.isnan(result.psf_flux[3])
    assert np.isnan(result.aperture_flux[3]).all()
    assert result.x[3] == -300


def test_order_of_sources_and_inputs_do_not_matter(field: SimulatedField, measured: MeasurementResult) -> None:
    psf = true_psf(field, size=31)
    again = measure_sources(field.flat, field.variance, psf, x=np.round(field.x)[::-1], y=np.round(field.y)[::-1])
    np.testing.assert_allclose(again.psf_flux[::-1], measured.psf_flux, rtol=1e-6)


def test_shapes_must_agree() -> None:
    image, variance = _small()
    with pytest.raises(UserError, match="shape"):
        measure_sources(image, variance[:50], gaussian_psf(1.8), x=np.array([4]), y=np.array([4]))
