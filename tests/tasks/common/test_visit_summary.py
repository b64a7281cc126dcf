from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.algorithms.photometry import color_terms
from uraniborg.tasks.common.calibrated_tables import source_table, summary_stats, summary_table
from uraniborg.tasks.common.calibration import solve_calibration
from uraniborg.tasks.common.visit_summary import effective_time, visit_summary_table
from uraniborg.testing.star_fields import StarFieldConfig, make_star_field


def _details(zero_point: float, detector: int) -> Table:
    field = make_star_field(StarFieldConfig(zero_point=zero_point), seed=detector)
    calibration = solve_calibration(
        field.image, field.sources, field.references, terms=color_terms("simcam_gaia"), max_shift=30.0,
        max_rotation=2.0, match_radius=0.5, min_snr=10.0, position_floor=5.0, unknown_motion=8.0, max_model="cubic",
        min_astrometry_stars=2, min_photometry_stars=2,
    )  # fmt: skip
    sources = source_table(field.sources, calibration)
    row = summary_table(sources, calibration, summary_stats(calibration))
    row["detector"] = detector
    return row


@pytest.fixture(scope="module")
def details() -> list[Table]:
    return [_details(31.2, 7), _details(31.3, 2), _details(31.1, 4)]


def test_one_row_for_each_detector_in_order(details: list[Table]) -> None:
    table = visit_summary_table(details, fiducial_depth={"r": 24.7})
    assert table["detector"].tolist() == [2, 4, 7]
    assert table.meta["visit"] == int(details[0]["visitId"][0])
    assert np.asarray(table["zeroPointDelta"]) == pytest.approx([0.1, -0.1, 0.0], abs=0.01)
    assert np.asarray(table["seeing"]) == pytest.approx(1.8 * 2.3548 * 0.26, rel=0.03)
    assert np.abs(table["psfE1"]).max() < 0.005
    assert np.asarray(table["rmsRa"]) == pytest.approx(7.8, rel=0.4)
    # Noise of 10 electrons, a Gaussian of 1.8 pixels.
    limit = 5.0 * 10.0 * np.sqrt(4.0 * np.pi * 1.8**2)
    assert np.asarray(table["magLim"]) == pytest.approx(
        np.asarray(table["zeroPoint"]) - 2.5 * np.log10(limit), abs=0.02
    )
    assert np.asarray(table["effTime"]) == pytest.approx(30.0 * 10.0 ** (0.8 * (table["magLim"] - 24.7)))


def test_bands_without_a_fiducial_depth_have_no_effective_time(details: list[Table]) -> None:
    assert np.isnan(visit_summary_table(details, fiducial_depth={"g": 25.0})["effTime"]).all()


def test_effective_time_is_the_time_at_the_fiducial_depth() -> None:
    assert effective_time(np.array([24.7]), 24.7) == pytest.approx([30.0])
    # Twice the time is deeper by 1.25 log10(2).
    assert effective_time(np.array([24.7 + 1.25 * np.log10(2.0)]), 24.7) == pytest.approx([60.0])
