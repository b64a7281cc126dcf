"""Pairs of simulated images of one field under different seeing, with the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from uraniborg.algorithms.diffim.subtract import Planes


def profile(y: NDArray[np.floating], x: NDArray[np.floating], sigma: float) -> NDArray[np.float64]:
    """Two Gaussians, as a star under seeing looks; unit flux."""
    r2 = x**2 + y**2
    core = np.exp(-0.5 * r2 / sigma**2) / (2.0 * np.pi * sigma**2)
    wing = np.exp(-0.125 * r2 / sigma**2) / (8.0 * np.pi * sigma**2)
    return np.asarray(0.8 * core + 0.2 * wing)


def psf_stamp(sigma: float, half: int = 15) -> NDArray[np.float64]:
    offsets = np.arange(-half, half + 1.0)
    stamp = profile(offsets[:, None], offsets[None, :], sigma)
    return stamp / stamp.sum()


@dataclass(frozen=True)
class Pair:
    """Science and template with the stars (y, x, flux) and the transients (y, x, flux) in them."""

    science: Planes
    template: Planes
    science_sigma: float
    template_sigma: float
    stars: NDArray[np.float64]
    transients: NDArray[np.float64]


def add_points(image: NDArray[np.float64], points: NDArray[np.float64], sigma: float) -> None:
    for y, x, flux in points:
        j0, i0 = int(y), int(x)
        rows = slice(max(j0 - 20, 0), j0 + 21)
        columns = slice(max(i0 - 20, 0), i0 + 21)
        yy = np.arange(image.shape[0])[rows, None] - y
        xx = np.arange(image.shape[1])[None, columns] - x
        image[rows, columns] += flux * profile(yy, xx, sigma)


@pytest.fixture(scope="session")
def make_pair():
    """Return the function that simulates a pair."""

    def make(
        science_sigma: float,
        template_sigma: float,
        *,
        seed: int = 5,
        size: int = 256,
        n_stars: int = 50,
        flux_ratio: float = 1.0,
        transient_flux: float = 3000.0,
        n_transients: int = 12,
        sky: float = 5.0,
    ) -> Pair:
        rng = np.random.default_rng(seed)
        # Transients keep to the lower half so that stars cannot hide them.
        stars = np.column_stack(
            [
                rng.uniform(size / 2 + 15, size - 10, n_stars),
                rng.uniform(10, size - 10, n_stars),
                10 ** rng.uniform(3, 5.3, n_stars),
            ]
        )
        columns = np.linspace(30, size - 30, max(n_transients // 2, 1))
        rows = np.array([35.0, size / 2 - 35.0])
        grid = np.array([(y, x) for y in rows for x in columns])[:n_transients]
        transients = np.column_stack([grid + rng.uniform(-0.5, 0.5, grid.shape), np.full(len(grid), transient_flux)])
        science, template = np.full((size, size), sky), np.zeros((size, size))
        add_points(science, stars * [1, 1, flux_ratio], science_sigma)
        add_points(science, transients, science_sigma)
        add_points(template, stars, template_sigma)
        science_variance = 400.0 + np.maximum(science, 0) / 4.0
        template_variance = 100.0 + np.maximum(template, 0) / 16.0
        science += rng.normal(size=science.shape) * np.sqrt(science_variance)
        template += rng.normal(size=template.shape) * np.sqrt(template_variance)
        bad = np.zeros(science.shape, dtype=bool)
        for plane in (science, template, science_variance, template_variance, bad):
            plane.setflags(write=False)
        return Pair(
            Planes(science, science_variance, bad),
            Planes(template, template_variance, bad),
            science_sigma,
            template_sigma,
            stars,
            transients,
        )

    return make


@pytest.fixture(scope="session")
def stamp_of():
    """Return the function that gives the centred point-spread function of the simulation."""
    return psf_stamp
