"""What simulated raw frames show of the camera and of the sky behind it, for the suite ``simulation``."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astro_metadata_translator import ObservationInfo
from astropy.io import fits
from numpy.typing import NDArray

from uraniborg.acceptance.stages import peak_memory, profile_stages, reset_peak_memory
from uraniborg.core.random import random_stream
from uraniborg.instruments.base import merged_header
from uraniborg.instruments.observation_checks import observation_faults
from uraniborg.instruments.simcam import SimCam
from uraniborg.sim.camera.config import CalibrationConfig, ElectronicsConfig, GhostConfig
from uraniborg.sim.camera.effects_charge import bleed, brighter_fatter
from uraniborg.sim.camera.ghosts import add_ghosts
from uraniborg.sim.camera.honesty import reduce_with_truth
from uraniborg.sim.camera.readout import amplifier_signals, collect_charge, read_out
from uraniborg.sim.config import CameraConfig, ObservingConfig, SimConfig, SkyConfig, load_config
from uraniborg.sim.exposure import expected_image
from uraniborg.sim.observing import Visit, plan_visits
from uraniborg.sim.psf import add_point_sources
from uraniborg.sim.raw_exposure import detector_properties, expose_board, expose_visit
from uraniborg.sim.raw_writer import write_raw_file
from uraniborg.sim.scene import Scene, make_scene
from uraniborg.sim.sky import make_sky
from uraniborg.sim.writer import simulate_field
from uraniborg.verify.metrics import Value

__all__ = (
    "StarsOnRaws",
    "every_kind",
    "measure_headers",
    "measure_identity",
    "measure_large_board",
    "measure_raw_speed",
    "measure_stars_on_raws",
)

_RADIUS_IN_FWHM = 2.5
_ISOLATION = 3.5  # in radii of the aperture


def every_kind() -> SimConfig:
    """Return a small survey of two detectors with every effect and every kind of exposure."""
    return SimConfig(
        name="every-kind",
        raw=True,
        sky=SkyConfig(n_transients=2, n_variables=2, star_magnitudes=(14.0, 22.0)),
        camera=CameraConfig(columns=2, width=192, height=160, cosmic_rays=3, bad_columns=1),
        observing=ObservingConfig(nights=(0.0,), bands=("r", "y"), dither=2.0),
        electronics=ElectronicsConfig(columns=2, rows=2, board=2, board_crosstalk=1e-4),
        calibration=CalibrationConfig(
            biases=2, darks=1, flat_levels=(1e4,), flats=1, sky_bands=("y",), skies=1, wavelengths=(500.0, 980.0),
            spot_levels=(5e4,),
        ),
        ghosts=(GhostConfig(intensity=1e-3, radius=40.0, faintest=0.05),),
    )  # fmt: skip


def measure_headers(folder: Path, data: Path) -> Value:
    """Return the share of simulated raws with flawless headers [%], and how real ones do.

    Parameters
    ----------
    folder : pathlib.Path
        Where a survey is made, or is already.
    data : pathlib.Path
        Folder of real data; may be absent.
    """
    field = simulate_field(every_kind(), folder)
    faults = []
    for path in (*field.raws, *field.images):
        with fits.open(path) as hdus:
            header = merged_header(hdus[0].header, hdus[1].header)
        faults += [f"{path.name}: {fault}" for fault in observation_faults(SimCam().observation_info(header))]
    kinds = sorted(set(field.truth("raws")["observationType"]))
    n = len(field.raws) + len(field.images)
    bad = len({fault.partition(":")[0] for fault in faults})
    note = f"{n} files: {', '.join(kinds)}" + "".join(f"; {fault}" for fault in faults[:3])
    real = _real_headers(data / "raw" / "headers_many_cameras")
    note += f"; real headers that pass the same checks: {real}" if real else "; no real headers at hand"
    return Value(100.0 * (n - bad) / n, note, {"faults": faults})


def _real_headers(folder: Path) -> str:
    from astro_metadata_translator.tests import read_test_file

    counts: dict[str, list[int]] = {}
    for path in sorted(folder.glob("fitsheader-*.yaml")):
        if "sdss" in path.name:  # its translator asks the network for the site
            continue
        info = ObservationInfo(read_test_file(str(path)), filename=str(path), quiet=True)
        entry = counts.setdefault(str(info.instrument), [0, 0])
        entry[0] += not observation_faults(info)
        entry[1] += 1
    return ", ".join(f"{name} {passed} of {number}" for name, (passed, number) in counts.items())


def measure_identity(folder: Path) -> Value:
    """Return how many files of a survey differ between one and two processes."""
    config = every_kind()
    one, two = (_digests(simulate_field(config, folder / f"jobs{jobs}", jobs=jobs).root) for jobs in (1, 2))
    different = sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
    return Value(float(len(different)), f"{len(one)} files" + "".join(f"; {name}" for name in different[:5]))


def _digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@dataclass(frozen=True, slots=True)
class StarsOnRaws:
    """Bright, isolated stars on raws of two neighbouring detectors in several visits.

    Attributes
    ----------
    truth_id, detector, visit : (n,) int
        Star, detector, visit.
    ratio : (n,) float []
        Measured over expected electrons.
    position : (n, 2) float [deg]
        Measured position.
    """

    truth_id: NDArray[np.int64]
    detector: NDArray[np.int64]
    visit: NDArray[np.int64]
    ratio: NDArray[np.float64]
    position: NDArray[np.float64]

    def flux(self) -> Value:
        """Return the median deviation of fluxes [%]."""
        deviation = 100.0 * (self.ratio - 1.0)
        error = 1.25 * deviation.std() / np.sqrt(len(deviation))
        median = float(np.median(deviation))
        return Value(abs(median), f"{len(deviation)} fluxes, median {median:+.3f} +- {error:.3f} %")

    def neighbours(self) -> tuple[Value, Value]:
        """Return mean differences between the detectors: positions, worse axis [mas], and fluxes [%]."""
        shifts, ratios = [], []
        for star in np.unique(self.truth_id):
            mine = self.truth_id == star
            sides = [mine & (self.detector == k) for k in (0, 1)]
            if not (sides[0].any() and sides[1].any()):
                continue
            first, second = (self.position[side].mean(axis=0) for side in sides)
            step = (second - first) * 3.6e6
            shifts.append((step[0] * np.cos(np.deg2rad(first[1])), step[1]))
            ratios.append(np.median(self.ratio[sides[1]]) / np.median(self.ratio[sides[0]]))
        moved, n = np.array(shifts), len(shifts)
        error = moved.std(axis=0) / np.sqrt(n)
        mean = moved.mean(axis=0)
        flux = float(np.median(ratios) - 1.0)
        axes = f"{mean[0]:+.2f} +- {error[0]:.2f} and {mean[1]:+.2f} +- {error[1]:.2f} mas"
        spread = 125.0 * np.std(ratios) / np.sqrt(n)
        return (
            Value(float(np.abs(mean).max()), f"{n} stars on both detectors, {axes}"),
            Value(abs(100.0 * flux), f"{n} stars on both detectors, {100 * flux:+.3f} +- {spread:.3f} %"),
        )


def measure_stars_on_raws(*, visits: int = 6) -> StarsOnRaws:
    """Return what is measured of bright stars on raws, with shifts so large that stars change the detector.

    Parameters
    ----------
    visits : int
        Number of visits.
    """
    config = SimConfig(
        name="neighbours",
        raw=True,
        sky=SkyConfig(
            n_transients=0, n_variables=0, star_density=25.0, star_magnitudes=(15.5, 20.0), galaxy_density=1.0
        ),
        camera=CameraConfig(columns=2, width=600, height=600, gap=20, cosmic_rays=5),
        observing=ObservingConfig(nights=tuple(float(k) for k in range(visits)), bands=("r",), dither=60.0),
        electronics=ElectronicsConfig(columns=4, rows=2),
    )  # fmt: skip
    sky = make_sky(config)
    rows = [
        row
        for visit in plan_visits(config)
        for detector in (0, 1)
        for row in _measure_stars(
            reduce_with_truth(expose_visit(sky, visit, detector, config=config), config=config),
            make_scene(sky, visit, detector, config=config),
            visit,
            detector,
            config,
        )
    ]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return StarsOnRaws(*columns)


def _measure_stars(
    image: NDArray[np.float64], scene: Scene, visit: Visit, detector: int, config: SimConfig
) -> list[tuple[int, int, int, float, NDArray[np.float64]]]:
    """Return star, detector, visit, flux ratio and position of bright stars with nothing bright beside them."""
    sources, radius = scene.sources, _RADIUS_IN_FWHM * scene.effective_fwhm
    places, electrons = sources.positions, sources.electrons
    height, width = image.shape
    peak = electrons / scene.effective_fwhm**2
    margin = 2.0 * radius
    inside = np.all((places > margin) & (places < np.array([width, height]) - margin), axis=1)
    wanted = np.flatnonzero(
        (sources.kind == "star") & (electrons > 5e4) & (peak < 0.7 * config.camera.full_well) & inside
    )
    target = visit.projection(config, detector)
    found = []
    for k in wanted.tolist():
        distance = np.hypot(*(places - places[k]).T)
        distance[k] = np.inf
        if np.any((distance < _ISOLATION * radius) & (electrons > 1e-3 * electrons[k])):
            continue
        half = int(np.ceil(radius)) + 2
        x, y = np.round(places[k]).astype(int)
        box = (slice(y - half, y + half + 1), slice(x - half, x + half + 1))
        alone = _star_alone(scene, k, image.shape)[box]
        light = image[box] - (scene.mean[box] - alone)
        v, u = np.mgrid[box[0], box[1]]
        aperture = np.clip(radius + 0.5 - np.hypot(v - places[k, 1], u - places[k, 0]), 0.0, 1.0)
        surplus = np.abs(light - alone) > 8.0 * np.sqrt(np.maximum(scene.mean[box], 1.0)) + 0.15 * alone
        if not np.all(np.isfinite(light)) or surplus.any():  # dead pixels, cosmic rays
            continue
        ratio = float(np.sum(aperture * light) / np.sum(aperture * alone))
        x_found, y_found = places[k] + _fitted_shift(light / ratio, alone)
        ra, dec = target.to_sky(np.array([x_found]), np.array([y_found]))[0]
        found.append((int(sources.truth_id[k]), detector, visit.visit, ratio, np.array([ra, dec])))
    return found


def _star_alone(scene: Scene, k: int, shape: tuple[int, int]) -> NDArray[np.float64]:
    sources, one = scene.sources, slice(k, k + 1)
    radii = np.array([scene.stamps.radius])
    terms = sources.terms[one] if sources.terms.size else None
    return add_point_sources(
        np.zeros(shape), sources.reference[one], sources.electrons[one], stamps=scene.stamps, radii=radii, terms=terms
    )


def _fitted_shift(light: NDArray[np.float64], model: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much light is shifted against a model (x, y) [pixel], by least squares with its slopes."""
    slope_y, slope_x = np.gradient(model)
    design = np.column_stack([-slope_x.ravel(), -slope_y.ravel()])
    return np.asarray(np.linalg.lstsq(design, (light - model).ravel(), rcond=None)[0])


def measure_raw_speed(folder: Path, *, size: int = 4096) -> Value:
    """Return CPU seconds of one raw with its file, by stage, and what the same numbers and bytes cost alone.

    Parameters
    ----------
    folder : pathlib.Path
        Where files are written.
    size : int [pixel]
        Side of the detector; 4096 gives 10,000 sources.
    """
    folder.mkdir(parents=True, exist_ok=True)
    once = ObservingConfig(nights=(0.0,), bands=("r",))
    small = SimConfig(camera=CameraConfig(width=256, height=256), observing=once)
    write_raw_file(folder / "small.fits", expose_visit(make_sky(small), plan_visits(small)[0], 0, config=small))
    config = SimConfig(
        sky=SkyConfig(star_density=15.0, galaxy_density=18.0),
        camera=CameraConfig(width=size, height=size, cosmic_rays=300.0 * (size / 4096) ** 2),
        observing=once,
    )
    sky, visit = make_sky(config), plan_visits(config)[0]
    start = time.process_time()
    detector_properties(config, 0)
    prepared = time.process_time() - start
    stages: dict[str, Sequence[Callable[..., Any]]] = {
        "light": (expected_image, add_ghosts),
        "charge": (collect_charge,),
        "amplifiers": (amplifier_signals,),
        "read-out": (read_out,),
        "file": (write_raw_file,),
    }
    with profile_stages(stages) as profile:
        write_raw_file(folder / "large.fits", expose_visit(sky, visit, 0, config=config))
    alone = _cost_alone(expected_image(sky, visit, 0, config=config), config, folder / "bytes")
    spent = {name: round(stage.seconds, 2) for name, stage in profile.stages.items()}
    peak = max(stage.peak_memory for stage in profile.stages.values())
    note = ", ".join(f"{name} {seconds:.2f}" for name, seconds in spent.items())
    note += f" CPU s for {len(sky)} sources, {peak:.0f} MiB; once for each detector {prepared:.2f}. Alone: "
    note += ", ".join(f"{name} {seconds:.2f}" for name, seconds in alone.items())
    details = {"stages": spent, "alone": alone, "once": prepared, "peak_memory_mib": peak, "n_sources": len(sky)}
    return Value(profile.total_seconds, note, details)


def _cost_alone(mean: NDArray[np.float64], config: SimConfig, path: Path) -> dict[str, float]:
    """Return CPU seconds of single steps: drawing the photons and the read noise, moving charge, writing the bytes."""
    rng = random_stream(1, "cost")
    kernel = detector_properties(config, 0).kernel
    shape = config.electronics.layout(config.camera.width, config.camera.height)
    pixels = np.zeros((shape.n_amplifiers, *shape.segment_shape), dtype=np.int32)
    steps: dict[str, Callable[[], object]] = {
        "photons": lambda: rng.poisson(mean),
        "read noise": lambda: rng.standard_normal(pixels.shape),
        "brighter-fatter": lambda: brighter_fatter(mean, kernel),
        "bleeding": lambda: bleed(mean, full_well=config.camera.full_well),
        "bytes": lambda: path.write_bytes(pixels.tobytes()),
    }
    found = {}
    for name, step in steps.items():
        start = time.process_time()
        step()
        found[name] = round(time.process_time() - start, 2)
    path.unlink()
    return found


def measure_large_board(folder: Path) -> Value:
    """Return the peak memory [MiB] of making the central board of the survey ``lsstcam``."""
    folder.mkdir(parents=True, exist_ok=True)
    config = load_config("lsstcam")
    sky, visit = make_sky(config), plan_visits(config)[0]
    board = config.camera.geometry.board(94, config.electronics.board)
    reset_peak_memory()
    start = time.process_time()
    exposures = expose_board(visit, board, config=config, sky=sky)
    for exposure in exposures:
        write_raw_file(folder / f"{exposure.detector}.fits", exposure)
    seconds = time.process_time() - start
    ghosts = sum(len(exposure.ghosts) for exposure in exposures)
    n_files = config.camera.geometry.n_detectors
    note = f"detectors {board} of {n_files}, {len(sky)} sources in the field, {ghosts} ghosts, {seconds:.0f} CPU s"
    return Value(peak_memory(), note, {"cpu_seconds": seconds})
