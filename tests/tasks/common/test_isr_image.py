from __future__ import annotations

import numpy as np

from uraniborg.algorithms.isr.geometry import AmplifierGeometry, DetectorGeometry, Section
from uraniborg.algorithms.isr.pipeline import IsrCalibrations, IsrSettings, remove_signature
from uraniborg.tasks.common.isr_image import isr_numbers


def test_numbers_of_a_frame_are_plain_and_complete() -> None:
    data, serial = Section(0, 64, 0, 64), Section(0, 64, 64, 96)
    geometry = DetectorGeometry(
        (64, 128),
        tuple(AmplifierGeometry(f"A{k}", data, Section(0, 64, 64 * k, 64 * k + 64), serial) for k in range(2)),
    )
    rng = np.random.default_rng(1)
    segments = [1000.0 + 10 * k + rng.normal(0, 3, (64, 96)) for k in range(2)]
    for segment in segments:
        segment[:, :64] += 500.0
    known = IsrCalibrations(gain=np.array([2.0, 1.0]), saturation=np.full(2, 6e4))
    result = remove_signature(segments, geometry, known, settings=IsrSettings())
    numbers = isr_numbers(geometry, result)
    assert numbers["amplifiers"] == ["A0", "A1"]
    np.testing.assert_allclose(numbers["overscanLevel"], [1000.0, 1010.0], atol=1.0)
    np.testing.assert_allclose(numbers["overscanNoise"], [3.0, 3.0], rtol=0.1)
    np.testing.assert_allclose(numbers["sky"], [1000.0, 500.0], atol=4.0)
    assert numbers["amplifierStep"] > 0.5
    assert numbers["fractionBad"] == 0.0
    assert all(isinstance(v, float | list) for v in numbers.values())
