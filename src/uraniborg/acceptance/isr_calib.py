"""Measures instrument signature removal on simulated raws of a detector that is known exactly."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from uraniborg.acceptance.isr_scene import RawScene, make_scene, perfect_calibrations, scene_config
from uraniborg.algorithms.isr.assembly import read_detector, split
from uraniborg.algorithms.isr.brighter_fatter import correct_brighter_fatter
from uraniborg.algorithms.isr.charge_transfer import restore_rows
from uraniborg.algorithms.isr.cosmic_rays import find_cosmic_rays
from uraniborg.algorithms.isr.crosstalk import correct_crosstalk, stream_corrected_rows
from uraniborg.algorithms.isr.ghosts import ghost_rings, mask_ghosts
from uraniborg.algorithms.isr.pipeline import STEPS, IsrResult, IsrSettings, remove_signature
from uraniborg.sim import make_sky, plan_visits
from uraniborg.sim.camera.config import GhostConfig
from uraniborg.sim.camera.effects_charge import brighter_fatter, brighter_fatter_kernel, transfer
from uraniborg.sim.camera.effects_electronics import add_crosstalk, crosstalk_matrix
from uraniborg.sim.camera.ghosts import add_ghosts, ghosts_on_detector
from uraniborg.sim.config import SkyConfig
from uraniborg.sim.effects import draw_cosmic_rays
from uraniborg.sim.sky import fluxes_at, positions_at
from uraniborg.verify import isr as measures
from uraniborg.verify.metrics import Measurement, Metric, Value, measure

__all__ = ("ISR_MEASURES", "measure_isr_metrics")

_GHOST = GhostConfig(intensity=2e-3, radius=120.0, obscuration=0.5, magnification=-0.6, decentre=0.05)
_CROWDED = 139.0  # stars in a square arcminute: 500,000 in a square degree


@lru_cache(maxsize=4)
def _scene(size: int, density: float = 20.0, band: str = "r", satellites: float = 0.0) -> tuple[RawScene, IsrResult]:
    scene = make_scene(scene_config(size, density=density, band=band, satellites=satellites))
    settings = IsrSettings(fwhm=_sharpest(scene))
    return scene, remove_signature(
        scene.segments, scene.geometry, perfect_calibrations(scene), settings=settings, dark_time=scene.dark_time
    )


def _sharpest(scene: RawScene) -> float:
    """Return the width of the best seeing there is [pixel]: more is not known before stars are measured."""
    return 0.7 / scene.config.camera.pixel_scale


def _good(result: IsrResult) -> NDArray[np.bool_]:
    good: NDArray[np.bool_] = ~np.any([plane for name, plane in result.planes.items() if name != "SUSPECT"], axis=0)
    return good


def _bad(result: IsrResult) -> NDArray[np.bool_]:
    bad: NDArray[np.bool_] = np.any([result.planes[name] for name in ("BAD", "SATURATED", "BLEED")], axis=0)
    return bad


def _pull(size: int) -> Value:
    scene, result = _scene(size)
    return measures.measure_pull(result.image, result.variance, scene.light, good=_good(result))


def _residuals(size: int) -> Value:
    scene, result = _scene(size)
    sections = [item.detector.slices for item in scene.geometry.amplifiers]
    return measures.measure_residuals(result.image, result.variance, scene.light, good=_good(result), sections=sections)


@lru_cache(maxsize=4)
def _rays(size: int, density: float) -> tuple[Value, Value, Value]:
    """Return recall, precision and star damage, on an image to which the rays were added where we know them."""
    scene, _ = _scene(size, density)
    rng, camera = np.random.default_rng(4), scene.config.camera
    rays = draw_cosmic_rays(scene.light.shape, rng, mean_number=30.0 * (size / 1024.0) ** 2).charge
    counts = np.minimum(rng.poisson(scene.light) + rays, camera.full_well)
    image = (counts + camera.read_noise * rng.standard_normal(counts.shape)).astype(np.float32)
    variance = (np.maximum(image, 0.0) + camera.read_noise**2).astype(np.float32)
    bad = binary_dilation(counts >= 0.98 * camera.full_well, iterations=2)
    found = find_cosmic_rays(image, variance, fwhm=_sharpest(scene), exclude=bad)
    pair = measures.measure_cosmic_rays(found.mask, rays, exclude=bad, noise=scene.noise)
    damage = measures.measure_star_damage(
        found.mask, scene.light, rays=rays, exclude=bad, sky=scene.visit.sky_level, noise=scene.noise
    )
    return *pair, damage


def _trails(size: int) -> tuple[Value, Value]:
    scene, result = _scene(size, satellites=1.0)
    return measures.measure_trails(result.planes["STREAK"], scene.trails, noise=scene.noise, exclude=_bad(result))


def _ghosts(size: int) -> Value:
    config = scene_config(size, ghosts=(_GHOST,)).model_copy(
        update={"sky": SkyConfig(star_density=1.0, star_magnitudes=(6.0, 12.0), galaxy_density=0.0)}
    )
    sky, visit = make_sky(config), plan_visits(config)[0]
    light = np.zeros((size, size))
    add_ghosts(light, ghosts_on_detector(sky, visit, 0, config=config))
    stars = sky[np.asarray(sky["kind"]) != "galaxy"]
    electrons = fluxes_at(stars, visit.band, visit.mjd_middle) * 10.0 ** (0.4 * (visit.zero_point - 31.4))
    places = visit.true_wcs(config, 0).wcs_world2pix(positions_at(stars, visit.mjd_middle), 0)
    # The light is 10 % off, the geometry a percent: up to 6 pixels, which the mask is told.
    rows = np.array([[-0.606, 121.0, 0.5, 1.1 * _GHOST.intensity, 0.3, 0.0, 0.0, _GHOST.decentre]])
    rings = ghost_rings(np.column_stack([places, electrons]), rows, centre=config.camera.geometry.boresight(0))
    noise, scale = float(np.sqrt(visit.sky_level + 49.0)), config.camera.pixel_scale
    found = mask_ghosts(rings, (size, size), noise=noise, pixel_scale=scale, slack=6.0)
    return measures.measure_ghosts(found.mask, light, noise=noise, pixel_scale=scale)


@lru_cache(maxsize=1)
def _brighter_fatter() -> tuple[Value, Value, Value]:
    kernel, half = brighter_fatter_kernel(2.5e-6), 65000.0
    y, x = np.mgrid[:65, :65]
    peaks, rows, flux = np.linspace(2000.0, 1.6 * half, 8), [], 0.0
    for peak in peaks:
        traces = np.zeros(3)
        for dx, dy in ((0.0, 0.0), (0.4, 0.2), (-0.3, 0.45)):
            star = 900.0 + peak * np.exp(-0.5 * ((x - 32 - dx) ** 2 + (y - 32 - dy) ** 2) / 1.4**2)
            seen = brighter_fatter(star, kernel).astype(np.float32)
            after = correct_brighter_fatter(seen, kernel).image
            aperture = np.hypot(x - 32, y - 32) < 12.0
            change = (after.astype(float)[aperture] - star[aperture]).sum() / (star[aperture] - 900.0).sum()
            flux = max(flux, abs(float(change)))
            traces += [
                measures.weighted_trace(image, x=32 + dx, y=32 + dy, sigma=4.0, sky=900.0)
                for image in (star, seen, after)
            ]
        rows.append(traces / 3.0)
    table = np.array(rows)
    removed, left = measures.measure_brighter_fatter(peaks, *table.T, half_well=half)
    return removed, left, Value(100.0 * flux, "largest change of the flux in 12 pixels against the truth")


def _charge_transfer(size: int) -> Value:
    rng = np.random.default_rng(2)
    truth = rng.poisson(1000.0, (200, 512)).astype(float)
    truth[:, rng.integers(0, 512, 40)] += 60000.0
    read = transfer(np.pad(truth, ((0, 0), (10, 32))), inefficiency=1e-5, trap_time=0.7, register=522)[:, 10:522]
    return measures.measure_charge_transfer(read, restore_rows(read.astype(np.float32), 1e-5, 0.7, 10), truth)


def _crosstalk(size: int) -> Value:
    """Return what is left at the victims of stars above a tenth of saturation, with coefficients known to a percent."""
    rng = np.random.default_rng(3)
    matrix = crosstalk_matrix(8, 2, nearest=2e-4, rng=rng)
    v, u = np.mgrid[-6:7, -6:7]
    psf = np.exp(-0.5 * (u**2 + v**2) / 1.4**2)
    signals = np.zeros((16, 300, 300))
    places = np.column_stack([rng.integers(0, 16, 60), rng.integers(10, 290, 60), rng.integers(10, 290, 60)])
    for amplifier, row, column in places:
        peak = rng.uniform(0.1, 0.98) * 81250.0
        signals[amplifier, row - 6 : row + 7, column - 6 : column + 7] += np.minimum(peak, 81250.0) * psf
    observed = add_crosstalk(signals, signals, matrix)
    known = matrix * (1.0 + 0.01 * rng.standard_normal(matrix.shape))
    residual = correct_crosstalk(observed.astype(np.float32), known) - signals
    variance = np.full(signals.shape, (900.0 + 49.0) / 1.6**2)
    return measures.measure_crosstalk(residual, variance, aggressors=places, psf=psf / psf.sum())


def _fringe(size: int) -> Value:
    scene, result = _scene(size, band="z")
    true = scene.config.sensor.fringing["z"] * scene.visit.sky_level
    fit = result.fringe
    if fit is None:
        return Value(float("nan"), "no fringe was fitted")
    note = f"amplitude {fit.amplitude:.3f} +- {fit.error:.3f} electrons, true {true:.3f}"
    return Value(100.0 * abs(fit.amplitude - true) / true, note)


def _stream(size: int) -> Value:
    scene, _ = _scene(size)
    matrix, geometry = scene.properties.amplifiers.crosstalk, scene.geometry
    whole = np.stack(split(read_detector(scene.segments, geometry, crosstalk=matrix).image, geometry))
    streamed, start = np.full_like(whole, np.nan), time.process_time()
    blocks = ([item[k : k + 37] for item in scene.segments] for k in range(0, scene.segments[0].shape[0], 37))
    for rows in stream_corrected_rows(blocks, geometry, matrix):
        streamed[:, rows.first : rows.first + rows.data.shape[1]] = rows.data
    differ = int(np.count_nonzero(whole.view(np.uint32) != streamed.view(np.uint32)))
    return Value(float(differ), f"{whole.size} pixels in blocks of 37 rows, {time.process_time() - start:.2f} CPU s")


@lru_cache(maxsize=1)
def _speed(size: int) -> tuple[Value, Value, Value]:
    scene, _ = _scene(size)
    known = perfect_calibrations(scene)
    settings = IsrSettings(steps=frozenset(STEPS) - {"brighterFatter", "chargeTransfer"})
    result = remove_signature(scene.segments, scene.geometry, known, settings=settings, dark_time=scene.dark_time)
    chain = _least(
        lambda: remove_signature(scene.segments, scene.geometry, known, settings=settings, dark_time=scene.dark_time)
    )
    rays = _least(lambda: find_cosmic_rays(result.image, result.variance, fwhm=3.0))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    note = f"{size} x {size}, all steps but brighter-fatter and charge transfer, least of three"
    peak = "peak of the whole process, the simulation of the raw included"
    return Value(chain, note), Value(rays, f"{size} x {size}, least of three"), Value(memory, peak)


def _least(function: Callable[[], object]) -> float:
    spent = []
    for _ in range(3):
        start = time.process_time()
        function()
        spent.append(time.process_time() - start)
    return min(spent)


ISR_MEASURES: dict[str, Callable[[int], Value]] = {
    "isr_pull_width": _pull,
    "isr_mean_residual": _residuals,
    "cosmic_ray_recall": lambda size: _rays(size, 20.0)[0],
    "cosmic_ray_precision": lambda size: _rays(size, 20.0)[1],
    "cosmic_ray_stars": lambda size: _rays(size, 20.0)[2],
    "crowded_cosmic_ray_recall": lambda size: _rays(size, _CROWDED)[0],
    "crowded_cosmic_ray_precision": lambda size: _rays(size, _CROWDED)[1],
    "crowded_cosmic_ray_stars": lambda size: _rays(size, _CROWDED)[2],
    "streak_masked": lambda size: _trails(size)[0],
    "streak_clean": lambda size: _trails(size)[1],
    "ghost_unmasked": _ghosts,
    "brighter_fatter_removed": lambda size: _brighter_fatter()[0],
    "brighter_fatter_left": lambda size: _brighter_fatter()[1],
    "brighter_fatter_flux": lambda size: _brighter_fatter()[2],
    "charge_transfer_left": _charge_transfer,
    "crosstalk_left": _crosstalk,
    "fringe_left": _fringe,
    "crosstalk_stream": _stream,
    "isr_seconds": lambda size: _speed(4096)[0],
    "cosmic_ray_seconds": lambda size: _speed(4096)[1],
    "isr_memory": lambda size: _speed(4096)[2],
}
"""Metric of the suite ``isr-calib`` to the function that measures it on a detector of a given side [pixel]."""


def measure_isr_metrics(metrics: list[Metric], *, quick: bool) -> list[Measurement]:
    """Measure those metrics that are in `ISR_MEASURES`.

    Parameters
    ----------
    metrics : list of Metric
        Metrics of the suite.
    quick : bool
        On detectors of 1024 pixels, else of 2048; speed is always that of 4096.
    """
    found = []
    for metric in metrics:
        if metric.name in ISR_MEASURES:
            with measure(metric) as recorder:
                recorder.value = ISR_MEASURES[metric.name](1024 if quick else 2048)
            found.append(recorder.measurement)
    return found
