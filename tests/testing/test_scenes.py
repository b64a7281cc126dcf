from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from uraniborg.testing.scenes import SceneExposure, make_scene_image


def test_star_falls_where_the_projection_says_with_its_flux() -> None:
    exposure = SceneExposure(rotation=30.0, shape=(120, 140))
    star = SkyCoord([187.031], [25.561], unit="deg")
    image = make_scene_image(exposure, star, np.array([1000.0]))
    at = image.sky_projection.sky_to_pixel(star)
    rows, columns = np.indices((120, 140))
    total = image.image.array.sum(dtype=float)
    assert total == pytest.approx(1000.0, rel=1e-5)
    assert (image.image.array * columns).sum() / total == pytest.approx(float(at.x[0]), abs=1e-3)
    assert (image.image.array * rows).sum() / total == pytest.approx(float(at.y[0]), abs=1e-3)


def test_noise_is_as_the_variance_plane_says() -> None:
    exposure = SceneExposure(noise=7.0)
    image = make_scene_image(exposure, SkyCoord([], [], unit="deg"), np.empty(0), seed=3)
    assert image.image.array.std() == pytest.approx(7.0, rel=0.02)
    assert float(image.variance.array.mean()) == pytest.approx(49.0)
