"""From rows of tables to alert packets: one record for each source, with its object and its history.

For whoever wants to look into packets in Python; `encode_packets` makes the same packets as bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.alerts.rows import NULL_IDENTIFIERS
from uraniborg.alerts.schema import AlertField, AlertSchema, latest_schema
from uraniborg.core.errors import UserError, report_faults

__all__ = ("HISTORY_DAYS", "Cutouts", "VisitContext", "build_packets", "table_records")

HISTORY_DAYS = 365.25
"""Length of the history in a packet: twelve months."""

type Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cutouts:
    """The three stamps of one source, each a FITS file, or None where there is none."""

    difference: bytes | None
    science: bytes | None
    template: bytes | None


@dataclass(frozen=True, slots=True)
class VisitContext:
    """What packets say about the observation itself.

    Attributes
    ----------
    observation_reason, target_name : str or None
    cutouts : mapping of int to Cutouts
        Stamps by ``diaSourceId``.
    """

    observation_reason: str | None = None
    target_name: str | None = None
    cutouts: Mapping[int, Cutouts] = field(default_factory=dict)


def _python_values(column: NDArray[Any], item: AlertField) -> list[Any]:
    """Return a column as the Python values that Avro wants; NaN, and 0 for "no such identifier", become None."""
    if item.kind in ("float", "double"):
        values = np.asarray(column, dtype=np.float64)
        listed = values.tolist()
        return [None if missing else value for value, missing in zip(listed, np.isnan(values), strict=True)]
    if item.kind in ("int", "long"):
        listed = np.asarray(column).astype(np.int64).tolist()
        return [value or None for value in listed] if item.name in NULL_IDENTIFIERS else listed
    if item.kind == "boolean":
        return list(np.asarray(column).astype(bool).tolist())
    return [str(value) or None for value in np.asarray(column).tolist()]


def table_records(table: Table, record: str, *, schema: AlertSchema | None = None) -> list[Record]:
    """Return the rows of a table as records of the alert schema.

    Columns that the schema does not have are left out; fields that the table does not have are null.

    Parameters
    ----------
    table : astropy.table.Table
        Rows of DiaSource, DiaForcedSource or DiaObject.
    record : str
        ``"diaSource"``, ``"diaForcedSource"`` or ``"diaObject"``.
    schema : AlertSchema, optional
        The newest by default.

    Returns
    -------
    list of dict

    Raises
    ------
    UserError
        If a field that cannot be null is missing from the table, or null in a row; all faults in one message.
    """
    columns: dict[str, list[Any]] = {}
    faults = []
    for item in (schema or latest_schema()).fields(record):
        if item.name in table.colnames:
            columns[item.name] = _python_values(np.asarray(table[item.name]), item)
            missing = columns[item.name].count(None)
            if missing and not item.nullable:
                faults.append(f"field {item.name!r} is missing in {missing} of {len(table)} rows but cannot be null")
        elif item.nullable:
            columns[item.name] = [None] * len(table)
        else:
            faults.append(f"the table has no column {item.name!r}, which cannot be null")
    report_faults(f"rows for alert record {record!r}", faults)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _group(records: Iterable[Record]) -> dict[int, list[Record]]:
    groups: dict[int, list[Record]] = {}
    for item in sorted(records, key=lambda row: (row["midpointMjdTai"], row["visit"])):
        groups.setdefault(item["diaObjectId"], []).append(item)
    return groups


def build_packets(
    sources: Table,
    objects: Table,
    *,
    history: Table,
    forced: Table,
    context: VisitContext | None = None,
    schema: AlertSchema | None = None,
) -> list[Record]:
    """Return one packet for each source of a visit.

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
    list of dict

    Raises
    ------
    UserError
        If the object of a source is not given, or a required field is missing.
    """
    context = context or VisitContext()
    object_of = {item["diaObjectId"]: item for item in table_records(objects, "diaObject", schema=schema)}
    earlier = _group(table_records(history, "diaSource", schema=schema))
    forced_of = _group(table_records(forced, "diaForcedSource", schema=schema))
    triggers = table_records(sources, "diaSource", schema=schema)
    orphans = [item["diaSourceId"] for item in triggers if item["diaObjectId"] not in object_of]
    if orphans:
        raise UserError(
            f"{len(orphans)} sources have no object, e.g. {orphans[0]}; associate them before making alerts"
        )
    packets = []
    for item in triggers:
        now, owner = item["midpointMjdTai"], item["diaObjectId"]
        cutouts = context.cutouts.get(item["diaSourceId"], Cutouts(None, None, None))
        packets.append(
            {
                "diaSourceId": item["diaSourceId"],
                "observation_reason": context.observation_reason,
                "target_name": context.target_name,
                "diaSource": item,
                "prvDiaSources": _recent(earlier.get(owner, []), now, inclusive=False) or None,
                "prvDiaForcedSources": _recent(forced_of.get(owner, []), now, inclusive=True) or None,
                "diaObject": object_of[owner],
                "ssSource": None,
                "mpc_orbits": None,
                "cutoutDifference": cutouts.difference,
                "cutoutScience": cutouts.science,
                "cutoutTemplate": cutouts.template,
            }
        )
    return packets


def _recent(records: list[Record], now: float, *, inclusive: bool) -> list[Record]:
    """Return the records of the last twelve months, the present epoch only if asked."""
    return [
        item
        for item in records
        if now - HISTORY_DAYS <= item["midpointMjdTai"] < now or (inclusive and item["midpointMjdTai"] == now)
    ]
