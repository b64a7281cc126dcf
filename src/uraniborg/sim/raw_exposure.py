"""One raw exposure of one detector: segments, headers, and the truth about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy.io.fits import Header
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.core.random import random_stream
from uraniborg.instruments.simcam.headers import SimCamExposure
from uraniborg.instruments.simcam.raw_layout import make_raw_headers
from uraniborg.model.tables import conform
from uraniborg.sim.camera.properties import DetectorProperties, make_detector_properties
from uraniborg.sim.camera.readout import CollectedImage, collect_charge, read_out
from uraniborg.sim.camera.sequence import CalibrationExposure
from uraniborg.sim.config import SimConfig
from uraniborg.sim.exposure import expected_image
from uraniborg.sim.observing import Visit

__all__ = ("RawExposure", "detector_properties", "expose_calibration", "expose_visit")


@dataclass(frozen=True, slots=True)
class RawExposure:
    """What goes into one raw file.

    Attributes
    ----------
    segments : (n, my, mx) uint16 or int32 [adu]
        Pixels of all amplifiers, in order of read-out.
    primary : astropy.io.fits.Header
        Primary header.
    headers : tuple of astropy.io.fits.Header
        Header of each segment.
    truth : astropy.table.Table
        Declared as ``TruthRaw``: one row.
    """

    segments: NDArray[np.int32] | NDArray[np.uint16]
    primary: Header
    headers: tuple[Header, ...]
    truth: Table


def expose_calibration(calibration: CalibrationExposure, detector: int, *, config: SimConfig) -> RawExposure:
    """Return a raw calibration exposure of one detector.

    Parameters
    ----------
    calibration : CalibrationExposure
        One of `plan_calibrations`.
    detector : int
        Number of the detector.
    config : SimConfig
        The survey; its seed, exposure and detector determine every random number.

    Returns
    -------
    RawExposure
    """
    light = np.full((config.camera.height, config.camera.width), calibration.light)
    return _expose(light, calibration.header, detector, config)


def expose_visit(sky: Table, visit: Visit, detector: int, *, config: SimConfig) -> RawExposure:
    """Return the raw exposure of one detector of a visit.

    Parameters
    ----------
    sky : astropy.table.Table
        Declared as ``TruthSource``.
    visit : Visit
        The visit.
    detector : int
        Number of the detector.
    config : SimConfig
        The survey. The expected light is that of the reduced path; noise and cosmic rays are drawn anew.

    Returns
    -------
    RawExposure
    """
    light = expected_image(sky, visit, detector, config=config)
    amplitude = next((value for band, value in config.sensor.fringing.items() if band == visit.band), 0.0)
    if amplitude:
        light = light + amplitude * visit.sky_level * detector_properties(config, detector).fringes
    return _expose(light, visit.header_exposure(config), detector, config)


def detector_properties(config: SimConfig, detector: int) -> DetectorProperties:
    """Return `make_detector_properties`, remembered for the last detectors asked for."""
    return _remembered(config.to_yaml(), detector)


@lru_cache(maxsize=2)
def _remembered(text: str, detector: int) -> DetectorProperties:
    return make_detector_properties(SimConfig.from_yaml(text), detector)


def _expose(light: NDArray[np.float64], header: SimCamExposure, detector: int, config: SimConfig) -> RawExposure:
    camera = config.camera
    properties = detector_properties(config, detector)
    key = {"exposure": header.exposure, "detector": detector}
    dark_time = header.exposure_time if header.dark_time is None else header.dark_time
    collected = collect_charge(
        light,
        properties,
        random_stream(config.seed, "raw.charge", key),
        sensor=config.sensor,
        dark_time=dark_time,
        full_well=camera.full_well,
        mean_rays=0.0 if header.observation_type == "bias" else camera.cosmic_rays,
    )
    segments = read_out(
        collected.electrons,
        properties,
        random_stream(config.seed, "raw.read", key),
        sensor=config.sensor,
        electronics=config.electronics,
        full_well=camera.full_well,
    )
    primary, headers = make_raw_headers(
        header,
        detector,
        geometry=camera.geometry,
        layout=properties.layout,
        gain=camera.gain,
        read_noise=camera.read_noise,
        saturation=camera.full_well / camera.gain,
    )
    return RawExposure(segments, primary, headers, _truth(collected, header, detector, float(light.mean())))


def _truth(collected: CollectedImage, header: SimCamExposure, detector: int, light: float) -> Table:
    row = {
        "exposure": header.exposure,
        "detector": detector,
        "observationType": header.observation_type,
        "band": header.band,
        "exposureTime": header.exposure_time,
        "darkTime": header.exposure_time if header.dark_time is None else header.dark_time,
        "meanLight": light,
        "cosmicRays": collected.cosmic_rays,
        "cosmicRayCharge": collected.ray_charge,
        "saturatedPixels": int(np.count_nonzero(collected.saturated)),
        "lostCharge": collected.lost,
    }
    return conform(Table({name: [value] for name, value in row.items()}), "TruthRaw")
