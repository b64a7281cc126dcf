from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.astrometry.patterngrid import candidates_near, make_grid


@pytest.mark.parametrize("n", [1, 7, 3000])
def test_the_grid_finds_what_a_full_search_finds(n: int) -> None:
    rng = np.random.default_rng(n)
    points = rng.normal(0.0, 1.0, (n, 2))
    points.flags.writeable = False
    grid, found = make_grid(points), np.empty(n, np.int64)
    for x, y, radius in np.column_stack([rng.uniform(-4.0, 4.0, (200, 2)), rng.uniform(0.0, 2.0, 200)]):
        count = candidates_near(points, grid, (x, y, radius), found)
        assert set(found[:count]) == set(np.flatnonzero(np.hypot(points[:, 0] - x, points[:, 1] - y) <= radius))


def test_no_more_than_there_is_room_for() -> None:
    points = np.zeros((10, 2))
    assert candidates_near(points, make_grid(points), (0.0, 0.0, 1.0), np.empty(4, np.int64)) == 4
