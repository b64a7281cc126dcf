"""An answer on its way: in memory while it is small, in a file while its reader is slow, and then the query waits."""

from __future__ import annotations

import tempfile
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

__all__ = ("PENDING", "DiskBudget", "ResultBuffer")

PENDING = object()
"""What `ResultBuffer.poll` returns while there is nothing to read and more may come."""


class DiskBudget:
    """Bytes of all answers together that may wait in files.

    Parameters
    ----------
    total : int [byte]
        How many.
    """

    def __init__(self, total: int) -> None:
        self._left = total
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Take some bytes; return whether there were so many."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give(self, size: int) -> None:
        """Give bytes back."""
        with self._lock:
            self._left += size


class ResultBuffer:
    """Pieces of bytes from one writer to one reader.

    Parameters
    ----------
    scratch : Path
        Folder of the file.
    memory : int [byte]
        Most that waits in memory.
    disk : DiskBudget
        Where space for the file comes from.
    changed : callable
        Called whenever there is something new to read.
    """

    def __init__(self, scratch: Path, memory: int, disk: DiskBudget, changed: Callable[[], None]) -> None:
        self._scratch, self._memory, self._disk, self._changed = scratch, memory, disk, changed
        self._pieces: deque[bytes | bytearray | tuple[int, int]] = deque()
        self._condition = threading.Condition()
        self._in_memory = self._in_file = self._reading = 0
        self._file: tempfile._TemporaryFileWrapper[bytes] | None = None
        self._error: Exception | None = None
        self._ended = self._dropped = False
        self.given = 0

    def put(self, piece: bytes | bytearray) -> None:
        """Add a piece; waits while memory and file are full, and forgets it if nobody reads any more."""
        with self._condition:
            while not self._dropped:
                fits = self._in_memory + len(piece) <= self._memory or not self._pieces
                if fits and self._in_file == 0:
                    self._pieces.append(piece)
                    self._in_memory += len(piece)
                    break
                if self._disk.take(len(piece)):
                    self._write(piece)
                    break
                self._condition.wait(0.5)
            self._condition.notify_all()
        self._changed()

    def _write(self, piece: bytes | bytearray) -> None:
        if self._file is None:
            self._file = tempfile.NamedTemporaryFile(dir=self._scratch, prefix="answer-")  # noqa: SIM115
        self._file.seek(self._in_file)
        self._file.write(piece)
        self._file.flush()
        self._pieces.append((self._in_file, len(piece)))
        self._in_file += len(piece)

    def end(self, error: Exception | None = None) -> None:
        """Say that no more comes, because of an error if there is one."""
        with self._condition:
            if not self._ended:
                self._ended, self._error = True, error
                if error is not None:
                    self._clear()
            self._condition.notify_all()
        self._changed()

    def drop(self) -> None:
        """Forget everything: nobody reads any more."""
        with self._condition:
            self._dropped = True
            self._clear()
            self._condition.notify_all()

    def restart(self) -> bool:
        """Forget all pieces if none was given out; return whether that was so."""
        with self._condition:
            if self.given:
                return False
            self._clear()
            return True

    def _clear(self) -> None:
        self._pieces.clear()
        self._in_memory = 0
        if self._file is not None:
            self._disk.give(self._in_file)
            self._file.close()
            self._file = None
        self._in_file = 0

    def poll(self) -> object:
        """Return the next piece, `PENDING` if there is none yet, or None after the last.

        Raises
        ------
        Exception
            The error that the writer ended with.
        """
        with self._condition:
            if self._pieces:
                piece = self._pieces.popleft()
                self.given += 1
                if isinstance(piece, tuple):
                    assert self._file is not None
                    self._file.seek(piece[0])
                    piece = self._file.read(piece[1])
                else:
                    self._in_memory -= len(piece)
                if self._in_file and not self._pieces:
                    self._file.truncate(0) if self._file is not None else None
                    self._disk.give(self._in_file)
                    self._in_file = 0
                self._condition.notify_all()
                return piece
            if self._error is not None:
                raise self._error
            return None if self._ended or self._dropped else PENDING

    def get(self, timeout: float | None = None) -> object:
        """Return the next piece or None after the last; `PENDING` if the time [s] was too short."""
        piece = self.poll()
        while piece is PENDING:
            with self._condition:
                if not (self._pieces or self._ended or self._dropped) and not self._condition.wait(timeout):
                    return PENDING
            piece = self.poll()
        return piece
