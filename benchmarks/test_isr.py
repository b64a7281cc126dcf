"""CPU time of instrument signature removal of a 4096 x 4096 raw, step by step, beside its memory traffic."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from uraniborg.algorithms.isr.assembly import assemble
from uraniborg.algorithms.isr.brighter_fatter import correct_brighter_fatter
from uraniborg.algorithms.isr.calibrate import Master, flatten_light, to_electrons
from uraniborg.algorithms.isr.charge_transfer import correct_charge_transfer
from uraniborg.algorithms.isr.cosmic_rays import find_cosmic_rays
from uraniborg.algorithms.isr.crosstalk import correct_crosstalk
from uraniborg.algorithms.isr.fringe import fit_fringe, subtract_fringe
from uraniborg.algorithms.isr.geometry import AmplifierGeometry, DetectorGeometry, Section
from uraniborg.algorithms.isr.interpolate import interpolate_pixels
from uraniborg.algorithms.isr.linearity import LinearityTables, tabulate_quadratic
from uraniborg.algorithms.isr.overscan import subtract_overscan
from uraniborg.algorithms.isr.pipeline import STEPS, IsrCalibrations, IsrSettings, remove_signature
from uraniborg.algorithms.isr.quality import measure_amplifiers
from uraniborg.algorithms.isr.saturation import find_saturation
from uraniborg.algorithms.isr.streaks import find_streaks

SIDE, AMPLIFIERS = 4096, 16
PRESCAN, OVERSCAN = 10, 32
ALL_BUT_CHARGE = frozenset(STEPS) - {"brighterFatter", "chargeTransfer"}


def geometry() -> DetectorGeometry:
    width, rows = SIDE // 8, SIDE // 2
    data = Section(0, rows, PRESCAN, PRESCAN + width)
    serial = Section(0, rows, PRESCAN + width, PRESCAN + width + OVERSCAN)
    amplifiers = []
    for k in range(AMPLIFIERS):
        row, column = divmod(k, 8)
        box = Section(row * rows, (row + 1) * rows, column * width, (column + 1) * width)
        amplifiers.append(AmplifierGeometry(f"C{row}{column}", data, box, serial, flip_y=row == 1))
    return DetectorGeometry((SIDE, SIDE), tuple(amplifiers))


def exposure() -> dict[str, Any]:
    """A field of 8000 stars of FWHM 3.4 pixels on a sky of 900 electrons, 1500 cosmic rays, 20 bad columns."""
    rng = np.random.default_rng(1)
    image = np.full((SIDE, SIDE), 900.0)
    y, x = np.mgrid[-12:13, -12:13]
    for _ in range(8000):
        j, i = rng.integers(12, SIDE - 12, 2)
        stamp = np.exp(-0.5 * ((x - rng.uniform(-0.5, 0.5)) ** 2 + (y - rng.uniform(-0.5, 0.5)) ** 2) / 1.44**2)
        image[j - 12 : j + 13, i - 12 : i + 13] += 10 ** rng.uniform(1.5, 5.3) * stamp
    image = rng.poisson(image).astype(float)
    for _ in range(1500):
        j, i = rng.integers(20, SIDE - 20, 2)
        angle, steps = rng.uniform(0, 2 * np.pi), np.arange(0, rng.exponential(8) + 1, 0.25)
        np.add.at(
            image, ((j + steps * np.sin(angle)).astype(int) % SIDE, (i + steps * np.cos(angle)).astype(int) % SIDE), 300
        )
    defects = np.zeros((SIDE, SIDE), bool)
    defects[:, rng.integers(0, SIDE, 20)] = True
    defects[rng.integers(0, SIDE, 2000), rng.integers(0, SIDE, 2000)] = True
    image = np.minimum(image, 130000.0) / 1.6
    segments = []
    for amplifier in geometry().amplifiers:
        segment = np.zeros((SIDE // 2 + 32, SIDE // 8 + PRESCAN + OVERSCAN))
        segment[amplifier.data.slices] = image[amplifier.detector_slices]
        segments.append(np.rint(segment + 20000.0 + rng.normal(0, 4.0, segment.shape)).astype(np.int32))
    plane = rng.normal(1.0, 0.005, (SIDE, SIDE)).astype(np.float32)
    ramp = np.linspace(0.0, 60.0, SIDE)
    calibrations = IsrCalibrations(
        gain=np.full(AMPLIFIERS, 1.6),
        saturation=np.full(AMPLIFIERS, 81250.0),
        bias=Master(0.1 * plane, 1e-3 * plane),
        dark=Master(0.02 * plane, 1e-6 * plane),
        flat=Master(plane, 1e-6 * plane),
        illumination=plane,
        fringe=(0.01 * np.cos(2 * np.pi * (ramp[:, None] + np.sin(ramp)[None, :]))).astype(np.float32),
        defects=defects,
        linearity=LinearityTables.stack([tabulate_quadratic(1e-7)] * AMPLIFIERS),
        crosstalk=np.where(np.eye(AMPLIFIERS) > 0, 0.0, 1e-4),
    )
    return {"segments": segments, "geometry": geometry(), "calibrations": calibrations}


def seconds(function: Callable[[], object], rounds: int = 3) -> float:
    function()
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        function()
        spent.append(time.process_time() - start)
    return min(spent)


def bandwidth() -> float:
    """Bytes a second that a plain addition of two planes reads and writes on one core."""
    a, b = np.ones((SIDE, SIDE), np.float32), np.ones((SIDE, SIDE), np.float32)
    out = np.zeros_like(a)
    return 12 * SIDE**2 / seconds(lambda: np.add(a, b, out=out))


@pytest.mark.slow
def test_whole_chain(benchmark: Any) -> None:
    made = exposure()
    settings = IsrSettings(steps=ALL_BUT_CHARGE)

    def run() -> object:
        return remove_signature(
            made["segments"], made["geometry"], made["calibrations"], settings=settings, dark_time=30.0
        )

    spent = benchmark.pedantic(lambda: seconds(run), rounds=1)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    benchmark.extra_info |= {"cpu_s": spent, "gib": memory}
    print(f"{spent:.2f} CPU s; peak of the process {memory:.2f} GiB")
    assert spent < 3.0


@pytest.mark.slow
def test_steps_against_memory_traffic(benchmark: Any) -> None:
    made = exposure()
    segments, layout, known = made["segments"], made["geometry"], made["calibrations"]
    results = [subtract_overscan(s, a) for s, a in zip(segments, layout.amplifiers, strict=True)]
    signals = np.stack([result.data for result in results])
    image, _ = assemble(list(signals), layout)
    electrons = to_electrons(image, layout, gain=known.gain)
    noise = np.full(AMPLIFIERS, 7.0)
    light = flatten_light(electrons, layout, noise=noise, gain=known.gain)
    fit = fit_fringe(light.image, known.fringe)
    rays = find_cosmic_rays(light.image, light.variance, fwhm=3.0, exclude=known.defects)
    holes = known.defects | rays.mask
    work, shares = np.empty_like(image), np.full(AMPLIFIERS, 1e-6)
    r = np.hypot(*np.mgrid[-8:9, -8:9])
    kernel = 1e-7 * np.maximum(1 - r**2 / 64, 0) ** 2 / np.hypot(r, 0.4)
    masters = {"dark": known.dark, "dark_time": 30.0, "flat": known.flat, "bias_variance": known.bias.variance}
    steps: dict[str, tuple[Callable[[], object], int]] = {
        "overscan": (lambda: [subtract_overscan(s, a) for s, a in zip(segments, layout.amplifiers, strict=True)], 8),
        "crosstalk": (lambda: correct_crosstalk(signals, known.crosstalk), 8),
        "assembly": (lambda: assemble(list(signals), layout), 8),
        "saturation": (lambda: find_saturation(image, layout, saturation=known.saturation), 5),
        "bias, linearity, gain": (
            lambda: to_electrons(
                image, layout, gain=known.gain, bias=known.bias.image, linearity=known.linearity, out=work
            ),
            12,
        ),
        "dark, flat, illumination, variance": (
            lambda: flatten_light(
                electrons, layout, noise=noise, gain=known.gain, illumination=known.illumination, out=work, **masters
            ),
            36,
        ),
        "fringe": (
            lambda: subtract_fringe(light.image, known.fringe, fit_fringe(light.image, known.fringe), out=work),
            20,
        ),
        "cosmic rays": (
            lambda: find_cosmic_rays(light.image, light.variance, fwhm=3.0, exclude=known.defects),
            11,
        ),
        "streaks": (lambda: find_streaks(light.image, 31.0, bad=known.defects), 6),
        "interpolation": (lambda: interpolate_pixels(light.image, light.variance, holes, fwhm=3.0), 18),
        "quality": (lambda: measure_amplifiers(light.image, light.variance, layout, bad=holes), 1),
        "charge transfer": (
            lambda: correct_charge_transfer(electrons, layout, serial=shares, parallel=shares, trap_time=shares + 0.7),
            32,
        ),
        "brighter-fatter": (lambda: correct_brighter_fatter(electrons, kernel, iterations=3), 36),
    }
    rate = bandwidth()
    spent = {name: seconds(function) for name, (function, _) in steps.items()}
    benchmark.pedantic(lambda: None, rounds=1)
    print(f"memory bandwidth of one core: {rate / 1e9:.1f} GB/s")
    for name, (_, traffic) in steps.items():
        bound = traffic * SIDE**2 / rate
        print(
            f"{name:36s} {spent[name]:6.3f} CPU s; {traffic:2d} bytes/pixel, "
            f"bound {bound:.3f} s, {spent[name] / bound:5.1f} x"
        )
        benchmark.extra_info[name] = {"cpu_s": spent[name], "bound_s": bound}
    assert spent["cosmic rays"] < 1.0
    assert all(np.isfinite(value) for value in spent.values())
    assert fit.bins > 1000
