"""Least-squares solution for the matching kernel and the differential background on stamps of two images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.diffim.basis import KernelBasis, chebyshev_exponents, chebyshev_terms
from uraniborg.algorithms.diffim.decorrelate import noise_spectrum
from uraniborg.core.errors import AlgorithmError

__all__ = ("KernelSolution", "StampSystem", "build_stamps", "solve_kernel", "stamp_residuals", "stamp_windows")


DAMPING = 0.3
"""Share of the expected noise that stays in the equations of the kernel's shape and keeps them well posed."""

TOLERANCE = 0.05
"""Relative error of the light in a stamp that is no reason to reject it."""


@dataclass(frozen=True, slots=True)
class StampSystem:
    """The two images round every stamp, ready for the fit.

    Attributes
    ----------
    target : (n, s, s) float
        Image to be matched to.
    weight : (n, s, s) float
        Inverse variance of the difference; zero where a pixel must not be used.
    columns : (n, s * s, n_basis) float
        Image to be convolved, convolved with each basis kernel.
    noise : (n, s, s) float
        Variance of the image to be convolved.
    noise_factor : float
        How much noisier wide sums of that image are than its pixels say.
    y, x : (n, s), (n, s) float
        Pixel coordinates of the stamps scaled to [-1, 1] over the image.
    """

    target: NDArray[np.float64]
    weight: NDArray[np.float64]
    columns: NDArray[np.float64]
    noise: NDArray[np.float64]
    noise_factor: float
    y: NDArray[np.float64]
    x: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KernelSolution:
    """A matching kernel and a differential background, both Chebyshev polynomials over the image.

    Attributes
    ----------
    coefficients : (n_basis, n_terms) float
        Coefficient of each basis kernel in each spatial term.
    background : (n_background,) float
        Coefficients of ``target - kernel * source``.
    order, background_order : int
        Total degrees of the two polynomials.
    used : (n,) bool
        Stamps that were not rejected.
    chi2 : (n,) float
        Reduced chi square of each stamp.
    condition : float
        Condition number of the scaled normal equations.
    """

    coefficients: NDArray[np.float64]
    background: NDArray[np.float64]
    order: int
    background_order: int
    used: NDArray[np.bool_]
    chi2: NDArray[np.float64]
    condition: float

    def kernels(self, basis: KernelBasis) -> NDArray[np.float64]:
        """Return the kernel image of each spatial term, shape (n_terms, k, k)."""
        return np.asarray(np.einsum("bt,bij->tij", self.coefficients, basis.images))

    def kernel_at(self, basis: KernelBasis, *, y: float = 0.0, x: float = 0.0) -> NDArray[np.float64]:
        """Return the kernel, shape (k, k), at a position scaled to [-1, 1]; the centre of the image by default."""
        terms = chebyshev_terms(np.array([y]), np.array([x]), order=self.order)[:, 0]
        return np.asarray(np.einsum("t,tij->ij", terms, self.kernels(basis)))


def stamp_windows(plane: NDArray[np.floating], centres: NDArray[np.intp], *, half_size: int) -> NDArray[np.float64]:
    """Cut square windows, zero outside the image.

    Parameters
    ----------
    plane : (ny, nx) float
    centres : (n, 2) int
        Central (y, x) pixels, inside the image or less than ``half_size`` outside.
    half_size : int [pixel]

    Returns
    -------
    (n, 2 half_size + 1, 2 half_size + 1) float
    """
    padded = np.pad(plane, 2 * half_size)
    steps = np.arange(half_size, 3 * half_size + 1)
    return _windows(padded, centres[:, 0, None] + steps, centres[:, 1, None] + steps)


def _windows(image: NDArray[np.floating], y: NDArray[np.intp], x: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.asarray(image[y[:, :, None], x[:, None, :]], dtype=np.float64)


def build_stamps(
    planes: tuple[NDArray[np.floating], ...],
    centres: NDArray[np.intp],
    basis: KernelBasis,
    *,
    half_size: int,
    noise_factor: float = 1.0,
) -> StampSystem:
    """Cut stamps and convolve them with the basis.

    Parameters
    ----------
    planes : tuple of four (ny, nx) float
        Target, its inverse variance (zero where not usable), source, variance of the source.
    centres : (n, 2) int
        Central (y, x) pixel of each stamp; parts outside the image get no weight.
    basis : KernelBasis
    half_size : int [pixel]
        Stamps are ``2 * half_size + 1`` wide.

    Returns
    -------
    StampSystem
    """
    target, weight, noise = (stamp_windows(planes[i], centres, half_size=half_size) for i in (0, 1, 3))
    windows = stamp_windows(planes[2], centres, half_size=half_size + basis.half_width)
    inner = np.arange(-half_size, half_size + 1)
    y_in, x_in = (centres[:, axis, None] + inner for axis in (0, 1))
    scale_y, scale_x = (2.0 / n for n in planes[0].shape)
    return StampSystem(
        target=target,
        weight=weight,
        columns=_convolved_columns(windows, basis, size=inner.size),
        noise=noise,
        noise_factor=noise_factor,
        y=(y_in + 0.5) * scale_y - 1.0,
        x=(x_in + 0.5) * scale_x - 1.0,
    )


def _banded(filters: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the (m, size, size + 2 h) matrices that convolve a line with each filter."""
    n_filters, width = filters.shape
    result = np.zeros((n_filters, size, size + width - 1))
    for tap in range(width):
        line = np.arange(size)
        result[:, line, line + width - 1 - tap] = filters[:, tap, None]
    return result


def _convolved_columns(windows: NDArray[np.float64], basis: KernelBasis, *, size: int) -> NDArray[np.float64]:
    columns, column_index = np.unique(basis.columns, axis=0, return_inverse=True)
    along_x = np.einsum("nyx,mox->nmyo", windows, _banded(columns, size), optimize=True)
    along_y = _banded(basis.rows, size)
    products = np.empty((windows.shape[0], size * size, basis.columns.shape[0]))
    for index, which in enumerate(column_index.ravel()):
        products[:, :, index] = (along_y[index] @ along_x[:, which]).reshape(len(windows), -1)
    return products @ basis.mixing.T


def solve_kernel(
    stamps: StampSystem,
    basis: KernelBasis,
    *,
    order: int,
    background_order: int,
    clip: float = 4.0,
    iterations: int = 10,
) -> KernelSolution:
    """Fit kernel and background; reject stamps that do not follow the rest, and fit again.

    The chi square of a bright star holds the imperfection of the model, not just noise; it is therefore compared with
    what an error of `TOLERANCE` of the star's light would give.

    The normal equations are corrected for the noise of the convolved image, which would otherwise bias the sum of
    the kernel low (errors in variables): ``E[noise] = sum_pixels w var sum_u B_i(u) B_j(u)`` where noise is white.

    Parameters
    ----------
    stamps : StampSystem
    basis : KernelBasis
    order, background_order : int
        Total degrees of the spatial polynomials of the kernel's shape and of the background. The sum of the kernel
        does not vary.
    clip : float
        A stamp is rejected when its reduced chi square, in units of the tolerated one, lies more than this many robust
        standard deviations above the median.
    iterations : int
        Most rounds of rejection.

    Returns
    -------
    KernelSolution

    Raises
    ------
    AlgorithmError
        If there are fewer usable pixels than unknowns.
    """
    system = _NormalEquations(stamps, basis, order, background_order)
    used = system.pixels > 0
    if stamps.weight[used].astype(bool).sum() <= system.n_unknowns:
        raise AlgorithmError(
            "too few usable pixels for the matching kernel; use larger stamps or lower orders",
            pixels=int((stamps.weight > 0).sum()),
            unknowns=system.n_unknowns,
        )
    solution, condition = system.solve(used)
    chi2 = system.chi2(solution)
    for _ in range(iterations):
        kept = used & ~_rejected(chi2 / (1.0 + TOLERANCE**2 * system.strength), used, system.strength > 1.0, clip)
        if kept.sum() == used.sum():
            break
        used = kept
        solution, condition = system.solve(used)
        chi2 = system.chi2(solution)
    return KernelSolution(
        coefficients=system.kernel_coefficients(solution),
        background=solution[system.n_kernel :],
        order=order,
        background_order=background_order,
        used=used,
        chi2=chi2,
        condition=condition,
    )


def _noise_overlap(basis: KernelBasis, noise_factor: float) -> NDArray[np.float64]:
    """Return the covariance, (n_basis, n_basis), of noise of unit variance after each of the basis kernels."""
    size = 2 * basis.images.shape[-1]
    spectra = np.fft.fft2(basis.images, (size, size)).reshape(len(basis.images), -1)
    half = noise_spectrum(size, noise_factor)
    power = np.concatenate([half, half[:, size // 2 - 1 : 0 : -1]], axis=1).ravel()
    return np.asarray(((spectra * power) @ spectra.conj().T).real / size**2)


def _rejected(
    badness: NDArray[np.float64], used: NDArray[np.bool_], bright: NDArray[np.bool_], clip: float
) -> NDArray[np.bool_]:
    """Return the stamps to leave out next: all bad ones of blank sky, but only the worst tenth of the bright ones.

    One star that varies spoils the fit for the others; they deserve another look without it. Half of the bright stamps
    stay in any case.
    """
    centre = float(np.median(badness[used]))
    spread = max(1.4826 * float(np.median(np.abs(badness[used] - centre))), 0.05 * centre)
    bad = used & (badness > centre + clip * spread)
    worst = np.flatnonzero(bad & bright)
    worst = worst[np.argsort(-badness[worst], kind="stable")][: max(1, int((used & bright).sum()) // 10)]
    bad &= ~bright
    if 2 * ((used & bright).sum() - worst.size) >= bright.sum():
        bad[worst] = True
    return bad


class _NormalEquations:
    """Normal equations of every stamp, kept apart so that stamps can be left out cheaply."""

    def __init__(self, stamps: StampSystem, basis: KernelBasis, order: int, background_order: int) -> None:
        self.stamps = stamps
        n_basis = basis.images.shape[0]
        n_terms = len(chebyshev_exponents(order))
        # The first basis kernel carries the sum, which is constant: it has the constant term only.
        self.index = np.array([b * n_terms + t for b in range(n_basis) for t in range(n_terms) if b > 0 or t == 0])
        self.shape = (n_basis, n_terms)
        self.n_kernel = self.index.size
        n_stamps = len(stamps.y)
        weight = stamps.weight.reshape(n_stamps, -1)
        self.design = _design(stamps, background_order)
        self.middle = _spatial_terms(stamps, order)
        weighted = np.swapaxes(self.design * weight[..., None], 1, 2)
        self.gram = weighted @ self.design
        overlap = _noise_overlap(basis, stamps.noise_factor)
        noise = (weight * stamps.noise.reshape(n_stamps, -1)).sum(axis=1)
        damping = np.ones((n_basis, n_basis))
        damping[1:, 1:] -= DAMPING
        self.gram[:, :n_basis, :n_basis] -= noise[:, None, None] * overlap * damping
        self.right = np.einsum("nkp,np->nk", weighted, stamps.target.reshape(n_stamps, -1))
        self.pixels = (weight > 0).sum(axis=1)
        self.strength = np.maximum(self.gram[:, 0, 0], 0.0) / np.maximum(self.pixels, 1)
        self.n_unknowns = self.n_kernel + self.design.shape[-1] - n_basis

    def solve(self, used: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
        """Return the unknowns (kernel then background) and the condition number."""
        n_basis, n_terms = self.shape
        gram, right, terms = self.gram[used], self.right[used], self.middle[used]
        kernel = np.einsum("nt,nu,nij->itju", terms, terms, gram[:, :n_basis, :n_basis], optimize=True)
        cross = np.einsum("nt,nij->itj", terms, gram[:, :n_basis, n_basis:])
        matrix = np.zeros((self.n_unknowns,) * 2)
        k = self.n_kernel
        size = n_basis * n_terms
        matrix[:k, :k] = kernel.reshape(size, size)[np.ix_(self.index, self.index)]
        matrix[:k, k:] = cross.reshape(size, -1)[self.index]
        matrix[k:, :k] = matrix[:k, k:].T
        matrix[k:, k:] = gram[:, n_basis:, n_basis:].sum(axis=0)
        vector = np.concatenate(
            [
                np.einsum("nt,ni->it", terms, right[:, :n_basis]).ravel()[self.index],
                right[:, n_basis:].sum(axis=0),
            ]
        )
        return _solve_symmetric(matrix, vector)

    def kernel_coefficients(self, solution: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the (n_basis, n_terms) coefficients of the kernel."""
        full = np.zeros(self.shape[0] * self.shape[1])
        full[self.index] = solution[: self.n_kernel]
        return full.reshape(self.shape)

    def local_coefficients(self, solution: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the (n, n_basis + n_background) coefficients that hold at each stamp."""
        return _local_coefficients(self.middle, self.kernel_coefficients(solution), solution[self.n_kernel :])

    def chi2(self, solution: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the reduced chi square of every stamp."""
        residual = _residuals(self.stamps, self.design, self.local_coefficients(solution))
        weight = self.stamps.weight.reshape(residual.shape)
        return np.asarray((weight * residual**2).sum(axis=1) / np.maximum(self.pixels, 1))


def _design(stamps: StampSystem, background_order: int) -> NDArray[np.float64]:
    """Return the (n, s * s, n_basis + n_background) columns that a stamp is fitted with."""
    terms = chebyshev_terms(stamps.y[:, :, None], stamps.x[:, None, :], order=background_order)
    background = np.moveaxis(terms.reshape(len(terms), len(stamps.y), -1), 0, -1)
    return np.concatenate([stamps.columns, background], axis=-1)


def _spatial_terms(stamps: StampSystem, order: int) -> NDArray[np.float64]:
    """Return the (n, n_terms) spatial polynomials at the centres of the stamps."""
    middle = stamps.y.shape[1] // 2
    return chebyshev_terms(stamps.y[:, middle], stamps.x[:, middle], order=order).T


def _local_coefficients(
    terms: NDArray[np.float64], coefficients: NDArray[np.float64], background: NDArray[np.float64]
) -> NDArray[np.float64]:
    constant = np.broadcast_to(background, (len(terms), len(background)))
    return np.concatenate([terms @ coefficients.T, constant], axis=1)


def _residuals(stamps: StampSystem, design: NDArray[np.float64], local: NDArray[np.float64]) -> NDArray[np.float64]:
    model = (design @ local[:, :, None])[:, :, 0]
    return np.asarray(stamps.target.reshape(model.shape) - model)


def stamp_residuals(stamps: StampSystem, solution: KernelSolution) -> NDArray[np.float64]:
    """Return what a solution leaves of the target in every stamp.

    Parameters
    ----------
    stamps : StampSystem
    solution : KernelSolution

    Returns
    -------
    (n, s, s) float
    """
    terms = _spatial_terms(stamps, solution.order)
    local = _local_coefficients(terms, solution.coefficients, solution.background)
    design = _design(stamps, solution.background_order)
    return _residuals(stamps, design, local).reshape(stamps.target.shape)


def _solve_symmetric(
    matrix: NDArray[np.float64], vector: NDArray[np.float64], *, smallest: float = 1e-9
) -> tuple[NDArray[np.float64], float]:
    """Solve a symmetric system, scaled to a unit diagonal, without the directions that the data do not fix."""
    scale = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    scale[scale == 0.0] = 1.0
    values, vectors = np.linalg.eigh(matrix / scale / scale[:, None])
    kept = values > smallest * values[-1]
    rotated = vectors[:, kept].T @ (vector / scale)
    return vectors[:, kept] @ (rotated / values[kept]) / scale, float(values[-1] / values[kept][0])
