"""The most telling values of an alert packet as short text, for tables on a terminal."""

from __future__ import annotations

from typing import Any

from uraniborg.alerts.cutouts import read_cutout

__all__ = ("SUMMARY_COLUMNS", "summarise_packet")

SUMMARY_COLUMNS = (
    "diaSourceId",
    "diaObjectId",
    "visit",
    "band",
    "ra",
    "dec",
    "psfFlux",
    "S/N",
    "reliability",
    "history",
    "forced",
    "stamps",
)
"""Headings, in the order of `summarise_packet`."""


def _number(value: float | None, pattern: str) -> str:
    return "-" if value is None else format(value, pattern)


def summarise_packet(packet: dict[str, Any]) -> tuple[str, ...]:
    """Return one text for each of `SUMMARY_COLUMNS`.

    Parameters
    ----------
    packet : dict
        A packet as it was read.

    Returns
    -------
    tuple of str
    """
    source = packet["diaSource"]
    stamps = [packet[name] for name in ("cutoutScience", "cutoutTemplate", "cutoutDifference")]
    sizes = ["-" if stamp is None else "x".join(map(str, read_cutout(stamp).image.shape)) for stamp in stamps]
    return (
        str(packet["diaSourceId"]),
        str(source["diaObjectId"] or "-"),
        str(source["visit"]),
        source["band"] or "-",
        f"{source['ra']:.5f}",
        f"{source['dec']:.5f}",
        _number(source["psfFlux"], ".1f"),
        _number(source["snr"], ".1f"),
        _number(source["reliability"], ".2f"),
        str(len(packet["prvDiaSources"] or ())),
        str(len(packet["prvDiaForcedSources"] or ())),
        " ".join(sizes),
    )
