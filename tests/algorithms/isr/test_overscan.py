from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from uraniborg.algorithms.isr.overscan import parallel_levels, row_levels, subtract_overscan
from uraniborg.core.errors import UserError


def segment(amplifier, rng, *, levels, noise=4.0, columns=0.0, integers=True):
    height = amplifier.parallel_overscan.y1
    width = amplifier.serial_overscan.x1
    pixels = np.zeros((height, width)) + np.concatenate([levels, np.full(height - len(levels), levels[-1])])[:, None]
    pixels[:, amplifier.data.x0 : amplifier.data.x1] += columns
    pixels[amplifier.data.slices] += 500.0
    pixels += noise * rng.standard_normal(pixels.shape)
    return np.rint(pixels).astype(np.int32) if integers else pixels


def test_levels_of_rows_follow_a_drift_with_the_error_told(layout) -> None:
    amplifier = layout(rows=2000, overscan=32).amplifiers[0]
    rng = np.random.default_rng(1)
    truth = 20000.0 + 2.0 * rng.standard_normal(2000)
    found = subtract_overscan(segment(amplifier, rng, levels=truth), amplifier)
    pull = (found.levels - truth) / found.level_error
    assert abs(pull.mean()) < 4.0 / np.sqrt(2000)
    assert 0.93 < pull.std() < 1.07
    assert found.noise == pytest.approx(np.sqrt(16.0 + 1.0 / 12.0), rel=0.01)
    assert found.data.dtype == np.float32
    assert found.data.mean() == pytest.approx(500.0, abs=0.1)


def test_a_spline_has_less_noise_on_a_smooth_drift(layout) -> None:
    amplifier = layout(rows=2000, overscan=32).amplifiers[0]
    truth = 20000.0 + 30.0 * np.sin(np.arange(2000) / 500.0)
    made = segment(amplifier, np.random.default_rng(2), levels=truth)
    spline, row, constant = (subtract_overscan(made, amplifier, method=m) for m in ("spline", "row", "constant"))
    rms = [float(np.std(found.levels - truth)) for found in (spline, row, constant)]
    assert rms[0] < 0.25 * rms[1] < rms[2]
    assert rms[0] < 2.0 * spline.level_error
    assert spline.drift == pytest.approx(truth[-200:].mean() - truth[:200].mean(), abs=0.3)


def test_outliers_in_the_overscan_do_no_harm(layout) -> None:
    amplifier = layout(rows=500, overscan=32).amplifiers[0]
    rng = np.random.default_rng(3)
    made = segment(amplifier, rng, levels=np.full(500, 20000.0))
    hit = made.copy()
    hit[rng.integers(0, 500, 200), rng.integers(amplifier.data.x1 + 5, made.shape[1], 200)] += 3000
    clean, spoiled = subtract_overscan(made, amplifier), subtract_overscan(hit, amplifier)
    assert np.std(spoiled.levels - clean.levels) < clean.level_error
    assert abs(np.mean(spoiled.levels - clean.levels)) < 0.05
    assert spoiled.noise == pytest.approx(clean.noise, rel=0.03)


def test_late_charge_is_left_out(layout) -> None:
    amplifier = layout(rows=400, overscan=32).amplifiers[0]
    made = segment(amplifier, np.random.default_rng(4), levels=np.full(400, 20000.0))
    made[:, amplifier.data.x1 : amplifier.data.x1 + 5] += 200
    assert subtract_overscan(made, amplifier, skip=5).levels.mean() == pytest.approx(20000.0, abs=0.15)


def test_columns_are_levelled_by_the_parallel_overscan(layout) -> None:
    amplifier = layout(rows=400, overscan=32).amplifiers[0]
    columns = 20.0 * np.sin(np.arange(24))
    made = segment(amplifier, np.random.default_rng(5), levels=np.full(400, 20000.0), columns=columns)
    levels = parallel_levels(made, amplifier, level=20000.0, skip=2)
    assert np.std(levels - columns) < 2.0 * 4.0 / np.sqrt(10)
    flat = subtract_overscan(made, amplifier, parallel=True, skip=2).data.mean(axis=0) - 500.0
    assert np.std(flat) < 0.2 * np.std(columns)


def test_rows_do_not_depend_on_each_other(layout) -> None:
    pixels = np.random.default_rng(6).integers(19900, 20100, (300, 27))
    whole, _ = row_levels(pixels)
    parts = np.concatenate([row_levels(np.ascontiguousarray(part))[0] for part in np.array_split(pixels, 7)])
    np.testing.assert_array_equal(whole, parts)


def test_no_overscan_and_unknown_methods_are_refused(layout) -> None:
    amplifier = layout().amplifiers[0]
    pixels = np.zeros((44, 43), np.int32)
    with pytest.raises(UserError, match="no serial overscan"):
        subtract_overscan(pixels, replace(amplifier, serial_overscan=None))
    with pytest.raises(UserError, match="no parallel overscan"):
        parallel_levels(pixels, replace(amplifier, parallel_overscan=None), level=0.0, skip=0)
    with pytest.raises(UserError, match="median"):
        subtract_overscan(pixels, amplifier, method="median")
