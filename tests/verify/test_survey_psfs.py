from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from uraniborg.core.errors import UserError
from uraniborg.verify.survey_psfs import evaluate_psfex, read_survey_psfs

SIZE = 9


def write_model(path: Path, images: np.ndarray, **header: float) -> None:
    column = fits.Column("psf_mask", f"{images.size}E", dim=f"({SIZE},{SIZE},{len(images)})", array=images[None])
    table = fits.BinTableHDU.from_columns([column])
    cards = {"POLNGRP": 1, "POLDEG1": 2, "POLZERO1": 100.0, "POLSCAL1": 50.0, "POLZERO2": 200.0, "POLSCAL2": 400.0}
    table.header.update(cards | {"PSF_SAMP": 1.0} | header)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)


def test_terms_are_in_the_order_of_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    images = rng.random((6, SIZE, SIZE)).astype(np.float32)
    write_model(tmp_path / "model.fits", images)
    u, v = 0.4, 0.25
    expected = sum(
        term * image for term, image in zip([1, u, u * u, v, u * v, v * v], images.astype(float), strict=True)
    )
    found = evaluate_psfex(tmp_path / "model.fits", x=120.0, y=300.0)
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-6)


def test_other_samplings_and_wrong_counts_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "fine.fits", np.ones((6, SIZE, SIZE), np.float32), PSF_SAMP=0.5)
    with pytest.raises(UserError, match=r"fine\.fits.*PSF_SAMP = 0\.5"):
        evaluate_psfex(tmp_path / "fine.fits", x=0, y=0)
    write_model(tmp_path / "few.fits", np.ones((3, SIZE, SIZE), np.float32))
    with pytest.raises(UserError, match="3 images for the 6 terms"):
        evaluate_psfex(tmp_path / "few.fits", x=0, y=0)


@pytest.mark.realdata
def test_models_of_real_exposures_are_centred_and_positive_in_the_core(testdata: Path) -> None:
    models = read_survey_psfs(testdata / "images" / "decam_field_187p03_25p56")
    assert len(models) == 9
    for image in models.values():
        assert image.shape == (63, 63)
        assert np.unravel_index(np.argmax(image), image.shape) == (31, 31)
        assert image.sum() == pytest.approx(1.0)


def test_a_folder_without_models_has_none(tmp_path: Path) -> None:
    assert read_survey_psfs(tmp_path) == {}
