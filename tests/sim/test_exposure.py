from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.instruments.simcam.headers import DQ_BITS
from uraniborg.sim.config import CameraConfig, ObservingConfig, SimConfig, SkyConfig
from uraniborg.sim.exposure import RenderedExposure, expected_image, render_exposure
from uraniborg.sim.observing import Visit, plan_visits
from uraniborg.sim.psf import StampSet, add_point_sources, make_psf_field
from uraniborg.sim.sky import make_sky
from uraniborg.sim.spectra import magnitude_to_flux

GRID = 100  # stars in the test field


def _config(**camera: float | bool) -> SimConfig:
    return SimConfig(
        name="test",
        sky=SkyConfig(star_density=20.0, galaxy_density=0.0, n_transients=0, n_variables=0),
        camera=CameraConfig(width=512, height=512, cosmic_rays=0, bad_columns=0, **camera),  # type: ignore[arg-type]
        observing=ObservingConfig(bands=("r",), nights=(0.0,), dither=0.0),
    )


def _star_grid(config: SimConfig, visit: Visit, magnitude: float) -> Table:
    """Stars of one magnitude on a grid, each at another place within its pixel."""
    rng = np.random.default_rng(8)
    sky = make_sky(config)
    side = int(np.sqrt(GRID))
    sky = Table(sky[np.arange(GRID) % len(sky)], copy=True)
    y, x = np.meshgrid(*(2 * [np.linspace(40, 470, side)]), indexing="ij")
    x, y = (a.ravel() + rng.uniform(-0.5, 0.5, GRID) for a in (x, y))
    sky["ra"], sky["dec"] = visit.true_wcs(config, 0).wcs_pix2world(x, y, 0)
    sky["pmRa"], sky["pmDec"] = 0.0, 0.0
    sky["r_flux"] = magnitude_to_flux(magnitude)
    sky["truthId"] = np.arange(1, GRID + 1)
    return sky


def _psf_flux(image: np.ndarray, variance: np.ndarray, stamps: StampSet, x: float, y: float) -> tuple[float, float]:
    """The best linear estimate of a star's flux with the true PSF and variance, and its error."""
    psf = add_point_sources(
        np.zeros(image.shape), np.array([[x, y]]), np.array([1.0]), stamps=stamps, radii=np.array([15])
    )
    information = np.sum(psf**2 / variance)
    return float(np.sum(psf * image / variance) / information), float(1.0 / np.sqrt(information))


@pytest.fixture(scope="module")
def faint() -> tuple[SimConfig, Visit, RenderedExposure, np.ndarray]:
    config = _config(noisy_weights=False)
    visit = plan_visits(config)[0]
    sky = _star_grid(config, visit, 22.0)
    return config, visit, render_exposure(sky, visit, 0, config=config), expected_image(sky, visit, 0, config=config)


def test_background_and_noise_are_those_of_the_sky(
    faint: tuple[SimConfig, Visit, RenderedExposure, np.ndarray],
) -> None:
    config, visit, rendered, mean = faint
    electrons = rendered.image * config.camera.gain
    blank = mean < visit.sky_level * 1.03
    n = np.count_nonzero(blank)
    assert n > 50000
    variance = visit.sky_level + config.camera.read_noise**2
    residual = (electrons - mean)[blank]
    assert residual.mean() == pytest.approx(0.0, abs=4.0 * np.sqrt(variance / n))
    assert residual.var() == pytest.approx(variance, rel=0.02)
    assert np.median(mean[blank]) == pytest.approx(visit.sky_level, rel=0.01)


def test_pulls_of_the_pixels_are_standard(faint: tuple[SimConfig, Visit, RenderedExposure, np.ndarray]) -> None:
    config, _, rendered, mean = faint
    pull = (rendered.image - mean / config.camera.gain) * np.sqrt(rendered.weight)
    assert pull.mean() == pytest.approx(0.0, abs=4.0 / 512)
    assert pull.std() == pytest.approx(1.0, abs=4.0 / 512 / np.sqrt(2.0))


def test_star_fluxes_are_true_without_bias_and_with_the_error_that_the_truth_tells(
    faint: tuple[SimConfig, Visit, RenderedExposure, np.ndarray],
) -> None:
    config, visit, rendered, mean = faint
    stamps = make_psf_field(config, visit, 0).draw_stamps()
    electrons = rendered.image * config.camera.gain
    variance = mean + config.camera.read_noise**2
    sky = expected_image(make_sky(config)[:0], visit, 0, config=config)
    truth = rendered.truth
    assert len(truth) == GRID
    fluxes = np.array([_psf_flux(electrons - sky, variance, stamps, row["x"], row["y"]) for row in truth])
    to_njy = 10.0 ** (-0.4 * (visit.zero_point - 31.4))
    error = np.asarray(truth["fluxErr"])
    assert fluxes[:, 1] * to_njy == pytest.approx(error, rel=0.01)
    pull = (fluxes[:, 0] * to_njy - truth["flux"]) / error
    assert np.mean(pull) == pytest.approx(0.0, abs=4.0 / np.sqrt(GRID))
    assert np.std(pull) == pytest.approx(1.0, abs=4.0 / np.sqrt(2 * GRID))
    assert np.asarray(truth["flux"]) == pytest.approx(magnitude_to_flux(22.0))


def test_aperture_flux_of_bright_stars_is_throughput_times_time() -> None:
    config = _config(full_well=1e9)
    visit = plan_visits(config)[0]
    rendered = render_exposure(_star_grid(config, visit, 16.5), visit, 0, config=config)
    sky = expected_image(make_sky(config)[:0], visit, 0, config=config)
    electrons = rendered.image * config.camera.gain - sky
    rows, columns = np.indices(electrons.shape)
    aperture = np.array(
        [electrons[np.hypot(columns - row["x"], rows - row["y"]) < 21.0].sum() for row in rendered.truth[::7]]
    )
    electrons_true = magnitude_to_flux(16.5) * 10.0 ** (0.4 * (visit.zero_point - 31.4))
    psf = make_psf_field(config, visit, 0)
    core = psf.fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / psf.beta) - 1.0))
    enclosed = 1.0 - (1.0 + (21.0 / core) ** 2) ** (1.0 - psf.beta)
    assert aperture.mean() / electrons_true == pytest.approx(enclosed, abs=0.002)


def test_positions_are_where_the_truth_says() -> None:
    config = _config()
    visit = plan_visits(config)[0]
    rendered = render_exposure(_star_grid(config, visit, 18.0), visit, 0, config=config)
    sky = expected_image(make_sky(config)[:0], visit, 0, config=config)
    electrons = rendered.image * config.camera.gain - sky
    shift = []
    for row in rendered.truth:
        x, y = row["x"], row["y"]
        x0, y0 = round(x) - 12, round(y) - 12
        stamp = electrons[y0 : y0 + 25, x0 : x0 + 25]
        rows, columns = np.indices(stamp.shape) + np.array([y0, x0])[:, None, None]
        for _ in range(12):  # Gaussian-weighted centroid, iterated with the factor 2 of a matched weight
            w = stamp * np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / 4.0)
            x += 2.0 * (np.sum(w * columns) / w.sum() - x)
            y += 2.0 * (np.sum(w * rows) / w.sum() - y)
        shift.append((x - row["x"], y - row["y"]))
    assert np.abs(np.mean(shift, axis=0)).max() < 0.003
    assert np.std(shift) < 0.02


def test_saturation_defects_and_cosmic_rays_are_flagged_and_have_no_weight() -> None:
    config = SimConfig(
        sky=SkyConfig(
            star_density=0.0, galaxy_density=0.0, n_transients=0, n_variables=4, variable_magnitudes=(13, 14)
        ),
        camera=CameraConfig(width=512, height=512, cosmic_rays=30.0, bad_columns=2),
        observing=ObservingConfig(bands=("r",), nights=(0.0,), dither=0.0),
    )
    visit = plan_visits(config)[0]
    rendered = render_exposure(make_sky(config), visit, 0, config=config)
    assert set(rendered.truth["saturated"]) == {True}
    assert set(rendered.truth["variable"]) == {True}
    for plane in ("BAD", "SATURATED", "COSMIC_RAY"):
        pixels = (rendered.dq & DQ_BITS[plane]) != 0
        assert pixels.any()
        assert not rendered.weight[pixels].any()
    assert rendered.weight[rendered.dq == 0].min() > 0
    full = config.camera.full_well / config.camera.gain
    assert rendered.image.max() == pytest.approx(full)
    assert np.all(rendered.image[(rendered.dq & DQ_BITS["SATURATED"]) != 0] >= full * 0.9999)
    assert rendered.exposure["cosmicRays"][0] > 5
    again = render_exposure(make_sky(config), visit, 0, config=config)
    assert np.array_equal(again.image, rendered.image)


def test_noisy_weights_follow_the_counts(faint: tuple[SimConfig, Visit, RenderedExposure, np.ndarray]) -> None:
    config, visit, _, _ = faint
    noisy = config.model_copy(update={"camera": config.camera.model_copy(update={"noisy_weights": True})})
    rendered = render_exposure(make_sky(config)[:0], visit, 0, config=noisy)
    gain = config.camera.gain
    expected = (rendered.image * gain + config.camera.read_noise**2) / gain**2
    assert rendered.weight == pytest.approx(1.0 / expected, rel=1e-4)
    assert len(rendered.truth) == 0


def test_detectors_side_by_side_see_one_sky() -> None:
    config = SimConfig(
        sky=SkyConfig(star_density=60.0, galaxy_density=0.0, n_transients=0, n_variables=0),
        camera=CameraConfig(columns=2, width=256, height=256, gap=0, cosmic_rays=0, bad_columns=0),
        observing=ObservingConfig(bands=("r",), nights=(0.0,), dither=0.0, rotation=0.0),
    )
    visit, sky = plan_visits(config)[0], make_sky(config)
    star = Table(sky[:1], copy=True)
    star["ra"], star["dec"] = ([value] for value in visit.true_wcs(config, 0).wcs_pix2world(255.5, 120.0, 0))
    star["pmRa"], star["pmDec"] = 0.0, 0.0
    star["r_flux"] = magnitude_to_flux(18.0)
    empty = expected_image(star[:0], visit, 0, config=config)
    left, right = (expected_image(star, visit, detector, config=config) - empty for detector in (0, 1))
    half = 0.5 * magnitude_to_flux(18.0) * 10.0 ** (0.4 * (visit.zero_point - 31.4))
    assert left.sum() == pytest.approx(half, rel=0.01)
    assert right.sum() == pytest.approx(half, rel=0.01)
    assert left[:, -1] == pytest.approx(right[:, 0], abs=0.05 * left.max())
    ids = [set(render_exposure(sky, visit, d, config=config).truth["truthId"]) for d in (0, 1)]
    assert not ids[0] & ids[1]
