"""What other people's programs say of the service, and what it makes of callers who mean harm."""

from __future__ import annotations

import http.client
import math
import os
import shutil
import signal
import subprocess
import time
import urllib.parse
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil

from uraniborg.acceptance.tap_server import Catalogue, Server, serving
from uraniborg.verify.metrics import Value

__all__ = ("HOSTILE_QUERIES", "measure_clients_pass", "measure_hostile", "measure_kept_jobs", "measure_taplint")

STAGES = "TMV TME TMS TMC CPV CAP AVV QGE QPO QAS UWS MDQ OBS UPL EXA"
_NO_STILTS = "not measured: install stilts (Debian package stilts)"


def _stilts(*words: str, seconds: float = 300.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["stilts", *words], capture_output=True, text=True, check=False, timeout=seconds)


def measure_taplint(server: Server) -> dict[str, Value]:
    """Count the errors, warnings and failures that the validator of STILTS finds, all stages that apply."""
    names = {"taplint_errors": "E-", "taplint_warnings": "W-", "taplint_failures": "F-"}
    if shutil.which("stilts") is None:
        return {name: Value(math.nan, _NO_STILTS) for name in names}
    out = _stilts("taplint", f"tapurl={server.url}/tap", f"stages={STAGES}", "report=EWFS").stdout
    lines = [line for line in out.splitlines() if line[:2] in names.values()]
    if "S-EXA-" not in out:
        return {name: Value(math.nan, f"taplint did not reach its end: {out[-200:]}") for name in names}
    return {
        name: Value(float(sum(line.startswith(mark) for line in lines)), f"stages {STAGES}", {"lines": lines})
        for name, mark in names.items()
    }


def _ask(
    server: Server, path: str, values: dict[str, str], *, user: str = "", method: str = "POST"
) -> tuple[int, bytes, str]:
    """Ask and return status, answer and the path that the service points to."""
    parts = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if user:
        headers["Authorization"] = f"Bearer {server.tokens[user]}"
    try:
        connection.request(method, path, urllib.parse.urlencode(values) if method == "POST" else None, headers)
        reply = connection.getresponse()
        return reply.status, reply.read(), urllib.parse.urlsplit(reply.headers.get("location", "")).path
    finally:
        connection.close()


def _query(server: Server, adql: str, *, kind: str = "csv", user: str = "", **more: str) -> tuple[int, bytes]:
    values = {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": kind, **more}
    return _ask(server, "/tap/sync", values, user=user)[:2]


def measure_clients_pass(catalogue: Catalogue, server: Server, folder: Path) -> Value:
    """Run unmodified clients: pyvo, astroquery if it is there, and tapquery, tapskymatch and votlint of STILTS [%]."""
    checks: dict[str, Callable[[], bool]] = {"pyvo": lambda: _pyvo(server), "astroquery": lambda: _astroquery(server)}
    if shutil.which("stilts") is not None:
        for sync in ("true", "false"):
            checks[f"tapquery sync={sync}"] = lambda sync=sync: _tapquery(server, folder, sync)  # type: ignore[misc]
        checks["tapskymatch"] = lambda: _tapskymatch(catalogue, server, folder)
        for kind in ("votable", "votable/td"):
            checks[f"votlint {kind}"] = lambda kind=kind: _votlint(server, folder, kind)  # type: ignore[misc]
    results: dict[str, str] = {}
    for name, check in checks.items():
        try:
            results[name] = "passes" if check() else "fails"
        except ImportError:
            results[name] = "not installed"
    ran = [result for result in results.values() if result != "not installed"]
    note = ", ".join(f"{name} {result}" for name, result in results.items())
    return Value(100.0 * ran.count("passes") / len(ran) if ran else math.nan, note, results)


def _pyvo(server: Server) -> bool:
    import pyvo
    import requests

    query = "SELECT TOP 5 objectId, coord_ra FROM release.Object"
    with requests.Session() as session:
        service = pyvo.dal.TAPService(f"{server.url}/tap", session=session)
        names = {column.name for column in service.tables["release.Object"].columns}
        return len(service.search(query)) == len(service.run_async(query)) == 5 and "coord_dec" in names


def _astroquery(server: Server) -> bool:
    from astroquery.utils.tap.core import TapPlus

    tap = TapPlus(url=f"{server.url}/tap")
    job = tap.launch_job("SELECT TOP 5 objectId FROM release.Object")
    return len(tap.load_tables()) >= 6 and len(job.get_results()) == 5


def _tapquery(server: Server, folder: Path, sync: str) -> bool:
    out = folder / f"tapquery-{sync}.csv"
    query = "adql=SELECT TOP 100 objectId FROM release.Object"
    done = _stilts("tapquery", f"tapurl={server.url}/tap", query, f"sync={sync}", "ofmt=csv", f"out={out}")
    return done.returncode == 0 and len(out.read_text().splitlines()) == 101


def _tapskymatch(catalogue: Catalogue, server: Server, folder: Path) -> bool:
    status, rows = _query(server, "SELECT TOP 50 coord_ra AS ra, coord_dec AS lat FROM release.Object")
    (folder / "match.csv").write_bytes(rows)
    out = folder / "matched.csv"
    done = _stilts(
        "tapskymatch", f"tapurl={server.url}/tap", "taptable=release.Object", "taplon=coord_ra", "taplat=coord_dec",
        f"in={folder / 'match.csv'}", "ifmt=csv", "inlon=ra", "inlat=lat", "sr=0.00001", "find=best", "ofmt=csv",
        f"out={out}",
    )  # fmt: skip
    return status == 200 and done.returncode == 0 and len(out.read_text().splitlines()) == 51


def _votlint(server: Server, folder: Path, kind: str) -> bool:
    status, document = _query(server, "SELECT TOP 1000 * FROM release.Object", kind=kind)
    (folder / "lint.vot").write_bytes(document)
    done = _stilts("votlint", str(folder / "lint.vot"))
    return status == 200 and not (done.stdout + done.stderr).strip()


HOSTILE_QUERIES = {
    "nothing": "",
    "another language": "DROP TABLE release.Object",
    "two statements": "SELECT TOP 1 objectId FROM release.Object; COPY x TO 'x'",
    "a function that reads files": "SELECT * FROM read_csv('/etc/passwd')",
    "a file as a table": 'SELECT * FROM "/etc/passwd"',
    "tables of the engine": "SELECT * FROM information_schema.tables",
    "settings of the engine": "SELECT current_setting('memory_limit') FROM release.Object",
    "deep parentheses": "SELECT " + "(" * 20_000 + "1" + ")" * 20_000 + " FROM release.Object",
    "deep subqueries": "SELECT * FROM (" * 1000 + "SELECT 1 AS x FROM release.Object" + ") AS t" * 1000,
    "thousands of joins": "SELECT 1 AS x FROM " + ", ".join(f"release.Object a{i}" for i in range(5000)),
    "an open quote": "SELECT 'x FROM release.Object",
    "a zero": "SELECT objectId\0 FROM release.Object",
    "a very long number": f"SELECT {'9' * 50_000} AS x FROM release.Object",
    "two million characters": "SELECT objectId FROM release.Object WHERE objectId IN (" + "1," * 1_000_000 + "1)",
    "tables of another user": "SELECT * FROM user_alice.secret",
    "own tables without a name": "SELECT * FROM mydb.secret",
}
"""Each has to get an error that says why, and nothing else."""


def measure_hostile(server: Server, *, jobs: int = 1000) -> Value:
    """Send what means harm; count what ends as it should [%]: clear errors, queueing, and a service that answers on."""
    results: dict[str, bool] = {}
    secret = uuid.uuid4().hex
    _own_table(server, secret)

    def alive() -> bool:
        return _query(server, "SELECT TOP 1 objectId FROM release.Object")[0] == 200

    for name, query in HOSTILE_QUERIES.items():
        status, text = _query(server, query, user="" if "without" in name else "bob")
        results[name] = status in (400, 413) and b"INFO" in text and secret.encode() not in text and alive()
    for name, content in _uploads().items():
        more = {"UPLOAD": "t,param:x", "x": content}
        status, text = _query(server, "SELECT * FROM TAP_UPLOAD.t", kind="votable", **more)
        results[name] = status == 400 and b"ERROR" in text and alive()
    for uri in ("file:///etc/passwd", f"{server.url}/tap/availability", "http://169.254.169.254/"):
        status, _ = _query(server, "SELECT * FROM TAP_UPLOAD.t", UPLOAD=f"t,{uri}")
        results[f"upload from {uri}"] = status == 400
    results["jobs of another"] = _other_job(server)
    results[f"{jobs} jobs of one user"] = _many_jobs(server, jobs) and alive()
    results["a killed pool"] = _killed_pool(server) and alive()
    bad = [name for name, good in results.items() if not good]
    note = f"{len(results)} attacks" + (f"; not stopped: {', '.join(bad)}" if bad else "")
    return Value(100.0 * sum(results.values()) / len(results), note, {"failed": bad})


def _uploads() -> dict[str, str]:
    entities = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))
    head = '<VOTABLE><RESOURCE><TABLE nrows="999999999999"><FIELD name="a" datatype="char" arraysize="*"/><DATA>'
    tail = "</DATA></TABLE></RESOURCE></VOTABLE>"
    return {
        "a bomb of entities": f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]><VOTABLE>&e9;</VOTABLE>',
        "an outer entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><VOTABLE>&e;</VOTABLE>',
        "a lying length": f'{head}<BINARY><STREAM encoding="base64">f////w==</STREAM></BINARY>{tail}',
        "no table": "PAR1 is what this claims to be PAR1",
        "deep elements": "<VOTABLE>" + "<a>" * 100_000,
    }


def _own_table(server: Server, secret: str) -> None:
    parts = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    headers = {"Authorization": f"Bearer {server.tokens['alice']}"}
    connection.request("PUT", "/mydb/secret", f"word\n{secret}\n", headers)
    connection.getresponse().read()
    connection.close()


def _job(server: Server, adql: str, *, user: str, **more: str) -> str:
    values = {"QUERY": adql, "LANG": "ADQL", "PHASE": "RUN", "RESPONSEFORMAT": "csv", **more}
    return _ask(server, "/tap/async", values, user=user)[2]


def _phase(server: Server, job: str, *, user: str, seconds: float = 60.0) -> str:
    """Wait for the end of a job and return its phase."""
    end, phase = time.monotonic() + seconds, ""
    while time.monotonic() < end:
        phase = _ask(server, f"{job}/phase", {}, user=user, method="GET")[1].decode()
        if phase in ("COMPLETED", "ERROR", "ABORTED"):
            break
        _ask(server, f"{job}?WAIT=5", {}, user=user, method="GET")
    return phase


def _other_job(server: Server) -> bool:
    job = _job(server, "SELECT * FROM mydb.secret", user="alice")
    seen = [
        _ask(server, job + path, {}, user=user, method="GET")[0]
        for user in ("bob", "")
        for path in ("", "/phase", "/results/result", "/parameters")
    ]
    return set(seen) == {404} and _phase(server, job, user="alice") == "COMPLETED"


def _many_jobs(server: Server, number: int) -> bool:
    made = [
        _job(server, f"SELECT COUNT(*) AS n FROM tap_schema.tables WHERE {i} = {i}", user="alice")
        for i in range(number)
    ]
    start = time.monotonic()
    other = _phase(server, _job(server, "SELECT TOP 1 objectId FROM release.Object", user="bob"), user="bob")
    waited = time.monotonic() - start
    for job in made:
        if job:
            _ask(server, job, {"ACTION": "DELETE"}, user="alice")
    return other == "COMPLETED" and waited < 30 and all(made)


def _killed_pool(server: Server) -> bool:
    """Kill every worker in mid query: the job is done by new ones, or says that it has to be sent again."""
    query = "SELECT COUNT(*) AS n FROM release.Object WHERE SIN(coord_ra * r_psfFlux) * COS(g_psfFlux) > 0.3"
    expected = _query(server, query)[1]
    job = _job(server, query, user="bob")
    for _ in range(200):
        if b'state="running"' in _ask(server, job, {}, user="bob", method="GET")[1]:
            break
        time.sleep(0.01)
    for worker in server.workers():
        worker.send_signal(signal.SIGKILL)
    phase = _phase(server, job, user="bob", seconds=120)
    if phase == "COMPLETED":
        return _ask(server, f"{job}/results/result", {}, user="bob", method="GET")[1] == expected
    return phase == "ERROR" and b"again" in _ask(server, f"{job}/error", {}, user="bob", method="GET")[1]


def measure_kept_jobs(catalogue: Catalogue, state: Path, *, jobs: int = 40) -> Value:
    """Kill a server in the middle of its jobs, start it again, and count the jobs that are there and end [%]."""
    with serving(catalogue.folder, state) as server:
        query = "SELECT COUNT(*) AS n, AVG(r_psfFlux) AS m FROM release.Object WHERE r_psfFlux > {}"
        made = [_job(server, query.format(i), user="alice") for i in range(jobs)]
        children = psutil.Process(server.pid).children(recursive=True)
        os.kill(server.pid, signal.SIGKILL)
        server.process.wait()
    with serving(catalogue.folder, state) as server:
        # tokens were made anew, users are the same
        phases = [_phase(server, job, user="alice", seconds=120) for job in made]
        left = [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    note = f"{jobs} jobs acknowledged before kill -9, {len(left)} processes left behind"
    return Value(100.0 * phases.count("COMPLETED") / jobs if not left else 0.0, note)
