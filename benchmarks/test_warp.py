"""CPU time to warp one 4096 x 4096 frame with variance and mask (SWarp with Lanczos-3 and weights: 10.3 s for five)."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from uraniborg.algorithms.warp import WarpResult, sample_pixel_map, warp_image, warp_psf_stamps

SWARP = 10.3 / 5
"""CPU time of SWarp for one frame, files read and written. [s]"""

SIDE = 4096


def frame() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    image = rng.normal(size=(SIDE, SIDE)).astype(np.float32)
    mask = np.zeros((SIDE, SIDE), np.uint16)
    mask[rng.integers(0, SIDE, 2000), rng.integers(0, SIDE, 2000)] = 3
    mask[:, :300] |= 32
    return image, np.ones_like(image), mask


def test_frame_of_16_megapixels(benchmark: Any) -> None:
    image, variance, mask = frame()
    pixel_map = sample_pixel_map(
        lambda x, y: (0.99995 * x - 0.01 * y + 10.3 + 1e-7 * (x - 2000) ** 2, 0.01 * x + 0.99995 * y - 20.2),
        (SIDE, SIDE),
    )
    options = {"pixel_map": pixel_map, "no_data_bit": 128, "exclude_bits": 2}
    warp_image(image[:64, :64], variance[:64, :64], mask[:64, :64], **options)  # compiles
    spent: list[float] = []

    def run() -> WarpResult:
        start = time.process_time()
        result = warp_image(image, variance, mask, **options)
        spent.append(time.process_time() - start)
        return result

    result = benchmark.pedantic(run, rounds=2)
    assert result.n_valid > 0.98 * SIDE**2
    cpu = min(spent)
    # Read and written once: image, variance, mask in and out. Per pixel 36 taps of image and of variance, and weights.
    gigabytes = SIDE**2 * (4 + 4 + 2 + 4 + 4 + 4) / 1e9
    fused = SIDE**2 * (2 * 42 + 12 + 12) / 1e9
    benchmark.extra_info |= {"cpu_s": cpu, "gigabytes": gigabytes, "giga_multiply_adds": fused}
    print(
        f"{cpu:.2f} CPU s ({SWARP / cpu:.1f} times SWarp's rate); {gigabytes / cpu:.2f} GB/s, "
        f"{fused / cpu:.2f} G multiply-adds/s: bound by operations"
    )
    assert cpu < SWARP


def test_psfs_of_a_patch(benchmark: Any) -> None:
    rng = np.random.default_rng(2)
    stamps = rng.normal(size=(1764, 41, 41))
    jacobians = np.tile(1.3 * np.eye(2), (1764, 1, 1))
    found = benchmark.pedantic(warp_psf_stamps, args=(stamps, jacobians), kwargs={"size": 41}, rounds=2)
    assert np.isfinite(found).all()
