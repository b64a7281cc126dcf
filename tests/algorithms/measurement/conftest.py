from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from uraniborg.algorithms.measurement import MeasurementResult, measure_sources
from uraniborg.algorithms.psf import gaussian_psf
from uraniborg.core.pixelgrid import PsfModel


@dataclass(frozen=True, slots=True)
class Repeats:
    """The same stars without noise and with it; what a plugin's errors are held against."""

    psf: PsfModel
    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    clean: MeasurementResult
    noisy: MeasurementResult

    def pull(self, name: str, *, flux: tuple[float, float] = (0.0, np.inf)) -> np.ndarray:
        """Return (noisy - clean) / error of one column."""
        chosen = (self.flux >= flux[0]) & (self.flux < flux[1])
        got, wanted = getattr(self.noisy, name)[chosen], getattr(self.clean, name)[chosen]
        error = getattr(self.noisy, f"{name}_err")[chosen]
        both = np.isfinite(got) & np.isfinite(error)
        return np.asarray((got - wanted)[both] / error[both])


@pytest.fixture(scope="session")
def repeats() -> Repeats:
    rng = np.random.default_rng(17)
    sigma, side, step = 1.9, 31, 64
    psf = gaussian_psf(sigma, stamp_size=side)
    n = 44
    x, y = (
        grid.ravel() + rng.uniform(-0.5, 0.5, n * n)
        for grid in np.meshgrid(step * (0.5 + np.arange(n)), step * (0.5 + np.arange(n)))
    )
    flux = 10.0 ** rng.uniform(3.9, 5.2, n * n)
    light = np.full((n * step, n * step), 400.0)
    for stamp, cx, cy, f in zip(
        psf.evaluate(x, y), np.floor(x + 0.5).astype(int), np.floor(y + 0.5).astype(int), flux, strict=True
    ):
        light[cy - side // 2 : cy + side // 2 + 1, cx - side // 2 : cx + side // 2 + 1] += f * stamp
    image = rng.normal(light, np.sqrt(light))
    variance = light.astype(np.float32)
    results = [
        measure_sources((pixels - 400.0).astype(np.float32), variance, psf, x=np.round(x), y=np.round(y))
        for pixels in (light, image)
    ]
    return Repeats(psf, x, y, flux, *results)
