from __future__ import annotations

from pathlib import Path

import pytest

from uraniborg.algorithms.isr.assembly import read_detector
from uraniborg.archive.formatters.raw_frames import read_raw_frame
from uraniborg.instruments.raw_geometry import raw_geometry
from uraniborg.instruments.saao import Ste3, Ste3Translator
from uraniborg.verify.cameras import translate


def test_sections_are_added_where_there_are_none() -> None:
    header = {"TRIMSEC": "[  17: 528,   1: 520]"}
    assert Ste3Translator.fix_header(header, "STE3", "x")
    assert (header["DATASEC"], header["DETSEC"]) == ("[17:528,1:512]", "[1:512,1:512]")
    assert not Ste3Translator.fix_header(header, "STE3", "x")
    assert not Ste3Translator.fix_header({}, "STE3", "x")


def test_every_pair_of_wheels_is_a_filter() -> None:
    assert len(Ste3.filters) == 100
    assert "wheels_48" in Ste3.filters


@pytest.mark.realdata
def test_a_real_raw_is_translated_and_assembled(testdata: Path) -> None:
    path = testdata / "raw" / "saao_1m" / "a8280271.fits"
    info = translate(path)
    assert info.datetime_begin.utc.isot == "2013-07-13T00:57:33.000"
    assert (info.observing_day, info.physical_filter, info.exposure_id) == (20130712, "wheels_48", 426992253)
    raw = read_raw_frame(str(path), 0)
    geometry = raw_geometry(raw)
    assert geometry.shape == (512, 512)
    image = read_detector([segment.array for segment in raw.segments], geometry).image
    assert image[:500].min() > 0.0  # sky everywhere: no columns or rows without light are inside
