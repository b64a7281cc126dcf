"""Packets as bytes: rows that were encoded once, joined. What is sent, a hundred times faster than record by record."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.alerts.packet import HISTORY_DAYS, Cutouts, VisitContext
from uraniborg.alerts.rows import EncodedRows, encode_long, encode_rows
from uraniborg.alerts.schema import AlertSchema
from uraniborg.core.errors import UserError

__all__ = ("encode_packets",)

_NULL, _SOME = b"\x00", b"\x02"
_NO_CUTOUTS = Cutouts(None, None, None)


class _History:
    """Rows in order of object, then time: what belongs into a packet is one piece of memory."""

    def __init__(self, table: Table, record: str, schema: AlertSchema | None) -> None:
        owner, time, visit = (np.asarray(table[name]) for name in ("diaObjectId", "midpointMjdTai", "visit"))
        order = np.lexsort((visit, time, owner))
        self.rows: EncodedRows = encode_rows(table[order], record, schema=schema)
        self.owner, self.time = owner[order], time[order].astype(float)

    def pieces(self, owners: NDArray[np.integer], now: NDArray[np.floating], *, inclusive: bool) -> list[bytes]:
        """Return the Avro array of the last twelve months for each packet, the present epoch only if asked."""
        first = np.searchsorted(self.owner, owners, side="left")
        last = np.searchsorted(self.owner, owners, side="right")
        found = []
        for a, b, time in zip(first.tolist(), last.tolist(), now.tolist(), strict=True):
            times = self.time[a:b]
            start = a + int(np.searchsorted(times, time - HISTORY_DAYS, side="left"))
            end = a + int(np.searchsorted(times, time, side="right" if inclusive else "left"))
            if end <= start:
                found.append(_NULL)
            else:
                found.append(b"".join((_SOME, encode_long(end - start), self.rows.span(start, end), b"\x00")))
        return found


def _text(value: str | None) -> bytes:
    if value is None:
        return _NULL
    data = value.encode("utf8")
    return _SOME + encode_long(len(data)) + data


def _blob(data: bytes | None) -> tuple[bytes, ...]:
    return (_NULL,) if data is None else (_SOME, encode_long(len(data)), data)


def encode_packets(
    sources: Table,
    objects: Table,
    *,
    history: Table,
    forced: Table,
    context: VisitContext | None = None,
    schema: AlertSchema | None = None,
) -> list[bytes]:
    """Return one Avro record for each source of a visit: the bytes of what `build_packets` describes.

    Parameters
    ----------
    sources : astropy.table.Table
        DiaSource rows that trigger alerts, already associated.
    objects : astropy.table.Table
        DiaObject rows; must hold the object of every source.
    history : astropy.table.Table
        DiaSource rows of earlier visits; those of the same object within twelve months go into the packet.
    forced : astropy.table.Table
        DiaForcedSource rows up to this visit; likewise.
    context : VisitContext, optional
        Stamps and the purpose of the visit.
    schema : AlertSchema, optional
        The newest by default.

    Returns
    -------
    list of bytes
        Records without header, in the order of the sources.

    Raises
    ------
    UserError
        If the object of a source is not given, or a required field is missing.
    """
    context = context or VisitContext()
    numbers, owners = (np.asarray(sources[name]) for name in ("diaSourceId", "diaObjectId"))
    known = np.asarray(objects["diaObjectId"])
    place = {int(owner): index for index, owner in enumerate(known)}
    orphans = numbers[~np.isin(owners, known)]
    if orphans.size:
        raise UserError(
            f"{orphans.size} sources have no object, e.g. {orphans[0]}; associate them before making alerts"
        )
    rows, object_rows = (
        encode_rows(table, record, schema=schema) for table, record in ((sources, "diaSource"), (objects, "diaObject"))
    )
    now = np.asarray(sources["midpointMjdTai"], dtype=float)
    earlier = _History(history, "diaSource", schema).pieces(owners, now, inclusive=False)
    flux = _History(forced, "diaForcedSource", schema).pieces(owners, now, inclusive=True)
    purpose = _text(context.observation_reason) + _text(context.target_name)
    packets = []
    for index, (number, owner) in enumerate(zip(numbers.tolist(), owners.tolist(), strict=True)):
        cutouts = context.cutouts.get(number, _NO_CUTOUTS)
        slot = place[owner]
        parts: tuple[bytes | memoryview, ...] = (
            *(encode_long(number), purpose, rows.span(index, index + 1), earlier[index], flux[index]),
            *(_SOME, object_rows.span(slot, slot + 1), _NULL, _NULL),
            *_blob(cutouts.difference),
            *_blob(cutouts.science),
            *_blob(cutouts.template),
        )
        packets.append(b"".join(parts))
    return packets
