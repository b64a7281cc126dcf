"""A private PostgreSQL server for tests: started on a free loopback port, in a folder of its own, never as root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy

__all__ = ("PostgresServer", "find_postgres", "postgres_server", "run_postgres")


def find_postgres() -> Path | None:
    """Return the folder of PostgreSQL's programs that is on PATH or is Debian's newest; `None` if there is none."""
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(debian, key=lambda path: float(path.parent.name), reverse=True)
    return next((path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()), None)


def _account() -> pwd.struct_passwd | None:
    """Return the account to run the server as if we are root, which PostgreSQL refuses; else `None`."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL cannot run as root, and there is neither an account postgres nor nobody")


class PostgresServer:
    """A running server.

    Attributes
    ----------
    url : str
        ``postgresql://`` URL of its superuser, without a database.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def create_database(self, name: str) -> str:
        """Create a database that can hold a registry and return its URL."""
        self._execute("postgres", f'CREATE DATABASE "{name}"')
        self._execute(name, "CREATE EXTENSION btree_gist")
        return f"{self.url}/{name}"

    def create_bare_database(self, name: str) -> str:
        """Create a database without the extension that a registry needs and return its URL."""
        self._execute("postgres", f'CREATE DATABASE "{name}"')
        return f"{self.url}/{name}"

    def _execute(self, database: str, statement: str) -> None:
        engine = sqlalchemy.create_engine(
            f"{self.url}/{database}", isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool
        )
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(statement))
        engine.dispose()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def run_postgres(programs: Path) -> Iterator[PostgresServer]:
    """Start a server with an empty cluster, and stop it and remove the cluster at the end.

    Parameters
    ----------
    programs : pathlib.Path
        Folder of ``initdb`` and ``postgres``; see `find_postgres`.

    Yields
    ------
    PostgresServer
    """
    account = _account()
    who = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(prefix="uraniborg-pg-", dir="/tmp"))
    process = None
    try:
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        cluster, port = folder / "cluster", _free_port()
        initdb = [programs / "initdb", "-D", cluster, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **who)
        options = ["-p", str(port), "-k", str(folder), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        with (folder / "server.log").open("wb") as log:
            command = [programs / "postgres", "-D", cluster, *options]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **who)
        server = PostgresServer(f"postgresql://tester@127.0.0.1:{port}")
        _wait_until_ready(server, process, folder / "server.log")
        yield server
    finally:
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server._execute("postgres", "SELECT 1")
            return
        except sqlalchemy.exc.OperationalError:
            time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL server; the test is skipped, saying so, where none is installed."""
    programs = find_postgres()
    if programs is None:
        pytest.skip("no PostgreSQL server: initdb is neither on PATH nor in /usr/lib/postgresql/*/bin")
    with run_postgres(programs) as server:
        yield server
