import numpy as np
import pytest

from uraniborg.algorithms.detection import detect_sources
from uraniborg.core.errors import UserError
from uraniborg.tasks.common.dia_tables import dia_table, footprint_sizes, pixel_flags, position_angle, sky_columns
from uraniborg.testing.images import make_visit_image
from uraniborg.testing.scenes import SceneExposure, make_scene_image


@pytest.fixture(scope="module")
def image():
    from astropy.coordinates import SkyCoord

    return make_scene_image(SceneExposure(rotation=0.0), SkyCoord([187.03], [25.56], unit="deg"), np.array([0.0]))


def test_neutral_values_and_unknown_columns() -> None:
    table = dia_table("DiaForcedSource", 2, {"diaObjectId": [5, 6], "ra": 1.0, "band": "g"})
    assert list(table["diaObjectId"]) == [5, 6]
    assert list(table["ra"]) == [1.0, 1.0]
    assert np.isnan(table["psfFlux"]).all()
    assert list(table["visit"]) == [0, 0]
    assert list(table["band"]) == ["g", "g"]
    assert len(dia_table("DiaSource", 0, {})) == 0
    with pytest.raises(UserError, match="nonsense"):
        dia_table("DiaObject", 1, {"nonsense": [1]})


def test_positions_and_errors_on_the_sky(image) -> None:
    columns = sky_columns(image, np.array([149.5]), np.array([149.5]), np.array([[0.1], [0.2]]))
    assert (columns["ra"][0], columns["dec"][0]) == pytest.approx((187.03, 25.56), abs=1e-7)
    assert columns["raErr"][0] * 3600 == pytest.approx(0.026, rel=1e-3)
    assert columns["decErr"][0] * 3600 == pytest.approx(0.052, rel=1e-3)
    assert abs(columns["ra_dec_Cov"][0]) < 1e-4 * columns["raErr"][0] * columns["decErr"][0]


def test_position_angles(image) -> None:
    # On this detector x points to the West and y to the North.
    steps = np.array([[0.0, -1.0, 1.0, 0.0], [1.0, 0.0, 0.0, -1.0]])
    places = np.full(4, 150.0)
    found = position_angle(image, places, places, steps)
    assert ((found >= 0) & (found < 360)).all()
    np.testing.assert_allclose((found - [0.0, 90.0, 270.0, 180.0] + 180) % 360, 180.0, atol=0.01)


def test_footprints_and_their_pixels() -> None:
    visit_image = make_visit_image(shape=(48, 64))
    offsets = np.arange(-6, 7.0)
    psf = np.exp(-0.5 * (offsets[:, None] ** 2 + offsets**2) / 1.5**2)
    pixels = np.zeros((48, 64))
    pixels[14:27, 24:37] += 400 * psf / psf.sum()
    found = detect_sources(pixels, np.ones(pixels.shape), psf / psf.sum(), threshold=5.0)
    assert len(found) == 1
    size = footprint_sizes(found)
    assert size[0] == found.mask().any(axis=0).sum() == found.mask().any(axis=1).sum()
    mask = visit_image.mask.copy()
    for name in ("NO_DATA", "DETECTED"):
        mask.clear(name)
    wing, centre = np.zeros((2, 48, 64), dtype=bool)
    wing[20, 30 + size[0] // 2] = True
    centre[21, 31] = True
    mask.set("COSMIC_RAY", wing)
    mask.set("INTERPOLATED", centre)
    flags = pixel_flags(mask, found, owner=np.array([0]), x=np.array([30.0]), y=np.array([20.0]))
    assert flags["pixelFlags_cr"][0]
    assert not flags["pixelFlags_crCenter"][0]
    assert flags["pixelFlags_interpolatedCenter"][0]
    assert not flags["pixelFlags_saturated"][0]
    outside = pixel_flags(mask, found, owner=np.array([0]), x=np.array([-3.0]), y=np.array([20.0]))
    assert outside["pixelFlags_offimage"][0]
    assert outside["pixelFlags_edge"][0]
