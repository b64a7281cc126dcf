from __future__ import annotations

import numpy as np
import pytest

from uraniborg.sim.milky_way import draw_stars, locus_colours, star_counts


def test_counts_fall_from_the_plane_to_the_pole() -> None:
    edges = np.arange(15.0, 21.0)
    plane, middle, pole = (star_counts(ra, dec, edges) for ra, dec in ((266.0, -40.0), (150.0, 2.2), (192.86, 27.13)))
    assert np.all(plane > 10.0 * middle)
    assert np.all(middle > 1.3 * pole)
    assert np.all(np.diff(pole) > 0.0)


def test_drawn_stars_follow_the_counts() -> None:
    edges = np.arange(16.0, 23.0)
    stars = draw_stars(np.random.default_rng(1), 150.0, 2.2, area=3600.0, limits=(16.0, 22.0))
    expected = star_counts(150.0, 2.2, edges)
    number = np.histogram(stars.magnitudes["r"], edges)[0]
    assert np.all(np.abs(number - expected) < 5.0 * np.sqrt(expected) + 0.03 * expected)  # cells of 0.1 mag
    assert np.all(stars.distance > 10.0)


def test_the_locus_is_that_of_juric() -> None:
    colours = locus_colours(np.array([0.1, 0.5, 1.5]))
    assert colours["g"] == pytest.approx([0.304, 1.214, 1.390], abs=0.01)  # Juric et al. (2008), equation 1
    assert colours["i"] == pytest.approx([-0.1, -0.5, -1.5])


def test_motions_are_about_those_that_gaia_sees() -> None:
    stars = draw_stars(np.random.default_rng(2), 150.0, 2.2, area=7200.0, limits=(16.0, 19.0))
    n = len(stars.distance)
    motion = np.hypot(*stars.proper_motions(np.full(n, 150.0), np.full(n, 2.2)))
    assert np.median(motion) == pytest.approx(9.2, rel=0.35)  # [mas/yr], Gaia DR2 at 16 < G < 19
    assert np.percentile(motion, 95) == pytest.approx(37.5, rel=0.35)
