from __future__ import annotations

import itertools

import astropy.units as u
import numpy as np
import pytest
from astropy.time import Time
from lsst.daf.butler import CollectionType, DatasetType, Timespan
from lsst.daf.butler.time_utils import TimeConverter

from uraniborg.archive.certify import (
    certify_calibration,
    decertify_calibration,
    find_certified,
    make_timespan,
    read_timeline,
)
from uraniborg.core.errors import UserError
from uraniborg.testing.repos import make_repository


@pytest.fixture
def butler(tmp_path):
    butler = make_repository(tmp_path)
    kind = DatasetType(
        "gain", ("instrument", "detector"), "StructuredDataDict", universe=butler.dimensions, isCalibration=True
    )
    butler.registry.registerDatasetType(kind)
    plain = DatasetType("note", ("instrument", "detector"), "StructuredDataDict", universe=butler.dimensions)
    butler.registry.registerDatasetType(plain)
    for run, value in (("january", 1.0), ("february", 2.0)):
        butler.collections.register(run)
        for detector in (0, 1):
            butler.put({"gain": value + detector / 10}, "gain", instrument="Tiny", detector=detector, run=run)
    butler.put({}, "note", instrument="Tiny", detector=0, run="january")
    yield butler
    butler.close()


def gain(butler, when: str, detector: int = 0) -> float | None:
    ref = butler.find_dataset(
        "gain",
        instrument="Tiny",
        detector=detector,
        collections="calib",
        timespan=make_timespan(when, Time(when, scale="tai") + 1.0 * u.day),
    )
    return None if ref is None else butler.get(ref)["gain"]


def test_what_holds_when(butler) -> None:
    refs = certify_calibration(butler, "gain", "january", "calib", begin="2026-01-01", end="2026-02-01")
    assert len(refs) == 2
    certify_calibration(butler, "gain", "february", "calib", begin="2026-02-01")
    assert butler.collections.get_info("calib").type is CollectionType.CALIBRATION
    assert gain(butler, "2026-01-20") == 1.0
    assert gain(butler, "2026-02-01", detector=1) == 2.1
    assert gain(butler, "2025-12-30") is None


def test_overlap_is_refused(butler) -> None:
    certify_calibration(butler, "gain", "january", "calib", begin="2026-01-01", end="2026-02-01")
    with pytest.raises(UserError, match="part of that time is taken"):
        certify_calibration(butler, "gain", "february", "calib", begin="2026-01-31", end="2026-03-01")
    assert gain(butler, "2026-02-10") is None
    certify_calibration(butler, "gain", "february", "calib", begin="2026-02-01", data_id={"detector": 1})
    assert (gain(butler, "2026-02-10"), gain(butler, "2026-02-10", detector=1)) == (None, 2.1)


def test_decertified_time_is_free(butler) -> None:
    certify_calibration(butler, "gain", "january", "calib")
    decertify_calibration(butler, "gain", "calib", begin="2026-01-10", end="2026-01-20")
    assert (gain(butler, "2026-01-05"), gain(butler, "2026-01-15"), gain(butler, "2026-01-25")) == (1.0, None, 1.0)
    certify_calibration(butler, "gain", "february", "calib", begin="2026-01-10", end="2026-01-20")
    assert gain(butler, "2026-01-15") == 2.0


@pytest.mark.parametrize(
    ("arguments", "times", "message"),
    [
        (("gain", "march", "calib"), {}, "cannot find 'gain' in 'march'"),
        (("bias", "january", "calib"), {}, "cannot find 'bias'"),
        (("gain", "tests", "calib"), {}, "nothing to certify"),
        (("note", "january", "calib"), {}, "not registered as a calibration"),
        (("gain", "january", "february"), {}, "'february' is a RUN, not a CALIBRATION"),
        (("gain", "january", "calib"), {"begin": "2026-02-01", "end": "2026-01-01"}, "is empty"),
        (("gain", "january", "calib"), {"begin": "yesterday"}, "'yesterday' is not a time"),
    ],
)
def test_faults_are_told(butler, arguments, times, message) -> None:
    with pytest.raises(UserError, match=message):
        certify_calibration(butler, *arguments, **times)


def test_decertify_needs_a_collection(butler) -> None:
    with pytest.raises(UserError, match="cannot decertify 'gain' in 'nowhere'"):
        decertify_calibration(butler, "gain", "nowhere")


def test_the_calibrations_in_the_way_are_named(butler) -> None:
    certify_calibration(butler, "gain", "january", "calib", begin="2026-01-01", end="2026-02-01")
    with pytest.raises(UserError, match=r"taken by january .*'detector': 0"):
        certify_calibration(butler, "gain", "february", "calib", begin="2026-01-31")


def test_only_wanted_detectors_are_decertified(butler) -> None:
    certify_calibration(butler, "gain", "january", "calib")
    decertify_calibration(butler, "gain", "calib", begin="2026-01-10", end="2026-01-20", data_id={"detector": 1})
    assert gain(butler, "2026-01-15") == 1.0
    assert gain(butler, "2026-01-15", detector=1) is None


def test_certified_calibrations_are_found_in_order_of_time(butler) -> None:
    certify_calibration(butler, "gain", "february", "calib", begin="2026-02-01")
    certify_calibration(butler, "gain", "january", "calib", begin="2026-01-01", end="2026-02-01")
    runs = [ref.run for ref in find_certified(butler, "gain", "calib", data_id={"detector": 1})]
    assert runs == ["january", "february"]
    at = find_certified(butler, "gain", "calib", time=Time("2026-03-01", scale="tai"))
    assert {ref.run for ref in at} == {"february"}
    assert find_certified(butler, "gain", "nowhere") == ()


def test_the_timeline_answers_as_the_registry_and_as_brute_force(butler) -> None:
    rng = np.random.default_rng(1)
    days = np.unique(rng.integers(0, 400, 12))
    start = Time("2026-01-01", scale="tai")
    ranges: list[tuple[float, float, str, int]] = []
    for k, (first, last) in enumerate(itertools.pairwise(days)):
        run = ("january", "february")[k % 2]
        detector = int(k % 3 > 0)
        if rng.random() < 0.2:
            continue
        certify_calibration(
            butler,
            "gain",
            run,
            "calib",
            begin=start + first * u.day,
            end=start + last * u.day,
            data_id={"detector": detector},
        )
        ranges.append((first, last, run, detector))
    timeline = read_timeline(butler, "gain", "calib")
    converter = TimeConverter()
    for n in range(2000):
        time, detector = rng.uniform(-5.0, 405.0), int(rng.integers(0, 2))
        if n % 10 == 0:
            time = float(rng.choice(days))  # exactly at a boundary
        expected = [run for first, last, run, d in ranges if d == detector and first <= time < last]
        data_id = {"instrument": "Tiny", "detector": detector, "exposure": 5}
        moment = start + time * u.day
        found = timeline.find(data_id, converter.astropy_to_nsec(moment))
        assert (found.run if found else None) == (expected[0] if expected else None)
        if n % 40 == 0:
            span = Timespan(begin=moment, end=moment + 1e-3 * u.s)
            ref = butler.find_dataset("gain", instrument="Tiny", detector=detector, collections="calib", timespan=span)
            assert ref == found
    assert timeline.find({"instrument": "Tiny", "detector": 9}, 0) is None


def test_an_unknown_timeline_is_refused(butler) -> None:
    with pytest.raises(UserError, match="certified in 'nowhere'"):
        read_timeline(butler, "gain", "nowhere")
