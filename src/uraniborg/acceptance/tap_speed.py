"""How quick the service is through HTTP: cones, many clients, large answers, many large answers at once."""

from __future__ import annotations

import asyncio
import math
import socket
import time
import urllib.parse
from statistics import mean

import numpy as np

from uraniborg.acceptance.http_load import Load, get, run_load
from uraniborg.acceptance.tap_server import Catalogue, Server
from uraniborg.verify.metrics import Value

__all__ = (
    "measure_beside_scan",
    "measure_clients",
    "measure_cones",
    "measure_connections",
    "measure_fifty",
    "measure_result",
)

_SCAN = (
    "SELECT COUNT(*) AS n, AVG(SIN(coord_ra * r_psfFlux) * COS(g_psfFlux)) AS m FROM release.Object "
    "WHERE SQRT(u_psfFlux * i_psfFlux) > 1"
)


def measure_cones(catalogue: Catalogue, server: Server, *, blocks: int = 8, each: int = 25) -> dict[str, Value]:
    """Measure warm cones of 1 arcmin of one client: median and 95th percentile [ms], the quietest block of several."""
    run_load(server.url, server.pid, catalogue.cone, clients=1, each=each)
    loads = [
        run_load(server.url, server.pid, lambda i, b=b: catalogue.cone(1000 * b + i), clients=1, each=each)  # type: ignore[misc]
        for b in range(1, blocks + 1)
    ]
    medians = [1e3 * float(np.median(load.seconds)) for load in loads]
    high = [1e3 * float(np.quantile(load.seconds, 0.95)) for load in loads]
    cpu = [1e3 * load.cpu / each for load in loads]
    note = f"{blocks} blocks of {each}, quietest; {min(cpu):.1f} ms CPU a request with the client"
    details = {"medians_ms": medians, "p95_ms": high, "cpu_ms": cpu, "others": [load.others for load in loads]}
    failed = sum(load.failed for load in loads)
    nan = math.nan
    return {
        "cone_median": Value(nan if failed else min(medians), note, details),
        "cone_p95": Value(nan if failed else min(high), note, details),
    }


def _told(load: Load) -> str:
    return (
        f"{load.clients}: {load.rate:.0f}/s p50 {1e3 * load.quantile(0.5):.0f} ms "
        f"({1e3 * load.cpu / len(load.seconds):.1f} ms CPU, others {100 * load.others:.0f} %)"
    )


def measure_clients(catalogue: Catalogue, server: Server, *, each: int = 400, repeat: int = 2) -> dict[str, Value]:
    """Measure the rate of cones of 1, 10, 50 and 100 clients (the worst counts) and the median time at 100 [s]."""
    best: dict[int, Load] = {}
    for clients in (1, 10, 50, 100):
        runs = [
            run_load(server.url, server.pid, catalogue.cone, clients=clients, each=max(4, each // clients))
            for _ in range(repeat)
        ]
        best[clients] = max(runs, key=lambda load: load.rate)
    note = "; ".join(_told(load) for load in best.values())
    if any(load.failed for load in best.values()):
        return {"cones_rate": Value(math.nan, note), "cones_p50": Value(math.nan, note)}
    details = {"rate": {n: load.rate for n, load in best.items()}, "wall": {n: load.wall for n, load in best.items()}}
    return {
        "cones_rate": Value(min(load.rate for load in best.values()), note, details),
        "cones_p50": Value(best[100].quantile(0.5), note, details),
    }


def measure_beside_scan(catalogue: Catalogue, server: Server, *, each: int = 20) -> Value:
    """Measure how much slower cones of ten clients become while heavy scans run all the time: ratio of medians."""
    alone = run_load(server.url, server.pid, catalogue.cone, clients=10, each=each)
    stop = False

    async def scans() -> int:
        n = 0
        while not stop:
            await get(server.url, "/tap/sync", {"LANG": "ADQL", "QUERY": _SCAN, "RESPONSEFORMAT": "csv"})
            n += 1
        return n

    import threading

    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(asyncio.run(scans())))
    thread.start()
    time.sleep(0.5)
    try:
        beside = min(
            (run_load(server.url, server.pid, catalogue.cone, clients=10, each=each) for _ in range(3)),
            key=lambda load: float(np.median(load.seconds)),
        )
    finally:
        stop = True
        thread.join()
    before, after = (float(np.median(load.seconds)) for load in (alone, beside))
    note = f"median {1e3 * before:.0f} ms alone, {1e3 * after:.0f} ms beside {sum(done)} scans"
    return Value(math.nan if alone.failed or beside.failed else after / before, note)


def _fetch(url: str, query: str, kind: str, rows: int) -> tuple[float, int, bytes]:
    parts = urllib.parse.urlsplit(url)
    values = {"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": kind, "MAXREC": str(rows)}
    start, size, last = time.perf_counter(), 0, b""
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
        path = f"/tap/sync?{urllib.parse.urlencode(values)}"
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
        while block := connection.recv(1 << 20):
            size += len(block)
            last = (last + block)[-64:]
    return time.perf_counter() - start, size, last


def measure_result(server: Server, *, rows: int, repeat: int = 5) -> dict[str, Value]:
    """Measure an answer of many rows with five columns: seconds as VOTable and as Parquet, and the server's memory."""
    query = f"SELECT TOP {rows} objectId, coord_ra, coord_dec, r_psfFlux, r_psfFluxErr FROM release.Object"
    found: dict[str, Value] = {}
    server.forget_memory()
    for name, kind, mark in (("result_votable", "votable", b"</VOTABLE>"), ("result_parquet", "parquet", b"PAR1")):
        runs = [_fetch(server.url, query, kind, rows) for _ in range(repeat)]
        whole = all(mark in last for _, _, last in runs)
        seconds = [seconds for seconds, _, _ in runs]
        note = f"{rows} rows, {runs[0][1] / 1e6:.0f} MB, best of {repeat}; median {sorted(seconds)[repeat // 2]:.2f} s"
        found[name] = Value(min(seconds) if whole else math.nan, note, {"seconds": seconds})
    found["result_memory"] = Value(server.memory(), "largest resident memory of the serving process meanwhile")
    return found


def measure_fifty(server: Server, *, rows: int, queries: int = 50) -> dict[str, Value]:
    """Measure large answers at once, half of each of two users; the second begins when the first has sent all."""
    query = f"SELECT TOP {rows} objectId, coord_ra, coord_dec, r_psfFlux, r_psfFluxErr FROM release.Object"
    values = {"LANG": "ADQL", "QUERY": query, "RESPONSEFORMAT": "votable", "MAXREC": str(rows)}
    ends: dict[str, list[float]] = {"alice": [], "bob": []}
    sizes: list[int] = []
    peak = 0.0

    async def one(user: str) -> None:
        header = f"Authorization: Bearer {server.tokens[user]}\r\n"
        status, size = await get(server.url, "/tap/sync", values, header)
        sizes.append(size if status == 200 else -1)
        ends[user].append(time.perf_counter() - start)

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, await asyncio.to_thread(server.all_memory))
            await asyncio.sleep(0.2)

    async def run() -> None:
        watcher = asyncio.create_task(watch())
        first = [asyncio.create_task(one("alice")) for _ in range(queries // 2)]
        await asyncio.sleep(0.1)
        await asyncio.gather(*first, *(one("bob") for _ in range(queries - queries // 2)))
        watcher.cancel()

    start = time.perf_counter()
    asyncio.run(run())
    wall = time.perf_counter() - start
    good = sum(size == max(sizes) > 0 for size in sizes)
    note = f"{queries} answers of {max(sizes) / 1e6:.0f} MB in {wall:.1f} s"
    return {
        "fifty_complete": Value(100.0 * good / queries, note),
        "fifty_fair": Value(
            mean(ends["bob"]) / mean(ends["alice"]), f"{note}; mean end of the second user over the first"
        ),
        "fifty_memory": Value(peak, f"{note}; server and workers together"),
    }


def measure_connections(catalogue: Catalogue, server: Server, *, connections: int = 300) -> Value:
    """Measure how many of 300 connections opened at once get their answer [%]."""

    async def run() -> list[int]:
        values = [{"LANG": "ADQL", "QUERY": catalogue.cone(i), "RESPONSEFORMAT": "csv"} for i in range(connections)]
        asks = (get(server.url, "/tap/sync", value) for value in values)
        found = await asyncio.gather(*asks, return_exceptions=True)
        return [item[0] for item in found if isinstance(item, tuple)]

    start = time.perf_counter()
    statuses = asyncio.run(run())
    share = 100.0 * sum(status == 200 for status in statuses) / connections
    return Value(share, f"{connections} at once, {time.perf_counter() - start:.1f} s")
