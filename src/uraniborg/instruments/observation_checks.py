"""What the translated header of any camera must hold, so that everything behind the ingest can lean on it."""

from __future__ import annotations

from collections.abc import Iterator

import astropy.units as u
import numpy as np
from astro_metadata_translator import ObservationInfo
from astropy.coordinates import Angle
from astropy.time import Time

__all__ = ("observation_faults",)

_EARLIEST, _LATEST = 47000.0, 88000.0  # 1987 to 2099, MJD
_SLACK = 0.1  # of times [s]
_AIRMASS_SLACK = 0.02


def observation_faults(info: ObservationInfo) -> list[str]:
    """Return what is wrong with a translated header.

    Parameters
    ----------
    info : astro_metadata_translator.ObservationInfo
        Translated by the camera's own translator.

    Returns
    -------
    list of str
        One line for each fault; empty if names, numbers, times, site and (of what sees the sky) position are there,
        agree with each other, and come back from JSON.
    """
    return [*_names(info), *_numbers(info), *_times(info), *_place(info), *_pointing(info), *_stored(info)]


def _names(info: ObservationInfo) -> Iterator[str]:
    for name in ("instrument", "telescope", "observation_id", "observation_type", "physical_filter", "detector_name"):
        value = getattr(info, name)
        if not isinstance(value, str) or not value.strip():
            yield f"{name} is {value!r}, must be a word"
    if isinstance(info.observation_type, str) and info.observation_type != info.observation_type.lower():
        yield f"observation_type is {info.observation_type!r}, must be in lower case"


def _numbers(info: ObservationInfo) -> Iterator[str]:
    for name in ("exposure_id", "visit_id", "detector_num", "detector_exposure_id"):
        value = getattr(info, name)
        if not isinstance(value, int) or value < 0:
            yield f"{name} is {value!r}, must be a whole number, not negative"
        elif value >= 1 << 63:
            yield f"{name} is {value}, does not fit in 64 bits"
    start, end = info.group_counter_start, info.group_counter_end
    if start is not None and end is not None and start > end:
        yield f"group_counter_start {start} is after group_counter_end {end}"


def _times(info: ObservationInfo) -> Iterator[str]:
    begin, end = info.datetime_begin, info.datetime_end
    if not isinstance(begin, Time) or not isinstance(end, Time):
        yield f"datetime_begin and datetime_end are {begin!r} and {end!r}, must be times"
        return
    if not _EARLIEST < begin.tai.mjd < _LATEST:
        yield f"datetime_begin is {begin.isot}"
    length = info.exposure_time
    if length is None or not np.isfinite(length.to_value(u.s)) or length.to_value(u.s) < 0.0:
        yield f"exposure_time is {length}, must be a time, not negative"
        return
    if (end - begin).sec < length.to_value(u.s) - _SLACK:
        yield f"from begin to end are {(end - begin).sec:.3f} s, less than the exposure time of {length}"
    if info.dark_time is not None and info.dark_time < 0.0 * u.s:
        yield f"dark_time is {info.dark_time}"
    day = info.observing_day
    if not isinstance(day, int) or len(str(day)) != 8:
        yield f"observing_day is {day!r}, must be YYYYMMDD"
        return
    noon = Time(f"{str(day)[:4]}-{str(day)[4:6]}-{str(day)[6:]}T00:00:00", scale="tai").mjd
    if not -1.0 <= begin.tai.mjd - noon <= 2.0:
        yield f"observing_day is {day}, the exposure began at {begin.isot}"


def _place(info: ObservationInfo) -> Iterator[str]:
    if info.location is None:
        yield "location is missing"
    elif not -500.0 < info.location.height.to_value(u.m) < 9000.0:
        yield f"location is {info.location.height} above the ellipsoid, not on the Earth's surface"


def _pointing(info: ObservationInfo) -> Iterator[str]:
    sees_sky = info.can_see_sky if info.can_see_sky is not None else info.observation_type in ("science", "object")
    if not sees_sky:
        return
    if info.exposure_time is not None and info.exposure_time <= 0.0 * u.s:
        yield f"exposure_time of an exposure of the sky is {info.exposure_time}"
    if info.tracking_radec is None:
        yield "tracking_radec of an exposure of the sky is missing"
    elif not np.isfinite(info.tracking_radec.icrs.ra.deg + info.tracking_radec.icrs.dec.deg):
        yield f"tracking_radec is {info.tracking_radec}"
    if not isinstance(info.boresight_rotation_angle, Angle):
        yield f"boresight_rotation_angle is {info.boresight_rotation_angle!r}, must be an angle"
    airmass = info.boresight_airmass
    if airmass is None or not 1.0 <= airmass < 10.0:
        yield f"boresight_airmass is {airmass}, must be at least 1"
    elif info.altaz_begin is not None:
        expected = 1.0 / np.sin(info.altaz_begin.alt.rad)
        if abs(airmass / expected - 1.0) > _AIRMASS_SLACK:
            yield f"boresight_airmass is {airmass:.3f}, the altitude says {expected:.3f}"


def _stored(info: ObservationInfo) -> Iterator[str]:
    again = ObservationInfo.from_json(info.to_json())
    for name in ("instrument", "exposure_id", "detector_num", "physical_filter", "observation_type", "observing_day"):
        if getattr(again, name) != getattr(info, name):
            yield f"{name} comes back from JSON as {getattr(again, name)!r}, was {getattr(info, name)!r}"
    if info.datetime_begin is not None and abs((again.datetime_begin - info.datetime_begin).sec) > 1e-3:
        yield f"datetime_begin comes back from JSON as {again.datetime_begin.isot}"
