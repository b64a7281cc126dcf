from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from uraniborg.testing.registries import leave_half_written


def test_a_reader_is_refused_and_a_writer_undoes_the_half(tmp_path: Path) -> None:
    database = tmp_path / "registry.sqlite3"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE whole (a TEXT)")
    leave_half_written(database)
    reader = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    with closing(reader), pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("SELECT name FROM sqlite_master")
    with closing(sqlite3.connect(database)) as writer:
        assert writer.execute("SELECT name FROM sqlite_master").fetchall() == [("whole",)]
