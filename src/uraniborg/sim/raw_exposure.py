"""Raw exposures of the detectors of one read-out board: segments, headers, and the truth about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from astropy.io.fits import Header
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.core.errors import UserError
from uraniborg.core.random import random_stream
from uraniborg.instruments.simcam.headers import SimCamExposure
from uraniborg.instruments.simcam.raw_layout import make_raw_headers
from uraniborg.model.tables import conform, empty_table
from uraniborg.sim.camera.ghosts import add_ghosts, ghosts_on_detector
from uraniborg.sim.camera.lamps import calibration_light
from uraniborg.sim.camera.properties import DetectorProperties, make_detector_properties
from uraniborg.sim.camera.readout import CollectedImage, amplifier_signals, collect_charge, read_out
from uraniborg.sim.camera.sequence import CalibrationExposure, sky_calibration_config
from uraniborg.sim.config import SimConfig
from uraniborg.sim.exposure import expected_image
from uraniborg.sim.observing import Visit

__all__ = ("RawExposure", "board_of", "detector_properties", "expose_board", "expose_calibration", "expose_light", "expose_visit")


@dataclass(frozen=True, slots=True)
class RawExposure:
    """What goes into one raw file.

    Attributes
    ----------
    detector : int
        Number of the detector.
    segments : (n, my, mx) uint16 or int32 [adu]
        Pixels of all amplifiers, in order of read-out.
    primary : astropy.io.fits.Header
        Primary header.
    headers : tuple of astropy.io.fits.Header
        Header of each segment.
    truth : astropy.table.Table
        Declared as ``TruthRaw``: one row.
    ghosts : astropy.table.Table
        Declared as ``TruthGhost``.
    """

    detector: int
    segments: NDArray[np.int32] | NDArray[np.uint16]
    primary: Header
    headers: tuple[Header, ...]
    truth: Table
    ghosts: Table


@dataclass(frozen=True, slots=True)
class _Light:
    """Expected light on a detector of response one [electron], and the ghosts in it."""

    image: NDArray[np.float64]
    ghosts: Table


_REMEMBERED: dict[tuple[str, int], DetectorProperties] = {}


def board_of(config: SimConfig, detector: int) -> tuple[int, ...]:
    """Return the detectors that have to be read out together, because one can be seen in the other."""
    if config.electronics.board_crosstalk == 0.0:
        return (detector,)
    return config.camera.geometry.board(detector, config.electronics.board)


def expose_calibration(
    calibration: CalibrationExposure, detector: int, *, config: SimConfig, sky: Table | None = None
) -> RawExposure:
    """Return a raw calibration exposure of one detector.

    Parameters
    ----------
    calibration : CalibrationExposure
        One of `plan_calibrations`.
    detector : int
        Number of the detector.
    config : SimConfig
        The survey; its seed, exposure and detector determine every random number.
    sky : astropy.table.Table, optional
        Declared as ``TruthSource``: that of `sky_calibration_config`, for exposures of the night sky.

    Returns
    -------
    RawExposure
    """
    return expose_board(calibration, (detector,), config=config, sky=sky)[0]


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
        The survey. The expected light is that of the reduced path, with ghosts and fringes; noise and cosmic rays are
        drawn anew.

    Returns
    -------
    RawExposure
    """
    return expose_board(visit, (detector,), config=config, sky=sky)[0]


def expose_board(
    what: CalibrationExposure | Visit, detectors: Sequence[int], *, config: SimConfig, sky: Table | None = None
) -> tuple[RawExposure, ...]:
    """Return the raw exposures of several detectors that share a board; light is drawn once for each of its detectors.

    Parameters
    ----------
    what : CalibrationExposure or Visit
        What is exposed.
    detectors : sequence of int
        Detectors, all of one `board_of`.
    config : SimConfig
        The survey.
    sky : astropy.table.Table, optional
        Declared as ``TruthSource``; needed by what sees the sky.

    Returns
    -------
    tuple of RawExposure
        One for each detector.
    """
    if isinstance(what, Visit):
        header, amplifier = what.header_exposure(config), None
        light = partial(_visit_light, _needed(sky, what.visit), what, config=config)
    else:
        header, amplifier = what.header, what.amplifier
        if what.visit is None:
            light = partial(_lamp_light, what, config=config)
        else:
            sky_config = sky_calibration_config(config)
            light = partial(_visit_light, _needed(sky, header.exposure), what.visit, config=sky_config)
    return _expose(light, header, detectors, config, amplifier=amplifier)


def expose_light(
    light: NDArray[np.float64], header: SimCamExposure, detector: int, *, config: SimConfig
) -> RawExposure:
    """Return the raw exposure of any light, for tests of one effect; detectors that share the board stay dark.

    Parameters
    ----------
    light : (ny, nx) float [electron]
        Expected charge in pixels of response one.
    header : SimCamExposure
        Kind, number and times of the exposure; the number chooses the noise.
    detector : int
        Number of the detector.
    config : SimConfig
        The survey.

    Returns
    -------
    RawExposure
    """
    dark = np.zeros_like(light)
    table = empty_table("TruthGhost")
    return _expose(lambda k: _Light(light if k == detector else dark, table), header, (detector,), config)[0]


def _needed(sky: Table | None, exposure: int) -> Table:
    if sky is None:
        raise UserError(f"exposure {exposure} sees the sky and needs its sources")
    return sky


def detector_properties(config: SimConfig, detector: int) -> DetectorProperties:
    """Return `make_detector_properties`, remembered for the detectors of the board last asked for."""
    sections = (config.camera, config.sensor, config.electronics)
    key = (f"{config.seed} " + " ".join(section.model_dump_json() for section in sections), detector)
    if key not in _REMEMBERED:
        keep = len(board_of(config, detector))
        while len(_REMEMBERED) >= keep:
            del _REMEMBERED[next(iter(_REMEMBERED))]
        _REMEMBERED[key] = make_detector_properties(config, detector)
    return _REMEMBERED[key]


def _lamp_light(calibration: CalibrationExposure, detector: int, *, config: SimConfig) -> _Light:
    return _Light(calibration_light(calibration, detector, config=config), empty_table("TruthGhost"))


def _visit_light(sky: Table, visit: Visit, detector: int, *, config: SimConfig) -> _Light:
    light = expected_image(sky, visit, detector, config=config)
    ghosts = ghosts_on_detector(sky, visit, detector, config=config)
    add_ghosts(light, ghosts)
    amplitude = next((value for band, value in config.sensor.fringing.items() if band == visit.band), 0.0)
    if amplitude:
        light += amplitude * visit.sky_level * detector_properties(config, detector).fringes
    return _Light(light, ghosts)


def _expose(
    light: Callable[[int], _Light],
    header: SimCamExposure,
    detectors: Sequence[int],
    config: SimConfig,
    *,
    amplifier: int | None = None,
) -> tuple[RawExposure, ...]:
    """Collect the charge of all detectors of a board, then read out those that are asked for."""
    board = board_of(config, detectors[0])
    if not set(detectors) <= set(board):
        raise UserError(f"detectors {list(detectors)} are not on one board; detector {detectors[0]} is with {board}")
    signals, truths, ghosts = {}, {}, {}
    for detector in board:
        falling = light(detector)
        collected = _collect(falling.image, header, detector, config)
        signals[detector] = amplifier_signals(
            collected.electrons,
            detector_properties(config, detector),
            sensor=config.sensor,
            full_well=config.camera.full_well,
        )
        ghosts[detector] = falling.ghosts
        truths[detector] = _truth(
            collected,
            header,
            detector,
            {"meanLight": float(falling.image.mean()), "ghosts": len(falling.ghosts), "amplifier": amplifier},
        )
    exposures = []
    for detector in detectors:
        segments = read_out(
            signals[detector],
            detector_properties(config, detector),
            random_stream(config.seed, "raw.read", {"exposure": header.exposure, "detector": detector}),
            electronics=config.electronics,
            neighbours=signals,
        )
        primary, headers = _headers(header, detector, config)
        exposures.append(RawExposure(detector, segments, primary, headers, truths[detector], ghosts[detector]))
    return tuple(exposures)


def _collect(light: NDArray[np.float64], header: SimCamExposure, detector: int, config: SimConfig) -> CollectedImage:
    camera = config.camera
    return collect_charge(
        light,
        detector_properties(config, detector),
        random_stream(config.seed, "raw.charge", {"exposure": header.exposure, "detector": detector}),
        sensor=config.sensor,
        dark_time=_dark_time(header),
        full_well=camera.full_well,
        mean_rays=0.0 if header.observation_type == "bias" else camera.cosmic_rays,
    )


def _headers(header: SimCamExposure, detector: int, config: SimConfig) -> tuple[Header, tuple[Header, ...]]:
    camera = config.camera
    return make_raw_headers(
        header,
        detector,
        geometry=camera.header_geometry,
        layout=config.electronics.layout(camera.width, camera.height),
        gain=camera.gain,
        read_noise=camera.read_noise,
        saturation=camera.full_well / camera.gain,
    )


def _dark_time(header: SimCamExposure) -> float:
    return header.exposure_time if header.dark_time is None else header.dark_time


def _truth(
    collected: CollectedImage, header: SimCamExposure, detector: int, light: Mapping[str, float | int | None]
) -> Table:
    row = {
        "exposure": header.exposure,
        "detector": detector,
        "observationType": header.observation_type,
        "band": header.band,
        "exposureTime": header.exposure_time,
        "darkTime": _dark_time(header),
        "wavelength": np.nan if header.wavelength is None else header.wavelength,
        "amplifier": -1 if light["amplifier"] is None else light["amplifier"],
        "ghosts": light["ghosts"],
        "meanLight": light["meanLight"],
        "cosmicRays": collected.cosmic_rays,
        "cosmicRayCharge": collected.ray_charge,
        "saturatedPixels": int(np.count_nonzero(collected.saturated)),
        "lostCharge": collected.lost,
    }
    return conform(Table({name: [value] for name, value in row.items()}), "TruthRaw")
