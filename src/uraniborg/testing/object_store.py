"""A private S3 server for tests, where `moto_server` is installed (``pip install 'moto[server]'``)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ("find_object_store", "object_store", "run_object_store")


def find_object_store() -> str | None:
    """Return the path of a server program that runs: beside this Python or on PATH; `None` if there is none."""
    beside = Path(sys.executable).parent / "moto_server"
    program = str(beside) if beside.exists() else shutil.which("moto_server")
    if program is None:
        return None
    # A version manager may have a shim on PATH for a program that the current Python does not have.
    answer = subprocess.run([program, "--help"], capture_output=True, check=False, timeout=60)
    return program if answer.returncode == 0 else None


@contextmanager
def run_object_store(program: str) -> Iterator[str]:
    """Start a server on a free loopback port, with an empty bucket ``survey``, and stop it at the end.

    Parameters
    ----------
    program : str
        See `find_object_store`.

    Yields
    ------
    str
        URL of the server, for ``S3_ENDPOINT_URL``. It takes any key.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}"
    command = [program, "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _make_bucket(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def _make_bucket(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    request = urllib.request.Request(f"{url}/survey", method="PUT")
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise RuntimeError(f"the object store did not start at {url}")


@pytest.fixture
def object_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of an S3 server that boto3 is told about; the test is skipped, saying so, where none is installed."""
    program = find_object_store()
    if program is None:
        pytest.skip("no S3 server: moto_server is neither beside this Python nor on PATH")
    with run_object_store(program) as url:
        monkeypatch.setenv("S3_ENDPOINT_URL", url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "any")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield url
