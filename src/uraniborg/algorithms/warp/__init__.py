"""Resampling of images and PSFs from one pixel grid to another."""

from uraniborg.algorithms.warp.lanczos import LANCZOS_ORDER, lanczos_taps
from uraniborg.algorithms.warp.pixel_map import PixelMap, sample_pixel_map
from uraniborg.algorithms.warp.psf import warp_psf, warp_psf_stamps
from uraniborg.algorithms.warp.resample import WarpResult, warp_image

__all__ = (
    "LANCZOS_ORDER",
    "PixelMap",
    "WarpResult",
    "lanczos_taps",
    "sample_pixel_map",
    "warp_image",
    "warp_psf",
    "warp_psf_stamps",
)
