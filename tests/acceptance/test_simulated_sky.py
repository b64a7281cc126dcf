from __future__ import annotations

import numpy as np
import pytest

from uraniborg.acceptance import simulated_sky
from uraniborg.core.errors import DataError
from uraniborg.sim.measure import NumberCounts, PsfStatistics, Ratio


def test_one_detector_keeps_sky_and_air() -> None:
    config = simulated_sky.one_detector(512)
    assert config.camera.geometry.n_detectors == 1
    assert config.atmosphere.refraction
    assert (config.camera.width, config.name) == (512, "sim1")


def test_numbers_are_held_against_what_was_published() -> None:
    edges = np.array([20.0, 21.0, 22.0])
    counts = {
        name: NumberCounts(edges, np.array([11.0, 19.0]), np.ones(2), np.array([10.0, 20.0]))
        for name in ("stars", "galaxies")
    }
    assert simulated_sky.galaxy_counts(counts).value == pytest.approx(10.0)
    assert simulated_sky.star_counts(counts).value == pytest.approx(1.0)


def test_shapes_are_held_against_the_model() -> None:
    shapes = PsfStatistics(
        Ratio(0.98, 0.001), np.array([0.0, 5.0]), np.array([1.0, 0.5]), np.array([0.1, 0.05]), np.array([1.0, 0.7])
    )
    assert simulated_sky.seeing(shapes).value == pytest.approx(2.0)
    assert simulated_sky.correlation(shapes).value == pytest.approx(4.0)


def test_bodies_are_not_measured_without_an_ephemeris(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_sky, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="skyfield"):
        simulated_sky.moving_objects(both_ends=False)
