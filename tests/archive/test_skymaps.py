from __future__ import annotations

import pytest

from uraniborg.archive.repository import create_repository, open_repository
from uraniborg.archive.skymaps import load_skymap, register_skymap, registered_tracts
from uraniborg.core.errors import UserError
from uraniborg.model.sky_geometry import circle_region, region_contains
from uraniborg.model.skymap import DiscreteSkyMap, RingsSkyMap

RINGS = RingsSkyMap(n_rings=60, pixel_scale=2.0, patch_size=1000, patch_border=100)
FIELD = DiscreteSkyMap(centers=((150.0, 2.0),), patches=2, patch_size=500, patch_border=50, cell_size=50)


@pytest.fixture
def butler(tmp_path):
    with create_repository(tmp_path / "repo") as butler:
        yield butler


def test_all_tracts_and_patches_have_records(butler, tmp_path) -> None:
    sky = DiscreteSkyMap(centers=((150.0, 2.0), (150.1, 2.0), (10.0, 89.9)), patches=3, patch_size=500)
    assert register_skymap(butler, "fields", sky) == 3
    assert registered_tracts(butler, "fields") == {0, 1, 2}
    patches = butler.query_dimension_records("patch", skymap="fields", limit=None, explain=False)
    assert len(patches) == 27
    (record,) = butler.query_dimension_records("skymap", explain=False)
    assert (record.tract_max, record.hash, record.patch_nx_max, record.patch_ny_max) == (3, sky.digest(), 3, 3)
    for record in patches:
        tract = sky.tract(record.tract)
        patch = tract.patch(record.id)
        position = tract.pixel_to_sky(patch.inner_bbox.x.center, patch.inner_bbox.y.center)
        assert (record.cell_x, record.cell_y) == (patch.x, patch.y)
        assert region_contains(record.region, *position).all()
    with open_repository(tmp_path / "repo") as other:
        assert load_skymap(other, "fields") == sky


def test_part_of_the_sky_and_more_later(butler) -> None:
    near = RINGS.tracts_overlapping(circle_region(100.0, 30.0, 1.0))
    assert register_skymap(butler, "rings", RINGS, region=circle_region(100.0, 30.0, 1.0)) == len(near)
    assert register_skymap(butler, "rings", RINGS, region=circle_region(100.0, 30.0, 1.0)) == 0
    assert register_skymap(butler, "rings", RINGS, tracts=[0, near[0]]) == 1
    assert registered_tracts(butler, "rings") == {0, *near}
    with pytest.raises(UserError, match="no tracts \\[100000\\]"):
        register_skymap(butler, "rings", RINGS, tracts=[100000])


def test_another_map_of_the_same_name_is_refused(butler) -> None:
    register_skymap(butler, "field", FIELD)
    with pytest.raises(UserError, match="another sky map 'field'"):
        register_skymap(butler, "field", RINGS, tracts=[0])
    assert load_skymap(butler, "field") == FIELD
    with pytest.raises(UserError, match="is in the repository as 'field'"):
        register_skymap(butler, "other", FIELD)
    register_skymap(butler, "rings", RINGS, tracts=[0])
    assert {r.name for r in butler.query_dimension_records("skymap")} == {"field", "rings"}


def test_no_such_map(butler) -> None:
    with pytest.raises(UserError, match="no sky map 'field' in the repository"):
        load_skymap(butler, "field")
    assert registered_tracts(butler, "field") == set()
