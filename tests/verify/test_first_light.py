from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.verify.first_light import FirstLightData, match_truth, measure_first_light, read_survey_ccds
from uraniborg.verify.metrics import Measurement


def summary(made_up) -> Table:  # type: ignore[no-untyped-def]
    return made_up.products.table("visit_detector_summary")


def gaussian_stamp(fwhm: float) -> np.ndarray:
    square = np.add.outer(np.arange(-31, 32) ** 2, np.arange(-31, 32) ** 2)
    stamp = np.exp(-4.0 * np.log(2.0) * square / fwhm**2)
    return stamp / stamp.sum()


@pytest.fixture(scope="module")
def simulated(made_up) -> dict[str, Measurement]:  # type: ignore[no-untyped-def]
    data = FirstLightData(made_up.products, truth=made_up.truth)
    return {found.metric.name: found for found in measure_first_light(data)}


@pytest.fixture(scope="module")
def real(made_up) -> dict[str, Measurement]:  # type: ignore[no-untyped-def]
    # Round Gaussians, 4 % narrower than the half-maximum width of the summary.
    stamps = {int(row["visitId"]): gaussian_stamp(0.96 * row["psfFwhm"]) for row in summary(made_up)}
    data = FirstLightData(made_up.products, survey_ccds=made_up.survey_ccds, survey_psfs=stamps)
    return {found.metric.name: found for found in measure_first_light(data)}


def test_each_kind_of_field_has_its_promises(simulated, real) -> None:  # type: ignore[no-untyped-def]
    assert {"simulated_flux_bias", "alerts_valid", "repository_provenance"} <= set(simulated)
    assert not [name for name in simulated if name.startswith("real")]
    assert {"real_astrometry_rms", "alerts_valid", "repository_listed"} <= set(real)
    assert not [name for name in real if name.startswith("simulated")]


def test_simulated_numbers_are_those_put_in(simulated: dict[str, Measurement]) -> None:
    assert simulated["simulated_flux_bias"].value == pytest.approx(0.2, abs=0.1)
    assert simulated["simulated_pull_width"].value == pytest.approx(0.8, abs=0.12)
    assert simulated["simulated_astrometry_rms"].value == pytest.approx(5.0, rel=0.15)
    assert simulated["simulated_transients_recovered"].value == 100.0
    assert simulated["simulated_spurious"].value == 1.0
    assert simulated["simulated_spurious"].holds
    assert simulated["simulated_astrometry_rms"].holds


def test_real_numbers_are_those_put_in(real: dict[str, Measurement]) -> None:
    astrometry = real["real_astrometry_rms"]
    assert astrometry.value == pytest.approx(5.0, rel=0.4)
    assert astrometry.details["1"]["header_rms_ra_mas"] == pytest.approx(300.0, rel=0.02)
    assert real["real_zero_point_offset"].value == pytest.approx(0.03)
    assert real["real_zero_point_scatter"].value == pytest.approx(0.0, abs=1e-9)
    assert real["real_fwhm"].value == pytest.approx(5.0)
    assert "+2.5 to +2.5 %" in real["real_fwhm"].note  # the half-maximum width
    assert real["real_psf_width"].value == pytest.approx(100 * (1 / 0.96 - 1), rel=1e-3)
    repeat = real["real_repeatability"]
    assert repeat.value == pytest.approx(0.012, rel=0.2)
    assert "variable and set aside: star 60" in repeat.note


def test_alerts_are_read_from_the_repository(simulated: dict[str, Measurement]) -> None:
    assert simulated["alerts_valid"].value == 100.0
    assert simulated["alerts_history"].value == 100.0
    assert simulated["alerts_cutout"].value >= 30


def test_what_is_missing_is_not_held(made_up) -> None:  # type: ignore[no-untyped-def]
    found = {m.metric.name: m for m in measure_first_light(FirstLightData(made_up.products))}
    assert not found["real_zero_point_offset"].measured
    assert not found["real_psf_width"].measured
    assert "no survey-ccds table" in found["real_zero_point_offset"].note
    listed = found["repository_listed"]
    assert listed.measured
    assert not listed.holds  # objects and the like were not made
    assert "object (0 of 1)" in listed.note
    assert not found["repository_provenance"].holds  # no run of a pipeline


def test_matching_leaves_out_crowded_saturated_and_flagged_stars(made_up) -> None:  # type: ignore[no-untyped-def]
    truth = made_up.truth.visits[made_up.truth.visits["visit"] == 1]
    source = made_up.products.tables("source")[1, 1]
    assert len(match_truth(source, truth).source) == 60
    crowded = Table(truth, copy=True)
    crowded["ra"][5], crowded["dec"][5] = crowded["ra"][6], crowded["dec"][6] + 2.0 / 3600.0
    crowded["saturated"][8] = True
    flagged = Table(source, copy=True)
    flagged["psfFlux_flag"][9] = True
    matched = match_truth(flagged, crowded)
    assert set(np.asarray(made_up.truth.sources["truthId"][:60])) - set(matched.truth["truthId"]) >= {6, 9, 10}
    assert len(matched.source) < 58


def test_survey_ccds_are_read_if_they_are_there(tmp_path: Path) -> None:
    assert read_survey_ccds(tmp_path) is None
    Table({"expnum": [3]}).write(tmp_path / "survey-ccds-1.fits")
    table = read_survey_ccds(tmp_path)
    assert table is not None
    assert table["expnum"].tolist() == [3]
