from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lsst.images import Image, VisitImage

from uraniborg.algorithms.singleframe import FrameCharacterization, characterize_frame
from uraniborg.core.flags import MeasurementFlag, has_flag
from uraniborg.core.ids import unpack_source_id
from uraniborg.model.psf import from_lsst
from uraniborg.tasks.common.characterized_image import characterized_image, first_width, preliminary_source_table
from uraniborg.testing.fields import SimulatedField, simulate_field
from uraniborg.testing.images import make_visit_image


@pytest.fixture(scope="module")
def field() -> SimulatedField:
    return simulate_field((400, 420), n_stars=50, isolated=True, flux_range=(2e3, 2e5), seed=8)


@pytest.fixture(scope="module")
def found(field: SimulatedField) -> FrameCharacterization:
    return characterize_frame(field.image, field.variance)


@pytest.fixture(scope="module")
def image(field: SimulatedField) -> VisitImage:
    image = make_visit_image(shape=(400, 420), visit=12, detector=3)
    image.image.array[:], image.variance.array[:] = field.image, field.variance
    image.mask.clear()
    return image


@pytest.fixture(scope="module")
def output(image: VisitImage, found: FrameCharacterization) -> VisitImage:
    return characterized_image(image, found)


def test_sky_is_subtracted_and_kept(image: VisitImage, output: VisitImage, field: SimulatedField) -> None:
    sky = output.backgrounds.subtracted
    assert sky is not None
    np.testing.assert_allclose(
        output.image.array + sky.field.render(dtype=np.float64).array, image.image.array, atol=1e-3
    )
    assert np.median(sky.field.render().array) == pytest.approx(field.sky, abs=1.0)
    assert output.image.array.dtype == np.float32
    assert image.backgrounds.subtracted is None  # the input is not changed


def test_planes_are_set(image: VisitImage, output: VisitImage, field: SimulatedField) -> None:
    detected, edge = output.mask.get("DETECTED"), output.mask.get("DETECTION_EDGE")
    assert detected[np.round(field.y).astype(int), np.round(field.x).astype(int)].all()
    assert 0.02 < detected.mean() < 0.4
    assert edge[0].all()
    assert not edge[200, 200]
    assert not image.mask.get("DETECTED").any()


def test_psf_and_its_facts_are_stored(output: VisitImage, found: FrameCharacterization, tmp_path: Path) -> None:
    output.write(tmp_path / "image.fits")
    read = VisitImage.read(tmp_path / "image.fits")
    np.testing.assert_allclose(
        from_lsst(read.psf).evaluate(100.2, 300.7), found.psf.model.evaluate(100.2, 300.7), atol=1e-12
    )
    assert read.summary_stats.nPsfStar == found.psf.n_stars
    assert read.metadata["PSF_ORDER"] == found.psf.order
    assert read.metadata["made_for"] == "tests"
    correction = read.aperture_corrections["psfFlux"]
    assert float(correction(x=10.0, y=20.0)) == pytest.approx(found.aperture_correction.value)


def test_positions_and_psf_follow_the_origin(image: VisitImage, found: FrameCharacterization) -> None:
    moved = VisitImage(
        Image(image.image.array, yx0=(1000, 500), unit=image.unit),
        mask=type(image.mask)(image.mask.array, schema=image.mask.schema, yx0=(1000, 500)),
        variance=Image(image.variance.array, yx0=(1000, 500), unit=image.variance.unit),
        sky_projection=image.sky_projection,
        obs_info=image.obs_info,
        psf=image.psf,
        detector=image.detector,
        band=image.band,
    )
    output = characterized_image(moved, found)
    table = preliminary_source_table(found, visit=1, detector=2, origin=(500, 1000))
    np.testing.assert_allclose(table["x"] - 500, found.sources.x)
    np.testing.assert_allclose(table["y"] - 1000, found.sources.y)
    np.testing.assert_array_equal(table["peakY"] - 1000, found.footprints.peak_y)
    kernel = output.psf.compute_stellar_image(x=600.3, y=1300.1).array
    ours = found.psf.model.evaluate(100.3, 300.1)[0]
    assert np.abs(kernel - ours).max() < 1e-5 * ours.max()


def test_table_is_as_declared(found: FrameCharacterization) -> None:
    table = preliminary_source_table(found, visit=12, detector=3)
    assert table.meta["table"] == "PreliminarySource"
    assert unpack_source_id(int(table["sourceId"][-1])) == (12, 3)
    assert str(table["psfInstFlux"].unit) == "electron"
    correction = found.aperture_correction.value
    np.testing.assert_allclose(table["psfInstFlux"], found.sources.psf_flux * correction)
    np.testing.assert_allclose(table["calibInstFlux"], table["ap12InstFlux"])
    np.testing.assert_allclose(table["snr"], table["psfInstFlux"] / table["psfInstFluxErr"])
    failed = has_flag(found.sources.flags, MeasurementFlag.SHAPE_FAILED)
    np.testing.assert_array_equal(table["shape_flag"], failed)
    assert table["usedForPsf"].sum() == found.psf.n_stars


def test_first_width_is_read_from_any_psf(image: VisitImage, output: VisitImage) -> None:
    assert first_width(image) == pytest.approx(2.3548 * 1.7)
    assert first_width(output) == pytest.approx(4.1, abs=0.1)
