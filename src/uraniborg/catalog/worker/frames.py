"""Messages between the service and its worker processes: one letter, a length, and bytes."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

__all__ = ("BATCH", "CANCEL", "END", "FAULT", "PROGRESS", "READY", "RUN", "SCHEMA", "Frame", "receive", "send", "words")

READY, RUN, CANCEL, SCHEMA, BATCH, PROGRESS, END, FAULT = b"R", b"Q", b"C", b"S", b"B", b"P", b"E", b"F"

type Frame = tuple[bytes, bytearray]
_HEAD = struct.Struct("<cQ")


def send(channel: socket.socket, kind: bytes, body: Any) -> None:
    """Send a message; a dictionary goes as JSON.

    Raises
    ------
    OSError
        If nobody listens any more.
    """
    data = memoryview(json.dumps(body).encode() if isinstance(body, dict) else body)
    head = _HEAD.pack(kind, data.nbytes)
    if data.nbytes < 1 << 16:
        channel.sendall(head + bytes(data))
    else:
        channel.sendall(head)
        channel.sendall(data)


def receive(channel: socket.socket) -> Frame | None:
    """Return the next message, or None if the other side is gone."""
    head = _exactly(channel, _HEAD.size)
    if head is None:
        return None
    kind, length = _HEAD.unpack(head)
    body = _exactly(channel, length)
    return None if body is None else (kind, body)


def words(body: bytes | bytearray) -> dict[str, Any]:
    """Return the dictionary that a message holds."""
    result: dict[str, Any] = json.loads(bytes(body))
    return result


def _exactly(channel: socket.socket, length: int) -> bytearray | None:
    data = bytearray(length)
    view, got = memoryview(data), 0
    while got < length:
        try:
            n = channel.recv_into(view[got:], min(length - got, 1 << 20))
        except OSError:
            return None
        if not n:
            return None
        got += n
    return data
