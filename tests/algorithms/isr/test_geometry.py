from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from uraniborg.algorithms.isr.geometry import DetectorGeometry, Section, amplifier_view
from uraniborg.core.errors import UserError


def test_amplifiers_tile_the_detector_in_order_of_read_out(layout) -> None:
    geometry = layout()
    seen = np.zeros(geometry.shape, int)
    y, x = np.indices(geometry.shape)
    for amplifier in geometry.amplifiers:
        amplifier_view(seen, amplifier)[...] += 1
        rows, columns = amplifier_view(y, amplifier)[:, 0], amplifier_view(x, amplifier)[0]
        assert np.all(np.diff(rows) == (-1 if amplifier.flip_y else 1))
        assert np.all(np.diff(columns) == (-1 if amplifier.flip_x else 1))
    assert np.all(seen == 1)


def test_a_view_of_the_first_pixels_read_backwards_reaches_pixel_zero() -> None:
    section = Section(0, 4, 0, 5)
    assert section.shape == (4, 5)
    image = np.arange(20).reshape(4, 5)
    from uraniborg.algorithms.isr.geometry import AmplifierGeometry

    amplifier = AmplifierGeometry("A", section, section, flip_x=True, flip_y=True)
    np.testing.assert_array_equal(amplifier_view(image, amplifier), image[::-1, ::-1])


def test_all_faults_are_told_at_once(layout) -> None:
    one = layout().amplifiers[0]
    wrong = replace(one, name="B", detector=Section(0, 31, 0, 24))
    outside = replace(one, name="C", detector=Section(0, 32, -1, 23))
    with pytest.raises(UserError, match=r"(?s)B: .*C: .*overlap"):
        DetectorGeometry((64, 96), (one, wrong, outside))


def test_an_overscan_that_is_too_short_is_refused(layout) -> None:
    one = layout().amplifiers[0]
    with pytest.raises(UserError, match="does not run along"):
        DetectorGeometry((64, 96), (replace(one, serial_overscan=Section(0, 30, 27, 43)),))
