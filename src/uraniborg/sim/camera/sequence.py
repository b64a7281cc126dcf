"""The calibration sequence: biases, darks, flats, light of one wavelength, spots, and exposures of the night sky."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from astropy.time import Time

from uraniborg.core.errors import UserError
from uraniborg.instruments.simcam.headers import SimCamExposure
from uraniborg.sim.config import SimConfig
from uraniborg.sim.observing import Visit, plan_visits

__all__ = ("CalibrationExposure", "plan_calibrations", "sky_calibration_config")

_OVERHEAD = 20.0  # between two exposures [s]
_MOST = 999  # exposures of a night
_ELSEWHERE = 20.0  # right ascension of the field of sky exposures, from that of the survey [deg]


@dataclass(frozen=True, slots=True)
class CalibrationExposure:
    """One exposure of the calibration sequence.

    Attributes
    ----------
    header : SimCamExposure
        As its headers tell it, kind and times included.
    light : float [electron]
        Light of the lamp in a pixel of response one.
    amplifier : int or None
        The only amplifier that gets light, in spots; None if all do.
    visit : Visit or None
        The visit that an exposure of the night sky is like.
    """

    header: SimCamExposure
    light: float
    amplifier: int | None = None
    visit: Visit | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """One exposure with a lamp, before it has its time."""

    kind: str
    band: str
    light: float = 0.0
    seconds: float = 0.0
    wavelength: float | None = None
    amplifier: int | None = None


def plan_calibrations(config: SimConfig) -> tuple[CalibrationExposure, ...]:
    """Return the calibration exposures of a survey in order of time.

    Parameters
    ----------
    config : SimConfig
        The survey. The sequence starts a day before ``observing.first_mjd``; exposures are numbered like visits.
        Exposures of the sky are taken in the nights before that one.

    Raises
    ------
    UserError
        If there are more exposures than numbers for a night, or if the sequence runs over the end of its night.
    """
    steps = list(_steps(config))
    if len(steps) > _MOST:
        raise UserError(f"{len(steps)} calibration exposures are more than a night has numbers for ({_MOST})")
    length = sum(step.seconds + _OVERHEAD for step in steps) / 86400.0
    begin = config.observing.first_mjd - 1.0
    end_of_night = np.floor(begin - 0.5) + 1.5
    if begin + length > end_of_night:
        raise UserError(f"the calibration sequence takes {length * 24:.1f} h and runs over the end of its night")
    day = int(Time(begin - 0.5, format="mjd", scale="tai").strftime("%y%m%d"))
    exposures = list(_sky_exposures(config))
    for number, step in enumerate(steps, start=1):
        header = SimCamExposure(
            exposure=day * 1000 + number,
            physical_filter=f"{step.band}_sim",
            ra=0.0,
            dec=0.0,
            mjd_begin=begin,
            exposure_time=step.seconds,
            field=step.kind,
            seed=config.seed,
            observation_type=step.kind,
            wavelength=step.wavelength,
        )
        exposures.append(CalibrationExposure(header, step.light, step.amplifier))
        begin += (step.seconds + _OVERHEAD) / 86400.0
    return tuple(exposures)


def sky_calibration_config(config: SimConfig) -> SimConfig:
    """Return the survey that the exposures of the night sky come from: another field, large shifts, earlier nights."""
    plan = config.calibration
    return config.model_copy(
        update={
            "sky": config.sky.model_copy(update={"ra": (config.sky.ra + _ELSEWHERE) % 360.0}),
            "observing": config.observing.model_copy(
                update={
                    "bands": plan.sky_bands,
                    "nights": tuple(float(-2 - k) for k in reversed(range(plan.skies))),
                    "dither": plan.sky_shift,
                }
            ),
        }
    )


def _steps(config: SimConfig) -> Iterator[_Step]:
    plan = config.calibration
    band = plan.flat_band
    yield from [_Step("bias", band)] * plan.biases
    yield from [_Step("dark", band, seconds=plan.dark_time)] * plan.darks
    for level in plan.flat_levels:
        yield from [_Step("flat", band, level, level / plan.flat_flux)] * 2
    for other in config.observing.bands if plan.flats else ():
        yield from [_Step("flat", other, plan.flat_level, plan.flat_level / plan.flat_flux)] * plan.flats
    for wavelength in plan.wavelengths:
        seconds = plan.monochromatic_level / plan.flat_flux
        yield _Step("monoflat", band, plan.monochromatic_level, seconds, wavelength=wavelength)
    if plan.spot_levels:
        n_amplifiers = config.electronics.layout(config.camera.width, config.camera.height).n_amplifiers
        for level in plan.spot_levels:
            for k in range(n_amplifiers):
                yield _Step("crosstalk", band, level, level / plan.flat_flux, amplifier=k)


def _sky_exposures(config: SimConfig) -> Iterator[CalibrationExposure]:
    plan = config.calibration
    if not plan.sky_bands or not plan.skies:
        return
    sky_config = sky_calibration_config(config)
    for visit in plan_visits(sky_config):
        header = replace(visit.header_exposure(sky_config), field="sky", observation_type="sky")
        yield CalibrationExposure(header, 0.0, visit=visit)
