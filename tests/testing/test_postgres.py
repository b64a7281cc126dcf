from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy

from uraniborg.testing.postgres import find_postgres, run_postgres


@pytest.mark.service
def test_server_starts_works_and_is_gone_afterwards() -> None:
    programs = find_postgres()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed")
    with run_postgres(programs) as server:
        engine = sqlalchemy.create_engine(server.create_database("one"), poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            folder = Path(connection.execute(sqlalchemy.text("SHOW data_directory")).scalar_one())
            extension = connection.execute(sqlalchemy.text("SELECT extname FROM pg_extension")).scalars().all()
            owner = folder.stat().st_uid
    assert "btree_gist" in extension
    assert owner != 0 or os.geteuid() != 0
    assert not folder.exists()
    with pytest.raises(sqlalchemy.exc.OperationalError), engine.connect():
        pass


def test_no_server_is_not_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_postgres()
    assert found is None or found.is_relative_to("/usr/lib/postgresql")
