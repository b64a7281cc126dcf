from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from lsst.pipe.base import NoWorkFound

from uraniborg.model.calibrations import Linearity, LinearityModel
from uraniborg.tasks.common.calib_frames import (
    LazyFrame,
    amplifier_plane,
    flat_pairs,
    linearity_tables,
    masked_image,
    read_signal,
)


def _frame(exposure: int, seconds: float) -> LazyFrame:
    return LazyFrame(exposure, "flat", seconds, seconds, lambda: None)


def test_flats_are_paired_by_exposure_time() -> None:
    frames = [_frame(4, 2.0), _frame(1, 1.0), _frame(3, 2.0), _frame(2, 1.0), _frame(5, 2.0)]
    pairs = [(first.exposure, second.exposure) for first, second in flat_pairs(frames)]
    assert pairs == [(1, 2), (3, 4)]
    with pytest.raises(NoWorkFound, match="same exposure time"):
        list(flat_pairs([_frame(1, 1.0), _frame(2, 2.0)]))


def test_the_signal_of_a_bias_is_about_zero(calibration_set) -> None:
    signal = read_signal(calibration_set.frames["bias"][0])
    assert abs(np.median(signal.readout.image)) < 0.5
    assert signal.geometry.n_amplifiers == 4
    plane = amplifier_plane(signal.geometry, [1.0, 2.0, 3.0, 4.0])
    assert np.unique(plane).tolist() == [1.0, 2.0, 3.0, 4.0]


def test_products_say_where_they_have_no_data() -> None:
    image = np.ones((4, 5), dtype=np.float32)
    image[1, 2] = np.nan
    product = masked_image(image, np.ones_like(image), unit=u.adu, metadata={"n": 1})
    assert product.mask.get("NO_DATA").sum() == product.mask.get("BAD").sum() == 1
    assert np.isfinite(product.image.array).all()
    assert product.variance.unit == u.adu**2


def test_every_kind_of_linearity_has_a_table(calibration_set) -> None:
    geometry = read_signal(calibration_set.frames["bias"][0]).geometry
    kinds = (
        Linearity(amplifier="a", kind="none"),
        Linearity(amplifier="b", kind="quadratic", coefficient=1e-6),
        Linearity(amplifier="c", kind="spline", nodes=(0.0, 1e3, 2e3), corrections=(0.0, 1.0, 4.0)),
        Linearity(amplifier="d", kind="table", corrections=(0.0, 0.5, 1.0)),
    )
    tables = linearity_tables(LinearityModel(amplifiers=kinds), geometry)
    assert tables is not None
    assert len(tables.corrections) == 4
    assert not tables.corrections[0].any()
    assert linearity_tables(None, geometry) is None
