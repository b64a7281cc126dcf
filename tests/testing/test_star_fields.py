from __future__ import annotations

import numpy as np

from uraniborg.algorithms.astrometry import propagate_positions, sky_offsets
from uraniborg.model.projections import pixel_to_sky
from uraniborg.testing.star_fields import StarFieldConfig, make_star_field


def test_sources_lie_where_their_stars_were_seen() -> None:
    field = make_star_field(StarFieldConfig(centroid_err=1e-6), seed=3)
    table = field.references
    moved = propagate_positions(
        table["ra"], table["dec"], pm_ra=table["pmRa"], pm_dec=table["pmDec"], parallax=table["parallax"],
        epoch=table["epochMjdTai"], mjd=60000.0 + 15.0 / 86400.0,
    )  # fmt: skip
    stars = field.truth > 0
    row = field.truth[stars] - 1
    sky = pixel_to_sky(field.projection, field.sources["x"][stars], field.sources["y"][stars])
    assert np.abs(sky_offsets(sky, (moved.ra[row], moved.dec[row]))).max() < 0.01
    assert np.count_nonzero(stars) == 37
    assert np.abs(sky_offsets((moved.ra, moved.dec), (table["ra"], table["dec"]))).max() > 50.0


def test_the_first_guess_is_off_by_the_shift() -> None:
    field = make_star_field(StarFieldConfig(shift=(5.0, -3.0)))
    box = field.image.bbox
    middle = (0.5 * (box.x.min + box.x.max), 0.5 * (box.y.min + box.y.max))
    guess, true = (pixel_to_sky(p, *middle) for p in (field.image.sky_projection, field.projection))
    assert np.abs(sky_offsets(guess, true) - [5000.0, -3000.0]).max() < 1.0


def test_equal_seeds_give_equal_fields() -> None:
    one, two = (make_star_field(seed=5) for _ in range(2))
    assert (one.sources["x"] == two.sources["x"]).all()
    assert (make_star_field(seed=6).sources["x"] != one.sources["x"]).any()
