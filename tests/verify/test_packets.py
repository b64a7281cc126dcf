from __future__ import annotations

import io
from typing import Any

import fastavro
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from uraniborg.core.errors import AlgorithmError
from uraniborg.verify.packets import check_packets, newest_schema, read_packets

SCHEMA = newest_schema()


def _filled(schema: Any, named: dict[str, Any]) -> Any:
    """Return the smallest value of a schema: null where that is allowed, zero or empty elsewhere."""
    if isinstance(schema, str) and schema in named:
        schema = named[schema]
    if isinstance(schema, list):
        return None if "null" in schema else _filled(schema[0], named)
    if isinstance(schema, dict):
        if schema["type"] == "record":
            named[schema["name"]] = schema
            return {field["name"]: _filled(field["type"], named) for field in schema["fields"]}
        return _filled(schema["type"], named)
    return {"long": 0, "int": 0, "float": 0.0, "double": 0.0, "boolean": False, "string": "", "bytes": b""}[schema]


def _cutout(side: int) -> bytes:
    buffer = io.BytesIO()
    fits.PrimaryHDU(np.zeros((side, side + 2), dtype=np.float32)).writeto(buffer)
    return buffer.getvalue()


def _packet(number: int, parent: int, previous: tuple[int, ...] = (), side: int = 31) -> dict[str, Any]:
    named: dict[str, Any] = {}
    source_schema = next(f["type"] for f in SCHEMA["fields"] if f["name"] == "diaSource")
    object_schema = next(f["type"] for f in SCHEMA["fields"] if f["name"] == "diaObject")[1]

    def source(identifier: int) -> dict[str, Any]:
        return {**_filled(source_schema, named), "diaSourceId": identifier, "diaObjectId": parent}

    return {
        **{field["name"]: None for field in SCHEMA["fields"]},
        "diaSourceId": number,
        "diaSource": source(number),
        "diaObject": {**_filled(object_schema, named), "diaObjectId": parent},
        "prvDiaSources": [source(identifier) for identifier in previous] or None,
        **{name: _cutout(side) for name in ("cutoutDifference", "cutoutScience", "cutoutTemplate")},
    }


SOURCES = Table({"diaSourceId": [1, 2, 3, 4], "diaObjectId": [7, 7, 7, 8], "midpointMjdTai": [1.0, 2.0, 3.0, 1.0]})


def _good() -> list[dict[str, Any]]:
    return [_packet(1, 7), _packet(2, 7, (1,)), _packet(3, 7, (1, 2)), _packet(4, 8)]


def _round_trip(packets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    buffer = io.BytesIO()
    fastavro.writer(buffer, SCHEMA, packets)
    return read_packets(buffer.getvalue())


def test_good_packets_are_good() -> None:
    found = check_packets(_round_trip(_good()), schema=SCHEMA, dia_sources=SOURCES)
    assert (found.n, found.valid, found.history, found.with_history) == (4, 1.0, 1.0, 2)
    assert found.smallest_cutout == 31


def test_history_must_be_complete_and_not_of_the_future() -> None:
    packets = _good()
    packets[2] = _packet(3, 7, (1,))
    assert check_packets(packets, schema=SCHEMA, dia_sources=SOURCES).history == 0.75
    packets = _good()
    packets[0] = _packet(1, 7, (2,))
    assert check_packets(packets, schema=SCHEMA, dia_sources=SOURCES).history == 0.75
    packets = _good()
    packets[3]["diaObject"] = None
    assert check_packets(packets, schema=SCHEMA, dia_sources=SOURCES).history == 0.75


def test_history_goes_back_twelve_months() -> None:
    sources = SOURCES.copy()
    sources["midpointMjdTai"][1:3] += 400.0
    packets = [_packet(1, 7), _packet(2, 7), _packet(3, 7, (2,)), _packet(4, 8)]
    assert check_packets(packets, schema=SCHEMA, dia_sources=sources).history == 1.0


def test_invalid_and_unknown_packets_are_counted() -> None:
    packets = _good()
    packets[1]["diaSource"]["ra"] = "not a number"
    packets[2]["diaSource"]["diaSourceId"] = 99
    assert check_packets(packets, schema=SCHEMA, dia_sources=SOURCES).valid == 0.5


def test_small_or_missing_cutouts_are_seen() -> None:
    packets = _good()
    packets[1]["cutoutTemplate"] = _cutout(21)
    assert check_packets(packets, schema=SCHEMA, dia_sources=SOURCES).smallest_cutout == 21
    packets[1]["cutoutTemplate"] = None
    assert check_packets(packets, schema=SCHEMA, dia_sources=SOURCES).smallest_cutout == 0


def test_no_packet_is_an_error() -> None:
    with pytest.raises(AlgorithmError, match="no alert packets"):
        check_packets([], schema=SCHEMA, dia_sources=SOURCES)
