from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.isr.calibrate import Master, flatten_light, to_electrons
from uraniborg.algorithms.isr.linearity import LinearityTables, correct_linearity, tabulate_quadratic
from uraniborg.core.errors import UserError


def test_fused_pass_is_the_plain_formula(layout) -> None:
    geometry, rng = layout(), np.random.default_rng(1)
    image = rng.uniform(0.0, 5e4, geometry.shape).astype(np.float32)
    before = image.copy()
    bias = rng.normal(0.0, 3.0, geometry.shape).astype(np.float32)
    gain = rng.uniform(1.0, 2.0, 8)
    tables = LinearityTables.stack([tabulate_quadratic(c) for c in rng.uniform(0.0, 2e-7, 8)])
    found = to_electrons(image, geometry, gain=gain, bias=bias, linearity=tables)
    np.testing.assert_array_equal(image, before)
    for k, amplifier in enumerate(geometry.amplifiers):
        box = amplifier.detector.slices
        plain = correct_linearity(image[box] - bias[box], tables, amplifier=k) * np.float32(gain[k])
        np.testing.assert_allclose(found[box], plain, rtol=1e-6)
    again = to_electrons(image, geometry, gain=gain, bias=bias, linearity=tables, out=image)
    assert again is image
    np.testing.assert_array_equal(again, found)


def test_light_and_variance_of_a_simulated_exposure(layout) -> None:
    geometry, rng = layout(rows=160, width=120), np.random.default_rng(2)
    shape = geometry.shape
    response = rng.uniform(0.6, 1.1, shape)
    illumination = np.linspace(0.95, 1.05, shape[1])[None, :] * np.ones(shape)
    dark, seconds, sky = rng.uniform(0.5, 3.0, shape), 40.0, 800.0
    noise, gain = rng.uniform(4.0, 9.0, 8), np.full(8, 1.5)
    read = np.zeros(shape)
    for k, amplifier in enumerate(geometry.amplifiers):
        read[amplifier.detector.slices] = noise[k]
    counted = rng.poisson(sky * response * illumination + dark * seconds) + read * rng.standard_normal(shape)
    # The masters have errors of their own, which the variance must hold too.
    scatter = {"dark": 0.2, "flat": 0.02, "bias": 1.0}
    masters = {name: rng.standard_normal(shape) * value for name, value in scatter.items()}
    plane = np.ones(shape, np.float32)
    found = flatten_light(
        (counted + gain[0] * masters["bias"]).astype(np.float32),
        geometry,
        noise=noise,
        gain=gain,
        dark=Master((dark + masters["dark"]).astype(np.float32), plane * np.float32(0.2**2)),
        dark_time=seconds,
        bias_variance=plane,
        flat=Master((response + masters["flat"]).astype(np.float32), plane * np.float32(0.02**2)),
        illumination=illumination.astype(np.float32),
    )
    pull = (found.image - sky) / np.sqrt(found.variance)
    assert 0.98 < pull.std() < 1.02
    assert abs(pull.mean()) < 0.05


def test_no_response_is_no_light_and_no_knowledge(layout) -> None:
    geometry = layout()
    flat = np.ones(geometry.shape, np.float32)
    flat[3, 4], flat[5, 6] = 0.0, -1.0
    light = np.full(geometry.shape, 10.0, np.float32)
    found = flatten_light(light, geometry, noise=np.ones(8), gain=np.ones(8), flat=Master(flat))
    assert np.isinf(found.variance[[3, 5], [4, 6]]).all()
    assert not found.image[[3, 5], [4, 6]].any()
    assert np.isfinite(found.variance).sum() == flat.size - 2


def test_masters_of_another_detector_are_refused(layout) -> None:
    geometry, image = layout(), np.zeros((64, 96), np.float32)
    with pytest.raises(UserError, match="of another detector"):
        to_electrons(image, geometry, gain=np.ones(8), bias=np.zeros((64, 95), np.float32))
    with pytest.raises(UserError, match="gain is given for 7"):
        to_electrons(image, geometry, gain=np.ones(7))
    with pytest.raises(UserError, match="flat has shape"):
        flatten_light(image, geometry, noise=np.ones(8), gain=np.ones(8), flat=Master(np.ones((3, 3), np.float32)))
