from __future__ import annotations

import numpy as np
import pytest
from astro_metadata_translator.translators import DecamTranslator

from uraniborg.instruments.decam.geometry import SHAPE, all_detectors, boresight, detector_names


def test_names_agree_with_the_translator_of_rubin() -> None:
    names = detector_names()
    assert len(names) == len(set(names.values())) == 62
    assert names[61] == "N30"  # dead since 2012, and therefore unknown to the translator
    assert {number: name for number, name in names.items() if number != 61} == DecamTranslator.detector_names


@pytest.mark.parametrize(("detector", "crpix"), [(25, (2151.2, 14826.0)), (1, (13423.2, 6307.333))])
def test_boresight_is_that_of_raw_headers(detector: int, crpix: tuple[float, float]) -> None:
    assert np.allclose(np.add(boresight(detector), 1.0), crpix, atol=1e-3)


def test_detectors_do_not_overlap_and_fill_a_disc() -> None:
    centres = np.array([[(SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2] - np.array(boresight(n)) for n in range(1, 63)])
    apart = np.abs(centres[:, None] - centres[None, :])
    clear = (apart[..., 0] >= SHAPE[1]) | (apart[..., 1] >= SHAPE[0])
    assert (clear | np.eye(62, dtype=bool)).all()
    assert np.hypot(*centres.T).max() * 0.263 / 3600 < 1.1  # DECam's field has a radius of 1.1 deg
    assert np.allclose(centres.mean(axis=0), 0.0, atol=1.0)


def test_attributes_follow_the_numbers() -> None:
    detectors = all_detectors()
    assert [item.id for item in detectors] == list(range(1, 63))
    n4 = detectors[34]
    assert n4.name == "N4"
    assert n4.orientation.focal_plane_x == pytest.approx(1127.2 * 0.015, abs=0.02)
    assert n4.orientation.focal_plane_y == pytest.approx(0.0, abs=0.02)
