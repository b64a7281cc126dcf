"""Difference imaging: match, subtract, whiten, and what is peculiar to sources on a difference."""

from uraniborg.algorithms.diffim.basis import KernelBasis, gaussian_kernel_basis, matching_widths
from uraniborg.algorithms.diffim.decorrelate import decorrelation_kernel
from uraniborg.algorithms.diffim.dipole import DipoleFit, fit_dipoles, pair_lobes
from uraniborg.algorithms.diffim.psf import convolve_model, trim_kernel
from uraniborg.algorithms.diffim.reliability import (
    RELIABILITY_VERSION,
    ReliabilityFactors,
    point_flux_map,
    score_reliability,
    stamp_features,
)
from uraniborg.algorithms.diffim.subtract import (
    DifferenceResult,
    MatchingOptions,
    Planes,
    effective_sigma,
    subtract_template,
)
from uraniborg.algorithms.diffim.trail import TrailFit, measure_trails

__all__ = (
    "RELIABILITY_VERSION",
    "DifferenceResult",
    "DipoleFit",
    "KernelBasis",
    "MatchingOptions",
    "Planes",
    "ReliabilityFactors",
    "TrailFit",
    "convolve_model",
    "decorrelation_kernel",
    "effective_sigma",
    "fit_dipoles",
    "gaussian_kernel_basis",
    "matching_widths",
    "measure_trails",
    "pair_lobes",
    "point_flux_map",
    "score_reliability",
    "stamp_features",
    "subtract_template",
    "trim_kernel",
)
