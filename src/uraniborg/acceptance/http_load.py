"""Many clients of a service at once, with as little of their own as can be, and what their requests took."""

from __future__ import annotations

import asyncio
import os
import time
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import psutil

__all__ = ("Load", "Usage", "get", "run_load", "usage")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds so far: of some processes with their children, of this one, and of the whole machine."""

    served: float
    own: float
    machine: float


def usage(pid: int) -> Usage:
    """Return what a server has used up to now, with its workers."""
    root = psutil.Process(pid)
    times = []
    for process in [root, *root.children(recursive=True)]:
        try:
            times.append(process.cpu_times())
        except psutil.Error:
            continue
    whole = psutil.cpu_times()
    busy = sum(whole) - whole.idle - getattr(whole, "iowait", 0.0)
    return Usage(sum(t.user + t.system for t in times), time.process_time(), busy)


@dataclass(frozen=True, slots=True)
class Load:
    """What a number of clients saw.

    Attributes
    ----------
    clients : int
        How many there were.
    seconds : (n,) float [s]
        Time of each request.
    wall : float [s]
        Time of all together.
    cpu : float [s]
        CPU time of server and clients.
    others : float
        Part of the machine that others used meanwhile, 0 to 1.
    failed : int
        Requests without a good answer.
    """

    clients: int
    seconds: np.ndarray
    wall: float
    cpu: float
    others: float
    failed: int

    @property
    def rate(self) -> float:
        """Requests in a second; where others used more than a tenth of the machine, as its cores allow."""
        n = len(self.seconds)
        alone = self.cpu / (os.cpu_count() or 1)
        return n / (min(self.wall, alone / 0.9) if self.others > 0.1 else self.wall)

    def quantile(self, q: float) -> float:
        """Return a quantile of the times [s], scaled like the rate."""
        scale = len(self.seconds) / self.rate / self.wall
        return float(np.quantile(self.seconds, q)) * scale


def _path(path: str, values: dict[str, str]) -> str:
    return f"{path}?{urllib.parse.urlencode(values)}"


async def get(url: str, path: str, values: dict[str, str], headers: str = "") -> tuple[int, int]:
    """Ask once on a connection of its own; return status and bytes of the answer."""
    parts = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        target = _path(path, values)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n{headers}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        size = 0
        while block := await reader.read(1 << 20):
            size += len(block)
        return int(head.split(b" ", 2)[1]), size
    finally:
        writer.close()


async def _client(url: str, paths: Sequence[str], times: list[float], failed: list[int]) -> None:
    parts = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        for path in paths:
            start = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, found, rest = head.partition(b"content-length:")
            if found:
                await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
            else:
                while size := int((await reader.readline()).strip() or b"0", 16):
                    await reader.readexactly(size + 2)
                await reader.readline()
            times.append(time.perf_counter() - start)
            failed.append(head.split(b" ", 2)[1] != b"200")
    finally:
        writer.close()


def run_load(
    url: str, pid: int, queries: Callable[[int], str], *, clients: int, each: int, columns: str = "votable"
) -> Load:
    """Let some clients ask one query after the other, each on one connection.

    Parameters
    ----------
    url : str
        Address of the service.
    pid : int
        Its process.
    queries : callable
        Returns the ADQL of request i.
    clients, each : int
        Clients, and requests of each.
    columns : str
        Format of the answers.
    """
    times: list[float] = []
    failed: list[int] = []

    def paths(client: int) -> list[str]:
        numbers = range(client * each, (client + 1) * each)
        return [_path("/tap/sync", {"LANG": "ADQL", "QUERY": queries(i), "RESPONSEFORMAT": columns}) for i in numbers]

    async def run() -> None:
        await asyncio.gather(*(_client(url, paths(client), times, failed) for client in range(clients)))

    before, start = usage(pid), time.perf_counter()
    asyncio.run(run())
    wall, after = time.perf_counter() - start, usage(pid)
    cpu = after.served - before.served + after.own - before.own
    others = max(0.0, after.machine - before.machine - cpu) / (wall * (os.cpu_count() or 1))
    return Load(clients, np.array(times), wall, cpu, others, sum(failed))
