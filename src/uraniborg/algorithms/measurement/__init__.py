"""Position, shape and flux of sources."""

from uraniborg.algorithms.measurement.aperture import circle_overlap
from uraniborg.algorithms.measurement.correction import ApertureCorrection, measure_aperture_correction
from uraniborg.algorithms.measurement.forced import ForcedFlux, forced_psf_flux
from uraniborg.algorithms.measurement.moments import AdaptiveMoments, adaptive_moments
from uraniborg.algorithms.measurement.sources import APERTURES, MeasurementResult, measure_sources

__all__ = (
    "APERTURES",
    "AdaptiveMoments",
    "ApertureCorrection",
    "ForcedFlux",
    "MeasurementResult",
    "adaptive_moments",
    "circle_overlap",
    "forced_psf_flux",
    "measure_aperture_correction",
    "measure_sources",
)
