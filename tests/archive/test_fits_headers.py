from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits

from uraniborg.archive.fits_headers import find_fits_files, read_file_headers
from uraniborg.core.errors import UserError
from uraniborg.testing.frames import tiny_exposure, write_raw


def test_all_images_with_the_cards_of_the_primary(tmp_path) -> None:
    path = write_raw(tmp_path, tiny_exposure(1), (0, 1))
    found = read_file_headers(path)
    assert [image.name for image in found.images] == ["D00", "D01"]
    assert found.images[1].shape == (32, 40)
    assert found.images[1].header["EXPNUM"] == 1
    assert found.images[1].header["CCDNUM"] == 1
    assert found.primary["INSTRUME"] == "SimCam"


@pytest.mark.parametrize("keep", [0.97, 0.6, 0.1, 0.0])
def test_truncated_file_is_named(tmp_path, keep: float) -> None:
    path = write_raw(tmp_path, tiny_exposure(1), (0, 1))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(UserError, match=rf"{path.name}: (truncated|cannot be read)"):
        read_file_headers(path)


def test_missing_padding_is_no_fault(tmp_path) -> None:
    path = tmp_path / "a.fits"
    fits.ImageHDU(np.ones((3, 4), "f4")).writeto(path)
    path.write_bytes(path.read_bytes()[:-2800])
    assert read_file_headers(path).images[0].shape == (3, 4)


def test_compressed_files(tmp_path) -> None:
    plain = write_raw(tmp_path, tiny_exposure(1), (0,))
    zipped = tmp_path / "a.fits.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_file_headers(zipped).images[0].shape == (32, 40)
    cut = tmp_path / "b.fits.gz"
    cut.write_bytes(zipped.read_bytes()[:-3000])
    with pytest.raises(UserError, match=r"b\.fits\.gz"):
        read_file_headers(cut)
    packed = tmp_path / "a.fits.fz"
    with fits.open(plain) as hdus:
        tiles = fits.CompImageHDU(hdus[1].data, header=hdus[1].header, compression_type="RICE_1")
        fits.HDUList([hdus[0], tiles]).writeto(packed)
    found = read_file_headers(packed).images[0]
    assert (found.shape, found.header["CCDNUM"]) == ((32, 40), 0)
    cut = tmp_path / "b.fits.fz"
    cut.write_bytes(packed.read_bytes()[:-2880])
    with pytest.raises(UserError, match=r"b\.fits\.fz: (truncated|cannot be read)"):
        read_file_headers(cut)


def test_other_files(tmp_path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        read_file_headers(tmp_path / "none.fits")
    (tmp_path / "text.fits").write_text("not an image" * 400)
    with pytest.raises(UserError, match=r"text\.fits: cannot be read as FITS"):
        read_file_headers(tmp_path / "text.fits")


def test_files_are_found_in_sub_folders(tmp_path) -> None:
    for name in ("b.fits", "a/c.fits.gz", "a/d.fit", "e.txt", "a/f.fits.fz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in find_fits_files(tmp_path)]
    assert found == ["a/c.fits.gz", "a/d.fit", "a/f.fits.fz", "b.fits"]
