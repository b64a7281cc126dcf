"""The suite ``simulation``: what simulated frames show of what was put in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from uraniborg.acceptance import simulated_camera as camera
from uraniborg.acceptance import simulated_sky as sky
from uraniborg.sim.camera.honesty import PhotonTransfer, SpotGrowth, measure_photon_transfer, measure_spot_growth
from uraniborg.sim.config import load_config
from uraniborg.verify.metrics import Measurement, Metric, Value, measure

__all__ = ("SimulationMeasures", "measure_simulation")


class SimulationMeasures:
    """What the suite measures; what several promises share is made once.

    Parameters
    ----------
    folder : pathlib.Path
        For files.
    data : pathlib.Path
        Folder of real data.
    quick : bool
        Fewer exposures.
    """

    def __init__(self, folder: Path, *, data: Path, quick: bool) -> None:
        self.folder, self.data, self.quick = folder, data, quick
        self.transfer = cache(self._transfer)
        self.spots = cache(self._spots)
        self.stars = cache(lambda: camera.measure_stars_on_raws(visits=4 if quick else 16))
        self.shapes = cache(lambda: sky.psf_statistics(exposures=100 if quick else 1000))
        self.shifts = cache(sky.refraction_shifts)
        self.counts = cache(sky.number_counts)

    @property
    def functions(self) -> dict[str, Callable[[], Value]]:
        """Name of a promise to the function that measures it."""
        return {
            "gain_error": lambda: _worst(self.transfer().gain, self.transfer().true_gain, self.transfer().gain_error),
            "read_noise_error": lambda: _worst(
                self.transfer().noise, self.transfer().true_noise, self.transfer().noise_error
            ),
            "brighter_fatter_flats": lambda: _slope(self.transfer()),
            "brighter_fatter_spots": lambda: _growth(self.spots()),
            "star_flux": lambda: sky.star_flux(number=25 if self.quick else 100),
            "raw_star_flux": lambda: self.stars().flux(),
            "seeing": lambda: sky.seeing(self.shapes()),
            "ellipticity_correlation": lambda: sky.correlation(self.shapes()),
            "refraction": lambda: Value(self.shifts().worst, f"{len(self.shifts().measured)} shifts in six bands"),
            "galaxy_counts": lambda: sky.galaxy_counts(self.counts()),
            "star_counts": lambda: sky.star_counts(self.counts()),
            "moving_objects": lambda: sky.moving_objects(both_ends=not self.quick),
            "one_sky": lambda: self.stars().neighbours()[0],
            "one_sky_flux": lambda: self.stars().neighbours()[1],
            "headers": lambda: camera.measure_headers(self.folder / "headers", self.data),
            "identical_files": lambda: camera.measure_identity(self.folder / "identity"),
            "raw_seconds": lambda: camera.measure_raw_speed(self.folder / "speed"),
            "lsstcam_memory": lambda: camera.measure_large_board(self.folder / "board"),
        }

    def _transfer(self) -> PhotonTransfer:
        return measure_photon_transfer(load_config("calib"))

    def _spots(self) -> SpotGrowth:
        return measure_spot_growth(load_config("calib"), repeats=1 if self.quick else 4)


def measure_simulation(
    metrics: Sequence[Metric], folder: Path, *, quick: bool, data: Path
) -> tuple[list[Measurement], SimulationMeasures]:
    """Measure the promises of the suite.

    Parameters
    ----------
    metrics : sequence of Metric
        The promises.
    folder : pathlib.Path
        For files.
    quick : bool
        Fewer exposures.
    data : pathlib.Path
        Folder of real data; may be absent.

    Returns
    -------
    list of Measurement
        In the order of the promises.
    SimulationMeasures
        What they were made from, for pictures.
    """
    measures = SimulationMeasures(folder, data=data, quick=quick)
    found = []
    for metric in metrics:
        with measure(metric) as recorder:
            recorder.value = measures.functions[metric.name]()
        found.append(recorder.measurement)
    return found, measures


def _worst(found: np.ndarray, true: np.ndarray, error: np.ndarray) -> Value:
    deviation = 100.0 * (found / true - 1.0)
    worst = int(np.abs(deviation).argmax())
    note = f"{len(true)} amplifiers, worst {deviation[worst]:+.3f} +- {100 * error[worst] / true[worst]:.3f} %"
    return Value(float(abs(deviation[worst])), f"{note}, mean {deviation.mean():+.3f} %")


def _slope(found: PhotonTransfer) -> Value:
    ratio = found.slope / found.true_slope
    error = float(np.sqrt(np.mean(found.slope_error**2) / len(ratio))) / found.true_slope
    deviation = 100.0 * (float(ratio.mean()) - 1.0)
    return Value(abs(deviation), f"{found.true_slope:.2e} for each electron, {deviation:+.2f} +- {100 * error:.2f} %")


def _growth(found: SpotGrowth) -> Value:
    ratio, error = found.slope_ratio
    grown = 100.0 * (found.size[-1] / found.size[0] - 1.0)
    note = f"{grown:.2f} % at {found.peak[-1]:.0f} electrons, {100 * (ratio - 1):+.2f} +- {100 * error:.2f} % of it"
    return Value(abs(100.0 * (ratio - 1.0)), note)
