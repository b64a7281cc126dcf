from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest

from uraniborg.algorithms.astrometry import sky_offsets
from uraniborg.algorithms.photometry import color_terms
from uraniborg.core.flags import MeasurementFlag
from uraniborg.model.projections import pixel_to_sky
from uraniborg.tasks.common.calibrated_tables import match_table, source_table, summary_stats, summary_table
from uraniborg.tasks.common.calibration import Calibration, solve_calibration
from uraniborg.testing.star_fields import StarField, StarFieldConfig, make_star_field


def _calibrate(field: StarField) -> Calibration:
    return solve_calibration(
        field.image, field.sources, field.references, terms=color_terms("simcam_gaia"), max_shift=30.0,
        max_rotation=2.0, match_radius=0.5, min_snr=10.0, position_floor=5.0, unknown_motion=8.0, max_model="cubic",
        min_astrometry_stars=2, min_photometry_stars=1,
    )  # fmt: skip


def test_sources_have_sky_positions_with_errors_and_fluxes_in_njy() -> None:
    field = make_star_field(StarFieldConfig(centroid_err=0.04), seed=2)
    source = source_table(field.sources, _calibrate(field))
    sky = pixel_to_sky(field.projection, field.sources["x"], field.sources["y"])
    assert np.abs(sky_offsets((source["ra"], source["dec"]), sky)).max() < 12.0
    assert source["raErr"].to(u.mas).value == pytest.approx(0.04 * 260.0, rel=0.01)
    assert source["decErr"].to(u.mas).value == pytest.approx(0.04 * 260.0, rel=0.01)
    expected = np.asarray(field.sources["psfInstFlux"]) * 10.0 ** (-0.4 * (31.2 - 31.4))
    assert source["psfFlux"].to(u.nJy).value == pytest.approx(expected, rel=0.01)
    assert source["snr"] == pytest.approx(np.asarray(source["psfFlux"] / source["psfFluxErr"]))
    assert (source["visit"] == 1).all()
    assert set(source["band"]) == {"r"}


def test_fluxes_of_all_kinds_have_one_scale_and_their_flags() -> None:
    field = make_star_field(seed=2)
    kinds = {"gaussian": 0.9, "kron": 1.1}
    for kind, factor in kinds.items():
        for suffix in ("InstFlux", "InstFluxErr"):
            field.sources[f"{kind}{suffix}"] = factor * np.asarray(field.sources[f"psf{suffix}"])
    field.sources["kronRad"], field.sources["blendedness"] = 4.5, 0.25
    field.sources["flags"][2] = int(MeasurementFlag.KRON_FAILED)
    source = source_table(field.sources, _calibrate(field))
    for kind, factor in kinds.items():
        for suffix in ("Flux", "FluxErr"):
            assert source[f"{kind}{suffix}"].to(u.nJy).value == pytest.approx(factor * source[f"psf{suffix}"].value)
    assert (np.asarray(source["kronRad"]) == 4.5).all()
    assert (np.asarray(source["blendedness"]) == 0.25).all()
    assert np.flatnonzero(source["kronFlux_flag"]).tolist() == [2]


def test_rotated_frames_share_errors_between_the_axes() -> None:
    field = make_star_field(seed=2)
    field.sources["xErr"] = 0.1
    field.sources["yErr"] = 0.0001
    calibration = _calibrate(field)
    source = source_table(field.sources, calibration)
    major = np.asarray(source["raErr"] ** 2 + source["decErr"] ** 2) ** 0.5 * 3.6e6
    assert major == pytest.approx(26.0, rel=0.01)
    product = np.asarray(source["raErr"] * source["decErr"], dtype=float)
    assert (np.abs(np.asarray(source["ra_dec_Cov"])) <= product * 1.001).all()


def test_flag_bits_become_columns_and_used_stars_are_marked() -> None:
    field = make_star_field(seed=4)
    field.sources["flags"][3] = int(MeasurementFlag.PIXEL_SATURATED | MeasurementFlag.BLENDED)
    calibration = _calibrate(field)
    source = source_table(field.sources, calibration)
    assert source["pixelFlags_saturated"].tolist().count(True) == 1
    assert bool(source["deblend_blended"][3])
    assert np.count_nonzero(source["calib_astrometry_used"]) == np.count_nonzero(calibration.astrometry.used)
    assert np.count_nonzero(source["calib_photometry_used"]) == calibration.photometry.n_used
    assert (field.truth[np.asarray(source["calib_photometry_used"])] > 0).all()


def test_matches_list_both_projections_and_both_magnitudes() -> None:
    field = make_star_field(StarFieldConfig(shift=(0.4, -0.3)), seed=5)
    calibration = _calibrate(field)
    match = match_table(source_table(field.sources, calibration), calibration)
    assert len(match) >= 30
    assert np.median(match["headerDeltaRa"]) == pytest.approx(400.0, abs=5.0)
    assert np.abs(np.median(match["deltaRa"])) < 5.0
    offsets = sky_offsets((match["ra"], match["dec"]), (match["refRa"], match["refDec"]))
    assert np.column_stack([match["deltaRa"], match["deltaDec"]]) == pytest.approx(offsets, abs=1e-3)
    assert np.asarray(match["mag"] - match["refMag"])[match["snr"] > 100] == pytest.approx(0.0, abs=0.05)
    by_id = dict(zip(field.sources["sourceId"].tolist(), field.truth.tolist(), strict=True))
    assert [by_id[int(number)] for number in match["sourceId"]] == match["refId"].tolist()


def test_summary_row_and_statistics_agree_with_the_truth() -> None:
    field = make_star_field(seed=6)
    calibration = _calibrate(field)
    stats = summary_stats(calibration)
    source = source_table(field.sources, calibration)
    row = summary_table(source, calibration, stats)[0]
    assert row["zeroPoint"] == pytest.approx(31.2, abs=0.01)
    assert row["zeroPointAduSecond"] == pytest.approx(31.2 - 2.5 * np.log10(30.0 * 2.0), abs=0.01)
    assert row["psfSigma"] == pytest.approx(1.8, rel=0.03)
    assert row["psfFwhm"] == pytest.approx(1.8 * 2.3548, rel=0.04)
    assert row["psfArea"] == pytest.approx(4.0 * np.pi * 1.8**2, rel=0.05)
    assert row["skyNoise"] == pytest.approx(10.0, rel=1e-4)
    limit = 31.2 - 2.5 * np.log10(5.0 * 10.0 * np.sqrt(4.0 * np.pi * 1.8**2))
    assert row["magLim"] == pytest.approx(limit, abs=0.05)
    assert row["pixelScale"] == pytest.approx(0.26, rel=1e-3)
    assert row["nSources"] == len(source)
    assert row["astrometryModel"] == "shift"
    assert not row["astrometryFailed"]
    assert row["headerRmsRa"] > 10.0 * row["rmsRa"]
    assert row["leftOutRmsRa"] > row["rmsRa"]
    assert row["refCatSourceDensity"] == pytest.approx(40.0 / (500 * 600 * (0.26 / 3600.0) ** 2), rel=0.1)
    corners = pixel_to_sky(field.projection, [0.0, 0.0, 499.0, 499.0], [0.0, 599.0, 599.0, 0.0])
    assert np.abs(sky_offsets((stats.raCorners, stats.decCorners), corners)).max() < 12.0
    assert np.isnan(stats.effTime)


def test_an_image_without_a_match_says_so() -> None:
    field = make_star_field(StarFieldConfig(n_stars=1, n_missing=0, shift=(0.05, 0.0)), seed=3)
    calibration = _calibrate(field)
    row = summary_table(source_table(field.sources, calibration), calibration, summary_stats(calibration))[0]
    assert row["astrometryFailed"]
    assert row["astrometryModel"] == "none"
    assert row["nAstrometryUsed"] == 0
    assert np.isnan(row["rmsRa"])
    assert np.isnan(row["astromOffsetMean"])
