"""The calibration sequence: biases, darks, and flats in pairs at a ramp of levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.time import Time

from uraniborg.core.errors import UserError
from uraniborg.instruments.simcam.headers import SimCamExposure
from uraniborg.sim.config import SimConfig

__all__ = ("CalibrationExposure", "plan_calibrations")

_OVERHEAD = 20.0  # between two exposures [s]
_MOST = 999  # exposures of a night


@dataclass(frozen=True, slots=True)
class CalibrationExposure:
    """One exposure that does not see the sky.

    Attributes
    ----------
    header : SimCamExposure
        As its headers tell it, kind and times included.
    light : float [electron]
        Expected light in a pixel of response one.
    """

    header: SimCamExposure
    light: float


def plan_calibrations(config: SimConfig) -> tuple[CalibrationExposure, ...]:
    """Return the calibration exposures of a survey in order of time.

    Parameters
    ----------
    config : SimConfig
        The survey. The sequence starts a day before ``observing.first_mjd``; exposures are numbered like visits.

    Raises
    ------
    UserError
        If there are more exposures than numbers for a night, or if the sequence runs over the end of its night.
    """
    plan = config.calibration
    flats = [(level, level / plan.flat_flux) for level in plan.flat_levels for _ in range(2)]
    steps = [("bias", 0.0, 0.0)] * plan.biases + [("dark", 0.0, plan.dark_time)] * plan.darks
    steps += [("flat", level, seconds) for level, seconds in flats]
    if len(steps) > _MOST:
        raise UserError(f"{len(steps)} calibration exposures are more than a night has numbers for ({_MOST})")
    length = sum(seconds + _OVERHEAD for _, _, seconds in steps) / 86400.0
    begin = config.observing.first_mjd - 1.0
    end_of_night = np.floor(begin - 0.5) + 1.5
    if begin + length > end_of_night:
        raise UserError(f"the calibration sequence takes {length * 24:.1f} h and runs over the end of its night")
    day = int(Time(begin - 0.5, format="mjd", scale="tai").strftime("%y%m%d"))
    exposures = []
    for number, (kind, light, seconds) in enumerate(steps, start=1):
        header = SimCamExposure(
            exposure=day * 1000 + number,
            physical_filter=f"{plan.flat_band}_sim",
            ra=0.0,
            dec=0.0,
            mjd_begin=begin,
            exposure_time=seconds,
            field=kind,
            seed=config.seed,
            observation_type=kind,
        )
        exposures.append(CalibrationExposure(header, light))
        begin += (seconds + _OVERHEAD) / 86400.0
    return tuple(exposures)
