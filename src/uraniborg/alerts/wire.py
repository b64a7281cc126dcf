"""How packets travel: Confluent's wire format, a zero byte and the number of the schema before the Avro record."""

from __future__ import annotations

import struct

from uraniborg.alerts.schema import AlertSchema
from uraniborg.core.errors import UserError

__all__ = ("frame", "schema_number", "unframe")

_HEAD = struct.Struct(">bI")


def schema_number(schema: AlertSchema) -> int:
    """Return the number of a schema on the stream: 100 times the major version plus the minor one (11.1 -> 1101)."""
    major, minor = (int(part) for part in schema.version.split("."))
    if minor > 99:
        raise UserError(f"alert schema {schema.version} has no number on the stream: its minor version is above 99")
    return 100 * major + minor


def frame(record: bytes, number: int) -> bytes:
    """Put the head of a message before an Avro record.

    Parameters
    ----------
    record : bytes
        From `encode_packets`.
    number : int
        From `schema_number`.
    """
    return _HEAD.pack(0, number) + record


def unframe(message: bytes) -> tuple[int, memoryview]:
    """Take a message apart.

    Parameters
    ----------
    message : bytes
        As it travels.

    Returns
    -------
    int, memoryview
        Number of the schema, and the Avro record.

    Raises
    ------
    UserError
        If it is no such message.
    """
    if len(message) < _HEAD.size or message[0] != 0:
        raise UserError(
            f"a message of {len(message)} bytes that begins with {message[:5].hex(' ') or 'nothing'} is not in "
            "Confluent's wire format (a zero byte, then four bytes with the number of the schema)"
        )
    return int(_HEAD.unpack_from(message)[1]), memoryview(message)[_HEAD.size :]
