"""The image of signal-to-noise ratios of a point source centred on each pixel."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("matched_filter",)

type Image = NDArray[np.float32]


def matched_filter(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    kernel: NDArray[np.floating],
    *,
    unusable: NDArray[np.bool_] | None = None,
    energy: float = 0.98,
    min_weight: float = 0.25,
) -> Image:
    r"""Return the significance of a point source at every pixel.

    With weights w = 1 / variance (0 on unusable pixels) and the point-spread function p this is

    .. math:: \nu(x) = \sum_i w_i\,p(x_i - x)\,d_i \Big/ \sqrt{\sum_i w_i\,p^2(x_i - x)},

    the maximum of the likelihood ratio for a source of unknown flux (Kaiser 2004, PSDC-002-010;
    Rubin DMTN-006), whose noise has unit variance.

    Parameters
    ----------
    image : (ny, nx) float
        Background-subtracted image.
    variance : (ny, nx) float
        Variance of each pixel; pixels where it is not finite and positive do not count.
    kernel : (s, s) float
        Centred image of the point-spread function, s odd.
    unusable : (ny, nx) bool, optional
        Pixels with weight zero.
    energy : float
        Part of sum(p^2) that the kernel keeps when its faint rim is cut off for speed; the loss
        of signal-to-noise ratio is 1 - sqrt(energy) at most.
    min_weight : float
        Pixels where less than this part of sum(p^2) is left after masking get 0.

    Returns
    -------
    (ny, nx) float32

    Raises
    ------
    UserError
        If the shapes do not fit or the kernel's side is even.
    """
    if (
        image.shape != variance.shape
        or kernel.ndim != 2
        or kernel.shape[0] != kernel.shape[1]
        or kernel.shape[0] % 2 == 0
    ):
        raise UserError(
            f"image {image.shape} and variance {variance.shape} must have one shape, "
            f"and the kernel {kernel.shape} an odd side"
        )
    core = _trim(np.asarray(kernel, float), energy)
    profile = _separate(core / core.sum())
    masked = np.zeros((1, 1), bool) if unusable is None else unusable
    weighted, weight = _pad_weights(image, variance, masked, unusable is not None, core.shape[0] // 2)
    # What is filtered with is the sum of separable parts, so its square is what makes the noise.
    square = _rebuild(profile) ** 2
    return np.asarray(_significance(weighted, weight, profile, _separate(square), square, np.float32(min_weight)))


def _separate(kernel: NDArray[np.float64], tolerance: float = 1e-2) -> Image:
    """Return a kernel as a short sum of products of a column and a row, (rank, 2, s).

    The parts left out have this part of the kernel's norm at most (which costs a matched filter half its
    square of signal); one to three are enough for a smooth kernel. The sum of the kernel is kept.
    """
    left, scale, right = np.linalg.svd(kernel)
    missing = np.sqrt(np.cumsum((scale**2)[::-1])[::-1] / np.sum(scale**2))
    rank = max(int(np.sum(missing > tolerance)), 1)
    root = np.sqrt(scale[:rank] * kernel.sum() / np.sum((left[:, :rank] * scale[:rank]) @ right[:rank]))
    return np.stack([left[:, :rank].T * root[:, None], right[:rank] * root[:, None]], axis=1).astype(np.float32)


def _rebuild(parts: Image) -> NDArray[np.float64]:
    return np.asarray(np.einsum("ri,rj->ij", parts[:, 0].astype(float), parts[:, 1].astype(float)))


def _trim(kernel: NDArray[np.float64], energy: float) -> NDArray[np.float64]:
    """Return the smallest centred part of a kernel that holds this part of its square."""
    half = kernel.shape[0] // 2
    total = np.sum(kernel**2)
    for radius in range(1, half + 1):
        part = kernel[half - radius : half + radius + 1, half - radius : half + radius + 1]
        if np.sum(part**2) >= energy * total:
            return part
    return kernel


@njit(cache=True, nogil=True)
def _pad_weights(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    masked: NDArray[np.bool_],
    use_mask: bool,
    margin: int,
) -> tuple[Image, Image]:
    """Return image / variance and 1 / variance with a rim of zeros."""
    ny, nx = image.shape
    weighted = np.zeros((ny + 2 * margin, nx + 2 * margin), np.float32)
    weight = np.zeros((ny + 2 * margin, nx + 2 * margin), np.float32)
    for j in range(ny):
        for i in range(nx):
            noise = variance[j, i]
            value = image[j, i]
            if noise > 0.0 and math.isfinite(noise) and math.isfinite(value) and not (use_mask and masked[j, i]):
                weight[j + margin, i + margin] = 1.0 / noise
                weighted[j + margin, i + margin] = value / noise
    return weighted, weight


@njit(cache=True, nogil=True)
def _filter_row(padded: Image, j: int, parts: Image, line: Image, out: Image) -> None:
    """Write row j of the correlation of a padded image with a sum of separable kernels; three taps at a time."""
    size, nx, wide = parts.shape[2], out.shape[0], line.shape[0]
    out[:] = 0.0
    for r in range(parts.shape[0]):
        column, across = parts[r, 0], parts[r, 1]
        line[:] = 0.0
        for b in range(0, size - 2, 3):
            k0, k1, k2 = column[b], column[b + 1], column[b + 2]
            row0, row1, row2 = padded[j + b], padded[j + b + 1], padded[j + b + 2]
            for i in range(wide):
                line[i] += k0 * row0[i] + k1 * row1[i] + k2 * row2[i]
        for b in range(size - size % 3, size):
            k0, row0 = column[b], padded[j + b]
            for i in range(wide):
                line[i] += k0 * row0[i]
        for a in range(0, size - 2, 3):
            k0, k1, k2 = across[a], across[a + 1], across[a + 2]
            part0, part1, part2 = line[a : a + nx], line[a + 1 : a + 1 + nx], line[a + 2 : a + 2 + nx]
            for i in range(nx):
                out[i] += k0 * part0[i] + k1 * part1[i] + k2 * part2[i]
        for a in range(size - size % 3, size):
            k0, part0 = across[a], line[a : a + nx]
            for i in range(nx):
                out[i] += k0 * part0[i]


@njit(cache=True, nogil=True)
def _significance(
    weighted: Image,
    weight: Image,
    profile: Image,
    square: Image,
    full_square: NDArray[np.float64],
    min_weight: np.float32,
) -> Image:
    size = profile.shape[2]
    ny, nx = weighted.shape[0] - size + 1, weighted.shape[1] - size + 1
    total = full_square.sum()
    out = np.zeros((ny, nx), np.float32)
    signal = np.empty(nx, np.float32)
    noise = np.empty(nx, np.float32)
    line = np.empty(nx + size - 1, np.float32)
    missing = np.zeros(nx + size - 1, np.int64)  # pixels without weight in each column of the window
    for b in range(size - 1):
        for i in range(nx + size - 1):
            missing[i] += weight[b, i] == 0.0
    for j in range(ny):
        _filter_row(weighted, j, profile, line, signal)
        _filter_row(weight, j, square, line, noise)
        for i in range(nx + size - 1):
            missing[i] += weight[j + size - 1, i] == 0.0
        in_window = missing[: size - 1].sum()
        for i in range(nx):
            in_window += missing[i + size - 1]
            if noise[i] > 0.0 and (in_window == 0 or _visible(weight, full_square, j, i) >= min_weight * total):
                out[j, i] = signal[i] / math.sqrt(noise[i])
            in_window -= missing[i]
        for i in range(nx + size - 1):
            missing[i] -= weight[j, i] == 0.0
    return out


@njit(cache=True, nogil=True)
def _visible(weight: Image, square: NDArray[np.float64], j: int, i: int) -> float:
    """Return the sum of the squared profile over pixels that have a weight."""
    seen = 0.0
    for b in range(square.shape[0]):
        for a in range(square.shape[1]):
            if weight[j + b, i + a] > 0.0:
                seen += square[b, a]
    return seen
