from __future__ import annotations

import numpy as np

from uraniborg.algorithms.measurement.flags import bit_flags, bits_near, edge_flags
from uraniborg.core.flags import MeasurementFlag, PixelBit


def test_bits_become_flags() -> None:
    near = np.array([PixelBit.BAD, PixelBit.SATURATED, PixelBit.COSMIC_RAY | PixelBit.INTERPOLATED, 0])
    wide = np.array([0, PixelBit.SATURATED, 0, PixelBit.NO_DATA])
    assert bit_flags(near, wide).tolist() == [
        MeasurementFlag.PIXEL_BAD,
        MeasurementFlag.PIXEL_SATURATED_CENTER | MeasurementFlag.PIXEL_SATURATED,
        MeasurementFlag.PIXEL_COSMIC_RAY | MeasurementFlag.PIXEL_INTERPOLATED,
        MeasurementFlag.PIXEL_EDGE,
    ]


def test_bits_are_looked_up_in_three_by_three_pixels() -> None:
    bits = np.zeros((10, 12), np.uint8)
    bits[4, 6] = 3
    centers = np.array([[5.0, 3.0], [7.4, 5.4], [4.0, 4.0], [-20.0, 5.0], [np.nan, 1.0], [12.0, 4.0]])
    assert bits_near(centers, bits).tolist() == [3, 3, 0, 0, 0, 0]


def test_edges_are_told_by_what_runs_over_them() -> None:
    centers = np.array([[50.0, 50.0], [13.0, 50.0], [50.0, 95.0], [1.0, 50.0], [np.nan, 50.0]])
    flags = edge_flags(centers, (100, 100), 12, 20.0, core=np.full(5, 6))
    aperture, psf = MeasurementFlag.APERTURE_EDGE, MeasurementFlag.PSF_FLUX_EDGE
    edge, centroid = MeasurementFlag.PIXEL_EDGE, MeasurementFlag.CENTROID_EDGE
    everything = aperture | psf | edge | centroid
    assert flags.tolist() == [0, aperture, aperture | psf | edge, everything, everything]
