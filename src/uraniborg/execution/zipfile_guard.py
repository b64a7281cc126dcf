"""Detect, by behaviour, interpreters whose `zipfile` reads wrong bytes after a seek, and mend them for this process.

Quantum graph files (``.qg``) are zip archives with stored members that are read by seeking in two members at once. In
CPython 3.12.0-3.12.8, 3.13.0 and 3.13.1 a relative seek in one stored member starts from wherever another member left
the shared file (python/cpython#127847), so that reading single quanta or aggregating a large graph fails or returns
garbage. Only processes that call `mend_zipfile` are mended; ``pipetask run-qbb`` started elsewhere is not.
"""

from __future__ import annotations

import io
import os
import platform
import zipfile
from typing import Any

__all__ = ("mend_zipfile", "zip_seek_is_sound")


def zip_seek_is_sound() -> bool:
    """Return whether interleaved seeks in two stored members of a zip archive give the right bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("first", b"0123456789")
        archive.writestr("second", b"abcdefghij")
    with zipfile.ZipFile(buffer) as archive, archive.open("first") as first, archive.open("second") as second:
        first.read(1)
        second.seek(5)
        return second.read(1) == b"f"


def mend_zipfile() -> str | None:
    """Make seeks in stored members sound in this process, if they are not.

    Returns
    -------
    str or None
        What was found and what is still affected, for the user to read; `None` where nothing is wrong.

    Raises
    ------
    RuntimeError
        If the interpreter is affected in a way that the remedy does not mend.
    """
    if zip_seek_is_sound():
        return None
    zipfile._SharedFile.seek = _seek_from_own_position  # type: ignore[attr-defined]
    version = platform.python_version()
    if not zip_seek_is_sound():
        raise RuntimeError(
            f"zipfile of Python {version} reads wrong bytes after a seek and could not be mended; "
            "quantum graphs cannot be read: use Python 3.12.9+, 3.13.2+ or newer"
        )
    return (
        f"zipfile of Python {version} reads wrong bytes after a seek (python/cpython#127847). This process is mended; "
        "`pipetask run-qbb --qgraph-node-id` and graph aggregation are not: use Python 3.12.9+ or 3.13.2+ for those."
    )


def _seek_from_own_position(shared: Any, offset: int, whence: int = os.SEEK_SET) -> int:
    """Seek in a member's view of an archive; relative seeks start where this view is, not where another left it."""
    with shared._lock:
        if shared._writing():
            raise ValueError("cannot seek in the archive while a member is open for writing; close that first")
        if whence == os.SEEK_CUR:
            shared._file.seek(shared._pos + offset)
        else:
            shared._file.seek(offset, whence)
        shared._pos = shared._file.tell()
        return int(shared._pos)
