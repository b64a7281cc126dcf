from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lsst.images import Box, DetectorFrame, SkyProjection

from uraniborg.archive.ingest import ingest_raws, ingest_reduced
from uraniborg.archive.repository import create_repository
from uraniborg.archive.skymaps import register_skymap
from uraniborg.archive.visits import define_visits, frame_region
from uraniborg.core.errors import UserError
from uraniborg.instruments.decam import DECam
from uraniborg.instruments.simcam import SimCam
from uraniborg.model.sky_geometry import region_contains
from uraniborg.model.skymap import DiscreteSkyMap
from uraniborg.sim import SimConfig, simulate_field
from uraniborg.sim.camera.config import CalibrationConfig, ElectronicsConfig
from uraniborg.sim.config import CameraConfig, ObservingConfig
from uraniborg.testing.frames import TINY_GEOMETRY, tiny_exposure, write_raw, write_triplet


@pytest.fixture
def butler(tmp_path):
    for number in (1, 2):
        write_triplet(tmp_path / "frames", tiny_exposure(number), 0)
    with create_repository(tmp_path / "repo") as butler:
        ingest_reduced(butler, tmp_path / "frames", instrument=SimCam())
        yield butler


def test_region_is_the_frame_with_a_margin() -> None:
    box = Box.factory[500:600, 1000:1200]
    wcs = TINY_GEOMETRY.wcs(0, ra=150.0, dec=60.0)
    frame = DetectorFrame(instrument="SimCam", detector=0, bbox=box)
    projection = SkyProjection.from_fits_wcs(wcs, frame, pixel_bounds=box, x0=1000, y0=500)
    region = frame_region(projection, (100, 200), padding=10)
    for x, y, inside in [(-9, -9, True), (-12, 0, False), (209, 109, True), (0, 112, False), (100, 50, True)]:
        sky = wcs.pixel_to_world(x, y)
        assert region_contains(region, sky.ra.deg, sky.dec.deg).item() == inside


def test_each_exposure_becomes_a_visit(butler) -> None:
    report = define_visits(butler, SimCam())
    assert (report.defined, report.extended, report.unchanged, report.detectors) == (2, 0, 0, 2)
    (visit,) = butler.query_dimension_records("visit", instrument="SimCam", visit=2)
    assert (visit.name, visit.physical_filter, visit.exposure_time) == ("simcam00000000002", "r_sim", 30.0)
    assert (visit.timespan.end - visit.timespan.begin).sec == pytest.approx(30.0, abs=1e-3)
    (system,) = butler.query_dimension_records("visit_system", instrument="SimCam")
    assert (system.id, system.name) == (0, "one-to-one")
    pairs = butler.query_data_ids(["visit", "exposure"], instrument="SimCam")
    assert {(d["visit"], d["exposure"]) for d in pairs} == {(1, 1), (2, 2)}
    wcs = TINY_GEOMETRY.wcs(0, ra=150.0, dec=2.0)
    (record,) = butler.query_dimension_records("visit_detector_region", instrument="SimCam", visit=1)
    centre = wcs.pixel_to_world(19.5, 15.5)
    assert region_contains(record.region, centre.ra.deg, centre.dec.deg).all()
    far = SkyCoord(150.0, 2.0, unit="deg").directional_offset_by(90 * u.deg, 0.01 * u.deg)
    assert not region_contains(record.region, far.ra.deg, far.dec.deg).any()


def test_again_changes_nothing_and_new_detectors_extend(butler, tmp_path) -> None:
    define_visits(butler, SimCam())
    report = define_visits(butler, SimCam())
    assert (report.defined, report.extended, report.unchanged, report.detectors) == (0, 0, 2, 0)
    write_triplet(tmp_path / "frames", tiny_exposure(2), 1)
    ingest_reduced(butler, tmp_path / "frames", instrument=SimCam())
    report = define_visits(butler, SimCam())
    assert (report.defined, report.extended, report.unchanged, report.detectors) == (0, 1, 1, 1)
    (visit,) = butler.query_dimension_records("visit", instrument="SimCam", visit=2)
    regions = butler.query_dimension_records("visit_detector_region", instrument="SimCam", visit=2)
    assert {record.detector for record in regions} == {0, 1}
    for record in regions:
        vertices = np.array([[v.x(), v.y(), v.z()] for v in record.region.getVertices()]).mean(axis=0)
        ra, dec = np.rad2deg(np.arctan2(vertices[1], vertices[0])), np.rad2deg(np.arcsin(vertices[2]))
        assert region_contains(visit.region, ra, dec).all()


def test_visits_join_with_patches(butler) -> None:
    sky = DiscreteSkyMap.around(150.0, 2.0, 0.003, patch_size=100, patch_border=0, cell_size=50)
    register_skymap(butler, "field", sky)
    define_visits(butler, SimCam(), check_skymap="field")
    found = butler.query_data_ids(
        ["visit", "detector", "tract", "patch"], instrument="SimCam", skymap="field", where="visit = 1"
    )
    assert 1 <= len(found) <= sky.tract(0).n_patches


def test_frames_outside_of_the_sky_map_are_named(butler) -> None:
    register_skymap(butler, "far", DiscreteSkyMap(centers=((10.0, 2.0),)))
    with pytest.raises(UserError, match=r"(?s)2 fault.*00000000001.*lies outside of the sky map 'far'"):
        define_visits(butler, SimCam(), check_skymap="far")
    assert butler.query_dimension_records("visit", instrument="SimCam", explain=False) == []


def test_some_exposures_only(butler) -> None:
    assert define_visits(butler, SimCam(), exposures=[2]).defined == 1
    with pytest.raises(UserError, match="exposure 7: no reduced_image"):
        define_visits(butler, SimCam(), exposures=[1, 7])


def test_visits_of_raws(tmp_path) -> None:
    path = write_raw(tmp_path / "raw", tiny_exposure(3), (0, 1))
    with create_repository(tmp_path / "repo") as butler:
        ingest_raws(butler, path, instrument=SimCam())
        assert define_visits(butler, SimCam(), dataset_type="raw").detectors == 2
        with pytest.raises(UserError, match="no reduced_image of SimCam"):
            define_visits(butler, SimCam())


def test_a_raw_in_segments_covers_the_whole_detector(tmp_path) -> None:
    config = SimConfig(
        raw=True,
        camera=CameraConfig(width=128, height=96, cosmic_rays=0.0),
        observing=ObservingConfig(bands=("r",), nights=(0.0,)),
        electronics=ElectronicsConfig(columns=2, rows=2),
        calibration=CalibrationConfig(biases=1, darks=0, flat_levels=()),
    )
    field = simulate_field(config, tmp_path / "survey")
    regions = {}
    for kind, ingest, folder in (("raw", ingest_raws, "raw"), ("reduced_image", ingest_reduced, "images")):
        with create_repository(tmp_path / kind) as butler:
            ingest(butler, field.root / folder, instrument=SimCam())
            visit = int(field.truth("visits")["visit"][0])
            assert define_visits(butler, SimCam(), dataset_type=kind, exposures=[visit]).detectors == 1
            (record,) = butler.query_dimension_records("visit_detector_region", instrument="SimCam")
            regions[kind] = np.array([tuple(vertex) for vertex in record.region.getVertices()])
    np.testing.assert_allclose(regions["raw"], regions["reduced_image"], atol=1e-3 / 206265.0)


@pytest.mark.realdata
def test_visits_of_the_real_field_hold_its_middle(tmp_path, testdata) -> None:
    with create_repository(tmp_path / "repo") as butler:
        folder = testdata / "images/decam_field_187p03_25p56"
        ingest_reduced(butler, folder, instrument=DECam(), transfer="direct")
        assert define_visits(butler, DECam()).defined == 9
        for record in butler.query_dimension_records("visit_detector_region", instrument="DECam"):
            assert region_contains(record.region, 186.744, 25.4621).all()
