"""Difference of a science image and a template: match, subtract, whiten; pixels in, pixels and kernels out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from uraniborg.algorithms.diffim.basis import (
    KernelBasis,
    chebyshev_exponents,
    chebyshev_terms,
    gaussian_kernel_basis,
    matching_widths,
    scaled_axis,
)
from uraniborg.algorithms.diffim.convolve import convolve, convolve_varying, spread_mask
from uraniborg.algorithms.diffim.decorrelate import decorrelation_kernel, full_convolution
from uraniborg.algorithms.diffim.solve import (
    KernelSolution,
    StampSystem,
    build_stamps,
    solve_kernel,
    stamp_residuals,
    stamp_windows,
)
from uraniborg.core.errors import AlgorithmError, UserError

__all__ = ("DifferenceResult", "MatchingOptions", "Planes", "effective_sigma", "subtract_template")


@dataclass(frozen=True, slots=True)
class Planes:
    """Pixels, variance and unusable pixels of one image.

    Attributes
    ----------
    image, variance : (ny, nx) float
        Flux and its variance; both may be NaN where ``bad``.
    bad : (ny, nx) bool
        Pixels that must not be used.
    noise_factor : float
        How much noisier wide sums are than the variance of the pixels says (1 for white noise): resampled images have
        correlated noise.
    """

    image: NDArray[np.floating]
    variance: NDArray[np.floating]
    bad: NDArray[np.bool_]
    noise_factor: float = 1.0


@dataclass(frozen=True, slots=True)
class MatchingOptions:
    """How to match two images; the defaults suit images from 200 to 4000 pixels wide.

    Attributes
    ----------
    degrees : tuple of int
        Polynomial degree for each Gaussian of the basis, narrow to wide.
    stamp_half_size : int [pixel]
    order : int or None
        Total degree of the change of the kernel over the image; None chooses it by the number of stamps.
    background_order : int
        Total degree of the differential background.
    model_error : float
        Error of the model relative to the brightness, so that a few bright stars do not outvote the others.
    decorrelate : bool
        Whether to whiten the noise.
    """

    degrees: tuple[int, ...] = (6, 4, 2)
    stamp_half_size: int = 15
    order: int | None = None
    background_order: int = 1
    model_error: float = 0.003
    decorrelate: bool = True


@dataclass(frozen=True, slots=True)
class DifferenceResult:
    """A difference image and what made it.

    Attributes
    ----------
    difference, variance : (ny, nx) float
        Science minus matched template, on the flux scale of the science image, and its variance.
    bad : (ny, nx) bool
        Pixels without a meaningful difference (their value is near zero).
    matched : (ny, nx) float
        What was subtracted from the science image before whitening: the matched template, or, where the science
        image was convolved, the template itself on the scale of the science image; background included.
    convolved : str
        ``"template"`` or ``"science"``: the image that the kernel was applied to.
    kernel : (k, k) float
        Matching kernel at the centre of the image.
    psf : (m, m) float
        Point-spread function of the difference at the centre: the response to a new point source; unit sum.
    psf_filter : (n, n) float
        Kernel that turns the science image's point-spread function into that of the difference.
    kernel_sum : float
        Flux ratio of the science image to the template.
    n_stamps : int
        Stamps used in the last fit.
    condition : float
        Condition number of the fit.
    residual_rms : float
        Robust standard deviation of difference over error; 1 for a perfect match.
    basis, solution
        Everything needed to evaluate the kernel elsewhere.
    """

    difference: NDArray[np.float64]
    variance: NDArray[np.float64]
    bad: NDArray[np.bool_]
    matched: NDArray[np.float64]
    convolved: str
    kernel: NDArray[np.float64]
    psf: NDArray[np.float64]
    psf_filter: NDArray[np.float64]
    kernel_sum: float
    n_stamps: int
    condition: float
    residual_rms: float
    basis: KernelBasis
    solution: KernelSolution


def effective_sigma(psf: NDArray[np.floating]) -> float:
    """Return the width of the Gaussian with the same noise-equivalent area, ``1 / sum(psf^2) = 4 pi sigma^2``.

    Parameters
    ----------
    psf : (k, k) float
        Point-spread function; any sum.

    Returns
    -------
    float [pixel]
    """
    norm = psf / psf.sum()
    return float(np.sqrt(1.0 / (4.0 * np.pi * (norm**2).sum())))


def subtract_template(
    science: Planes,
    template: Planes,
    *,
    science_psf: NDArray[np.floating],
    template_psf: NDArray[np.floating],
    stars: NDArray[np.floating] | None = None,
    options: MatchingOptions | None = None,
) -> DifferenceResult:
    """Subtract a template on the same pixel grid from a science image (Alard & Lupton 1998, DMTN-021).

    The sharper of the two images is convolved, so that no deconvolution is asked for.

    Parameters
    ----------
    science, template : Planes
        Images of one shape.
    science_psf, template_psf : (k, k) float
        Point-spread functions at the centre.
    stars : (n, 2) float [pixel], optional
        Positions (y, x) of stars to fit on; if there are none, tiles that cover the whole image are used.
    options : MatchingOptions, optional

    Returns
    -------
    DifferenceResult

    Raises
    ------
    UserError
        If the shapes differ.
    AlgorithmError
        If there are too few usable pixels.
    """
    options = options or MatchingOptions()
    if science.image.shape != template.image.shape:
        raise UserError(f"science and template differ in shape: {science.image.shape}, {template.image.shape}")
    science, template = _cleaned(science), _cleaned(template)
    sigmas = effective_sigma(science_psf), effective_sigma(template_psf)
    on_template = sigmas[0] >= sigmas[1]
    target, source = (science, template) if on_template else (template, science)
    widths = matching_widths(max(sigmas), min(sigmas))
    half_width = int(np.clip(np.ceil(7.0 * widths[1]), 8, 20))
    basis = gaussian_kernel_basis(widths, options.degrees, half_width=half_width)
    solution = _fit(target, source, basis, stars, options)
    kernel = solution.kernel_at(basis)
    total = float(kernel.sum())
    if not total > 0.0:
        raise AlgorithmError("the matching kernel has no positive sum; are the images of the same field?", sum=total)
    model = _model(source, basis, solution)
    sign, scale = (1.0, 1.0) if on_template else (-1.0, 1.0 / total)
    bad = target.bad | spread_mask(source.bad, kernel, outside=True)
    raw = np.where(bad, 0.0, sign * scale * (target.image - model))
    noise = _Noise(target, source, bad)
    whitener = noise.whitener(kernel) if options.decorrelate else np.ones((1, 1))
    difference = convolve(raw, whitener)
    to_source = full_convolution(whitener, kernel)
    variance = scale**2 * noise.variance(whitener, to_source)
    psf_filter = whitener if on_template else to_source / to_source.sum()
    pulls = difference[~bad] / np.sqrt(variance[~bad])
    low, high = np.percentile(pulls, [15.865, 84.135]) if pulls.size else (np.nan, np.nan)
    return DifferenceResult(
        difference=difference,
        variance=variance,
        bad=bad,
        matched=np.asarray(model if on_template else science.image - raw, dtype=np.float64),
        convolved="template" if on_template else "science",
        kernel=kernel,
        psf=full_convolution(science_psf / science_psf.sum(), psf_filter),
        psf_filter=psf_filter,
        kernel_sum=total if on_template else 1.0 / total,
        n_stamps=int(solution.used.sum()),
        condition=solution.condition,
        residual_rms=float(0.5 * (high - low)),
        basis=basis,
        solution=solution,
    )


def _cleaned(planes: Planes) -> Planes:
    """Return planes without NaN: unusable pixels are zero and have the typical variance."""
    variance = np.asarray(planes.variance, dtype=np.float64)
    bad = planes.bad | ~np.isfinite(planes.image) | ~(variance > 0.0) | ~np.isfinite(variance)
    if bad.all():
        raise AlgorithmError("no usable pixel in one of the two images", pixels=int(bad.size))
    typical = np.median(variance[~bad])
    return Planes(np.where(bad, 0.0, planes.image), np.where(bad, typical, variance), bad, planes.noise_factor)


def _fit(
    target: Planes, source: Planes, basis: KernelBasis, stars: NDArray[np.floating] | None, options: MatchingOptions
) -> KernelSolution:
    centres, half_size = _stamp_centres(target.image.shape, stars, options.stamp_half_size)
    order = _choose_order(len(centres), stars is not None) if options.order is None else options.order
    near = ndimage.maximum_filter(source.bad, size=basis.half_width | 1)
    unusable = target.bad | near
    floor = (options.model_error * np.maximum(target.image, 0.0)) ** 2
    weight = np.where(unusable, 0.0, 1.0 / (target.variance + source.variance + floor))
    planes = (target.image, weight, source.image, source.variance)
    stamps = build_stamps(planes, centres, basis, half_size=half_size, noise_factor=source.noise_factor)
    # The first fit gives the kernel that the variance of the difference, and so the weights, depend on.
    first = solve_kernel(stamps, basis, order=0, background_order=options.background_order)
    spread = convolve(source.variance, first.kernel_at(basis) ** 2)
    weight = np.where(unusable, 0.0, 1.0 / (target.variance + spread + floor))
    stamps = replace(stamps, weight=stamp_windows(weight, centres, half_size=half_size))
    stamps = replace(stamps, weight=np.where(_deviant(stamps, first), 0.0, stamps.weight))
    return solve_kernel(stamps, basis, order=order, background_order=options.background_order)


def _deviant(stamps: StampSystem, solution: KernelSolution, *, clip: float = 4.0) -> NDArray[np.bool_]:
    """Return the pixels of stamps, shape (n, s, s), near which the first fit fails: transients, uncaught defects."""
    residual = stamp_residuals(stamps, solution)
    # Bright stars may fail by a few per cent in the first fit without being deviant.
    model = stamps.target - residual
    used = stamps.weight > 0.0
    variance = 1.0 / np.where(used, stamps.weight, 1.0) + (0.05 * model) ** 2
    pull = np.where(used, residual, 0.0) / np.sqrt(variance)
    # The mean of 3 x 3 pixels finds what is spread by the point-spread function; 3 restores unit variance.
    smooth = 3.0 * ndimage.uniform_filter(pull, size=(1, 3, 3))
    return np.asarray(ndimage.maximum_filter(np.maximum(np.abs(pull), np.abs(smooth)) > clip, size=(1, 9, 9)))


def _stamp_centres(
    shape: tuple[int, ...], stars: NDArray[np.floating] | None, half_size: int
) -> tuple[NDArray[np.intp], int]:
    """Return the central pixels of the stamps: the stars inside the image, or tiles that cover it."""
    if stars is not None and len(stars):
        centres = np.rint(stars).astype(np.intp)
        inside = ((centres >= 0) & (centres < np.array(shape))).all(axis=1)
        return centres[inside], half_size
    axes = [np.arange(half_size, n + half_size, 2 * half_size + 1) for n in shape]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    return grid.astype(np.intp), half_size


def _choose_order(n_stamps: int, on_stars: bool) -> int:
    """Return the highest order (up to 2) that leaves ten stars for each spatial term."""
    if not on_stars:
        return 0
    return max(order for order in (0, 1, 2) if n_stamps >= 10 * len(chebyshev_exponents(order)) or order == 0)


def _model(source: Planes, basis: KernelBasis, solution: KernelSolution) -> NDArray[np.float64]:
    convolved = convolve_varying(source.image, solution.kernels(basis), order=solution.order)
    y, x = (scaled_axis(n) for n in source.image.shape)
    terms = chebyshev_terms(y[:, None], x[None, :], order=solution.background_order)
    return np.asarray(convolved + np.einsum("t,tyx->yx", solution.background, terms))


class _Noise:
    """Noise of the two images: typical variances, planes, and how resampling correlated it."""

    def __init__(self, target: Planes, source: Planes, bad: NDArray[np.bool_]) -> None:
        self.target, self.source = target, source
        good = ~bad if not bad.all() else np.ones(bad.shape, dtype=bool)
        self.typical = tuple(float(np.median(planes.variance[good])) for planes in (target, source))

    def whitener(self, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the kernel that makes the noise of the difference white."""
        factors = self.target.noise_factor, self.source.noise_factor
        return decorrelation_kernel(kernel, self.typical[0], self.typical[1], noise_factors=factors)

    def variance(self, to_target: NDArray[np.float64], to_source: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the variance of an image made with these two kernels, on the scale of wide sums.

        Each pixel's noise spreads with the squared kernel. Where the inputs are correlated that alone does not give
        the level of the whitened noise, so the sum is scaled to it.
        """
        factors = self.target.noise_factor, self.source.noise_factor
        first, second = to_target**2, to_source**2
        wide = self.typical[0] * factors[0] * to_target.sum() ** 2 + self.typical[1] * factors[1] * to_source.sum() ** 2
        narrow = self.typical[0] * first.sum() + self.typical[1] * second.sum()
        correction = wide / narrow if max(factors) > 1.0 else 1.0
        return correction * (convolve(self.target.variance, first) + convolve(self.source.variance, second))
