"""Star fields with known cosmic rays for these tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, maximum_filter

from uraniborg.sim.effects import draw_cosmic_rays

READ_NOISE = 7.0


@dataclass(frozen=True)
class Scene:
    mean: np.ndarray
    image: np.ndarray
    variance: np.ndarray
    rays: np.ndarray
    full: np.ndarray
    sky: float
    fwhm: float

    @property
    def noise(self) -> float:
        return float(np.sqrt(self.sky + READ_NOISE**2))

    @property
    def cores(self) -> np.ndarray:
        """Brightest pixels of stars, away from true rays."""
        peaks = (self.mean == maximum_filter(self.mean, 5)) & (self.mean > self.sky + 5.0 * self.noise)
        return peaks & ~self.full & ~binary_dilation(self.rays > 0, iterations=3)


def star_field(
    seed: int,
    *,
    size: int = 1024,
    stars: int = 500,
    fwhm: float = 3.3,
    sky: float = 900.0,
    rays: float = 60.0,
    beta: float = 3.5,
) -> Scene:
    rng = np.random.default_rng(seed)
    mean = np.full((size, size), sky)
    v, u = np.mgrid[-20:21, -20:21]
    alpha = fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))
    for x, y, log in zip(
        rng.uniform(21, size - 22, stars), rng.uniform(21, size - 22, stars), rng.power(3.0, stars), strict=True
    ):
        flux = 10.0 ** (6.3 - 3.6 * log)
        i, j = round(x), round(y)
        r2 = (u - (x - i)) ** 2 + (v - (y - j)) ** 2
        mean[j - 20 : j + 21, i - 20 : i + 21] += flux * (beta - 1) / (np.pi * alpha**2) * (1 + r2 / alpha**2) ** -beta
    charge = draw_cosmic_rays(mean.shape, rng, mean_number=rays).charge
    counts = np.minimum(rng.poisson(mean) + charge, 130000.0) + READ_NOISE * rng.standard_normal(mean.shape)
    full = binary_dilation(counts > 120000.0, iterations=2)
    variance = np.maximum(counts, 0.0) + READ_NOISE**2
    return Scene(mean, counts.astype(np.float32), variance.astype(np.float32), charge, full, sky, fwhm)
