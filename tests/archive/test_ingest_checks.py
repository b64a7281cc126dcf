from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from uraniborg.archive.ingest_checks import check_raws, check_triplets, read_all, sort_triplets
from uraniborg.instruments.decam import DECam
from uraniborg.instruments.simcam import SimCam
from uraniborg.testing.frames import tiny_exposure, write_raw, write_triplet


def faults_of(folder: Path, camera=None) -> list[str]:
    camera = camera or SimCam()
    faults: list[str] = []
    triplets = sort_triplets(read_all(folder, faults), camera, faults, explicit=())
    check_triplets(triplets, camera, faults)
    return faults


def test_good_files_have_no_faults(tmp_path) -> None:
    for number in (1, 2):
        for detector in (0, 1):
            write_triplet(tmp_path, tiny_exposure(number), detector)
    assert faults_of(tmp_path) == []


@pytest.mark.parametrize("keyword", ["FILTER", "CRVAL1", "GAIN", "EXPNUM", "CCDNUM"])
def test_missing_keyword_is_named_with_its_file(tmp_path, keyword: str) -> None:
    path = write_triplet(tmp_path, tiny_exposure(1))["image"]
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus:
            hdu.header.remove(keyword, ignore_missing=True)
    (fault,) = faults_of(tmp_path)
    assert fault == f"{path}[D00]: keyword {keyword} is missing"


def test_missing_member(tmp_path) -> None:
    paths = write_triplet(tmp_path, tiny_exposure(1))
    paths["weight"].unlink()
    paths["dq"].unlink()
    (fault,) = faults_of(tmp_path)
    assert "no weight and no dq file beside" in fault
    assert str(paths["image"]) in fault


def test_shapes_differ(tmp_path) -> None:
    paths = write_triplet(tmp_path, tiny_exposure(1))
    with fits.open(paths["dq"], mode="update") as hdus:
        hdus[1].data = hdus[1].data[:-1]
    assert faults_of(tmp_path) == [f"{paths['dq']}: shape (31, 40) differs from (32, 40) of {paths['image']}"]


def test_members_of_different_exposures(tmp_path) -> None:
    paths = write_triplet(tmp_path, tiny_exposure(1))
    fits.setval(paths["weight"], "EXPNUM", value=2)
    assert faults_of(tmp_path) == [f"{paths['weight']}: keyword EXPNUM is 2, of the image 1"]


def test_duplicate_detector_and_exposure(tmp_path) -> None:
    first = write_triplet(tmp_path / "a", tiny_exposure(1))["image"]
    second = write_triplet(tmp_path / "b", tiny_exposure(1))
    for path in second.values():
        path.rename(path.with_name("copy_" + path.name))
    faults = faults_of(tmp_path)
    copy = second["image"].with_name("copy_" + second["image"].name)
    assert faults == [f"{copy}: duplicate exposure 1 detector 0, also in {first}"]


def test_one_number_for_two_exposures(tmp_path) -> None:
    write_triplet(tmp_path, tiny_exposure(1), 0)
    write_triplet(tmp_path, tiny_exposure(1, physical_filter="g_sim"), 1)
    (fault,) = faults_of(tmp_path)
    assert "duplicate exposure 1: physical_filter g_sim, r_sim in" in fault


def test_wrong_camera_and_unknown_filter(tmp_path) -> None:
    path = write_triplet(tmp_path, tiny_exposure(1))["image"]
    fits.setval(path, "FILTER", value="infrared")
    (fault,) = faults_of(tmp_path)
    assert f"{path}[D00]: filter 'infrared' is not one of" in fault
    raw = write_raw(tmp_path / "raw", tiny_exposure(1))
    faults: list[str] = []
    check_raws(read_all(raw, faults), DECam(), faults)
    (fault,) = faults
    assert fault.startswith(f"{raw}[D00]: keyword INSTRUME is 'SimCam', wrong camera")


def test_every_fault_is_told(tmp_path) -> None:
    write_triplet(tmp_path, tiny_exposure(1))["dq"].unlink()
    cut = write_triplet(tmp_path, tiny_exposure(2))["image"]
    cut.write_bytes(cut.read_bytes()[:-2880])
    fits.setval(write_triplet(tmp_path, tiny_exposure(3))["image"], "FILTER", value="infrared")
    faults = faults_of(tmp_path)
    assert len(faults) == 4  # the cut file is a missing member besides
    assert any("truncated" in fault for fault in faults)


def test_files_named_by_hand_must_be_members(tmp_path) -> None:
    path = tmp_path / "flat.fits"
    fits.ImageHDU(np.zeros((2, 2))).writeto(path)
    faults: list[str] = []
    files = read_all([path], faults)
    assert sort_triplets(files, SimCam(), faults, explicit=[path]) == {}
    assert faults == [f"{path}: is not an image, weight or data-quality file of SimCam"]
    assert sort_triplets(files, SimCam(), [], explicit=[]) == {}


def test_raw_with_many_detectors(tmp_path) -> None:
    faults: list[str] = []
    files = read_all(write_raw(tmp_path, tiny_exposure(1), (0, 1)), faults)
    assert sorted(check_raws(files, SimCam(), faults)) == [(1, 0), (1, 1)]
    assert faults == []
