"""Whitening of a difference image whose noise was correlated by the matching kernel (DMTN-021)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, optimize, special

__all__ = ("decorrelation_kernel", "full_convolution", "noise_spectrum")


def full_convolution(first: NDArray[np.floating], second: NDArray[np.floating]) -> NDArray[np.float64]:
    """Convolve two small kernels without loss: the widths add.

    Parameters
    ----------
    first : (n, n) float
    second : (m, m) float

    Returns
    -------
    (n + m - 1, n + m - 1) float
    """
    shape = tuple(a + b - 1 for a, b in zip(first.shape, second.shape, strict=True))
    product = fft.rfft2(first, shape) * fft.rfft2(second, shape)
    return np.asarray(fft.irfft2(product, shape), dtype=np.float64)


def noise_spectrum(size: int, noise_factor: float) -> NDArray[np.float64]:
    """Return the power spectrum of the noise of an image that was resampled, relative to that of white noise.

    Interpolation moves noise to neighbouring pixels. Its spectrum is taken as a Gaussian whose mean is one, as the
    variance of a pixel asks, and whose value at zero is the factor by which sums over many pixels are noisier.

    Parameters
    ----------
    size : int
        Side of the grid of frequencies, as of `numpy.fft.rfft2`.
    noise_factor : float
        Variance of a wide sum over the sum of the variances in it, at least 1.

    Returns
    -------
    (size, size // 2 + 1) float
    """
    factor = max(noise_factor, 1.0)

    def excess(width: float) -> float:
        return float(special.erf(np.pi * np.sqrt(width)) / (2.0 * np.sqrt(np.pi * width)) - factor**-0.5)

    if factor < 1.0 + 1e-6:
        return np.ones((size, size // 2 + 1))
    width = optimize.brentq(excess, 1e-9, 1e4)
    ky, kx = 2.0 * np.pi * np.fft.fftfreq(size), 2.0 * np.pi * np.fft.rfftfreq(size)
    return np.asarray(factor * np.exp(-width * (ky[:, None] ** 2 + kx**2)))


def decorrelation_kernel(
    kernel: NDArray[np.floating],
    target_variance: float,
    source_variance: float,
    *,
    noise_factors: tuple[float, float] = (1.0, 1.0),
    half_width: int | None = None,
) -> NDArray[np.float64]:
    """Return the kernel that makes the noise of ``target - kernel * source`` white again.

    In Fourier space, after DMTN-021 (Reiss & Lupton 2016), eq. 6::

        psi(k)^2 = (P1(0) + |K(0)|^2 P2(0)) / (P1(k) + |K(k)|^2 P2(k))

    where P1 and P2 are the noise spectra of the image that was matched to and of the one that was convolved, in the
    note those of white noise. Numerators at zero frequency keep psi(0) = 1, and so the flux scale.

    Parameters
    ----------
    kernel : (k, k) float
        Matching kernel.
    target_variance, source_variance : float
        Typical variance of a pixel, before the convolution, in the units of each image.
    noise_factors : (float, float)
        Noise factors of target and source, see `noise_spectrum`.
    half_width : int [pixel], optional
        Half width of the result; by default twice that of the matching kernel.

    Returns
    -------
    (m, m) float
        Unit sum.
    """
    half = kernel.shape[0] - 1 if half_width is None else half_width
    size = fft.next_fast_len(4 * half + 1, real=True)
    power = np.abs(fft.rfft2(kernel, (size, size))) ** 2
    first, second = (noise_spectrum(size, factor) for factor in noise_factors)
    total = target_variance * first + power * source_variance * second
    image = fft.fftshift(fft.irfft2(np.sqrt(total[0, 0] / total), (size, size)))
    centre = size // 2
    cut = image[centre - half : centre + half + 1, centre - half : centre + half + 1]
    return np.asarray(cut / cut.sum(), dtype=np.float64)
