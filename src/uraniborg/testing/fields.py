"""Simulated fields of stars and galaxies as plain arrays, with the truth, for tests and benchmarks of single frames."""

from __future__ import annotations

from dataclasses import dataclass

import galsim
import numpy as np
from numpy.typing import NDArray

from uraniborg.core.pixelgrid import PsfModel

__all__ = ("SimulatedField", "simulate_field", "true_psf")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SimulatedField:
    """A frame and what is on it.

    Attributes
    ----------
    image, variance : (ny, nx) float32
        Pixels with sky, and their true variance [electron, electron^2].
    sky : float
        Level of the sky [electron].
    x, y, flux : (n,) float
        Positions [pixel] and total fluxes [electron], stars first.
    is_galaxy : (n,) bool
        Which are extended.
    fwhm, beta : float
        Of the round Moffat profile in the middle of the frame, before pixels [pixel].
    """

    image: NDArray[np.float32]
    variance: NDArray[np.float32]
    sky: float
    x: Floats
    y: Floats
    flux: Floats
    is_galaxy: NDArray[np.bool_]
    fwhm: float
    beta: float

    @property
    def flat(self) -> NDArray[np.float32]:
        """Image without sky, (ny, nx)."""
        return self.image - np.float32(self.sky)


def _profile(fwhm: float, beta: float, u: float, v: float, variation: float) -> galsim.GSObject:
    """Return the profile at (u, v) in -1..1 of the frame: width changes along u, ellipticity along v."""
    return galsim.Moffat(beta=beta, fwhm=fwhm * (1.0 + variation * u)).shear(g1=0.02 + 0.5 * variation * v, g2=-0.01)


def true_psf(field: SimulatedField, *, size: int = 25) -> PsfModel:
    """Return the point-spread function in the middle of a field, as a model that is the same everywhere.

    Parameters
    ----------
    field : SimulatedField
        Field; the model is exact if it was made without variation.
    size : int, optional
        Side of stamps [pixel].

    Returns
    -------
    PsfModel
    """
    fine, wide = 0.5, size + 16
    side = 2 * int(wide / 2 / fine) + 1
    profile = galsim.Convolve(_profile(field.fwhm, field.beta, 0.0, 0.0, 0.0), galsim.Pixel(1.0))
    grid = profile.drawImage(nx=side, ny=side, scale=fine, method="no_pixel").array.astype(float)
    return PsfModel(grid[None], 0, (0.0, 0.0), (1.0, 1.0), fine, size)


def simulate_field(
    shape: tuple[int, int] = (512, 512),
    *,
    n_stars: int = 60,
    n_galaxies: int = 0,
    flux_range: tuple[float, float] = (3e3, 3e5),
    fwhm: float = 4.0,
    beta: float = 3.0,
    sky: float = 400.0,
    variation: float = 0.0,
    isolated: bool = False,
    seed: int = 1,
) -> SimulatedField:
    """Draw a field with Poisson-like (normal) noise of sky and sources.

    Parameters
    ----------
    shape : (int, int), optional
        Rows and columns [pixel].
    n_stars, n_galaxies : int, optional
        Numbers of point sources and of exponential disks (half-light radius 1.5 to 5 pixels).
    flux_range : (float, float), optional
        Fluxes [electron]; most are near the lower end.
    fwhm, beta : float, optional
        Of the Moffat profile [pixel].
    sky : float, optional
        Level of the sky [electron].
    variation : float, optional
        Relative change of the width between the middle and an edge.
    isolated : bool, optional
        Whether sources stand on a jittered grid instead of anywhere.
    seed : int, optional
        Seed of everything random.

    Returns
    -------
    SimulatedField
    """
    rng = np.random.default_rng(seed)
    n, (ny, nx) = n_stars + n_galaxies, shape
    if isolated:
        per_row = int(np.ceil(np.sqrt(n * nx / ny)))
        step = nx / per_row
        cell = rng.permutation(per_row * int(np.ceil(n / per_row)))[:n]
        x = (cell % per_row + 0.5) * step + rng.uniform(-1.0, 1.0, n)
        y = np.minimum((cell // per_row + 0.5) * step, ny - 1 - 0.5 * step) + rng.uniform(-1.0, 1.0, n)
    else:
        x, y = rng.uniform(12.0, nx - 13.0, n), rng.uniform(12.0, ny - 13.0, n)
    low, high = flux_range
    flux = low * (high / low) ** (rng.random(n) ** 2)
    radius, g1, g2 = rng.uniform(1.5, 5.0, n), rng.uniform(-0.3, 0.3, n), rng.uniform(-0.3, 0.3, n)
    canvas = galsim.ImageD(nx, ny, xmin=0, ymin=0)
    for k in range(n):
        profile = _profile(fwhm, beta, 2.0 * x[k] / nx - 1.0, 2.0 * y[k] / ny - 1.0, variation)
        if k >= n_stars:
            disk = galsim.Exponential(half_light_radius=radius[k]).shear(g1=g1[k], g2=g2[k])
            profile = galsim.Convolve(profile, disk)
        column, row = int(np.floor(x[k] + 0.5)), int(np.floor(y[k] + 0.5))
        stamp = galsim.ImageD(galsim.BoundsI(column - 32, column + 32, row - 32, row + 32))
        profile.withFlux(flux[k]).drawImage(stamp, scale=1.0, center=(x[k], y[k]))
        shared = stamp.bounds & canvas.bounds
        canvas[shared] += stamp[shared]
    variance = np.maximum(canvas.array, 0.0) + sky
    image = canvas.array + sky + rng.normal(size=shape) * np.sqrt(variance)
    is_galaxy = np.arange(n) >= n_stars
    return SimulatedField(image.astype(np.float32), variance.astype(np.float32), sky, x, y, flux, is_galaxy, fwhm, beta)
