from __future__ import annotations

import galsim
import numpy as np
import pytest

from uraniborg.sim.config import PsfConfig, SimConfig
from uraniborg.sim.observing import plan_visits
from uraniborg.sim.psf import PsfField, StampSet, add_point_sources, expected_errors, make_psf_field, stamp_radii


def _field(profile: str = "moffat", **options: float) -> PsfField:
    config = SimConfig(psf=PsfConfig(profile=profile, **options))  # type: ignore[arg-type]
    return make_psf_field(config, plan_visits(config)[0], 0)


@pytest.fixture(scope="module")
def field() -> PsfField:
    return _field()


@pytest.fixture(scope="module")
def stamps(field: PsfField) -> StampSet:
    return field.draw_stamps()


def _one(stamps: StampSet, x: float, y: float, radius: int | None = None) -> np.ndarray:
    return add_point_sources(
        np.zeros((1024, 1024)),
        np.array([[x, y]]),
        np.array([1.0]),
        stamps=stamps,
        radii=np.array([radius or stamps.radius]),
    )


@pytest.mark.parametrize(("x", "y"), [(511.5, 511.5), (300.27, 720.81), (100.5, 950.49)])
def test_stars_are_what_galsim_draws_at_the_same_place(field: PsfField, stamps: StampSet, x: float, y: float) -> None:
    direct = galsim.ImageD(1024, 1024, xmin=0, ymin=0)
    field.profile_at(x, y).drawImage(image=direct, center=galsim.PositionD(x, y), scale=1.0)
    ours = _one(stamps, x, y)
    # the field is the interpolation between the nodes, which the shape's own polynomials follow closely
    assert np.abs(ours - direct.array).max() < 3e-3 * direct.array.max()


def test_at_a_node_the_stamp_is_galsims_to_numerical_precision(field: PsfField, stamps: StampSet) -> None:
    x, y = 511.5, 511.5
    direct = galsim.ImageD(1024, 1024, xmin=0, ymin=0)
    field.profile_at(x, y).drawImage(image=direct, center=galsim.PositionD(x, y), scale=1.0)
    assert np.abs(_one(stamps, x, y) - direct.array).max() < 1e-4 * direct.array.max()


@pytest.mark.parametrize(("x", "y"), [(200.0, 300.0), (640.31, 511.77)])
def test_flux_and_centroid_are_kept(stamps: StampSet, x: float, y: float) -> None:
    image = _one(stamps, x, y)
    rows, columns = np.indices(image.shape)
    assert image.sum() == pytest.approx(1.0, abs=3e-4)
    # the weight makes the centroid insensitive to where the stamp ends
    weight = image * np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / 9.0)
    assert np.sum(weight * columns) / weight.sum() == pytest.approx(x, abs=1e-3)
    assert np.sum(weight * rows) / weight.sum() == pytest.approx(y, abs=1e-3)


def test_the_shape_changes_over_the_detector(stamps: StampSet) -> None:
    left = _one(stamps, 60.0, 60.0)[10:111, 10:111]
    right = _one(stamps, 960.0, 900.0)[850:951, 910:1011]
    assert np.abs(left - right).max() > 3e-3 * left.max()


def test_light_of_a_star_outside_falls_inside(stamps: StampSet) -> None:
    image = _one(stamps, -3.0, 500.0)
    assert 0.001 < image.sum() < 0.5
    assert image[:, 40:].sum() < 1e-3


def test_nothing_to_draw_leaves_the_image(stamps: StampSet) -> None:
    image = np.full((64, 64), 3.0)
    image.setflags(write=False)
    result = add_point_sources(image, np.zeros((0, 2)), np.zeros(0), stamps=stamps, radii=np.zeros(0, dtype=np.int64))
    assert np.array_equal(result, image)
    assert result is not image


@pytest.mark.parametrize("profile", ["moffat", "kolmogorov"])
def test_radius_is_large_enough_for_the_wings(profile: str) -> None:
    field = _field(profile)
    radii = stamp_radii(np.array([1e2, 1e5, 1e7]), 20.0, field=field, limit=500)
    assert radii[0] < radii[1] < radii[2]
    edge = field.profile_at(511.5, 511.5).xValue(0.0, float(radii[2]))
    assert 1e7 * edge < 0.05 * 20.0


def test_effective_width_holds_the_pixel(field: PsfField) -> None:
    bare = galsim.Moffat(beta=field.beta, fwhm=field.parameters(511.5, 511.5)[2])
    assert bare.fwhm < field.effective_fwhm() < np.hypot(bare.fwhm, 1.2)
    drawn = galsim.Convolve(bare, galsim.Pixel(1.0)).drawImage(nx=201, ny=201, scale=0.1, method="no_pixel")
    assert field.effective_fwhm() == pytest.approx(drawn.calculateFWHM(), rel=0.01)


def test_expected_error_is_that_of_a_matched_filter(stamps: StampSet) -> None:
    psf = _one(stamps, 500.3, 499.8, 15)
    positions = np.array([[500.3, 499.8], [-500.0, 3.0]])
    errors = expected_errors(np.full((1024, 1024), 400.0), positions, stamps=stamps, radius=15)
    assert errors[0] == pytest.approx(20.0 / np.sqrt(np.sum(psf**2)), rel=1e-9)
    assert np.isinf(errors[1])
