from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from uraniborg.archive.ingest import ingest_raws, ingest_reduced
from uraniborg.archive.repository import create_repository, open_repository
from uraniborg.core.errors import UserError
from uraniborg.instruments.decam import DECam
from uraniborg.instruments.simcam import SimCam
from uraniborg.testing.frames import tiny_exposure, write_raw, write_triplet

TYPES = ("reduced_image", "reduced_weight", "reduced_dq")


@pytest.fixture
def butler(tmp_path):
    with create_repository(tmp_path / "repo") as butler:
        yield butler


@pytest.fixture
def frames(tmp_path) -> Path:
    """Two exposures of two detectors."""
    for number in (1, 2):
        for detector in (0, 1):
            write_triplet(tmp_path / "frames", tiny_exposure(number), detector)
    return tmp_path / "frames"


def datasets(butler, run: str = "SimCam/reduced/all") -> Counter:
    found: Counter = Counter()
    for name in TYPES:
        for ref in butler.query_datasets(name, collections=run, find_first=False, limit=None, explain=False):
            assert butler.stored(ref)
            found[name, ref.dataId["exposure"], ref.dataId["detector"]] += 1
    return found


def test_triplets_become_datasets(butler, frames) -> None:
    report = ingest_reduced(butler, frames, instrument=SimCam())
    assert (report.run, report.exposures) == ("SimCam/reduced/all", (1, 2))
    assert (report.ingested, report.skipped, report.replaced) == (12, 0, 0)
    assert datasets(butler) == {(name, n, d): 1 for name in TYPES for n in (1, 2) for d in (0, 1)}
    frame = butler.get("reduced_image", instrument="SimCam", exposure=2, detector=1, collections="SimCam/defaults")
    original = fits.getdata(next(frames.glob("*_00000000002_01_image.fits")))
    assert np.array_equal(frame.array, original)
    assert frame.primary["EXPNUM"] == 2


def test_again_is_skipped(butler, frames) -> None:
    ingest_reduced(butler, frames, instrument=SimCam())
    report = ingest_reduced(butler, frames, instrument=SimCam())
    assert (report.ingested, report.skipped) == (0, 12)
    assert set(datasets(butler).values()) == {1}


@pytest.mark.parametrize("transfer", ["symlink", "hardlink", "direct", "move"])
def test_ways_of_transfer(butler, frames, transfer) -> None:
    ingest_reduced(butler, frames, instrument=SimCam(), transfer=transfer)
    ref = butler.query_datasets("reduced_dq", collections="SimCam/reduced/all")[0]
    stored = Path(butler.getURI(ref).ospath)
    assert stored.is_symlink() == (transfer == "symlink")
    assert stored.is_relative_to(frames) == (transfer == "direct")
    assert len(list(frames.iterdir())) == (0 if transfer == "move" else 12)
    if transfer != "move":
        assert ingest_reduced(butler, frames, instrument=SimCam(), transfer=transfer).skipped == 12


def test_other_content_under_the_same_data_id(butler, frames) -> None:
    ingest_reduced(butler, frames, instrument=SimCam())
    path = next(frames.glob("*_00000000002_01_image.fits"))
    fits.setval(path, "FWHM", value=9.0, ext=1)
    with pytest.raises(UserError, match=rf"{path}: duplicate exposure: reduced_image.*other content"):
        ingest_reduced(butler, frames, instrument=SimCam())
    data_id = {"instrument": "SimCam", "exposure": 2, "detector": 1, "collections": "SimCam/defaults"}
    report = ingest_reduced(butler, frames, instrument=SimCam(), on_conflict="skip")
    assert report.skipped == 12
    assert butler.get("reduced_image.header", **data_id)["FWHM"] == 3.5
    report = ingest_reduced(butler, frames, instrument=SimCam(), on_conflict="replace")
    assert (report.ingested, report.skipped, report.replaced) == (0, 11, 1)
    assert butler.get("reduced_image.header", **data_id)["FWHM"] == 9.0
    assert set(datasets(butler).values()) == {1}


def test_a_fault_leaves_the_repository_as_it_was(butler, frames) -> None:
    cut = next(frames.glob("*_00000000002_01_weight.fits"))
    cut.write_bytes(cut.read_bytes()[:-2880])
    with pytest.raises(UserError, match=rf"(?s){cut}: truncated.*no weight file"):
        ingest_reduced(butler, frames, instrument=SimCam())
    assert butler.query_dimension_records("instrument", explain=False) == []
    assert list(butler.collections.query("*")) == []
    assert list(butler.registry.queryDatasetTypes()) == []


def test_number_taken_by_another_exposure(butler, frames, tmp_path) -> None:
    ingest_reduced(butler, frames, instrument=SimCam())
    other = write_triplet(tmp_path / "other", tiny_exposure(1, physical_filter="g_sim"))["image"]
    with pytest.raises(UserError, match=rf"{other}: duplicate exposure 1: .*g_sim.*r_sim"):
        ingest_reduced(butler, tmp_path / "other", instrument=SimCam(), run="SimCam/other")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"transfer": "teleport"}, "transfer is 'teleport'"), ({"on_conflict": "ask"}, "on_conflict is 'ask'")],
)
def test_unknown_options(butler, frames, options, message) -> None:
    with pytest.raises(UserError, match=message):
        ingest_reduced(butler, frames, instrument=SimCam(), **options)


def test_nothing_to_ingest(butler, tmp_path, frames) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no reduced SimCam exposures in .*empty"):
        ingest_reduced(butler, tmp_path / "empty", instrument=SimCam())
    with pytest.raises(UserError, match="no reduced DECam exposures"):
        ingest_reduced(butler, frames, instrument=DECam())


def merge_extensions(paths: list[Path], target: Path) -> None:
    hdus = fits.HDUList([fits.PrimaryHDU(header=fits.getheader(paths[0]))])
    for path in paths:
        hdus.append(fits.ImageHDU(fits.getdata(path), fits.getheader(path, 1)))
    hdus.writeto(target)


def test_triplets_of_files_with_many_detectors(butler, tmp_path) -> None:
    parts = [write_triplet(tmp_path / "parts", tiny_exposure(4), detector) for detector in (0, 1)]
    (tmp_path / "whole").mkdir()
    for member in ("image", "weight", "dq"):
        merge_extensions([part[member] for part in parts], tmp_path / "whole" / f"all_{member}.fits")
    report = ingest_reduced(butler, tmp_path / "whole", instrument=SimCam())
    assert report.ingested == 3
    for detector in (0, 1):
        frame = butler.get("reduced_image", instrument="SimCam", exposure=4, detector=detector, collections=report.run)
        assert frame.header["CCDNUM"] == detector
        assert np.array_equal(frame.array, fits.getdata(parts[detector]["image"]))


def test_raws_of_one_and_of_many_detectors(butler, tmp_path) -> None:
    write_raw(tmp_path / "raw", tiny_exposure(1), (0, 1))
    write_raw(tmp_path / "raw", tiny_exposure(2), (1,))
    report = ingest_raws(butler, tmp_path / "raw", instrument=SimCam())
    assert (report.run, report.exposures, report.ingested) == ("SimCam/raw/all", (1, 2), 2)
    refs = butler.query_datasets("raw", collections="SimCam/defaults", explain=False)
    assert {(ref.dataId["exposure"], ref.dataId["detector"]) for ref in refs} == {(1, 0), (1, 1), (2, 1)}
    for ref in refs:
        (segment,) = butler.get(ref).segments
        assert segment.array.mean() == pytest.approx(1000 + 100 * ref.dataId["detector"], abs=2)
        assert butler.get(ref.makeComponentRef("header"))["CCDNUM"] == ref.dataId["detector"]
    assert ingest_raws(butler, tmp_path / "raw", instrument=SimCam()).skipped == 2


_INGEST = """
import sys
from uraniborg.archive.ingest import ingest_reduced
from uraniborg.archive.repository import open_repository
from uraniborg.instruments.simcam import SimCam
with open_repository(sys.argv[1], writeable=True) as butler:
    ingest_reduced(butler, sys.argv[2], instrument=SimCam(), batch_size=8)
"""


def _kill_when_there_are(n: int, repo: Path, frames: Path) -> None:
    """Start an ingest and kill it when its run has this many files."""
    process = subprocess.Popen([sys.executable, "-c", _INGEST, repo, frames])
    deadline = time.monotonic() + 120
    while sum(len(files) for _, _, files in os.walk(repo / "SimCam")) < n:
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_kill_in_the_middle_and_run_again(tmp_path) -> None:
    frames, repo = tmp_path / "frames", tmp_path / "repo"
    for number in range(1, 68):
        write_triplet(frames, tiny_exposure(number))
    create_repository(repo).close()
    for n in np.random.default_rng(11).integers([1, 61, 121], [60, 120, 180]):
        _kill_when_there_are(int(n), repo, frames)
        with open_repository(repo) as butler:
            present = Counter(exposure for _, exposure, _ in datasets(butler))
            assert set(present.values()) <= {3}, "half an exposure"
    with open_repository(repo, writeable=True) as butler:
        report = ingest_reduced(butler, frames, instrument=SimCam())
        assert report.ingested + report.skipped == 201
        assert report.skipped > 0
        found = datasets(butler)
        assert set(found) == {(name, number, 0) for name in TYPES for number in range(1, 68)}
        assert set(found.values()) == {1}
        refs = [ref for name in TYPES for ref in butler.query_datasets(name, collections=report.run, limit=None)]
        known = {Path(butler.getURI(ref).ospath) for ref in refs}
        for ref in refs:
            assert butler.get(ref).primary["EXPNUM"] == ref.dataId["exposure"]
    assert not (repo / ".staging").exists()
    on_disk = {Path(folder) / name for folder, _, names in os.walk(repo / "SimCam") for name in names}
    assert on_disk == known


@pytest.mark.realdata
def test_real_field(butler, testdata) -> None:
    folder = testdata / "images/decam_field_187p03_25p56"
    report = ingest_reduced(butler, folder, instrument=DECam(), transfer="direct")
    assert (len(report.exposures), report.ingested) == (9, 27)
    records = butler.query_dimension_records("exposure", instrument="DECam", explain=False)
    assert Counter(record.physical_filter[0] for record in records) == {"g": 2, "r": 3, "z": 4}
    with pytest.raises(UserError, match="no reduced SimCam exposures"):
        ingest_reduced(butler, folder, instrument=SimCam())
