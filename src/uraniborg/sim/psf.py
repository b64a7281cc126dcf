"""The point-spread function of a visit: GalSim profiles whose shape varies smoothly over a detector.

The PSF of a point source *is* the biquadratic interpolation between the profiles at 3x3 nodes of the detector; each
node is drawn once, finely sampled and convolved with the pixel, and every star is cut from these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import galsim
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import spline_filter

from uraniborg.core.random import random_stream
from uraniborg.sim.config import SimConfig
from uraniborg.sim.observing import Visit

__all__ = ("PsfField", "StampSet", "add_point_sources", "expected_errors", "make_psf_field", "stamp_radii")

_NODES = (-1.0, 0.0, 1.0)
_OVERSAMPLING = 4
_FWHM_SAMPLING = 24
_RADIUS_IN_FWHM = 12.0


@dataclass(frozen=True, slots=True)
class StampSet:
    """Finely sampled, pixel-convolved images of the PSF at the nodes, as cubic B-spline coefficients.

    Attributes
    ----------
    coefficients : (3, 3, m, m) float
        First axis is the node's y, second its x; unit flux for each node.
    radius : int [pixel]
        Half width that the images cover.
    """

    coefficients: NDArray[np.float64]
    radius: int


@dataclass(frozen=True, slots=True)
class PsfField:
    """Shape of the PSF as a function of the position on one detector.

    Attributes
    ----------
    profile : str
        "moffat" or "kolmogorov".
    beta : float []
        Exponent of the Moffat profile.
    fwhm : float [pixel]
        Full width at half maximum at the boresight, without the pixel.
    polynomials : (3, 6) float
        Coefficients of 1, u, v, u^2, uv, v^2 for g1, g2 and the relative change of the width; u, v run from -1 to 1
        over the focal plane.
    centre, half_size : tuple of float [pixel]
        Position of the focal plane's centre on this detector, and half the size of the focal plane.
    shape : tuple of int
        Rows and columns of the detector.
    """

    profile: str
    beta: float
    fwhm: float
    polynomials: NDArray[np.float64]
    centre: tuple[float, float]
    half_size: tuple[float, float]
    shape: tuple[int, int]

    def parameters(self, x: float, y: float) -> NDArray[np.float64]:
        """Return g1, g2 and the full width at half maximum [pixel] at one position."""
        u = (x - self.centre[0]) / self.half_size[0]
        v = (y - self.centre[1]) / self.half_size[1]
        g1, g2, change = self.polynomials @ np.array([1.0, u, v, u * u, u * v, v * v])
        return np.array([g1, g2, self.fwhm * (1.0 + change)])

    def profile_at(self, x: float, y: float, *, gsparams: galsim.GSParams | None = None) -> Any:
        """Return the GalSim profile, in pixels and without the pixel's own response, at one position."""
        g1, g2, fwhm = self.parameters(x, y)
        if self.profile == "moffat":
            round_profile = galsim.Moffat(beta=self.beta, fwhm=fwhm, gsparams=gsparams)
        else:
            round_profile = galsim.Kolmogorov(fwhm=fwhm, gsparams=gsparams)
        return round_profile.shear(g1=g1, g2=g2)

    def node_positions(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the x and y positions of the 3 + 3 lines of nodes [pixel]."""
        rows, columns = self.shape
        nodes = np.array(_NODES)
        return 0.5 * (columns - 1) * (1.0 + nodes), 0.5 * (rows - 1) * (1.0 + nodes)

    def effective_fwhm(self) -> float:
        """Return the full width at half maximum, with the pixel, at the middle of the detector [pixel].

        It is the diameter of a disc as large as the half-maximum contour.
        """
        x, y = self.node_positions()
        effective = galsim.Convolve(self.profile_at(float(x[1]), float(y[1])), galsim.Pixel(1.0))
        size = 2 * int(np.ceil(1.5 * self.fwhm + 1.0)) * _FWHM_SAMPLING + 1
        sampled = effective.drawImage(nx=size, ny=size, scale=1.0 / _FWHM_SAMPLING, method="no_pixel").array
        area = np.count_nonzero(sampled >= 0.5 * sampled.max()) / _FWHM_SAMPLING**2
        return float(2.0 * np.sqrt(area / np.pi))

    def draw_stamps(self) -> StampSet:
        """Draw the PSF at the nodes."""
        radius = int(np.ceil(_RADIUS_IN_FWHM * self.fwhm))
        size = 2 * (radius + 2) * _OVERSAMPLING + 1
        coefficients = np.empty((3, 3, size, size))
        pixel = galsim.Pixel(1.0)
        xs, ys = self.node_positions()
        for j, y in enumerate(ys):
            for i, x in enumerate(xs):
                effective = galsim.Convolve(self.profile_at(float(x), float(y)), pixel)
                image = effective.drawImage(
                    nx=size, ny=size, scale=1.0 / _OVERSAMPLING, method="no_pixel", dtype=np.float64
                )
                coefficients[j, i] = spline_filter(image.array * _OVERSAMPLING**2, order=3, mode="mirror")
        return StampSet(coefficients=coefficients, radius=radius)


def make_psf_field(config: SimConfig, visit: Visit, detector: int) -> PsfField:
    """Return the PSF of one detector of one visit.

    Parameters
    ----------
    config : SimConfig
        The survey.
    visit : Visit
        The visit; its number chooses the random shape.
    detector : int
        Detector.
    """
    rng = random_stream(config.seed, "psf", {"visit": visit.visit})
    polynomials = rng.normal(0.0, config.psf.gradient, (3, 6))
    polynomials[:, 3:] *= 0.5
    polynomials[:2, 0] = rng.normal(0.0, config.psf.ellipticity / np.sqrt(2.0), 2)
    polynomials[2, 0] = 0.0
    geometry = config.camera.geometry
    full_width, full_height = geometry.full_size
    return PsfField(
        profile=config.psf.profile,
        beta=config.psf.beta,
        fwhm=visit.seeing / visit.pixel_scale,
        polynomials=polynomials,
        centre=geometry.boresight(detector),
        half_size=(0.5 * full_width, 0.5 * full_height),
        shape=(geometry.height, geometry.width),
    )


def stamp_radii(
    flux: NDArray[np.float64], noise: float, *, field: PsfField, limit: int, fraction: float = 0.01
) -> NDArray[np.int64]:
    """Return how far from its centre each star has to be drawn.

    Parameters
    ----------
    flux : (n,) float [electron]
        Fluxes.
    noise : float [electron]
        Noise of an empty pixel.
    field : PsfField
        The PSF; its wings are taken as those of a Moffat profile (with exponent 11/6 for Kolmogorov turbulence).
    limit : int [pixel]
        Largest radius.
    fraction : float []
        Beyond the radius, a star is fainter than this share of the noise.

    Returns
    -------
    (n,) int [pixel]
    """
    beta = field.beta if field.profile == "moffat" else 11.0 / 6.0
    core = field.fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))
    peak = np.abs(flux) * (beta - 1.0) / (np.pi * core**2)
    ratio = np.maximum(peak / max(fraction * noise, 1e-12), 1.0) ** (1.0 / beta)
    radius = core * np.sqrt(ratio - 1.0)
    return np.asarray(np.ceil(np.clip(radius, 3.5 * field.fwhm, limit)), dtype=np.int64)


@njit(cache=True, nogil=True)
def _spline_weights(phase: float, out: NDArray[np.float64]) -> None:
    """Cubic B-spline weights of the samples at -1, 0, 1, 2 for a point at ``phase`` in [0, 1)."""
    rest = 1.0 - phase
    out[0] = rest**3 / 6.0
    out[1] = 2.0 / 3.0 - phase**2 * (2.0 - phase) / 2.0
    out[2] = 2.0 / 3.0 - rest**2 * (2.0 - rest) / 2.0
    out[3] = phase**3 / 6.0


@njit(cache=True, nogil=True)
def _node_weights(at: float, length: int, out: NDArray[np.float64]) -> None:
    """Lagrange weights of nodes at -1, 0, 1 for a position on an axis of ``length`` pixels."""
    t = 2.0 * at / (length - 1) - 1.0
    out[0] = 0.5 * t * (t - 1.0)
    out[1] = 1.0 - t * t
    out[2] = 0.5 * t * (t + 1.0)


@njit(cache=True, nogil=True)
def _draw_one(
    coefficients: NDArray[np.float64], shape: tuple[int, int], x: float, y: float, radius: int, out: NDArray[np.float64]
) -> None:
    """Fill ``out[:2r+1, :2r+1]`` with the unit-flux PSF at (x, y), centred on the nearest pixel."""
    across, along = np.empty(3), np.empty(3)
    _node_weights(x, shape[1], across)
    _node_weights(y, shape[0], along)
    middle = coefficients.shape[2] // 2
    start_x = middle + (np.round(x) - radius - x) * 4
    start_y = middle + (np.round(y) - radius - y) * 4
    first_x, first_y = int(np.floor(start_x)), int(np.floor(start_y))
    weight_x, weight_y = np.empty(4), np.empty(4)
    _spline_weights(start_x - first_x, weight_x)
    _spline_weights(start_y - first_y, weight_y)
    n = 2 * radius + 1
    out[:n, :n] = 0.0
    for node_y in range(3):
        for node_x in range(3):
            node = along[node_y] * across[node_x]
            source = coefficients[node_y, node_x]
            for j in range(n):
                for i in range(n):
                    total = 0.0
                    for b in range(4):
                        row = source[first_y + 4 * j - 1 + b]
                        at = first_x + 4 * i - 1
                        total += weight_y[b] * (
                            weight_x[0] * row[at]
                            + weight_x[1] * row[at + 1]
                            + weight_x[2] * row[at + 2]
                            + weight_x[3] * row[at + 3]
                        )
                    out[j, i] += node * total


@njit(cache=True, nogil=True)
def _add_all(
    image: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    flux: NDArray[np.float64],
    radius: NDArray[np.int64],
) -> NDArray[np.float64]:
    rows, columns = image.shape
    result = image.copy()
    stamp = np.empty((2 * radius.max() + 1, 2 * radius.max() + 1))
    for k in range(x.size):
        _draw_one(coefficients, (rows, columns), x[k], y[k], radius[k], stamp)
        x0, y0 = int(np.round(x[k])) - radius[k], int(np.round(y[k])) - radius[k]
        for j in range(max(0, -y0), min(2 * radius[k] + 1, rows - y0)):
            for i in range(max(0, -x0), min(2 * radius[k] + 1, columns - x0)):
                result[y0 + j, x0 + i] += flux[k] * stamp[j, i]
    return result


@njit(cache=True, nogil=True)
def _information(
    variance: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    radius: int,
) -> NDArray[np.float64]:
    rows, columns = variance.shape
    result = np.zeros(x.size)
    stamp = np.empty((2 * radius + 1, 2 * radius + 1))
    for k in range(x.size):
        _draw_one(coefficients, (rows, columns), x[k], y[k], radius, stamp)
        x0, y0 = int(np.round(x[k])) - radius, int(np.round(y[k])) - radius
        for j in range(max(0, -y0), min(2 * radius + 1, rows - y0)):
            for i in range(max(0, -x0), min(2 * radius + 1, columns - x0)):
                result[k] += stamp[j, i] ** 2 / variance[y0 + j, x0 + i]
    return result


def add_point_sources(
    image: NDArray[np.float64],
    positions: NDArray[np.float64],
    flux: NDArray[np.float64],
    *,
    stamps: StampSet,
    radii: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return an image with point sources added.

    Parameters
    ----------
    image : (ny, nx) float [electron]
        Image of the whole detector.
    positions : (n, 2) float [pixel]
        x and y; a source may lie outside, its light that falls inside is added.
    flux : (n,) float [electron]
        Fluxes.
    stamps : StampSet
        The PSF.
    radii : (n,) int [pixel]
        How far each source is drawn; at most ``stamps.radius``.

    Returns
    -------
    (ny, nx) float [electron]
    """
    if not len(flux):
        return image.copy()
    x, y = np.ascontiguousarray(positions[:, 0]), np.ascontiguousarray(positions[:, 1])
    radius = np.minimum(radii, stamps.radius)
    return np.asarray(_add_all(image, stamps.coefficients, x, y, np.asarray(flux, dtype=float), radius))


def expected_errors(
    variance: NDArray[np.float64], positions: NDArray[np.float64], *, stamps: StampSet, radius: int
) -> NDArray[np.float64]:
    """Return the error of the best possible PSF flux, 1 / sqrt(sum P^2 / V).

    Parameters
    ----------
    variance : (ny, nx) float [electron^2]
        True variance of the pixels.
    positions : (n, 2) float [pixel]
        x and y.
    stamps : StampSet
        The PSF P.
    radius : int [pixel]
        Half width of the sum.

    Returns
    -------
    (n,) float [electron]
        Infinite for a source with no pixel on the image.
    """
    x, y = np.ascontiguousarray(positions[:, 0]), np.ascontiguousarray(positions[:, 1])
    information = _information(variance, stamps.coefficients, x, y, min(radius, stamps.radius))
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / np.sqrt(information))
