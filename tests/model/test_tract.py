from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsst.images import Box
from lsst.images.cells import CellIJ

from uraniborg.core.errors import UserError
from uraniborg.model.sky_geometry import circle_region, region_contains
from uraniborg.model.tract import Tract


def make_tract(**changes) -> Tract:
    values = {
        "tract_id": 3,
        "ra": 187.0,
        "dec": 25.0,
        "patches_x": 3,
        "patches_y": 2,
        "patch_size": 200,
        "patch_border": 50,
        "cell_size": 50,
        "pixel_scale": 0.25,
        "inner_region": circle_region(187.0, 25.0, 0.01),
    }
    return Tract(**{**values, **changes})


def test_inner_regions_tile_the_tract() -> None:
    tract = make_tract()
    hits = np.zeros(tract.bbox.shape, dtype=int)
    for patch in tract.patches():
        hits[
            patch.inner_bbox.y.start : patch.inner_bbox.y.stop, patch.inner_bbox.x.start : patch.inner_bbox.x.stop
        ] += 1
        assert patch.outer_bbox.contains(patch.inner_bbox)
        assert tract.bbox.contains(patch.outer_bbox)
    assert (hits == 1).all()


def test_patches_have_numbers_boxes_and_cells() -> None:
    patch = make_tract().patch(4)
    assert (patch.x, patch.y) == (1, 1)
    assert patch.inner_bbox == Box.factory[200:400, 200:400]
    assert patch.outer_bbox == Box.factory[150:400, 150:450]
    grid = patch.cell_grid()
    assert grid.grid_size == CellIJ(i=5, j=6)
    assert grid.bbox_of(CellIJ(i=0, j=1)) == Box.factory[150:200, 200:250]
    definition = patch.definition()
    assert (definition.id, definition.index.x, definition.index.y) == (4, 1, 1)
    assert definition.outer_bbox == patch.outer_bbox
    with pytest.raises(UserError, match="no patch 6 in tract 3"):
        make_tract().patch(6)


def test_without_border_outer_is_inner() -> None:
    patch = make_tract(patch_border=0).patch(1)
    assert patch.outer_bbox == patch.inner_bbox


def test_all_projections_agree() -> None:
    tract = make_tract()
    x, y = np.random.default_rng(2).uniform(0, [600, 400], (100, 2)).T
    ra, dec = tract.pixel_to_sky(x, y)
    expected = tract.wcs.pixel_to_world(x, y)
    assert np.allclose(ra, expected.ra.deg, atol=1e-11)
    assert np.allclose(dec, expected.dec.deg, atol=1e-11)
    projection = tract.sky_projection("sky")
    assert (projection.pixel_frame.skymap, projection.pixel_frame.tract) == ("sky", 3)
    pixels = projection.sky_to_pixel(expected)
    assert np.allclose([pixels.x, pixels.y], [x, y], atol=1e-6)


@given(st.floats(-0.49, 599.49), st.floats(-0.49, 399.49))
def test_position_is_in_the_patch_found(x: float, y: float) -> None:
    tract = make_tract()
    position = tract.pixel_to_sky(x, y)
    assert np.allclose(tract.sky_to_pixel(*position), (x, y), atol=1e-7)
    if min(abs((v + 0.5) % 200 - edge) for v in (x, y) for edge in (0, 200)) > 1e-6:
        patch = tract.patch(int(tract.find_patch(*position)))
        assert patch.inner_bbox.contains(x=int(np.floor(x + 0.5)), y=int(np.floor(y + 0.5)))
        assert region_contains(tract.polygon(patch.inner_bbox), *position).all()


def test_outside_is_no_patch() -> None:
    tract = make_tract()
    assert tract.find_patch(*tract.pixel_to_sky([-1.0, 600.0, 300.0], [10.0, 10.0, -1.0])).tolist() == [-1, -1, -1]
    assert tract.find_patch(7.0, -25.0) == -1


def test_patches_overlapping_misses_none() -> None:
    tract = make_tract()
    ra, dec = tract.pixel_to_sky(199.0, 100.0)
    found = tract.patches_overlapping(circle_region(float(ra), float(dec), 0.5 / 3600))
    assert [patch.patch_id for patch in found] == [0, 1]  # outer regions overlap there
    found = tract.patches_overlapping(circle_region(float(ra), float(dec), 1.0))
    assert len(found) == tract.n_patches
