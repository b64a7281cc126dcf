from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astro_metadata_translator import ObservationInfo
from astropy.io.fits import Header

from uraniborg.algorithms.isr.assembly import read_detector
from uraniborg.archive.formatters.raw_frames import read_raw_frame
from uraniborg.core.errors import UserError
from uraniborg.instruments.lco import Sinistro, SinistroTranslator
from uraniborg.instruments.lco.camera import exposure_number
from uraniborg.instruments.raw_geometry import raw_geometry
from uraniborg.verify.cameras import translate


def test_exposures_are_numbered_by_night_camera_and_frame() -> None:
    assert exposure_number("fa05", 20100101, 42) == 50042
    assert exposure_number("fa05", 20211007, 42) == 4297050042 < 1 << 34
    for camera, day, frame in (("kb29", 20211007, 1), ("fa05", 20211007, 10_000), ("fa05", 20091231, 1)):
        with pytest.raises(UserError, match=str(frame)):
            exposure_number(camera, day, frame)


def test_binned_detectors_keep_their_size_on_the_sky() -> None:
    camera = Sinistro()
    (whole,) = camera.detectors()
    (binned,) = camera.attributes_for(Header({"CCDSUM": "2 2", "INSTRUME": "fa05"}))
    assert (whole.bbox.x.size, binned.bbox.x.size) == (4096, 2048)
    assert whole.bbox.x.size * whole.pixel_size == pytest.approx(binned.bbox.x.size * binned.pixel_size)
    assert binned.serial == "fa05"


def test_other_cameras_are_not_translated() -> None:
    assert SinistroTranslator.can_translate({"INSTRUME": "fa05", "ORIGIN": "LCOGT"})
    assert not SinistroTranslator.can_translate({"INSTRUME": "kb29", "ORIGIN": "LCOGT"})
    assert not SinistroTranslator.can_translate({"INSTRUME": "fa05"})


@pytest.mark.realdata
def test_a_real_raw_is_translated_and_assembled(testdata: Path) -> None:
    path = testdata / "raw" / "lco_sinistro_mef" / "mef_raw_test_frame.fits"
    info: ObservationInfo = translate(path)
    assert (info.exposure_id, info.observing_day, info.physical_filter) == (4297050042, 20211007, "w")
    assert info.datetime_begin.utc.isot == "2021-10-08T01:55:17.144"
    assert info.boresight_rotation_angle.deg == pytest.approx(0.0)
    raw = read_raw_frame(str(path), 0)
    geometry = raw_geometry(raw)
    assert geometry.shape == (2048, 2048)
    readout = read_detector([segment.array for segment in raw.segments], geometry)
    assert readout.covered is not None
    rows, columns = np.nonzero(readout.covered)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (512, 1535, 512, 1535)
    assert readout.noise == pytest.approx([1.2] * 4, abs=0.06)
    assert readout.level == pytest.approx([2522.3, 2560.2, 2552.8, 2581.8], abs=1.0)
