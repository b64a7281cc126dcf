"""Measures the promises of first light on the products of one field; each function makes one `Value`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.algorithms.psf.shape import gaussian_fwhm, radial_fwhm
from uraniborg.core.errors import AlgorithmError
from uraniborg.verify import astrometry, differences, packets, photometry, repository
from uraniborg.verify.calib import Outcome
from uraniborg.verify.matching import match_positions, neighbour_flux
from uraniborg.verify.metrics import Measurement, Value, load_suite, measure
from uraniborg.verify.products import Products, Truth

__all__ = ("FirstLightData", "TruthMatch", "expected_of", "match_truth", "measure_first_light", "read_survey_ccds")

SUITE = "first-light"
BRIGHT_SNR = 50.0
"""Stars for astrometry and repeatability."""
FLUX_BIAS_SNR = 100.0
PULL_SNR = 10.0
MATCH_RADIUS = 0.5
"""A source is a true star if it lies within this distance of it. [arcsec]"""
CROWDED_RADIUS = 3.0
"""Stars with too much other light within this distance do not count. [arcsec]"""

_BAD_FLAGS = (
    "centroid_flag",
    "psfFlux_flag",
    "psfFlux_flag_edge",
    "pixelFlags_bad",
    "pixelFlags_saturated",
    "pixelFlags_crCenter",
    "pixelFlags_edge",
    "pixelFlags_interpolatedCenter",
    "pixelFlags_nodata",
)


@dataclass(frozen=True, slots=True)
class FirstLightData:
    """All that is measured: products, and what they are held against.

    Attributes
    ----------
    products : Products
        What the pipeline made.
    truth : Truth or None
        For a simulated field.
    survey_ccds : astropy.table.Table or None
        For the real field: zero points and seeing by another pipeline, from `read_survey_ccds`.
    survey_psfs : dict of int to (s, s) float
        For the real field: another pipeline's point-spread image of each exposure, from `read_survey_psfs`.
    calibrations : tuple of Outcome
        For a field of raw frames: what became of each calibration, and its numbers.
    """

    products: Products
    truth: Truth | None = None
    survey_ccds: Table | None = None
    survey_psfs: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)
    calibrations: tuple[Outcome, ...] = ()


def read_survey_ccds(folder: Path) -> Table | None:
    """Return the table ``survey-ccds*`` of a folder of Legacy Surveys exposures, or None if there is none."""
    paths = sorted(folder.glob("survey-ccds*.fits*"))
    return Table.read(paths[0]) if paths else None


def measure_first_light(data: FirstLightData) -> tuple[Measurement, ...]:
    """Measure every promise of the suite that this kind of field can show.

    Parameters
    ----------
    data : FirstLightData
        A simulated field if it has a truth, else a real one.

    Returns
    -------
    tuple of Measurement
        In the order of the suite; what could not be measured says why.
    """
    kind = "real" if data.truth is None else "simulated"
    found = []
    for metric in load_suite(SUITE):
        if metric.field in (kind, "both"):
            with measure(metric) as recorder:
                recorder.value = _HOW[metric.name](data)
            found.append(recorder.measurement)
    return tuple(found)


# ---- real field ------------------------------------------------------------------------------------------------------


def _clean(table: Table) -> NDArray[np.bool_]:
    keep = np.ones(len(table), dtype=bool)
    for name in _BAD_FLAGS:
        keep &= ~np.asarray(table[name], dtype=bool)
    return keep


def _real_astrometry(data: FirstLightData) -> Value:
    ours: dict[int, astrometry.AxisRms] = {}
    header: dict[int, astrometry.AxisRms] = {}
    details: dict[str, object] = {}
    bands = data.products.bands()
    for (visit, _), match in data.products.tables("astrometry_match").items():
        keep = (np.asarray(match["snr"]) > BRIGHT_SNR) & np.asarray(match["astrometryUsed"], dtype=bool)
        if not keep.any():
            details[str(visit)] = "no reference star with S/N > 50"
            continue
        ours[visit] = astrometry.axis_rms(match["deltaRa"], match["deltaDec"], keep=keep)
        header[visit] = astrometry.axis_rms(match["headerDeltaRa"], match["headerDeltaDec"], keep=keep)
        left_out = np.hypot(match["leftOutDeltaRa"], match["leftOutDeltaDec"])[keep]
        details[str(visit)] = {
            "band": bands.get(visit, ""),
            "n_stars": ours[visit].n,
            "header_rms_ra_mas": round(header[visit].ra, 2),
            "header_rms_dec_mas": round(header[visit].dec, 2),
            "rms_ra_mas": round(ours[visit].ra, 2),
            "rms_dec_mas": round(ours[visit].dec, 2),
            "left_out_rms_mas_per_axis": round(float(np.sqrt(np.nanmean(left_out**2) / 2.0)), 2)
            if np.isfinite(left_out).any()
            else None,
        }
    if not ours:
        raise AlgorithmError("no exposure has a matched reference star with S/N > 50", n_exposures=len(details))
    if len(ours) < len(details):
        raise AlgorithmError(
            "an exposure has no matched reference star with S/N > 50", n_without=len(details) - len(ours)
        )
    bad = astrometry.worst(ours)
    note = (
        f"{len(ours)} exposures; worst is {bad} ({ours[bad].n} stars): header "
        f"{header[bad].ra:.0f}, {header[bad].dec:.0f} mas -> ours {ours[bad].ra:.1f}, {ours[bad].dec:.1f} mas"
    )
    return Value(ours[bad].largest, note, details)


def _with_survey_ccds(data: FirstLightData) -> Table:
    """Return one row for each exposure: our summary and their numbers side by side."""
    if data.survey_ccds is None:
        raise AlgorithmError("there is no survey-ccds table beside the exposures")
    summary = data.products.table("visit_detector_summary")
    theirs = {int(row["expnum"]): row for row in data.survey_ccds}
    missing = [int(visit) for visit in summary["visitId"] if int(visit) not in theirs]
    if missing:
        raise AlgorithmError(f"survey-ccds has no row for exposure(s) {missing}", n_missing=len(missing))
    result = summary["visitId", "band", "zeroPointAduSecond", "psfFwhm", "psfGaussianFwhm", "nZeroPointStars"].copy()
    result["ccdzpt"] = [float(theirs[int(visit)]["ccdzpt"]) for visit in summary["visitId"]]
    result["fwhm"] = [float(theirs[int(visit)]["fwhm"]) for visit in summary["visitId"]]
    return result


def _zero_points(data: FirstLightData) -> tuple[Table, photometry.ZeroPointComparison]:
    rows = _with_survey_ccds(data)
    return rows, photometry.compare_zero_points(rows["zeroPointAduSecond"], rows["ccdzpt"], band=rows["band"])


def _real_zero_point_offset(data: FirstLightData) -> Value:
    rows, found = _zero_points(data)
    details = {
        str(row["visitId"]): {
            "band": str(row["band"]),
            "ours": round(float(row["zeroPointAduSecond"]), 4),
            "ccdzpt": round(float(row["ccdzpt"]), 4),
            "n_stars": int(row["nZeroPointStars"]),
        }
        for row in rows
    }
    mean = ", ".join(f"{name} {value:+.3f}" for name, value in found.mean.items())
    note = f"AB magnitude of 1 adu/s; mean of ours minus theirs: {mean} mag ({len(rows)} exposures)"
    return Value(found.largest, note, details)


def _real_zero_point_scatter(data: FirstLightData) -> Value:
    _, found = _zero_points(data)
    if not found.scatter:
        raise AlgorithmError("no band has two exposures", n_exposures=found.offsets.size)
    note = ", ".join(f"{name} {value:.4f}" for name, value in found.scatter.items()) + " mag"
    return Value(max(found.scatter.values()), note, dict(found.scatter))


def _real_repeatability(data: FirstLightData) -> Value:
    match, source = data.products.table("astrometry_match"), data.products.table("source")
    clean = set(np.asarray(source["sourceId"])[_clean(source)].tolist())
    keep = np.isin(np.asarray(match["sourceId"]), list(clean)) & (np.asarray(match["snr"]) > BRIGHT_SNR)
    keep &= np.asarray(match["astrometryUsed"], dtype=bool)
    stars = match[keep]
    found = photometry.repeatability(stars["refId"], stars["band"], stars["mag"], error=stars["magErr"])
    bands = ", ".join(f"{name} {value:.4f}" for name, value in found.by_band.items())
    note = f"{found.n_stars} stars, {found.n_measurements} measurements; by band {bands} mag"
    note += "; the zero points of the exposures rest on the same stars"
    variable = {}
    for number, rms in zip(found.variable, found.variable_rms, strict=True):
        rows = stars[np.asarray(stars["refId"]) == number]
        place = f"{float(np.mean(rows['ra'])):.5f} {float(np.mean(rows['dec'])):+.5f}"
        variable[str(number)] = {"position": place, "rms_mag": round(float(rms), 4)}
        note += f"; variable and set aside: star {number} at {place}, rms {rms:.3f} mag"
    return Value(found.rms, note, {"by_band": found.by_band, "variable": variable})


def _real_fwhm(data: FirstLightData) -> Value:
    rows = _with_survey_ccds(data)
    theirs, ours, half = (np.asarray(rows[name], dtype=float) for name in ("fwhm", "psfGaussianFwhm", "psfFwhm"))
    if not np.isfinite(ours).all():
        raise AlgorithmError("a PSF has no width", n_missing=int(np.sum(~np.isfinite(ours))))
    details = {
        str(row["visitId"]): {
            "ours": round(float(row["psfGaussianFwhm"]), 3),
            "ours_half_maximum": round(float(row["psfFwhm"]), 3),
            "theirs": round(float(row["fwhm"]), 3),
        }
        for row in rows
    }
    other = 100.0 * (half / theirs - 1.0)
    note = (
        f"mean deviation {100 * (ours / theirs - 1).mean():+.1f} % of {len(rows)} exposures; our half-maximum width "
        f"deviates from the same number by {other.min():+.1f} to {other.max():+.1f} %"
    )
    return Value(100.0 * float(np.abs(ours / theirs - 1.0).max()), note, details)


def _real_psf_width(data: FirstLightData) -> Value:
    rows = _with_survey_ccds(data)
    missing = [int(visit) for visit in rows["visitId"] if int(visit) not in data.survey_psfs]
    if missing:
        raise AlgorithmError(f"no PSFEx model beside exposure(s) {missing}", n_missing=len(missing))
    stamps = np.stack([data.survey_psfs[int(visit)] for visit in rows["visitId"]])
    half, gaussian = radial_fwhm(stamps), gaussian_fwhm(stamps)
    ratio = np.asarray(rows["psfFwhm"], dtype=float) / half - 1.0
    fitted = np.asarray(rows["psfGaussianFwhm"], dtype=float) / gaussian - 1.0
    if not np.isfinite(ratio).all():
        raise AlgorithmError("a PSF has no width", n_missing=int(np.sum(~np.isfinite(ratio))))
    column = half / np.asarray(rows["fwhm"], dtype=float) - 1.0
    details = {
        str(row["visitId"]): {"ours": round(float(row["psfFwhm"]), 3), "their_model": round(float(width), 3)}
        for row, width in zip(rows, half, strict=True)
    }
    note = (
        f"mean {100 * ratio.mean():+.1f} % of {len(rows)} exposures; Gaussian widths differ by at most "
        f"{100 * np.abs(fitted).max():.1f} %; their models against their own fwhm: "
        f"{100 * column.min():+.1f} to {100 * column.max():+.1f} %"
    )
    return Value(100.0 * float(np.abs(ratio).max()), note, details)


# ---- simulated field -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TruthMatch:
    """Isolated, unflagged sources that are true stars.

    Attributes
    ----------
    source, truth : astropy.table.Table
        Rows of the source tables and of ``TruthVisit``, side by side.
    snr : (n,) float []
        True flux over the ideal error.
    """

    source: Table
    truth: Table
    snr: NDArray[np.float64]


def match_truth(source: Table, truth: Table) -> TruthMatch:
    """Match the sources of one exposure to the stars that were put in; the truth alone decides which stars count.

    Parameters
    ----------
    source : astropy.table.Table
        Declared as ``Source``.
    truth : astropy.table.Table
        Rows of ``TruthVisit`` of the same visit and detector.

    Returns
    -------
    TruthMatch
    """
    flux, error = np.asarray(truth["flux"], dtype=float), np.asarray(truth["fluxErr"], dtype=float)
    other = neighbour_flux((truth["ra"], truth["dec"]), flux, radius=CROWDED_RADIUS)
    lonely = other < np.maximum(0.002 * flux, 0.2 * np.nan_to_num(error))
    wanted = truth[(np.asarray(truth["kind"]) == "star") & ~np.asarray(truth["saturated"], dtype=bool) & lonely]
    clean = source[_clean(source)]
    pairs = match_positions((clean["coord_ra"], clean["coord_dec"]), (wanted["ra"], wanted["dec"]), radius=MATCH_RADIUS)
    matched = wanted[pairs.second]
    return TruthMatch(clean[pairs.first], matched, np.asarray(matched["flux"] / matched["fluxErr"], dtype=float))


def _truth(data: FirstLightData) -> Truth:
    if data.truth is None:
        raise AlgorithmError("the field has no truth")
    return data.truth


def _truth_matches(data: FirstLightData) -> list[tuple[int, TruthMatch]]:
    truth = _truth(data).visits
    matches = []
    for (visit, detector), source in data.products.tables("source").items():
        here = (np.asarray(truth["visit"]) == visit) & (np.asarray(truth["detector"]) == detector)
        matches.append((visit, match_truth(source, truth[here])))
    if not matches:
        raise AlgorithmError(f"there is no dataset 'source' in {data.products.collection}")
    return matches


def _joined(matches: Sequence[tuple[int, TruthMatch]], minimum: float) -> tuple[NDArray[np.float64], ...]:
    """Return flux, error and true flux of all matched stars above a signal-to-noise ratio."""
    parts = [
        [np.asarray(m.source["psfFlux"]), np.asarray(m.source["psfFluxErr"]), np.asarray(m.truth["flux"])]
        for _, m in matches
    ]
    above = np.concatenate([m.snr > minimum for _, m in matches])
    return tuple(np.concatenate([part[k] for part in parts]).astype(float)[above] for k in range(3))


def _simulated_flux(data: FirstLightData) -> tuple[photometry.FluxQuality, dict[str, dict[str, float]]]:
    matches = _truth_matches(data)
    flux, error, truth = _joined(matches, PULL_SNR)
    details = {}
    for visit, match in matches:
        bright = match.snr > FLUX_BIAS_SNR
        ratio = np.asarray(match.source["psfFlux"] / match.truth["flux"], dtype=float)[bright]
        if ratio.size:
            details[str(visit)] = {"n_bright": int(ratio.size), "bias_percent": 100.0 * float(np.median(ratio) - 1.0)}
    return photometry.flux_quality(flux, error, truth, bright=FLUX_BIAS_SNR), details


def _simulated_flux_bias(data: FirstLightData) -> Value:
    found, details = _simulated_flux(data)
    note = f"{100 * found.bias:+.3f} +- {100 * found.bias_error:.3f} %, {found.n_bright} measurements of bright stars"
    return Value(100.0 * abs(found.bias), note, details)


def _simulated_pull_width(data: FirstLightData) -> Value:
    found, _ = _simulated_flux(data)
    return Value(found.pull_width, f"{found.n_all} measurements")


def _simulated_astrometry(data: FirstLightData) -> Value:
    offsets, details = [], {}
    for visit, match in _truth_matches(data):
        keep = match.snr > BRIGHT_SNR
        measured = (match.source["coord_ra"][keep], match.source["coord_dec"][keep])
        d_ra, d_dec = astrometry.sky_offsets_mas(measured, (match.truth["ra"][keep], match.truth["dec"][keep]))
        if keep.any():
            rms = astrometry.axis_rms(d_ra, d_dec)
            details[str(visit)] = {"n_stars": rms.n, "rms_ra_mas": round(rms.ra, 2), "rms_dec_mas": round(rms.dec, 2)}
        offsets.append((d_ra, d_dec))
    total = astrometry.axis_rms(*(np.concatenate(axis) for axis in zip(*offsets, strict=True)))
    return Value(total.largest, f"{total.n} measurements; {total.ra:.2f}, {total.dec:.2f} mas", details)


def expected_of(truth: Truth) -> Table:
    """Return the true changes of a field, with templates weighted by the inverse variance of the sky in nJy."""
    rows = truth.exposures
    variance = np.asarray(rows["skyLevel"], dtype=float) * 10.0 ** (-0.8 * np.asarray(rows["zeroPoint"], dtype=float))
    weights = {int(visit): float(1.0 / value) for visit, value in zip(rows["visit"], variance, strict=True)}
    return differences.expected_changes(truth.visits, weights=weights)


def _simulated_transients(data: FirstLightData) -> Value:
    expected = expected_of(_truth(data))
    sources = data.products.table("dia_source_detector")
    found = differences.recovered_changes(expected, sources)
    missed = found.expected[~found.found]
    note = f"{int(found.found.sum())} of {len(found.found)} changes of transients found"
    details = {
        "missed": [
            {"truthId": int(row["truthId"]), "visit": int(row["visit"]), "snr": round(float(row["snr"]), 1)}
            for row in missed
        ]
    }
    if np.any((np.asarray(expected["kind"]) == "star") & (np.abs(expected["snr"]) > 7.0)):
        stars = differences.recovered_changes(expected, sources, kind="star")
        note += f"; of variable stars {int(stars.found.sum())} of {len(stars.found)}"
    return Value(100.0 * found.fraction, note, details)


def _simulated_spurious(data: FirstLightData) -> Value:
    visits = data.products.visits("difference_image")
    if not visits.size:
        raise AlgorithmError(f"there is no dataset 'difference_image' in {data.products.collection}")
    counts: dict[tuple[int, int], int] = {}
    truth = _truth(data).visits
    for (visit, detector), sources in data.products.tables("dia_source_detector").items():
        here = truth[np.asarray(truth["detector"]) == detector]
        counts[visit, detector] = differences.spurious_counts(here, sources, visits=np.array([visit]))[visit]
    if not counts:
        raise AlgorithmError(f"there is no dataset 'dia_source_detector' in {data.products.collection}")
    note = f"mean {np.mean(list(counts.values())):.1f} of {len(counts)} difference images"
    return Value(max(counts.values()), note, {f"{visit}/{detector}": n for (visit, detector), n in counts.items()})


# ---- any field -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _packet_check(products: Products) -> packets.PacketCheck:
    """Return the check of all packets of a repository, which several promises are about."""
    everything = [
        packet
        for ref in products.refs("alert_packets")
        for packet in packets.read_packets(bytes(products.butler.get(ref)))
    ]
    schema = packets.newest_schema()
    return packets.check_packets(everything, schema=schema, dia_sources=products.table("dia_source"))


def _alerts_valid(data: FirstLightData) -> Value:
    found = _packet_check(data.products)
    return Value(100.0 * found.valid, f"{found.n} packets")


def _alerts_cutout(data: FirstLightData) -> Value:
    found = _packet_check(data.products)
    return Value(float(found.smallest_cutout), f"three cutouts of {found.n} packets")


def _alerts_history(data: FirstLightData) -> Value:
    found = _packet_check(data.products)
    if not found.with_history:
        raise AlgorithmError("no object was detected twice, so no packet can have a history", n_packets=found.n)
    return Value(100.0 * found.history, f"{found.with_history} of {found.n} packets have earlier sources")


_HOW: dict[str, Callable[[FirstLightData], Value]] = {
    "real_astrometry_rms": _real_astrometry,
    "real_zero_point_offset": _real_zero_point_offset,
    "real_zero_point_scatter": _real_zero_point_scatter,
    "real_repeatability": _real_repeatability,
    "real_fwhm": _real_fwhm,
    "real_psf_width": _real_psf_width,
    "simulated_flux_bias": _simulated_flux_bias,
    "simulated_pull_width": _simulated_pull_width,
    "simulated_astrometry_rms": _simulated_astrometry,
    "simulated_transients_recovered": _simulated_transients,
    "simulated_spurious": _simulated_spurious,
    "alerts_valid": _alerts_valid,
    "alerts_cutout": _alerts_cutout,
    "alerts_history": _alerts_history,
    "repository_listed": lambda data: repository.listed_products(data.products),
    "repository_provenance": lambda data: repository.provenance_reached(data.products),
}
