from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from astropy.io.fits import Header

from uraniborg.archive.formatters.frames import read_reduced_frame
from uraniborg.archive.repository import create_repository
from uraniborg.core.errors import Unprocessable, UserError
from uraniborg.instruments.base import MEMBERS, SurveyInstrument, merged_header, wcs_from_header
from uraniborg.instruments.decam import DECam
from uraniborg.instruments.simcam import SimCam
from uraniborg.testing.frames import tiny_exposure, write_triplet


@pytest.fixture
def frames(tmp_path):
    paths = write_triplet(tmp_path, tiny_exposure(5))
    return [read_reduced_frame(str(paths[member])) for member in MEMBERS]


def with_array(frame, array):
    return dataclasses.replace(frame, array=array)


def test_registering_twice_changes_nothing(tmp_path) -> None:
    with create_repository(tmp_path / "repo") as butler:
        for _ in range(2):
            DECam().register(butler.registry)
            SimCam().register(butler.registry)
        assert len(butler.query_dimension_records("detector", instrument="DECam")) == 62
        bands = {r.name[0]: r.band for r in butler.query_dimension_records("physical_filter", instrument="DECam")}
        assert bands["z"] == "z"
        n2 = butler.query_dimension_records("detector", instrument="DECam", detector=33)[0]
        assert (n2.full_name, n2.raft, n2.name_in_raft, n2.purpose) == ("N2", "N", "2", "SCIENCE")
        found = SurveyInstrument.from_string("SimCam", butler.registry)
        assert type(found) is SimCam
        data_id = butler.registry.expandDataId(instrument="DECam", detector=1)
        assert type(SurveyInstrument.from_record(data_id)) is DECam


def test_pixels_without_weight_get_the_variance_of_their_light(frames) -> None:
    image, weight, dq = frames
    weights, pixels = weight.array.copy(), image.array.copy()
    weights[10, 10], weights[11, 11] = 0.0, np.nan
    pixels[12, 12] = np.nan
    visit = SimCam().build_visit_image(with_array(image, pixels), with_array(weight, weights), dq)
    for place in ((10, 10), (11, 11)):
        assert visit.mask.get("BAD")[place]
        assert visit.variance.array[place] == pytest.approx(max(1.5 * pixels[place], 0.0) + 36.0, rel=1e-5)
    assert visit.mask.get("NO_DATA")[12, 12]
    assert not visit.mask.get("BAD")[12, 12]
    assert not visit.mask.get("BAD")[3, 1]  # saturated is reason enough
    assert np.isfinite(visit.variance.array).all()
    assert (visit.variance.array > 0).all()


def test_inputs_are_not_changed(frames) -> None:
    before = [frame.array.copy() for frame in frames]
    for frame in frames:
        frame.array.flags.writeable = False
    SimCam().build_visit_image(*frames)
    assert all(np.array_equal(frame.array, old) for frame, old in zip(frames, before, strict=True))


def test_faults_are_told(frames) -> None:
    image, weight, dq = frames
    with pytest.raises(UserError, match="differ in shape"):
        SimCam().build_visit_image(image, with_array(weight, weight.array[:-1]), dq)
    with pytest.raises(Unprocessable, match="no pixel of exposure 5 detector 0"):
        SimCam().build_visit_image(image, with_array(weight, np.zeros_like(weight.array)), dq)
    with pytest.raises(UserError, match="has no detector 999"):
        SimCam().get_detector(999)
    header = merged_header(image.primary, image.header)
    del header["EXPTIME"]
    with pytest.raises(UserError, match=r"night\.fits: cannot be translated.*exposure_time"):
        SimCam().observation_info(header, filename="night.fits")
    with pytest.raises(UserError, match="no celestial WCS"):
        wcs_from_header(Header({"NAXIS": 2, "CTYPE1": "LINEAR"}))


def test_extension_wins_over_primary() -> None:
    header = merged_header(Header({"A": 1, "B": 2}), Header({"B": 3, "C": 4}))
    assert {key: header[key] for key in header} == {"A": 1, "B": 3, "C": 4}
