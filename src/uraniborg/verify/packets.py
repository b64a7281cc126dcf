"""Numbers about alert packets, read with nothing but Avro and FITS readers, as a user of the stream would."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fastavro
import numpy as np
from astropy.io import fits
from astropy.table import Table
from fastavro.validation import validate

from uraniborg.core.errors import AlgorithmError

__all__ = ("PacketCheck", "check_packets", "newest_schema", "read_packets")

HISTORY_DAYS = 365.25
"""History goes back twelve months, as in Rubin's Data Products Definition Document (LSE-163). [day]"""

CUTOUTS = ("cutoutDifference", "cutoutScience", "cutoutTemplate")


@dataclass(frozen=True, slots=True)
class PacketCheck:
    """What a set of alert packets is like.

    Attributes
    ----------
    n : int
        Packets.
    valid : float []
        Share that is valid against the schema, read back, and has every source's identifier right.
    smallest_cutout : int [pixel]
        Shortest side of all three cutouts of all packets; 0 if one is missing.
    history : float []
        Share whose history is complete: each source of the object in the twelve months before is there, no other one.
    with_history : int
        Packets that have earlier sources.
    """

    n: int
    valid: float
    smallest_cutout: int
    history: float
    with_history: int


def newest_schema() -> Mapping[str, Any]:
    """Return the newest alert schema that ``lsst-alert-packet`` ships, resolved and parsed."""
    from lsst.alert.packet import Schema

    definition: Mapping[str, Any] = Schema.from_file().definition
    return definition


def read_packets(content: bytes) -> list[dict[str, Any]]:
    """Return the packets of an Avro object container file.

    Parameters
    ----------
    content : bytes
        The file.

    Returns
    -------
    list of dict
    """
    return [dict(packet) for packet in fastavro.reader(io.BytesIO(content))]


def check_packets(
    packets: Sequence[Mapping[str, Any]], *, schema: Mapping[str, Any], dia_sources: Table
) -> PacketCheck:
    """Check packets against the schema, and their history against the catalogue that they were made from.

    Parameters
    ----------
    packets : sequence of mapping
        From `read_packets`.
    schema : mapping
        Parsed Avro schema of a packet.
    dia_sources : astropy.table.Table
        All associated sources: ``diaSourceId``, ``diaObjectId``, ``midpointMjdTai``.

    Returns
    -------
    PacketCheck

    Raises
    ------
    AlgorithmError
        If there is no packet.
    """
    if not packets:
        raise AlgorithmError("there are no alert packets", n_packets=0)
    times = dict(zip(_integers(dia_sources["diaSourceId"]), map(float, dia_sources["midpointMjdTai"]), strict=True))
    members: dict[int, list[int]] = {}
    for source, parent in zip(times, _integers(dia_sources["diaObjectId"]), strict=True):
        members.setdefault(parent, []).append(source)
    valid, complete, with_history, smallest = 0, 0, 0, np.inf
    for packet in packets:
        source = packet["diaSource"]
        number = int(source["diaSourceId"])
        valid += bool(validate(packet, schema, raise_errors=False)) and number in times
        now = times.get(number, np.nan)
        earlier = {m for m in members.get(int(source["diaObjectId"] or 0), []) if now - HISTORY_DAYS <= times[m] < now}
        told = {int(previous["diaSourceId"]) for previous in packet.get("prvDiaSources") or ()}
        complete += told == earlier and packet.get("diaObject") is not None
        with_history += bool(earlier)
        smallest = min(smallest, _smallest_side(packet))
    n = len(packets)
    return PacketCheck(n, valid / n, int(smallest), complete / n, with_history)


def _integers(values: Iterable[Any]) -> list[int]:
    return [int(value) for value in values]


def _smallest_side(packet: Mapping[str, Any]) -> int:
    sides = []
    for name in CUTOUTS:
        content = packet.get(name)
        if not content:
            return 0
        with fits.open(io.BytesIO(content)) as hdus:
            shape = next((hdu.shape for hdu in hdus if len(getattr(hdu, "shape", ())) == 2), (0,))
        sides.append(min(shape))
    return min(sides)
