from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from lsst.images import VisitImage
from lsst.pipe.base import NoWorkFound

from uraniborg.algorithms.psf import psf_shape
from uraniborg.core.errors import AlgorithmError
from uraniborg.instruments.decam import DECam
from uraniborg.model.frames import ReducedFrame
from uraniborg.tasks.characterize_image import CharacterizeImageConfig, CharacterizeImageTask
from uraniborg.testing.fields import simulate_field
from uraniborg.testing.images import make_visit_image


def _task(**settings: object) -> CharacterizeImageTask:
    config = CharacterizeImageConfig()
    for name, value in settings.items():
        setattr(config, name, value)
    config.validate()
    return CharacterizeImageTask(config=config)


def _image(seed: int = 8) -> VisitImage:
    field = simulate_field((300, 320), n_stars=30, isolated=True, flux_range=(2e3, 2e5), seed=seed)
    image = make_visit_image(shape=(300, 320), visit=12, detector=3)
    image.image.array[:], image.variance.array[:] = field.image, field.variance
    image.mask.clear()
    return image


def test_run_returns_image_and_sources() -> None:
    outputs = _task().run(image=_image())
    assert len(outputs.sources) == pytest.approx(30, abs=2)
    assert outputs.sources["visit"][0] == 12
    assert outputs.output.summary_stats.nPsfStar == outputs.found.psf.n_stars
    assert abs(float(np.median(outputs.output.image.array))) < 2.0


def test_settings_are_used() -> None:
    image = _image()
    few = _task(threshold=60.0, max_order=0, correction_radius=9.0).run(image=image)
    many = _task().run(image=image)
    assert len(few.sources) < len(many.sources)
    assert few.found.psf.order == 0
    np.testing.assert_allclose(few.sources["calibInstFlux"], few.sources["ap09InstFlux"])


def test_masked_images_are_no_work() -> None:
    image = _image()
    image.mask.set("NO_DATA")
    with pytest.raises(NoWorkFound, match="usable"):
        _task().run(image=image)


def test_images_without_stars_fail_with_numbers() -> None:
    image = _image()
    image.image.array[:] = np.random.default_rng(1).normal(100, 20, image.image.array.shape)
    image.variance.array[:] = 400.0
    with pytest.raises(AlgorithmError, match="n_peaks"):
        _task().run(image=image)


def _frame(path: Path) -> ReducedFrame:
    with fits.open(path) as hdus:
        hdu = next(hdu for hdu in hdus if hdu.data is not None)
        return ReducedFrame(hdus[0].header, hdu.header, hdu.data.astype(hdu.data.dtype.newbyteorder("=")))


@pytest.mark.realdata
def test_every_exposure_of_the_real_field_has_its_seeing_and_sky(testdata: Path) -> None:
    folder = testdata / "images" / "decam_field_187p03_25p56"
    survey = fits.getdata(folder / "survey-ccds-1.fits.gz", 1)
    names = sorted(path for path in folder.glob("*_ooi_*.fits") if not path.stem.endswith(("psfex", "splinesky")))
    assert len(names) == 9
    for path in names:
        frames = [_frame(path.with_name(path.name.replace("_ooi_", kind))) for kind in ("_ooi_", "_oow_", "_ood_")]
        outputs = _task().run(image=DECam().build_visit_image(*frames))
        row = survey[[path.name.split("_ooi")[0] in name for name in survey["image_filename"]]][0]
        shape = psf_shape(outputs.found.psf.model, x=100.0, y=100.0)
        gaussian_fwhm = 2.3548 * (shape.xx * shape.yy - shape.xy**2) ** 0.25
        assert gaussian_fwhm[0] == pytest.approx(row["fwhm"], rel=0.1)
        assert outputs.found.psf.n_stars >= 2
        assert 5 <= len(outputs.sources) < 60
        noise = np.sqrt(np.median(outputs.output.variance.array))
        assert outputs.found.background.rms.mean() == pytest.approx(noise, rel=0.06)
