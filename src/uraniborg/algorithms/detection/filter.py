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
    energy: float = 0.995,
    min_weight: float = 0.25,
) -> Image:
    r"""Return the significance of a point source at every pixel.

    With the point-spread function p, and pixels of data d and variance v that are usable, this is

    .. math:: \nu(x) = \sum_i p(x_i - x)\,d_i \Big/ \sqrt{\sum_i p^2(x_i - x)\,v_i},

    which has noise of unit variance. Where v is the same under p, which for sources fainter than the sky it is, this is
    the maximum of the likelihood ratio for a source of unknown flux (Kaiser 2004, PSDC-002-010; Rubin DMTN-006).
    Weights 1 / v are not used: the v of a camera holds the counted noise itself, pixels that are high by chance would
    weigh less, and all significances would come out low (by 0.25 under a sky of 900 electrons).

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
    # What is filtered with is the sum of separable parts, so its square is what makes the noise.
    square = _rebuild(profile) ** 2
    planes = (np.asarray(image), np.asarray(variance), masked, unusable is not None)
    return np.asarray(_significance(*planes, profile, _separate(square), square, np.float32(min_weight)))


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
def _take_row(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    masked: NDArray[np.bool_],
    use_mask: bool,
    data_row: Image,
    noise_row: Image,
    margin: int,
) -> int:
    """Write image and variance of one row between two rims of zeros, zero where unusable; return how many are."""
    nx = image.shape[0]
    inner, data = noise_row[margin : margin + nx], data_row[margin : margin + nx]
    for i in range(nx):
        noise, value = np.float32(variance[i]), np.float32(image[i])
        # Comparisons with NaN are false.
        usable = noise > np.float32(0.0) and noise < np.float32(np.inf) and abs(value) < np.float32(np.inf)
        inner[i] = noise if usable else np.float32(0.0)
        data[i] = value if usable else np.float32(0.0)
    missing = 0
    for i in range(nx):
        if use_mask and masked[i]:
            inner[i] = data[i] = np.float32(0.0)
        missing += inner[i] == np.float32(0.0)
    return missing


@njit(cache=True, nogil=True)
def _filter_row(ring: Image, first: int, parts: Image, line: Image, out: Image) -> None:
    """Write one row of the correlation of an image with a sum of separable kernels; three taps at a time.

    ``ring`` holds the rows under the kernel, the first of them in row ``first``, the others after it in turn.
    """
    size, nx, wide = parts.shape[2], out.shape[0], line.shape[0]
    out[:] = 0.0
    for r in range(parts.shape[0]):
        column, across = parts[r, 0], parts[r, 1]
        line[:] = 0.0
        for b in range(0, size - 2, 3):
            k0, k1, k2 = column[b], column[b + 1], column[b + 2]
            row0, row1, row2 = ring[(first + b) % size], ring[(first + b + 1) % size], ring[(first + b + 2) % size]
            for i in range(wide):
                line[i] += k0 * row0[i] + k1 * row1[i] + k2 * row2[i]
        for b in range(size - size % 3, size):
            k0, row0 = column[b], ring[(first + b) % size]
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
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    masked: NDArray[np.bool_],
    use_mask: bool,
    profile: Image,
    square: Image,
    full_square: NDArray[np.float64],
    min_weight: np.float32,
) -> Image:
    """Go down the image with only the rows under the kernel data_rows and in memory."""
    size = profile.shape[2]
    half = size // 2
    ny, nx = image.shape
    least = min_weight * full_square.sum()
    harmless = int((full_square.sum() - least) / full_square.max())
    columns = np.zeros(nx + size - 1, np.int32)
    out = np.empty((ny, nx), np.float32)
    noise = np.empty(nx, np.float32)
    line = np.empty(nx + size - 1, np.float32)
    data_rows, noise_rows = np.zeros((size, nx + size - 1), np.float32), np.zeros((size, nx + size - 1), np.float32)
    missing = np.full(size, nx, np.int64)
    for j in range(-half, ny):
        below = j + half  # the row that comes into the window; rows outside the image are all zeros
        slot = below % size
        if below < ny:
            allowed = masked[below] if use_mask else masked[0]
            missing[slot] = _take_row(
                image[below], variance[below], allowed, use_mask, data_rows[slot], noise_rows[slot], half
            )
        else:
            data_rows[slot], noise_rows[slot], missing[slot] = np.float32(0.0), np.float32(0.0), nx
        if j < 0:
            continue
        first = (below + 1) % size
        signal = out[j]
        _filter_row(data_rows, first, profile, line, signal)
        _filter_row(noise_rows, first, square, line, noise)
        for i in range(nx):
            signal[i] /= math.sqrt(max(noise[i], np.float32(1e-37)))
        inside = missing.sum() == 0  # then only the two ends of the row see pixels that cannot be used
        columns[:] = 0
        for b in range(size):
            if not inside:
                row = noise_rows[b]
                for i in range(nx + size - 1):
                    columns[i] += row[i] == np.float32(0.0)
        in_window = size * half if inside else columns[: size - 1].sum()
        for i in range(nx):
            if inside:
                in_window = size * max(half - i, i + half + 1 - nx, 0)
            else:
                in_window += columns[i + size - 1] - (columns[i - 1] if i > 0 else 0)
            # So few missing pixels cannot hide too much, wherever they are.
            if in_window > harmless and _visible(noise_rows, first, full_square, i) < least:
                signal[i] = 0.0
    return out


@njit(cache=True, nogil=True)
def _visible(ring: Image, first: int, square: NDArray[np.float64], i: int) -> float:
    """Return the sum of the squared profile over usable pixels."""
    size = square.shape[0]
    seen = 0.0
    for b in range(size):
        row = ring[(first + b) % size]
        for a in range(size):
            if row[i + a] > 0.0:
                seen += square[b, a]
    return seen
