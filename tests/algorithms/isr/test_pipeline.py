from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from uraniborg.algorithms.isr.calibrate import Master
from uraniborg.algorithms.isr.linearity import LinearityTables, tabulate_spline
from uraniborg.algorithms.isr.pipeline import (
    STEPS,
    ChargeTransferShares,
    IsrCalibrations,
    IsrSettings,
    remove_signature,
)
from uraniborg.core.errors import UserError
from uraniborg.sim.camera.effects_charge import brighter_fatter, brighter_fatter_kernel, transfer
from uraniborg.sim.camera.effects_electronics import add_crosstalk, bend, crosstalk_matrix

from .scenes import star_field

FULL_WELL = 130000.0


@pytest.fixture
def camera(layout):
    """A detector of eight amplifiers of which everything is known, and one exposure of it."""
    geometry = layout(columns=4, rows=256, width=128, prescan=6, overscan=32)
    rng = np.random.default_rng(1)
    shape = geometry.shape
    scene = star_field(1, size=512, stars=150, rays=25.0)
    gain, noise = rng.uniform(1.4, 1.8, 8), rng.uniform(5.0, 8.0, 8)
    response = rng.uniform(0.9, 1.05, shape)
    dark = rng.uniform(0.0, 0.2, shape)
    defects = np.zeros(shape, bool)
    defects[40:, 77] = defects[100, 300:304] = True
    kernel = brighter_fatter_kernel(2.5e-6)
    matrix = crosstalk_matrix(4, 2, nearest=5e-3, rng=rng)
    loss, full = rng.uniform(0.03, 0.06, 8), FULL_WELL / gain
    charge = rng.poisson(scene.mean * response + dark * 60.0) + scene.rays
    charge = brighter_fatter(np.where(defects, 0.0, np.minimum(charge, FULL_WELL)), kernel)
    bias = rng.normal(0.0, 1.0, shape)
    signals, segments = [], []
    for k, amplifier in enumerate(geometry.amplifiers):
        part = transfer(charge[amplifier.detector_slices].T, inefficiency=1e-5, trap_time=0.7, register=256).T
        lines = np.zeros((268, 6 + 128 + 32))
        lines[amplifier.data.slices] = part
        lines = transfer(lines, inefficiency=2e-5, trap_time=0.7, register=134)
        signals.append(bend(lines / gain[k], loss=loss[k], full_scale=full[k]))
    for k, signal in enumerate(add_crosstalk(np.array(signals), np.array(signals), matrix)):
        amplifier = geometry.amplifiers[k]
        signal[amplifier.data.slices] += bias[amplifier.detector_slices]
        level = 10000.0 + 500.0 * k + rng.normal(0.0, 1.0, (268, 1))
        segments.append(
            np.rint(signal + level + noise[k] / gain[k] * rng.standard_normal(signal.shape)).astype(np.int32)
        )
    measured = [np.linspace(0.0, 1.0, 40) * f for f in full]
    true = [(1 - np.sqrt(1 - 4 * b / f * m)) / (2 * b / f) for b, f, m in zip(loss, full, measured, strict=True)]
    known = IsrCalibrations(
        gain=gain,
        saturation=full,
        read_noise=noise,
        bias=Master(bias.astype(np.float32)),
        dark=Master(dark.astype(np.float32)),
        flat=Master(response.astype(np.float32)),
        defects=defects,
        linearity=LinearityTables.stack([tabulate_spline(m, t - m) for m, t in zip(measured, true, strict=True)]),
        crosstalk=matrix,
        charge_transfer=ChargeTransferShares(np.full(8, 2e-5), np.full(8, 1e-5), np.full(8, 0.7)),
        kernel=kernel,
    )
    return segments, geometry, known, scene


def unmasked(result) -> np.ndarray:
    return ~np.any([plane for name, plane in result.planes.items() if name != "SUSPECT"], axis=0)


def test_light_is_that_of_the_truth_with_the_errors_told(camera) -> None:
    segments, geometry, known, scene = camera
    before = [segment.copy() for segment in segments]
    result = remove_signature(segments, geometry, known, settings=IsrSettings(fwhm=3.0), dark_time=60.0)
    good = unmasked(result)
    pull = (result.image - scene.mean) / np.sqrt(result.variance)
    assert good.mean() > 0.99
    assert pull[good].std() == pytest.approx(1.0, abs=0.03)
    for amplifier in geometry.amplifiers:
        inside = good[amplifier.detector.slices]
        difference = (result.image - scene.mean)[amplifier.detector.slices][inside]
        assert (
            abs(difference.mean())
            < 4.0 * np.sqrt(result.variance[amplifier.detector.slices][inside].sum()) / inside.sum()
        )
    assert (np.abs(pull[good]) > 6.0).sum() <= 3
    assert np.isfinite(result.image).all()
    assert np.isfinite(result.variance).all()
    assert all(np.array_equal(a, b) for a, b in zip(segments, before, strict=True))
    truth = scene.rays > 0
    assert (result.planes["COSMIC_RAY"] & truth).sum() / (truth & ~known.defects).sum() > 0.9
    np.testing.assert_array_equal(result.planes["BAD"], known.defects)


@pytest.mark.parametrize("step", [s for s in STEPS if s not in ("illumination", "fringe", "streaks", "saturation")])
def test_each_step_is_needed_and_can_be_left_out(camera, step: str) -> None:
    segments, geometry, known, scene = camera
    settings = IsrSettings(fwhm=3.0)
    full = remove_signature(segments, geometry, known, settings=settings, dark_time=60.0)
    without = remove_signature(
        segments, geometry, known, settings=replace(settings, steps=settings.steps - {step}), dark_time=60.0
    )
    if step in ("defects", "cosmicRays", "interpolation"):
        names = {"defects": "BAD", "cosmicRays": "COSMIC_RAY", "interpolation": "INTERPOLATED"}
        assert full.planes[names[step]].any()
        assert not without.planes.get(names[step], np.zeros(1, bool)).any()
        return
    good = unmasked(full)
    if step in ("linearity", "chargeTransfer", "brighterFatter"):
        good &= scene.mean > 3.0 * scene.sky  # these are errors of bright pixels
    chi2 = [float(np.mean(((r.image - scene.mean) ** 2 / full.variance)[good])) for r in (full, without)]
    assert chi2[1] > chi2[0]


def test_runs_are_the_same_to_the_last_bit(camera) -> None:
    segments, geometry, known, _ = camera
    one, two = (remove_signature(segments, geometry, known, dark_time=60.0) for _ in range(2))
    assert one.image.tobytes() == two.image.tobytes()
    assert one.variance.tobytes() == two.variance.tobytes()


def test_a_step_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UserError, match="bleach"):
        IsrSettings(steps=frozenset({"bias", "bleach"}))
