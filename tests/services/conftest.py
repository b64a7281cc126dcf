"""A small catalogue and a real server on loopback, started as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uraniborg.catalog.storage import LoadPlan, load

ROWS = 20_000


@dataclass
class Served:
    """A server that runs, its catalogue, and tokens of two users."""

    process: subprocess.Popen[str]
    url: str
    catalog: Path
    state: Path
    tokens: dict[str, str]

    @property
    def tap(self) -> str:
        return f"{self.url}/tap"

    def client(self, user: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.tokens[user]}"} if user else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def query(self, adql: str, user: str | None = None, **parameters: object) -> httpx.Response:
        with self.client(user) as client:
            values = {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": "csv", **parameters}
            return client.post("/tap/sync", data={k: str(v) for k, v in values.items()})


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Objects over the whole sky with texts and nulls, and three sources of each of the first thousand."""
    root = tmp_path_factory.mktemp("served") / "hats"
    rng = np.random.default_rng(7)
    ra, dec = rng.uniform(0, 360, ROWS), np.degrees(np.arcsin(rng.uniform(-1, 1, ROWS)))
    flux = rng.lognormal(3, 1, ROWS)
    objects = pa.table(
        {
            "objectId": np.arange(1, ROWS + 1), "ra": ra, "dec": dec,
            "flux": pa.array(flux, mask=rng.random(ROWS) < 0.1), "band": rng.choice(["g", "r", "i"], ROWS),
            "good": rng.random(ROWS) < 0.5, "n": rng.integers(0, 99, ROWS).astype("i4"),
        },
        schema=pa.schema([
            ("objectId", pa.int64()),
            pa.field("ra", pa.float64(), metadata={"unit": "deg", "description": "Right ascension."}),
            pa.field("dec", pa.float64(), metadata={"unit": "deg", "description": "Declination."}),
            pa.field("flux", pa.float32(), metadata={"unit": "nJy", "description": "Flux & more <of it>."}),
            ("band", pa.string()), ("good", pa.bool_()), ("n", pa.int32()),
        ]),
    )  # fmt: skip
    which = np.repeat(np.arange(1000), 3)
    sources = pa.table(
        {
            "sourceId": np.arange(3000),
            "objectId": which + 1,
            "ra": ra[which],
            "dec": dec[which],
            "time": rng.random(3000),
        }
    )
    folder = root.parent
    pq.write_table(objects, folder / "objects.parquet")
    pq.write_table(sources, folder / "sources.parquet")
    load([folder / "objects.parquet"], root / "object", LoadPlan("Star", ("ra", "dec"), "objectId", threshold=9000))
    plan = LoadPlan("Visit", ("ra", "dec"), parent=root / "object", parent_key="objectId")
    load([folder / "sources.parquet"], root / "visit", plan)
    return root


@pytest.fixture(scope="session")
def start_server(catalogue: Path) -> Iterator[Callable[..., Served]]:
    """Start servers with given state folders; all are ended with the tests."""
    running: list[subprocess.Popen[str]] = []

    def start(state: Path, *options: str) -> Served:
        command = [sys.executable, "-m", "uraniborg.cli.main", "serve", "-b", str(catalogue), "--schema", "sky",
                   "--state", str(state), "--port", "0", *options]  # fmt: skip
        tokens = {}
        for user in ("alice", "bob"):
            tokens[user] = subprocess.run(
                [*command, "--new-user", user], check=True, capture_output=True, text=True
            ).stdout.strip()
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+?(?=/ )", line)
        assert found, f"the server did not start: {line!r}"
        return Served(process, found[0], catalogue, state, tokens)

    yield start
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture(scope="session")
def served(start_server: Callable[..., Served], tmp_path_factory: pytest.TempPathFactory) -> Served:
    """The server that most tests share."""
    return start_server(tmp_path_factory.mktemp("state"))
