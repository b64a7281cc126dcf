from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator

import numpy as np
import pytest

from uraniborg.execution.zipfile_guard import mend_zipfile, zip_seek_is_sound


@pytest.fixture
def restore_seek() -> Iterator[None]:
    seek = zipfile._SharedFile.seek  # type: ignore[attr-defined]
    yield
    zipfile._SharedFile.seek = seek  # type: ignore[attr-defined]


def broken_seek(shared: zipfile._SharedFile, offset: int, whence: int = 0) -> int:  # type: ignore[name-defined]
    """What affected interpreters do: seek relative to wherever the shared file is."""
    with shared._lock:
        shared._file.seek(offset, whence)
        shared._pos = shared._file.tell()
        return int(shared._pos)


def test_an_affected_interpreter_is_found_and_mended(restore_seek: None) -> None:
    zipfile._SharedFile.seek = broken_seek  # type: ignore[attr-defined]
    assert not zip_seek_is_sound()
    message = mend_zipfile()
    assert message is not None
    assert "127847" in message
    assert zip_seek_is_sound()
    assert mend_zipfile() is None


def test_probe_agrees_with_what_is_known_of_the_versions() -> None:
    code = "from uraniborg.execution.zipfile_guard import zip_seek_is_sound; raise SystemExit(not zip_seek_is_sound())"
    sound = subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    version = sys.version_info[:3]
    affected = (3, 12, 0) <= version < (3, 12, 9) or (3, 13, 0) <= version < (3, 13, 2)
    assert sound != affected


def test_random_access_after_mending_equals_slices(restore_seek: None) -> None:
    zipfile._SharedFile.seek = broken_seek  # type: ignore[attr-defined]
    mend_zipfile()
    rng = np.random.default_rng(5)
    contents = [rng.bytes(50_000) for _ in range(3)]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for i, content in enumerate(contents):
            archive.writestr(str(i), content)
    with zipfile.ZipFile(buffer) as archive:
        members = [archive.open(str(i)) for i in range(3)]
        for _ in range(300):
            which, start, length = int(rng.integers(3)), int(rng.integers(50_000)), int(rng.integers(9000))
            whence = os.SEEK_SET if rng.random() < 0.5 else os.SEEK_CUR
            members[which].seek(start - (members[which].tell() if whence == os.SEEK_CUR else 0), whence)
            assert members[which].read(length) == contents[which][start : start + length]
        for member in members:
            member.close()


def test_seek_while_writing_is_refused(restore_seek: None) -> None:
    zipfile._SharedFile.seek = broken_seek  # type: ignore[attr-defined]
    mend_zipfile()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("old", b"x" * 100_000)
        with archive.open("old") as old:
            old.read(1)
            with archive.open("new", "w"), pytest.raises(ValueError, match="open for writing"):
                old.seek(50_000)
