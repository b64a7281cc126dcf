"""Dimension records of exposures from translated headers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import astropy.units as u
from astro_metadata_translator import ObservationInfo
from astropy.time import Time, TimeDelta
from lsst.daf.butler import Butler, Timespan

__all__ = ("exposure_rows", "insert_exposures")

_DAY = TimeDelta(86400.0, format="sec", scale="tai")


def exposure_rows(info: ObservationInfo) -> dict[str, dict[str, Any]]:
    """Return the records that an exposure needs.

    Parameters
    ----------
    info : astro_metadata_translator.ObservationInfo
        Translated header of any of its detectors.

    Returns
    -------
    dict of str to dict
        Name of the dimension (``day_obs``, ``group``, ``exposure``, in the order of insertion) to its row.
    """
    instrument = info.instrument
    return {
        "day_obs": {"instrument": instrument, "id": _day(info), "timespan": _night(info)},
        "group": {"instrument": instrument, "name": str(info.exposure_group or info.exposure_id)},
        "exposure": {
            "instrument": instrument,
            "id": info.exposure_id,
            "obs_id": info.observation_id or str(info.exposure_id),
            "physical_filter": info.physical_filter,
            "day_obs": _day(info),
            "group": str(info.exposure_group or info.exposure_id),
            "timespan": Timespan(begin=info.datetime_begin, end=info.datetime_end),
            "exposure_time": info.exposure_time.to_value(u.s),
            "dark_time": None if info.dark_time is None else info.dark_time.to_value(u.s),
            "observation_type": info.observation_type,
            "observation_reason": info.observation_reason,
            "seq_num": info.observation_counter,
            "seq_start": info.group_counter_start,
            "seq_end": info.group_counter_end,
            "target_name": info.object,
            "science_program": info.science_program,
            "has_simulated": bool(info.has_simulated_content),
            "can_see_sky": info.can_see_sky,
            **_pointing(info),
        },
    }


def _day(info: ObservationInfo) -> int:
    return int(info.observing_day)


def _night(info: ObservationInfo) -> Timespan:
    day = f"{info.observing_day}"
    begin = Time(f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00", format="isot", scale="tai")
    if info.observing_day_offset is not None:
        begin = begin + info.observing_day_offset
    return Timespan(begin=begin, end=begin + _DAY)


def _pointing(info: ObservationInfo) -> dict[str, float | None]:
    row: dict[str, float | None] = dict.fromkeys(
        ("tracking_ra", "tracking_dec", "sky_angle", "azimuth", "zenith_angle")
    )
    if info.tracking_radec is not None:
        position = info.tracking_radec.icrs
        row |= {"tracking_ra": float(position.ra.deg), "tracking_dec": float(position.dec.deg)}
    if info.boresight_rotation_angle is not None and info.boresight_rotation_coord == "sky":
        row["sky_angle"] = float(info.boresight_rotation_angle.deg)
    if info.altaz_begin is not None:
        row |= {"azimuth": float(info.altaz_begin.az.deg), "zenith_angle": float(90.0 - info.altaz_begin.alt.deg)}
    return row


def insert_exposures(butler: Butler, infos: Iterable[ObservationInfo]) -> None:
    """Insert the records of exposures; those that exist are left as they are.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository, open for writing.
    infos : iterable of ObservationInfo
        One for each exposure.
    """
    rows: dict[str, list[dict[str, Any]]] = {"day_obs": [], "group": [], "exposure": []}
    for info in infos:
        for element, row in exposure_rows(info).items():
            rows[element].append(row)
    for element, several in rows.items():
        unique = {row.get("id", row.get("name")): row for row in several}
        butler.registry.insertDimensionData(element, *unique.values(), skip_existing=True)
