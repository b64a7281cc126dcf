"""The point-spread function of a visit: GalSim profiles whose shape varies smoothly over a detector.

The PSF of a point source *is* the biquadratic interpolation between the profiles at the 3x3 nodes around it (the
detector has 3x3 nodes or more, that meet at their edges); each node is drawn once, finely sampled and convolved with the
pixel, and every star is cut from these. Where the air spreads colours there are several images for each node, the
terms of `uraniborg.sim.atmosphere.chromatic`, and each source has its own sum of them.
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
from uraniborg.sim.atmosphere.chromatic import Spread
from uraniborg.sim.atmosphere.fields import RandomField, make_random_field
from uraniborg.sim.config import SimConfig
from uraniborg.sim.observing import Visit

__all__ = (
    "PsfField",
    "Smear",
    "StampSet",
    "add_point_sources",
    "expected_errors",
    "make_psf_field",
    "sampling_step",
    "stamp_radii",
)

_OVERSAMPLING = 4
_FWHM_SAMPLING = 24
_RADIUS_IN_FWHM = 12.0


@dataclass(frozen=True, slots=True)
class StampSet:
    """Finely sampled, pixel-convolved images of the PSF at the nodes, as cubic B-spline coefficients.

    Attributes
    ----------
    coefficients : (t, k, k, m, m) float
        First axis is the chromatic term (the first has unit flux, the others none), then the node's y and its x.
    radius : int [pixel]
        Half width that the images cover.
    """

    coefficients: NDArray[np.float64]
    radius: int


@dataclass(frozen=True, slots=True)
class Smear:
    """The spread by colour in the pixels of a detector.

    Attributes
    ----------
    spread : Spread
        Along the direction to the zenith.
    direction : float [deg]
        Angle from +x to the zenith, towards +y.
    pixel_scale : float [arcsec]
        Size of a pixel.
    """

    spread: Spread
    direction: float
    pixel_scale: float

    @property
    def unit(self) -> NDArray[np.float64]:
        """Unit vector to the zenith in x and y."""
        angle = np.deg2rad(self.direction)
        return np.array([np.cos(angle), np.sin(angle)])

    def transfer(self, size: int, step: float) -> NDArray[np.complex128]:
        """Return the terms' Fourier transforms on the grid of ``rfft2`` of (size, size) samples, ``step`` pixels apart."""
        ky = np.fft.fftfreq(size, step)[:, None] * 2.0 * np.pi
        kx = np.fft.rfftfreq(size, step)[None, :] * 2.0 * np.pi
        return self.spread.transfer((kx * self.unit[0] + ky * self.unit[1]) / self.pixel_scale)


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
    nodes : int
        Nodes along each side.
    turbulence : tuple of RandomField
        Fields of g1, g2 and the relative width over the focal plane, if any; positions from its centre in arcmin.
    arcmin : float [arcmin]
        Size of a pixel.
    """

    profile: str
    beta: float
    fwhm: float
    polynomials: NDArray[np.float64]
    centre: tuple[float, float]
    half_size: tuple[float, float]
    shape: tuple[int, int]
    nodes: int = 3
    turbulence: tuple[RandomField, ...] = ()
    arcmin: float = 1.0

    def parameters(self, x: float, y: float) -> NDArray[np.float64]:
        """Return g1, g2 and the full width at half maximum [pixel] at one position."""
        u = (x - self.centre[0]) / self.half_size[0]
        v = (y - self.centre[1]) / self.half_size[1]
        shape = self.polynomials @ np.array([1.0, u, v, u * u, u * v, v * v])
        place = ((x - self.centre[0]) * self.arcmin, (y - self.centre[1]) * self.arcmin)
        g1, g2, change = shape + np.array([float(field(*place)) for field in self.turbulence] or 0.0)
        return np.array([g1, g2, self.fwhm * (1.0 + change)])

    def parameters_at(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return g1, g2 and the full width at half maximum [pixel] at positions (n, 2), as an (n, 3) array."""
        u, v = ((positions - self.centre) / self.half_size).T
        values = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=-1) @ self.polynomials.T
        if self.turbulence:
            place = (positions - self.centre) * self.arcmin
            values += np.stack([field(place[:, 0], place[:, 1]) for field in self.turbulence], axis=-1)
        values[:, 2] = self.fwhm * (1.0 + values[:, 2])
        return values

    def profile_at(self, x: float, y: float, *, gsparams: galsim.GSParams | None = None) -> Any:
        """Return the GalSim profile, in pixels and without the pixel's own response, at one position."""
        return self.profile_of(self.parameters(x, y), gsparams=gsparams)

    def profile_of(self, parameters: NDArray[np.float64], *, gsparams: galsim.GSParams | None = None) -> Any:
        """Return the GalSim profile of g1, g2 and full width at half maximum [pixel]."""
        g1, g2, fwhm = parameters
        if self.profile == "moffat":
            round_profile = galsim.Moffat(beta=self.beta, fwhm=fwhm, gsparams=gsparams)
        else:
            round_profile = galsim.Kolmogorov(fwhm=fwhm, gsparams=gsparams)
        return round_profile.shear(g1=g1, g2=g2)

    def node_positions(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the x and y positions of the lines of nodes [pixel]."""
        rows, columns = self.shape
        nodes = np.linspace(-1.0, 1.0, self.nodes)
        return 0.5 * (columns - 1) * (1.0 + nodes), 0.5 * (rows - 1) * (1.0 + nodes)

    def effective_fwhm(self) -> float:
        """Return the full width at half maximum, with the pixel, at the middle of the detector [pixel].

        It is the diameter of a disc as large as the half-maximum contour.
        """
        x, y = self.node_positions()
        half = self.nodes // 2
        effective = galsim.Convolve(self.profile_at(float(x[half]), float(y[half])), galsim.Pixel(1.0))
        size = 2 * int(np.ceil(1.5 * self.fwhm + 1.0)) * _FWHM_SAMPLING + 1
        sampled = effective.drawImage(nx=size, ny=size, scale=1.0 / _FWHM_SAMPLING, method="no_pixel").array
        area = np.count_nonzero(sampled >= 0.5 * sampled.max()) / _FWHM_SAMPLING**2
        return float(2.0 * np.sqrt(area / np.pi))

    def draw_stamps(self, smear: Smear | None = None) -> StampSet:
        """Draw the PSF at the nodes, spread by colour if told how."""
        radius = int(np.ceil(_RADIUS_IN_FWHM * self.fwhm))
        size = 2 * (radius + 2) * _OVERSAMPLING + 1
        transfer = None if smear is None else smear.transfer(size, 1.0 / _OVERSAMPLING)
        coefficients = np.empty((1 if transfer is None else len(transfer), self.nodes, self.nodes, size, size))
        pixel = galsim.Pixel(1.0)
        xs, ys = self.node_positions()
        for j, y in enumerate(ys):
            for i, x in enumerate(xs):
                effective = galsim.Convolve(self.profile_at(float(x), float(y)), pixel)
                image = effective.drawImage(
                    nx=size, ny=size, scale=1.0 / _OVERSAMPLING, method="no_pixel", dtype=np.float64
                )
                fine = image.array * _OVERSAMPLING**2
                if transfer is None:
                    coefficients[0, j, i] = spline_filter(fine, order=3, mode="mirror")
                    continue
                spectrum = np.fft.rfft2(fine)
                for term in range(len(transfer)):
                    spread = np.fft.irfft2(spectrum * transfer[term], s=fine.shape)
                    coefficients[term, j, i] = spline_filter(spread, order=3, mode="mirror")
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
    rng = random_stream(config.seed, "psf", {"visit": visit.pointing})
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
        nodes=config.psf.nodes,
        turbulence=_turbulence(config, visit),
        arcmin=visit.pixel_scale / 60.0,
    )


def _turbulence(config: SimConfig, visit: Visit) -> tuple[RandomField, ...]:
    air = config.atmosphere
    if not air.turbulence:
        return ()
    rng = random_stream(config.seed, "psf.turbulence", {"visit": visit.visit})
    return tuple(make_random_field(rng, scatter=air.turbulence, scale=air.turbulence_scale) for _ in range(3))


def sampling_step() -> float:
    """Return the step of the samples of a `StampSet` [pixel]."""
    return 1.0 / _OVERSAMPLING


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
def _node_weights(at: float, length: int, nodes: int, out: NDArray[np.float64]) -> int:
    """Lagrange weights of the three nodes around a position on an axis of ``length`` pixels; return the first."""
    panels = nodes // 2
    panel = min(max(int(np.floor(at / (length - 1) * panels)), 0), panels - 1)
    t = 2.0 * (at / (length - 1) * panels - panel) - 1.0 if panels > 1 else 2.0 * at / (length - 1) - 1.0
    out[0] = 0.5 * t * (t - 1.0)
    out[1] = 1.0 - t * t
    out[2] = 0.5 * t * (t + 1.0)
    return 2 * panel


@njit(cache=True, nogil=True)
def _draw_one(
    coefficients: NDArray[np.float64],
    terms: NDArray[np.float64],
    shape: tuple[int, int],
    x: float,
    y: float,
    radius: int,
    out: NDArray[np.float64],
) -> None:
    """Fill ``out[:2r+1, :2r+1]`` with the unit-flux PSF at (x, y), centred on the nearest pixel."""
    across, along = np.empty(3), np.empty(3)
    first_column = _node_weights(x, shape[1], coefficients.shape[2], across)
    first_row = _node_weights(y, shape[0], coefficients.shape[1], along)
    middle = coefficients.shape[3] // 2
    start_x = middle + (np.round(x) - radius - x) * 4
    start_y = middle + (np.round(y) - radius - y) * 4
    first_x, first_y = int(np.floor(start_x)), int(np.floor(start_y))
    weight_x, weight_y = np.empty(4), np.empty(4)
    _spline_weights(start_x - first_x, weight_x)
    _spline_weights(start_y - first_y, weight_y)
    n = 2 * radius + 1
    out[:n, :n] = 0.0
    if terms.size > 1:  # many images: add them up where they are needed, then interpolate once
        low_y, low_x, side = first_y - 1, first_x - 1, 4 * n
        window = np.zeros((side, side))
        for which in range(terms.size * 9):
            term, node_y, node_x = which // 9, which // 3 % 3, which % 3
            node = along[node_y] * across[node_x] * terms[term]
            source = coefficients[term, first_row + node_y, first_column + node_x]
            for j in range(side):
                row, target = source[low_y + j, low_x : low_x + side], window[j]
                for i in range(side):
                    target[i] += node * row[i]
        for j in range(n):
            for i in range(n):
                total = 0.0
                for b in range(4):
                    row = window[4 * j + b]
                    total += weight_y[b] * (
                        weight_x[0] * row[4 * i]
                        + weight_x[1] * row[4 * i + 1]
                        + weight_x[2] * row[4 * i + 2]
                        + weight_x[3] * row[4 * i + 3]
                    )
                out[j, i] = total
        return
    for which in range(9):
        node_y, node_x = which // 3, which % 3
        node = along[node_y] * across[node_x] * terms[0]
        source = coefficients[0, first_row + node_y, first_column + node_x]
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
    terms: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    flux: NDArray[np.float64],
    radius: NDArray[np.int64],
) -> NDArray[np.float64]:
    rows, columns = image.shape
    result = image.copy()
    stamp = np.empty((2 * radius.max() + 1, 2 * radius.max() + 1))
    for k in range(x.size):
        _draw_one(coefficients, terms[k], (rows, columns), x[k], y[k], radius[k], stamp)
        x0, y0 = int(np.round(x[k])) - radius[k], int(np.round(y[k])) - radius[k]
        for j in range(max(0, -y0), min(2 * radius[k] + 1, rows - y0)):
            for i in range(max(0, -x0), min(2 * radius[k] + 1, columns - x0)):
                result[y0 + j, x0 + i] += flux[k] * stamp[j, i]
    return result


@njit(cache=True, nogil=True)
def _information(
    variance: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    terms: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    radius: int,
) -> NDArray[np.float64]:
    rows, columns = variance.shape
    result = np.zeros(x.size)
    stamp = np.empty((2 * radius + 1, 2 * radius + 1))
    for k in range(x.size):
        _draw_one(coefficients, terms[k], (rows, columns), x[k], y[k], radius, stamp)
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
    terms: NDArray[np.float64] | None = None,
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
    terms : (n, t) float []
        Weight of each chromatic term of the stamps; only the first if not given.

    Returns
    -------
    (ny, nx) float [electron]
    """
    if not len(flux):
        return image.copy()
    x, y = np.ascontiguousarray(positions[:, 0]), np.ascontiguousarray(positions[:, 1])
    radius = np.minimum(radii, stamps.radius)
    weights = _first_term(len(x)) if terms is None else np.ascontiguousarray(terms, dtype=float)
    return np.asarray(_add_all(image, stamps.coefficients, weights, x, y, np.asarray(flux, dtype=float), radius))


def _first_term(n: int) -> NDArray[np.float64]:
    return np.ones((n, 1))


def expected_errors(
    variance: NDArray[np.float64],
    positions: NDArray[np.float64],
    *,
    stamps: StampSet,
    radius: int,
    terms: NDArray[np.float64] | None = None,
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
    terms : (n, t) float []
        As for `add_point_sources`.

    Returns
    -------
    (n,) float [electron]
        Infinite for a source with no pixel on the image.
    """
    x, y = np.ascontiguousarray(positions[:, 0]), np.ascontiguousarray(positions[:, 1])
    weights = _first_term(len(x)) if terms is None else np.ascontiguousarray(terms, dtype=float)
    information = _information(variance, stamps.coefficients, weights, x, y, min(radius, stamps.radius))
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / np.sqrt(information))
