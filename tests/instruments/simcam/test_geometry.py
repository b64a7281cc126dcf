from __future__ import annotations

import numpy as np
import pytest
from astro_metadata_translator import ObservationInfo

from uraniborg.archive.repository import create_repository
from uraniborg.core.errors import UserError
from uraniborg.core.ids import source_ids, unpack_source_id
from uraniborg.instruments.base import merged_header
from uraniborg.instruments.simcam import SimCam
from uraniborg.instruments.simcam.camera import SimCamTranslator
from uraniborg.instruments.simcam.geometry import MAX_DETECTORS, NOMINAL, SimCamGeometry
from uraniborg.instruments.simcam.headers import SimCamExposure, geometry_from_headers
from uraniborg.instruments.simcam.raw_layout import AmplifierLayout, make_raw_headers

ALL = range(NOMINAL.n_detectors)


def test_the_largest_camera_has_189_detectors_in_21_rafts_around_the_boresight() -> None:
    assert NOMINAL.n_detectors == MAX_DETECTORS == 189
    places = {NOMINAL.place(detector) for detector in ALL}
    rafts = {NOMINAL.raft_and_slot(detector)[0] for detector in ALL}
    assert (len(places), len(rafts)) == (189, 21)
    assert not rafts & {"R00", "R04", "R40", "R44"}
    assert NOMINAL.raft_and_slot(0) == ("R01", "S00")
    assert NOMINAL.raft_and_slot(94) == ("R22", "S11")
    assert NOMINAL.raft_and_slot(188) == ("R43", "S22")
    assert NOMINAL.boresight(94) == (2047.5, 2047.5)
    centres = np.array([2047.5, 2047.5]) - [NOMINAL.boresight(detector) for detector in ALL]
    assert np.allclose(centres.mean(axis=0), 0.0)
    assert np.allclose(np.sort(centres, axis=0), np.sort(-centres, axis=0))


def test_no_two_detectors_overlap_and_gaps_are_as_asked_for() -> None:
    lower = -np.array([NOMINAL.boresight(detector) for detector in ALL])
    apart = np.abs(lower[:, None] - lower[None]).max(axis=2)
    apart[np.diag_indices_from(apart)] = np.inf
    assert apart.min() == NOMINAL.width + NOMINAL.gap
    columns = np.unique(lower[:, 0])
    gaps = np.diff(columns) - NOMINAL.width
    assert np.array_equal(gaps, np.where(np.arange(1, 15) % 3 == 0, NOMINAL.gap + NOMINAL.raft_gap, NOMINAL.gap))
    full = columns[-1] + NOMINAL.width - columns[0]
    assert (full, full) == NOMINAL.full_size


def test_every_detector_has_headers_that_come_back() -> None:
    exposure = SimCamExposure(exposure=250101001, physical_filter="r_sim", ra=10.0, dec=-30.0, mjd_begin=60676.1)
    layout = AmplifierLayout(4096, 4096)
    numbers, names = set(), set()
    for detector in ALL:
        primary, segments = make_raw_headers(
            exposure, detector, geometry=NOMINAL, layout=layout, gain=1.6, read_noise=7.0, saturation=8e4
        )
        assert geometry_from_headers(primary) == NOMINAL
        assert (primary["RAFTBAY"], primary["CCDSLOT"]) == NOMINAL.raft_and_slot(detector)
        assert len(segments) == 16
        info = ObservationInfo(merged_header(primary, segments[0]), translator_class=SimCamTranslator, quiet=True)
        numbers.add(info.detector_exposure_id)
        names.add(info.detector_unique_name)
        assert unpack_source_id(source_ids(exposure.exposure, detector, 1)[0]) == (exposure.exposure, detector)
    assert (len(numbers), len(names)) == (189, 189)


def test_the_registry_knows_all_of_them(tmp_path) -> None:
    with create_repository(str(tmp_path / "repo")) as butler:
        SimCam().register(butler.registry)
        records = butler.query_dimension_records("detector", instrument="SimCam", limit=None)
        assert sorted(record.id for record in records) == list(ALL)


def test_positions_on_the_sky_are_those_of_one_plane() -> None:
    first, last = NOMINAL.wcs(0, ra=30.0, dec=-20.0), NOMINAL.wcs(188, ra=30.0, dec=-20.0)
    sky = first.pixel_to_world(100.0, 200.0)
    x, y = last.world_to_pixel(sky)
    shift = np.array(NOMINAL.boresight(188)) - NOMINAL.boresight(0)
    assert np.allclose([x, y], np.array([100.0, 200.0]) + shift, atol=1e-6)


def test_boards_are_rows_of_rafts_and_of_grids() -> None:
    assert [NOMINAL.board(detector, 3) for detector in (0, 2, 4)] == [(0, 1, 2), (0, 1, 2), (3, 4, 5)]
    grid = SimCamGeometry(columns=5, rows=2)
    assert [grid.board(detector, 3) for detector in (1, 4, 5)] == [(0, 1, 2), (3, 4), (5, 6, 7)]
    assert grid.board(7, 1) == (7,)


def test_impossible_focal_planes_are_refused() -> None:
    with pytest.raises(UserError, match="no whole number of rafts"):
        SimCamGeometry(columns=4, rows=3, raft=3)
    with pytest.raises(UserError, match="at least 3 x 3 rafts"):
        SimCamGeometry(columns=2, rows=2, corner_rafts=False)
    with pytest.raises(UserError, match=r"raft_gap is -1(?s:.*)"):
        SimCamGeometry(raft_gap=-1)
    with pytest.raises(UserError, match="no detector 189"):
        NOMINAL.place(189)
