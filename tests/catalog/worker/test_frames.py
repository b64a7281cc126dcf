from __future__ import annotations

import socket
import threading

from uraniborg.catalog.worker import frames


def test_messages_arrive_as_they_were_sent() -> None:
    here, there = socket.socketpair()
    large = bytes(range(256)) * 20_000
    sender = threading.Thread(
        target=lambda: (
            frames.send(here, frames.RUN, {"sql": "SELECT 'å'"}),
            frames.send(here, frames.BATCH, large),
            frames.send(here, frames.END, b""),
            here.close(),
        )
    )
    sender.start()
    first = frames.receive(there)
    assert first is not None
    assert (first[0], frames.words(first[1])) == (frames.RUN, {"sql": "SELECT 'å'"})
    assert frames.receive(there) == (frames.BATCH, bytearray(large))
    assert frames.receive(there) == (frames.END, bytearray())
    assert frames.receive(there) is None
    sender.join()
    there.close()


def test_a_message_that_is_cut_is_none() -> None:
    here, there = socket.socketpair()
    here.sendall(frames.BATCH + (100).to_bytes(8, "little") + b"only this")
    here.close()
    assert frames.receive(there) is None
    there.close()
