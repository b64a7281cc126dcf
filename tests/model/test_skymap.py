from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uraniborg.core.errors import UserError
from uraniborg.model.sky_geometry import circle_region, region_contains
from uraniborg.model.skymap import DiscreteSkyMap, RingsSkyMap, SkyMap

COARSE = RingsSkyMap(
    n_rings=12, ra_start=17.0, pixel_scale=10.0, patch_size=1000, patch_border=100, tract_overlap=0.2, cell_size=100
)
FIELD = DiscreteSkyMap.around(187.03, 25.56, 0.1, pixel_scale=0.25, patch_size=500, patch_border=50, cell_size=50)
ALL = st.integers(0, COARSE.n_tracts - 1)


def all_sky(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 360, n), np.rad2deg(np.arcsin(rng.uniform(-1, 1, n)))


def test_numbers_of_rings_v1() -> None:
    """DC2 and other users of rings-v1 with 120 rings have 18938 tracts; these are published look-ups."""
    sky = RingsSkyMap()
    assert sky.n_tracts == 18938
    assert sky.tract(0).dec == -90.0
    assert sky.tract(sky.n_tracts - 1).dec == 90.0
    assert sky.tract(1).ra == 0.0
    # HSC and Rubin data on COSMOS (150.1, 2.2) are in tract 9813, those on the E-CDF-S (53.125, -28.1) in 5063.
    assert sky.find_tract([150.1, 53.125], [2.2, -28.1]).tolist() == [9813, 5063]


def test_each_point_is_in_the_inner_region_of_one_tract() -> None:
    ra, dec = all_sky(4000)
    found = COARSE.find_tract(ra, dec)
    owners = np.zeros(ra.size, dtype=int)
    for number in range(COARSE.n_tracts):
        inside = region_contains(COARSE.tract(number).inner_region, ra, dec)
        owners += inside
        assert (inside == (found == number)).all()
    assert (owners == 1).all()


def test_pixels_of_a_tract_reach_beyond_its_inner_region() -> None:
    """Points all around a position, a bit less than the overlap away, are still pixels of its tract."""
    ra, dec = all_sky(2000, seed=2)
    numbers = COARSE.find_tract(ra, dec)
    for number in np.unique(numbers):
        mine, tract = numbers == number, COARSE.tract(int(number))
        x, y = tract.sky_to_pixel(ra[mine], dec[mine])
        margin = 0.999 * COARSE.tract_overlap * 3600 / COARSE.pixel_scale
        assert (np.minimum(x, y) > margin - 0.5).all()
        assert (x < tract.bbox.x.size - 0.5 - margin).all()
        assert (y < tract.bbox.y.size - 0.5 - margin).all()


@given(st.floats(-720, 720), st.floats(-90, 90))
def test_found_tract_has_the_position(ra: float, dec: float) -> None:
    number = int(COARSE.find_tract(ra, dec))
    tract = COARSE.tract(number)
    assert tract.tract_id == number
    assert tract.find_patch(ra, dec) >= 0


@given(ALL)
def test_centre_of_a_tract_is_in_it(number: int) -> None:
    tract = COARSE.tract(number)
    assert COARSE.find_tract(tract.ra, tract.dec) == number
    assert np.allclose([column[number] for column in COARSE.tract_centers()], [tract.ra, tract.dec])


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 360), st.floats(-90, 90), st.floats(0.01, 10))
def test_overlap_search_equals_trying_every_tract(ra: float, dec: float, radius: float) -> None:
    region = circle_region(ra, dec, radius)
    found = COARSE.tracts_overlapping(region)
    slow = [n for n in range(COARSE.n_tracts) if not COARSE.tract(n).polygon().isDisjointFrom(region)]
    assert list(found) == slow
    assert int(COARSE.find_tract(ra, dec)) in found
    patches = {(patch.tract_id, patch.patch_id) for patch in COARSE.find_patches(region)}
    tract = COARSE.tract(int(COARSE.find_tract(ra, dec)))
    assert (tract.tract_id, int(tract.find_patch(ra, dec))) in patches


@pytest.mark.parametrize("sky", [COARSE, FIELD, RingsSkyMap()])
def test_parameters_round_trip(sky: SkyMap) -> None:
    back = SkyMap.from_dict(sky.to_dict())
    assert back == sky
    assert back.digest() == sky.digest()
    assert len(sky.digest()) == 20


def test_digest_tells_maps_apart() -> None:
    assert DiscreteSkyMap(centers=((187, 25),)).digest() == DiscreteSkyMap(centers=((187.0, 25.0),)).digest()
    maps = [COARSE, FIELD, RingsSkyMap(), RingsSkyMap(ra_start=1), DiscreteSkyMap(centers=((0, 0),))]
    assert len({sky.digest() for sky in maps}) == len(maps)


def test_discrete_map_holds_its_field() -> None:
    assert FIELD.patches == 6
    assert FIELD.find_tract([187.03, 187.03, 190.0], [25.56, 25.659, 25.56]).tolist() == [0, 0, -1]
    edge = FIELD.tract(0).pixel_to_sky([0.0, 2999.0], [0.0, 2999.0])
    assert FIELD.find_tract(*edge).tolist() == [0, 0]
    assert FIELD.tracts_overlapping(circle_region(187.03, 25.4, 0.01)) == ()


def test_nearest_centre_wins_where_tracts_overlap() -> None:
    two = DiscreteSkyMap(centers=((10.0, 0.0), (10.05, 0.0)), patches=1, patch_size=2000, pixel_scale=0.2)
    assert two.find_tract([10.01, 10.04, 9.96], [0.0, 0.0, 0.0]).tolist() == [0, 1, 0]
    assert two.tracts_overlapping(circle_region(10.025, 0.0, 0.001)) == (0, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RingsSkyMap(cell_size=150), "cell_size 150 must divide"),
        (lambda: RingsSkyMap(n_rings=2, pixel_scale=0.0), r"2 fault(?s:.)*pixel_scale(?s:.)*n_rings"),
        (lambda: RingsSkyMap(tract_overlap=-1.0), "tract_overlap is -1"),
        (lambda: DiscreteSkyMap(centers=()), "at least one centre"),
        (lambda: DiscreteSkyMap(centers=((0.0, 91.0),), patches=0), r"91(?s:.)*patches is 0"),
        (lambda: DiscreteSkyMap(centers=((0.0, 0.0),), patches=1000), "wider than 60 degrees"),
        (lambda: SkyMap.from_dict({"kind": "healpix"}), "unknown kind of sky map 'healpix'"),
        (lambda: SkyMap.from_dict({"kind": "rings", "colour": 1}), "colour"),
        (lambda: COARSE.tract(COARSE.n_tracts), "no tract"),
        (lambda: FIELD.tract(1), "no tract 1 in a sky map of 1"),
    ],
)
def test_faults_are_told(make, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()
