"""Tables of three visits of two objects, and stamps, for tests of packets."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.alerts import Cutouts, Plane, VisitContext, build_packets, encode_cutout
from uraniborg.model.tables import conform, declared_columns

NOW = 61000.5


def fill(name: str, n: int, **values) -> Table:
    """Return a declared table with neutral values and the given ones."""
    columns = {}
    for key, column in declared_columns(name).items():
        kind = column.dtype.kind
        neutral = np.nan if kind == "f" else "r" if kind == "U" else 0
        columns[key] = np.broadcast_to(np.asarray(values.get(key, neutral)), (n,)).copy()
    return conform(Table(columns), name)


def stamp(seed: int = 0) -> bytes:
    rng = np.random.default_rng(seed)
    plane = Plane(rng.normal(size=(60, 80)).astype(np.float32), np.full((60, 80), 4.0, np.float32), (100, 200))
    return encode_cutout(
        plane,
        (140.3, 229.8),
        sky=(187.0, 25.5),
        matrix=np.array([[-7e-5, 1e-6], [1e-6, 7e-5]]),
        psf=np.ones((25, 25)) / 625,
    )


@pytest.fixture
def tables() -> dict[str, Table]:
    """Sources of this visit, objects, history and forced photometry."""
    common = {
        "timeProcessedMjdTai": NOW + 1,
        "ra": 187.0,
        "dec": 25.5,
        "psfFlux": 900.0,
        "psfFluxErr": 30.0,
        "snr": 30.0,
    }
    return {
        "sources": fill(
            "DiaSource",
            2,
            diaSourceId=[71, 72],
            diaObjectId=[11, 12],
            visit=7,
            midpointMjdTai=NOW,
            x=140.3,
            y=229.8,
            **common,
        ),
        "objects": fill(
            "DiaObject", 2, diaObjectId=[11, 12], validityStartMjdTai=NOW, ra=187.0, dec=25.5, nDiaSources=[3, 1]
        ),
        "history": fill(
            "DiaSource",
            4,
            diaSourceId=[51, 41, 31, 61],
            diaObjectId=[11, 11, 11, 99],
            visit=[5, 4, 3, 6],
            midpointMjdTai=[NOW - 3, NOW - 10, NOW - 400, NOW - 1],
            x=1.0,
            y=2.0,
            **common,
        ),
        "forced": fill(
            "DiaForcedSource",
            3,
            diaForcedSourceId=[1, 2, 3],
            diaObjectId=[11, 11, 12],
            visit=[5, 7, 7],
            midpointMjdTai=[NOW - 3, NOW, NOW],
            ra=187.0,
            dec=25.5,
            timeProcessedMjdTai=NOW,
        ),
    }


@pytest.fixture
def packets(tables) -> list[dict]:
    """Two valid packets."""
    cutouts = {key: Cutouts(stamp(1), stamp(2), stamp(3)) for key in (71, 72)}
    return build_packets(
        tables["sources"],
        tables["objects"],
        history=tables["history"],
        forced=tables["forced"],
        context=VisitContext("survey", "field 1", cutouts),
    )
