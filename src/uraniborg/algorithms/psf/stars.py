"""Stamps of stars, and the fit of one flux and centre per star to a given point-spread function."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ("StarStamps", "cut_stamps", "fit_centers", "make_stamps", "stamp_gradients")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StarStamps:
    """Pixels of n stars and what is known of each.

    Attributes
    ----------
    data, variance : (n, s, s) float
        Pixels around the star; variance is infinite where there is no usable pixel.
    x0, y0 : (n,) float [pixel]
        Position of the stamps' central pixels in the image.
    dx, dy : (n,) float [pixel]
        Centre of the star from there.
    flux : (n,) float
        Present estimate.
    sky_variance : (n,) float
        Variance of a pixel without the star.
    inverse_gain : (n,) float
        Increase of the variance with the star's light.
    """

    data: Floats
    variance: Floats
    x0: Floats
    y0: Floats
    dx: Floats
    dy: Floats
    flux: Floats
    sky_variance: Floats
    inverse_gain: Floats

    def subset(self, chosen: NDArray[np.generic]) -> StarStamps:
        """Return the stars chosen by a mask or by numbers."""
        return StarStamps(*(getattr(self, name)[chosen] for name in self.__slots__))


@njit(cache=True, nogil=True)
def _cut(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    masked: NDArray[np.bool_],
    use_mask: bool,
    centers: NDArray[np.int64],
    size: int,
) -> tuple[Floats, Floats]:
    n, half = centers.shape[0], size // 2
    ny, nx = image.shape
    data = np.zeros((n, size, size))
    noise = np.full((n, size, size), np.inf)
    for k in range(n):
        for b in range(size):
            for a in range(size):
                i, j = centers[k, 0] + a - half, centers[k, 1] + b - half
                if 0 <= i < nx and 0 <= j < ny and not (use_mask and masked[j, i]):
                    value, spread = image[j, i], variance[j, i]
                    if np.isfinite(value) and np.isfinite(spread) and spread > 0.0:
                        data[k, b, a] = value
                        noise[k, b, a] = spread
    return data, noise


def cut_stamps(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    unusable: NDArray[np.bool_] | None,
    *,
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    size: int,
) -> StarStamps:
    """Copy the pixels around positions.

    Parameters
    ----------
    image, variance : (ny, nx) float
        Background-subtracted image and its variance.
    unusable : (ny, nx) bool or None
        Pixels not to use.
    x, y : (n,) float [pixel]
        Approximate centres.
    size : int [pixel]
        Side of the stamps (odd).

    Returns
    -------
    StarStamps
        With zero flux.
    """
    x0, y0 = np.floor(np.asarray(x, float) + 0.5), np.floor(np.asarray(y, float) + 0.5)
    centers = np.stack([x0, y0], axis=1).astype(np.int64)
    masked = np.zeros((1, 1), bool) if unusable is None else unusable
    data, noise = _cut(image, variance, masked, unusable is not None, centers, size)
    return make_stamps(data, noise, x=np.asarray(x, float), y=np.asarray(y, float))


def make_stamps(data: Floats, variance: Floats, *, x: Floats, y: Floats) -> StarStamps:
    """Return stamps that were cut elsewhere.

    Parameters
    ----------
    data : (n, s, s) float
        Background-subtracted pixels, zero where there is no usable one.
    variance : (n, s, s) float
        Their variance, infinite there.
    x, y : (n,) float [pixel]
        Approximate centres in the image; the central pixel of a stamp is the one that they lie in.

    Returns
    -------
    StarStamps
        With zero flux.
    """
    x0, y0 = np.floor(x + 0.5), np.floor(y + 0.5)
    return StarStamps(data, variance, x0, y0, x - x0, y - y0, np.zeros(x0.size), *_noise_law(data, variance))


def _noise_law(data: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return the variance of the sky around each star, and how it grows with light."""
    usable = np.isfinite(variance)
    edge = np.ones(data.shape[1:], bool)
    edge[2:-2, 2:-2] = False
    rim = np.sort(variance[:, edge], axis=1)  # infinite ones last
    n_rim = np.isfinite(rim).sum(axis=1)
    sky = np.where(n_rim > 0, rim[np.arange(len(rim)), np.maximum(n_rim - 1, 0) // 2], 1.0)
    light = np.sum(np.where(usable, data, 0.0), axis=(1, 2))
    extra = np.sum(np.where(usable, variance - sky[:, None, None], 0.0), axis=(1, 2))
    return sky, np.clip(extra / np.where(light > 0, light, np.inf), 0.0, None)


def stamp_gradients(stamps: Floats) -> Floats:
    """Return minus the derivatives of stamps along x and y: the change when the source moves by +1 pixel.

    Five-point differences; zero on the two outermost rows and columns.

    Parameters
    ----------
    stamps : (n, s, s) float
        Images of sources.

    Returns
    -------
    (2, n, s, s) float
        Along x, then along y.
    """
    out = np.zeros((2, *stamps.shape))
    out[0, :, :, 2:-2] = (8.0 * (stamps[:, :, 1:-3] - stamps[:, :, 3:-1]) - stamps[:, :, :-4] + stamps[:, :, 4:]) / 12.0
    out[1, :, 2:-2] = (8.0 * (stamps[:, 1:-3] - stamps[:, 3:-1]) - stamps[:, :-4] + stamps[:, 4:]) / 12.0
    return out


def fit_centers(stars: StarStamps, stamps: Floats, weight: Floats, *, move: bool = True) -> StarStamps:
    """Take one Newton step in flux and centre of every star.

    Parameters
    ----------
    stars : StarStamps
        Stars with their present centres.
    stamps : (n, s, s) float
        Point-spread function at the present centres.
    weight : (n, s, s) float
        Weight of each pixel.
    move : bool
        Whether the centre is free.

    Returns
    -------
    StarStamps
        With new ``flux``, ``dx`` and ``dy``; a star that cannot be fitted gets a NaN flux.
    """
    flux = np.sum(weight * stamps * stars.data, axis=(1, 2)) / np.maximum(
        np.sum(weight * stamps**2, axis=(1, 2)), 1e-300
    )
    flux[~(weight > 0).any(axis=(1, 2))] = np.nan
    if not move:
        return replace(stars, flux=flux)
    n = len(flux)
    scale = np.where(np.isfinite(flux) & (flux > 0), flux, 1.0)
    design = np.concatenate([stamps[None], stamp_gradients(stamps)]).reshape(3, n, -1)
    weighted = design * weight.reshape(n, -1)
    matrix = np.einsum("anp,bnp->nab", weighted, design)
    residual = (stars.data - flux[:, None, None] * stamps).reshape(n, -1)
    vector = np.einsum("anp,np->na", weighted, np.nan_to_num(residual))
    matrix += 1e-12 * np.trace(matrix, axis1=1, axis2=2)[:, None, None] * np.eye(3) + 1e-300 * np.eye(3)
    step = np.linalg.solve(matrix, vector[:, :, None])[:, :, 0]
    moved = np.clip(step[:, 1:] / scale[:, None], -0.5, 0.5)
    return replace(stars, flux=flux + step[:, 0], dx=stars.dx + moved[:, 0], dy=stars.dy + moved[:, 1])
