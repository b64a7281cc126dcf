"""Alert packets as one Avro object container file: written, read back, and checked against the schema."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import fastavro
from fastavro.validation import ValidationError, validate

from uraniborg.alerts.cutouts import MINIMUM_SIZE, read_cutout
from uraniborg.alerts.rows import encode_long
from uraniborg.alerts.schema import AlertSchema, latest_schema
from uraniborg.core.errors import UserError

__all__ = ("ValidationReport", "read_alerts", "validate_alerts", "write_alerts", "write_encoded")

type Record = dict[str, Any]

_MARKER = b"uraniborg-alerts"
_BLOCK = 1 << 20  # bytes of packets that are compressed together


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What a check of a file of packets found.

    Attributes
    ----------
    n_packets, n_valid : int
        Packets in the file, and how many of them have no fault.
    faults : tuple of str
        One line for each fault.
    schema_name : str
        Full name of the schema that the file was written with.
    """

    n_packets: int
    n_valid: int
    faults: tuple[str, ...]
    schema_name: str


def write_alerts(packets: Sequence[Record], *, schema: AlertSchema | None = None) -> bytes:
    """Write packets into an Avro object container file.

    The same packets always give the same bytes: the marker between blocks, random by default, is fixed.

    Parameters
    ----------
    packets : sequence of dict
        From `build_packets`.
    schema : AlertSchema, optional
        The newest by default.

    Returns
    -------
    bytes

    Raises
    ------
    UserError
        If a packet does not agree with the schema.
    """
    definition = (schema or latest_schema()).definition
    encoded = []
    for packet in packets:
        try:
            validate(packet, definition, raise_errors=True, strict=True)
        except ValidationError as error:
            raise UserError(f"alert {packet.get('diaSourceId')} does not agree with its schema: {error}") from error
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, definition, packet)
        encoded.append(buffer.getvalue())
    return write_encoded(encoded, schema=schema)


def write_encoded(packets: Iterable[bytes], *, schema: AlertSchema | None = None) -> bytes:
    """Write packets that are encoded already into an Avro object container file.

    Parameters
    ----------
    packets : iterable of bytes
        From `encode_packets`.
    schema : AlertSchema, optional
        That of the packets; the newest by default.

    Returns
    -------
    bytes
    """
    buffer = io.BytesIO()
    definition = (schema or latest_schema()).definition
    fastavro.writer(buffer, definition, [], codec="deflate", sync_marker=_MARKER)
    block: list[bytes] = []
    size = 0
    for packet in packets:
        block.append(packet)
        size += len(packet)
        if size >= _BLOCK:
            _write_block(buffer, block)
            block, size = [], 0
    if block:
        _write_block(buffer, block)
    return buffer.getvalue()


def _write_block(buffer: io.BytesIO, packets: list[bytes]) -> None:
    compressor = zlib.compressobj(wbits=-15)  # raw deflate, as Avro has it
    data = compressor.compress(b"".join(packets)) + compressor.flush()
    buffer.write(encode_long(len(packets)) + encode_long(len(data)) + data + _MARKER)


def _open(data: bytes) -> Any:
    try:
        return fastavro.reader(io.BytesIO(data))
    except (ValueError, EOFError, StopIteration) as error:
        raise UserError(f"{len(data)} bytes are not an Avro object container file: {error}") from error


def read_alerts(data: bytes) -> list[Record]:
    """Read all packets of an Avro object container file.

    Parameters
    ----------
    data : bytes
        Content of the file.

    Returns
    -------
    list of dict

    Raises
    ------
    UserError
        If it is not such a file, or is cut short.
    """
    try:
        return list(_open(data))
    except (EOFError, ValueError, IndexError) as error:
        raise UserError(f"the Avro file of {len(data)} bytes is damaged: {error}") from error


def validate_alerts(data: bytes, *, schema: AlertSchema | None = None) -> ValidationReport:
    """Check each packet of a file: against the schema, by a round trip, and for whole stamps of the promised size.

    Parameters
    ----------
    data : bytes
        Content of the file.
    schema : AlertSchema, optional
        The newest by default; packets of another version are faults.

    Returns
    -------
    ValidationReport
    """
    definition = (schema or latest_schema()).definition
    writer = _open(data).writer_schema
    packets = read_alerts(data)
    faults, n_valid = [], 0
    for index, packet in enumerate(packets):
        found = [f"packet {index} ({packet.get('diaSourceId')}): {fault}" for fault in _faults(packet, definition)]
        faults.extend(found)
        n_valid += not found
    if writer["name"] != definition["name"]:
        faults.append(f"the file was written with schema {writer['name']}, wanted is {definition['name']}")
        n_valid = 0
    return ValidationReport(len(packets), n_valid, tuple(faults), str(writer["name"]))


def _faults(packet: Record, definition: dict[str, Any]) -> list[str]:
    try:
        validate(packet, definition, raise_errors=True, strict=True)
    except ValidationError as error:
        return [f"does not agree with the schema: {error}"]
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, definition, packet)
    buffer.seek(0)
    found = [] if fastavro.schemaless_reader(buffer, definition, None) == packet else ["changes in a round trip"]
    if packet["diaSource"]["diaSourceId"] != packet["diaSourceId"]:
        found.append("is for another source than it says")
    for name in ("cutoutDifference", "cutoutScience", "cutoutTemplate"):
        found.extend(_cutout_faults(name, packet[name]))
    return found


def _cutout_faults(name: str, data: bytes | None) -> list[str]:
    if data is None:
        return [f"{name} is missing"]
    try:
        shape = read_cutout(data).image.shape
    except UserError as error:
        return [f"{name}: {error}"]
    return [] if min(shape) >= MINIMUM_SIZE else [f"{name} is only {shape[1]} x {shape[0]} pixels"]
