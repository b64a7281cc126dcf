from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

if TYPE_CHECKING:
    from tests.services.conftest import Served

pytestmark = pytest.mark.service

_DEEP = "SELECT " + "(" * 5000 + "1" + ")" * 5000 + " FROM sky.Star"
HOSTILE = {
    "nothing": "",
    "not adql": "DROP TABLE sky.Star",
    "two statements": "SELECT TOP 1 n FROM sky.Star; DELETE FROM sky.Star",
    "comment": "SELECT TOP 1 n FROM sky.Star -- \n; COPY x TO '/tmp/x'",
    "files": "SELECT * FROM read_csv('/etc/passwd')",
    "file as a table": "SELECT * FROM '/etc/passwd'",
    "quoted file": 'SELECT * FROM "/etc/passwd"',
    "settings": "SELECT current_setting('allowed_directories') FROM sky.Star",
    "catalogue of the engine": "SELECT * FROM information_schema.tables",
    "deep parentheses": _DEEP,
    "deep subqueries": "SELECT * FROM (" * 500 + "SELECT 1 AS x FROM sky.Star" + ") AS t" * 500,
    "many joins": "SELECT COUNT(*) AS n FROM " + ", ".join(f"sky.Star a{i}" for i in range(3000)),
    "long": "SELECT n FROM sky.Star WHERE n IN (" + ",".join("1" * 9 for _ in range(200_000)) + ")",
    "zero": "SELECT n\0 FROM sky.Star",
    "quote": "SELECT 'abc FROM sky.Star",
    "huge number": f"SELECT {'9' * 10_000} FROM sky.Star",
    "another's tables": "SELECT * FROM user_alice.anything",
    "no upload": "SELECT * FROM TAP_UPLOAD.t",
}


@pytest.mark.parametrize("query", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_queries_get_a_clear_error_and_harm_nothing(served: Served, query: str) -> None:
    reply = served.query(query)
    assert reply.status_code in (400, 413), reply.text[:300]
    assert "INFO" in reply.text
    assert "root:" not in reply.text
    assert served.query("SELECT TOP 1 objectId FROM sky.Star ORDER BY objectId").text == "objectId\n1\n"


def test_texts_are_texts(served: Served) -> None:
    reply = served.query("SELECT 'a''; DROP TABLE x --' AS \"q\"\"; --\" FROM sky.Star WHERE objectId = 1")
    assert reply.text == '"q""; --"\n"a\'; DROP TABLE x --"\n'


def test_an_upload_that_lies_harms_nothing(served: Served) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 1000 + b'">' + b'<!ENTITY b "&a;&a;">]><VOTABLE>&b;</VOTABLE>'
    data = {"LANG": "ADQL", "QUERY": "SELECT * FROM TAP_UPLOAD.t", "UPLOAD": "t,param:f"}
    with served.client() as client:
        for content in (bomb, b"PAR1" + os.urandom(5000) + b"PAR1", os.urandom(5000), b"", b"<VOTABLE>"):
            reply = client.post("/tap/sync", data=data, files={"f": ("f", content)})
            assert reply.status_code == 400, reply.text
            assert "ERROR" in reply.text
        for uri in ("file:///etc/passwd", f"{served.url}/tap/availability", "http://169.254.169.254/latest"):
            reply = client.post("/tap/sync", data={**data, "UPLOAD": f"t,{uri}"})
            assert reply.status_code == 400
    assert served.query("SELECT TOP 1 n FROM sky.Star").status_code == 200


def test_a_killed_worker_is_a_completed_retry_or_a_clear_error(served: Served) -> None:
    query = "SELECT COUNT(*) AS n FROM sky.Star a, sky.Star b WHERE a.flux * b.flux > 1000"
    with served.client() as client:
        reply = client.post("/tap/async", data={"QUERY": query, "PHASE": "RUN", "RESPONSEFORMAT": "csv"})
        job = "/tap" + reply.headers["location"].partition("/tap")[2]
        for _ in range(100):
            if 'state="running"' in client.get(job).text:
                break
            time.sleep(0.05)
        workers = [
            child for child in psutil.Process(served.process.pid).children() if "worker" in " ".join(child.cmdline())
        ]
        assert len(workers) >= 2
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        phase = ""
        for _ in range(10):
            phase = client.get(f"{job}?WAIT=20") and client.get(f"{job}/phase").text
            if phase in ("COMPLETED", "ERROR"):
                break
        expected = served.query(query).text
        if phase == "COMPLETED":
            assert client.get(f"{job}/results/result").text == expected
        else:
            assert phase == "ERROR"
            assert "again" in client.get(f"{job}/error").text


@pytest.mark.slow
def test_hundreds_of_jobs_of_one_user_do_not_shut_out_another(served: Served) -> None:
    with served.client("alice") as alice, served.client("bob") as bob:
        jobs = []
        for i in range(200):
            data = {"QUERY": f"SELECT COUNT(*) AS n FROM sky.Star WHERE n > {i % 90}", "PHASE": "RUN", "LANG": "ADQL"}
            reply = alice.post("/tap/async", data=data)
            assert reply.status_code in (303, 429), reply.text
            if reply.status_code == 303:
                jobs.append("/tap" + reply.headers["location"].partition("/tap")[2])
        assert len(jobs) == 200
        start = time.monotonic()
        reply = bob.post("/tap/async", data={"QUERY": "SELECT COUNT(*) AS n FROM sky.Star", "PHASE": "RUN"})
        mine = "/tap" + reply.headers["location"].partition("/tap")[2]
        while "COMPLETED" not in bob.get(f"{mine}?WAIT=10").text:
            assert time.monotonic() - start < 30
        for job in jobs:
            alice.delete(job)
        assert "jobref" not in alice.get("/tap/async").text
    assert served.query("SELECT TOP 1 n FROM sky.Star").status_code == 200


def test_many_connections_at_once(served: Served) -> None:
    import asyncio

    async def run() -> list[int]:
        limits = httpx.Limits(max_connections=300, max_keepalive_connections=300)
        async with httpx.AsyncClient(base_url=served.url, timeout=100, limits=limits) as client:
            asks = [
                client.get("/tap/sync", params={"QUERY": f"SELECT n FROM sky.Star WHERE objectId = {i + 1}"})
                for i in range(300)
            ]
            return [reply.status_code for reply in await asyncio.gather(*asks)]

    assert asyncio.run(run()) == [200] * 300
