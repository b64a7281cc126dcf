"""Packets of a visit with full histories: ours, and the usual way (astropy stamps, fastavro records)."""

from __future__ import annotations

import io
import time
from typing import Any

import fastavro
import numpy as np
import pytest
from astropy.table import Table

from uraniborg.alerts import (
    Cutouts,
    Plane,
    VisitContext,
    build_packets,
    encode_cutout,
    encode_cutouts,
    encode_packets,
    latest_schema,
)
from uraniborg.model.tables import conform, declared_columns

NOW, N, N_HISTORY, N_FORCED, N_USUAL = 61000.5, 2000, 20, 60, 100


def table(name: str, n: int, rng: np.random.Generator, **values: Any) -> Table:
    columns = {}
    for key, column in declared_columns(name).items():
        if key in values:
            columns[key] = np.broadcast_to(np.asarray(values[key]), (n,)).copy()
        elif column.dtype.kind == "f":
            required = key in ("ra", "dec", "x", "y") or key.endswith("MjdTai")
            columns[key] = np.where((rng.random(n) < 0.2) & (not required), np.nan, rng.normal(size=n) * 1e3)
        else:
            columns[key] = np.full(n, "r") if column.dtype.kind == "U" else rng.integers(0, 100, n)
    return conform(Table(columns), name)


class Visit:
    """Sources with twenty earlier ones and sixty forced fluxes each, over 500 days."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        owner = np.arange(1, N + 1) + 10**17
        self.sources = table(
            *("DiaSource", N, rng),
            **{"diaSourceId": np.arange(N) + 5 * 10**17, "diaObjectId": owner, "midpointMjdTai": NOW},
            **{"x": rng.uniform(-5, 4077, N), "y": rng.uniform(-5, 4005, N)},
            **{"ra": rng.uniform(0, 360, N), "dec": rng.uniform(-90, 90, N)},
        )
        self.objects = table("DiaObject", N, rng, diaObjectId=owner)
        self.history, self.forced = (
            table(name, N * k, rng, diaObjectId=np.repeat(owner, k), midpointMjdTai=NOW - rng.uniform(0, 500, N * k))
            for name, k in (("DiaSource", N_HISTORY), ("DiaForcedSource", N_FORCED))
        )
        image = rng.normal(size=(4000, 4072)).astype(np.float32)
        masks = ((image > 3).astype(np.uint8), None, None)
        self.planes = [Plane(image, image**2, (0, 0), mask) for mask in masks]
        self.matrices, self.psfs = rng.normal(size=(N, 2, 2)) * 1e-4, rng.random((N, 25, 25))

    def place(self, i: int) -> tuple[tuple[float, float], tuple[float, float]]:
        row = self.sources[i]
        return (float(row["x"]), float(row["y"])), (float(row["ra"]), float(row["dec"]))

    def ours(self) -> list[bytes]:
        t = self.sources
        options = {"ra": t["ra"], "dec": t["dec"], "matrices": self.matrices, "psfs": self.psfs}
        stamps = [encode_cutouts(plane, t["x"], t["y"], **options) for plane in self.planes]
        cutouts = {key: Cutouts(*three) for key, *three in zip(t["diaSourceId"].tolist(), *stamps, strict=True)}
        context = VisitContext("survey", "field", cutouts)
        return encode_packets(t, self.objects, history=self.history, forced=self.forced, context=context)

    def usual(self, n: int) -> list[bytes]:
        few = self.sources[:n]
        cutouts = {}
        for i, key in enumerate(few["diaSourceId"].tolist()):
            position, sky = self.place(i)
            options = {"sky": sky, "matrix": self.matrices[i], "psf": self.psfs[i]}
            cutouts[key] = Cutouts(*(encode_cutout(plane, position, **options) for plane in self.planes))
        objects, history, forced = (
            rows[np.isin(rows["diaObjectId"], few["diaObjectId"])] for rows in (self.objects, self.history, self.forced)
        )
        found = []
        context = VisitContext("survey", "field", cutouts)
        for record in build_packets(few, objects, history=history, forced=forced, context=context):
            buffer = io.BytesIO()
            fastavro.schemaless_writer(buffer, latest_schema().definition, record)
            found.append(buffer.getvalue())
        return found


@pytest.mark.slow
def test_packets_per_second(benchmark) -> None:  # type: ignore[no-untyped-def]
    visit = Visit()
    visit.ours()  # compiles
    start = time.process_time()
    usual = visit.usual(N_USUAL)
    usual_rate = N_USUAL / (time.process_time() - start)
    rates = []
    for _ in range(3):
        start = time.process_time()
        ours = visit.ours()
        rates.append(N / (time.process_time() - start))
    assert ours[:N_USUAL] == usual
    size = float(np.mean([len(packet) for packet in ours]))
    benchmark.extra_info.update(packets_per_cpu_second=max(rates), usual=usual_rate, mean_bytes=size)
    print(f"\n{max(rates):.0f} packets a CPU second, the usual way {usual_rate:.0f}; mean {size / 1e3:.1f} kB")
    assert max(rates) > 10 * usual_rate
    benchmark.pedantic(visit.ours, rounds=1)
