from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from uraniborg.core.errors import UserError
from uraniborg.services.config import ServiceConfig
from uraniborg.services.server import serve

pytestmark = pytest.mark.service


def test_a_taken_port_is_told(catalogue: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UserError, match="choose another --port"):
            serve(ServiceConfig(catalogue, tmp_path, port=taken.getsockname()[1]))


@pytest.mark.slow
def test_kill_9_of_the_server_loses_no_job_and_leaves_no_process(start_server: Callable, tmp_path: Path) -> None:
    first = start_server(tmp_path / "state")
    slow = "SELECT COUNT(*) AS n FROM sky.Star a, sky.Star b WHERE a.flux * b.flux > 1000"
    with first.client() as client:
        jobs = [client.post("/tap/async", data={"QUERY": "SELECT TOP 5 * FROM sky.Star"}).headers["location"]]
        for query in (slow, *["SELECT COUNT(*) AS n FROM sky.Star"] * 20):
            reply = client.post("/tap/async", data={"QUERY": query, "PHASE": "RUN", "LANG": "ADQL"})
            jobs.append(reply.headers["location"])
        children = psutil.Process(first.process.pid).children(recursive=True)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    second = start_server(tmp_path / "state")
    try:
        with second.client() as client:
            paths = [job.partition("/tap/")[2] for job in jobs]
            phases = [client.get(f"/tap/{path}/phase").text for path in paths]
            assert phases[0] == "PENDING"
            assert set(phases[1:]) <= {"QUEUED", "EXECUTING", "COMPLETED"}
            for path in paths[2:]:
                for _ in range(3):
                    if client.get(f"/tap/{path}?WAIT=20").text.count("COMPLETED"):
                        break
                result = client.get(f"/tap/{path}/results/result", params={"x": 1})
                assert result.status_code == 200
            client.post(f"/tap/{paths[1]}/phase", data={"PHASE": "ABORT"})
            assert client.get(f"/tap/{paths[1]}/phase").text == "ABORTED"
        end = time.monotonic() + 15
        while any(child.is_running() and child.status() != "zombie" for child in children):
            assert time.monotonic() < end, "processes of the killed server are still there"
            time.sleep(0.2)
    finally:
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(30) == 0 or second.process.returncode == -signal.SIGTERM
