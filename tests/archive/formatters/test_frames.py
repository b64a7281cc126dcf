from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from lsst.daf.butler import Butler, DatasetRef, DatasetType, FileDataset

from uraniborg.archive.formatters.frames import read_reduced_frame, write_reduced_frame
from uraniborg.core.errors import UserError
from uraniborg.testing.datasets import make_reduced_frame
from uraniborg.testing.repos import make_repository


def _write(path: Path, *, compressed: bool = False, images: int = 1) -> np.ndarray:
    array = np.arange(1200, dtype=np.float32).reshape(30, 40)
    primary = fits.PrimaryHDU()
    primary.header["EXPTIME"] = 30.0
    kind = fits.CompImageHDU if compressed else fits.ImageHDU
    hdus = [kind(array, name=f"N{i}") for i in range(images)]
    for hdu in hdus:
        hdu.header["CCDNUM"] = 34
    fits.HDUList([primary, *hdus]).writeto(path)
    return array


@pytest.mark.parametrize("name", ["f.fits", "f.fits.gz", "f.fits.fz"])
def test_plain_gzip_and_fpack_files_are_read(tmp_path: Path, name: str) -> None:
    array = _write(tmp_path / name, compressed=name.endswith("fz"))
    frame = read_reduced_frame(str(tmp_path / name))
    np.testing.assert_array_equal(frame.array, array)
    assert frame.array.dtype.isnative
    assert (frame.primary["EXPTIME"], frame.header["CCDNUM"], frame.header["NAXIS1"]) == (30.0, 34, 40)


def test_image_may_be_in_the_primary_hdu(tmp_path: Path) -> None:
    fits.PrimaryHDU(np.ones((3, 4), dtype=np.int16)).writeto(tmp_path / "f.fits")
    frame = read_reduced_frame(str(tmp_path / "f.fits"))
    assert frame.array.shape == (3, 4)
    assert frame.primary == frame.header


@pytest.mark.parametrize("images", [0, 2])
def test_file_without_one_image_is_named(tmp_path: Path, images: int) -> None:
    _write(tmp_path / "f.fits", images=images)
    with pytest.raises(UserError, match=rf"f.fits: .* this has {images}"):
        read_reduced_frame(str(tmp_path / "f.fits"))


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
@pytest.mark.parametrize("name", ["f.fits", "f.fits.gz"])
@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.9])
def test_truncated_file_is_named(tmp_path: Path, fraction: float, name: str) -> None:
    _write(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(UserError, match=name):
        read_reduced_frame(str(tmp_path / name))


def test_written_frame_is_the_same(tmp_path: Path) -> None:
    frame = make_reduced_frame()
    write_reduced_frame(frame, str(tmp_path / "f.fits"))
    found = read_reduced_frame(str(tmp_path / "f.fits"))
    np.testing.assert_array_equal(found.array, frame.array)
    assert found.array.dtype == frame.array.dtype
    assert found.header["GAIN"] == 1.25
    assert found.header.comments["GAIN"] == "electron/adu"
    assert "made for tests" in found.header["HISTORY"]


def test_unsigned_integers_survive(tmp_path: Path) -> None:
    frame = make_reduced_frame()
    frame = type(frame)(frame.primary, frame.header, np.array([[0, 65535]], dtype=np.uint16))
    write_reduced_frame(frame, str(tmp_path / "one.fits"))
    once = read_reduced_frame(str(tmp_path / "one.fits"))
    write_reduced_frame(once, str(tmp_path / "two.fits"))
    twice = read_reduced_frame(str(tmp_path / "two.fits"))
    np.testing.assert_array_equal(twice.array, frame.array)
    assert twice.array.dtype == np.uint16


def test_original_file_is_ingested_in_place_and_its_headers_read_alone(tmp_path: Path) -> None:
    array = _write(tmp_path / "original.fits.fz", compressed=True)
    before = (tmp_path / "original.fits.fz").read_bytes()
    with make_repository(tmp_path) as butler:
        ref = _ingest(butler, tmp_path / "original.fits.fz")
        np.testing.assert_array_equal(butler.get(ref).array, array)
        assert butler.get(ref.makeComponentRef("header"))["CCDNUM"] == 34
        assert butler.get(ref.makeComponentRef("primary"))["EXPTIME"] == 30.0
    assert (tmp_path / "original.fits.fz").read_bytes() == before


def _ingest(butler: Butler, path: Path) -> DatasetRef:
    dataset_type = DatasetType(
        "reduced_image", ("instrument", "exposure", "detector"), "ReducedFrame", universe=butler.dimensions
    )
    butler.registry.registerDatasetType(dataset_type)
    data_id = butler.registry.expandDataId(exposure=1, detector=0, instrument="Tiny")
    ref = DatasetRef(dataset_type, data_id, run="tests")
    butler.ingest(FileDataset(str(path), [ref]), transfer="direct")
    return ref
