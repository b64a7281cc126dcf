from __future__ import annotations

import numpy as np
import pytest
from lsst.images import Box, DetectorFrame

from uraniborg.acceptance.astrometric_accuracy import measure_pattern_matching, measure_projection, true_projection
from uraniborg.acceptance.survey_frame import SurveyFrameConfig, ideal_errors, make_survey_frame
from uraniborg.algorithms.astrometry import sky_offsets
from uraniborg.model.projections import pixel_scale, pixel_to_sky
from uraniborg.tasks.common.astrometric_solution import SourcePositions


def test_pattern_matching_is_measured() -> None:
    value = measure_pattern_matching(n_fields=20, n_dense=2, n_wrong=30)
    assert value.value >= 0.95
    assert value.details["false_matches"] == 0
    assert value.details["dense_seconds_median"] < 16.0


def test_the_projection_of_a_small_frame_is_as_good_as_its_stars() -> None:
    frame = make_survey_frame(SurveyFrameConfig(shape=(1000, 1000), n_detectable=1500), seed=2)
    rows = np.flatnonzero(frame.magnitude < 23.5)
    errors = ideal_errors(frame, rows)
    noise = np.random.default_rng(1).normal(0.0, 1.0, (len(rows), 2)) * errors[:, :2]
    snr = frame.flux[rows] / errors[:, 2]
    positions = SourcePositions(
        frame.x[rows] + noise[:, 0], frame.y[rows] + noise[:, 1], errors[:, 0], snr, np.ones(len(rows), bool)
    )
    value = measure_projection(frame, positions, repeats=1)
    # Some hundred stars of 1 to 10 mas; what is left is mostly from the eight parameters.
    assert value.value < 0.6
    assert value.details["round_trip_pixel"] < 1e-4
    assert value.details["n_used"] > 200
    worse = SourcePositions(
        positions.x + 0.1 * np.sin(positions.y / 150.0), positions.y, positions.error, snr, positions.usable
    )
    assert measure_projection(frame, worse, repeats=1).value > 2.0


def test_the_true_projection_is_what_it_says() -> None:
    shape = (4000, 4072)
    frame = DetectorFrame(instrument="Survey", visit=1, detector=1, bbox=Box.from_shape(shape))
    truth, moved = (
        true_projection(shape, frame=frame),
        true_projection(shape, frame=frame, angle=1.5, shift=(36.0, -27.0)),
    )
    middle = (2035.5, 1999.5)
    assert pixel_scale(truth, *middle) == pytest.approx(0.2, rel=1e-4)
    offset = sky_offsets(pixel_to_sky(moved, *middle), pixel_to_sky(truth, *middle))
    assert offset == pytest.approx([36e3, -27e3], abs=10.0)
