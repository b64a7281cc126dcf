from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from uraniborg.verify.focal_plane import draw_focal_plane, mean_in_cells


def test_means_of_cells() -> None:
    points = np.array([[0.1, 0.1], [0.2, 0.2], [0.15, 0.1], [0.9, 0.9], [1.0, 1.0]])
    values = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 3.0], [7.0, 7.0], [9.0, 9.0]])
    centers, means, counts = mean_in_cells(points, values, cells=2)
    assert counts.tolist() == [3]
    assert means.tolist() == [[2.0, 1.0]]
    assert np.allclose(centers, [[0.325, 0.325]])
    assert len(mean_in_cells(points, values, cells=2, at_least=2)[2]) == 2


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    points, residuals = rng.uniform(-0.7, 0.7, (500, 2)), rng.normal(0.0, 10.0, (500, 2))
    path = draw_focal_plane(points, residuals, used=np.arange(500) > 10, path=tmp_path / "plane.png")
    with Image.open(path) as picture:
        assert picture.size == (672, 336)
