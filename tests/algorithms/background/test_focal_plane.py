from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.background import FocalPlaneSky, fit_focal_plane_sky
from uraniborg.core.errors import Unprocessable


def _cells(seed: int = 1) -> dict[str, np.ndarray]:
    """Nine detectors of 20 x 20 cells, a tilted and curved sky, a step for each detector, noise of 0.3."""
    rng = np.random.default_rng(seed)
    column, row = (grid.ravel() for grid in np.meshgrid(np.arange(60.0), np.arange(60.0)))
    detector = (row // 20 * 3 + column // 20).astype(int)
    sky = 900.0 + 0.3 * column - 0.1 * row + 0.004 * (column - 30.0) * (row - 25.0) + 0.002 * (column - 30.0) ** 2
    steps = rng.normal(0.0, 2.0, 9)
    steps -= steps.mean()
    values = sky + steps[detector] + rng.normal(0.0, 0.3, sky.size)
    return {"x": column, "y": row, "values": values, "sky": sky, "steps": steps, "detector": detector}


def _fit(cells: dict[str, np.ndarray], **options: int) -> FocalPlaneSky:
    errors = np.full(len(cells["x"]), 0.3)
    return fit_focal_plane_sky(
        cells["x"], cells["y"], cells["values"], errors=errors, detector=cells["detector"], **options
    )


def test_surface_and_steps_are_told_apart() -> None:
    cells = _cells()
    found = _fit(cells)
    np.testing.assert_allclose(found.steps, cells["steps"], atol=0.35)
    seen = found.evaluate(cells["x"], cells["y"], cells["detector"])
    truth = cells["sky"] + cells["steps"][cells["detector"]]
    assert np.sqrt(np.mean((seen - truth) ** 2)) < 0.06
    assert found.rms == pytest.approx(0.3, rel=0.1)
    assert abs(found.steps.sum()) < 1e-3


def test_a_halo_of_a_galaxy_is_not_taken_for_sky() -> None:
    cells = _cells(2)
    halo = 40.0 * np.exp(-0.5 * ((cells["x"] - 27) ** 2 + (cells["y"] - 33) ** 2) / 4.0**2)
    cells["values"] = cells["values"] + halo
    found = _fit(cells)
    assert not found.used[halo > 5.0].any()
    assert found.used.mean() > 0.9
    truth = cells["sky"] + cells["steps"][cells["detector"]]
    inside = np.flatnonzero(halo > 20.0)
    seen = found.evaluate(cells["x"], cells["y"], cells["detector"])[inside]
    assert np.abs(seen - truth[inside]).max() < 1.0


def test_cells_without_a_value_do_not_count_and_too_few_are_no_sky() -> None:
    cells = _cells(3)
    cells["values"] = np.where(cells["x"] % 7 == 0, np.nan, cells["values"])
    assert np.isfinite(_fit(cells).coefficients).all()
    few = {name: values[:20] if len(values) > 9 else values for name, values in cells.items()}
    with pytest.raises(Unprocessable, match="lower order"):
        _fit(few, order=6)
