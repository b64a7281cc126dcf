from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from tests.services.conftest import Served

pytestmark = pytest.mark.service

SLOW = "SELECT COUNT(*) AS n FROM sky.Star a, sky.Star b, sky.Star c WHERE a.flux * b.flux > c.flux"


def _create(client: httpx.Client, query: str, **values: str) -> str:
    reply = client.post("/tap/async", data={"QUERY": query, "LANG": "ADQL", **values})
    assert reply.status_code == 303, reply.text
    return "/tap" + reply.headers["location"].partition("/tap")[2]


def test_a_job_from_its_making_to_its_end(served: Served) -> None:
    with served.client("alice") as client:
        job = _create(
            client, "SELECT TOP 2 objectId FROM sky.Star ORDER BY objectId", RESPONSEFORMAT="csv", RUNID="mine"
        )
        assert client.get(f"{job}/phase").text == "PENDING"
        assert re.match(r"\d{4}-", client.get(f"{job}/quote").text)
        assert client.get(f"{job}/owner").text == "alice"
        client.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "99"})
        client.post(f"{job}/destruction", data={"DESTRUCTION": "2000-01-01T00:00:00Z"})
        assert client.get(f"{job}/executionduration").text == "99"
        assert client.get(f"{job}/destruction").text.startswith("2000-01-01")
        client.post(f"{job}/destruction", data={"DESTRUCTION": "2999-01-01T00:00:00Z"})
        client.post(f"{job}/parameters", data={"MAXREC": "1"})
        client.post(f"{job}/phase", data={"PHASE": "RUN"})
        shown = ET.fromstring(client.get(f"{job}?WAIT=20").content)
        while shown.findtext("{*}phase") in ("QUEUED", "EXECUTING"):
            shown = ET.fromstring(client.get(f"{job}?WAIT=20").content)
        assert shown.findtext("{*}phase") == "COMPLETED"
        assert client.get(f"{job}/results/result").text == "objectId\n1\n"
        assert 'overflow="true"' in client.get(job).text
        assert client.post(f"{job}/parameters", data={"MAXREC": "5"}).status_code == 400
        assert job.rpartition("/")[2] in client.get("/tap/async?PHASE=COMPLETED&LAST=5").text
        assert client.delete(job).status_code == 303
        assert client.get(job).status_code == 404


def test_nobody_sees_the_jobs_of_another(served: Served) -> None:
    with served.client("alice") as alice, served.client("bob") as bob, served.client() as stranger:
        job = _create(alice, "SELECT TOP 1 n FROM sky.Star", PHASE="RUN")
        for other in (bob, stranger):
            for path in ("", "/phase", "/results/result", "/parameters", "/error", "/owner"):
                assert other.get(job + path).status_code == 404
            assert other.post(f"{job}/phase", data={"PHASE": "ABORT"}).status_code == 404
            assert other.delete(job).status_code == 404
            assert job.rpartition("/")[2] not in other.get("/tap/async").text
        assert alice.get(job).status_code == 200


def test_a_job_is_watched_and_stopped_at_any_moment(served: Served) -> None:
    with served.client("bob") as client:
        job = _create(client, SLOW, PHASE="RUN")
        text = ""
        for _ in range(100):
            text = client.get(job).text
            if 'state="running"' in text:
                break
            time.sleep(0.1)
        assert "<progress " in text
        assert re.search(r'estimate="\d', text)
        start = time.monotonic()
        client.post(f"{job}/phase", data={"PHASE": "ABORT"})
        assert client.get(f"{job}/phase").text == "ABORTED"
        assert time.monotonic() - start < 5
        other = _create(client, SLOW, PHASE="RUN", EXECUTIONDURATION="1")
        for _ in range(20):
            if "ERROR" in client.get(f"{other}?WAIT=10").text:
                break
        assert "took longer" in client.get(f"{other}/error").text or "longer than" in client.get(f"{other}/error").text


def test_wrong_words(served: Served) -> None:
    with served.client() as client:
        job = _create(client, "SELECT 1 FROM nothing")
        for path, data in (
            ("/phase", {"PHASE": "FLY"}),
            ("", {"ACTION": "HIDE"}),
            ("/destruction", {"DESTRUCTION": "x"}),
        ):
            assert client.post(job + path, data=data).status_code == 400
        assert client.post(f"{job}/quote", data={}).status_code == 404
        assert client.get("/tap/async?PHASE=FLYING").status_code == 400
        assert client.get("/tap/async/../../etc/passwd").status_code == 404
        assert client.post("/tap/async", data={"PHASE": "ABORT"}).status_code == 400
