"""Finding sources: matched filter, footprints, peaks."""

from uraniborg.algorithms.detection.bright import detect_bright
from uraniborg.algorithms.detection.detect import detect_sources, expected_false_detections
from uraniborg.algorithms.detection.filter import matched_filter
from uraniborg.algorithms.detection.footprints import Footprints, footprint_bits, merge_footprints

__all__ = (
    "Footprints",
    "detect_bright",
    "detect_sources",
    "expected_false_detections",
    "footprint_bits",
    "matched_filter",
    "merge_footprints",
)
