"""Rubin's own packets, so that names and stamps agree with what brokers get today."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from uraniborg.alerts import latest_schema, read_cutout

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def rows(testdata) -> list[dict]:
    table = pq.read_table(testdata / "alerts/rubin_v10/fink_filters_rubin_test_10_0.parquet")
    return table.to_pylist()


@pytest.mark.parametrize("record", ["diaSource", "diaObject"])
def test_every_field_of_theirs_is_one_of_ours(rows, record: str) -> None:
    ours = {field.name for field in latest_schema().fields(record)}
    theirs = {name for row in rows if row[record] for name in row[record]}
    assert theirs <= ours
    assert len(theirs) > 50


def test_forced_history_has_our_names(testdata) -> None:
    # Their lists are empty in these packets; the names are in the type.
    schema = pq.read_schema(testdata / "alerts/rubin_v10/fink_filters_rubin_test_10_0.parquet")
    theirs = {field.name for field in schema.field("prvDiaForcedSources").type.value_type}
    ours = {field.name for field in latest_schema().fields("diaForcedSource")}
    assert theirs == ours


def test_their_stamps_are_read_and_have_our_layout(rows, packets) -> None:
    ours = read_cutout(packets[0]["cutoutDifference"])
    for row in rows:
        for name in ("cutoutDifference", "cutoutScience", "cutoutTemplate"):
            theirs = read_cutout(row[name])
            assert theirs.image.shape == theirs.variance.shape
            assert min(theirs.image.shape) >= 30
            assert theirs.psf.shape[0] % 2 == ours.psf.shape[0] % 2 == 1
            # PSF stamps of theirs and ours are normalised alike.
            assert theirs.psf.sum() == pytest.approx(1.0, abs=0.05)
            assert np.nanmedian(theirs.variance) > 0


def test_stamp_corner_follows_the_same_rule(rows) -> None:
    for row in rows:
        source, stamp = row["diaSource"], read_cutout(row["cutoutScience"])
        half = stamp.image.shape[0] // 2
        if stamp.image.shape[0] == 30 and not source["centroid_flag"]:
            assert abs(stamp.corner[0] + half - source["x"]) <= 1.0
            assert abs(stamp.corner[1] + half - source["y"]) <= 1.0
