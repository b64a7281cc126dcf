"""Bodies of the Solar System for a simulated field: which there are, and what each visit sees of them."""

from __future__ import annotations

import csv
from functools import cache, lru_cache
from importlib.resources import files

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.core.random import random_stream
from uraniborg.model.tables import conform, empty_table
from uraniborg.sim.config import SimConfig
from uraniborg.sim.motion.observer import LIGHT_DAYS_PER_AU, observer_at, unit_vectors
from uraniborg.sim.motion.orbits import OBLIQUITY, Elements, Seen, apparent_magnitude, look_at, solve_kepler
from uraniborg.sim.spectra import BANDS, magnitude_to_flux

__all__ = ("elements_of", "make_movers", "mover_fluxes", "real_orbits", "see_movers")

_FIRST_ID, _FIRST_REAL_ID = 4_000_001, 4_500_001
_COLOURS = {
    "C": {"u": 1.74, "g": 0.47, "i": -0.11, "z": -0.11, "y": -0.11, "V": 0.20},
    "S": {"u": 2.19, "g": 0.63, "i": -0.19, "z": -0.15, "y": -0.12, "V": 0.27},
}
"""Magnitude in a band minus r, about the means of the C and S complexes (Ivezic et al. 2001, AJ 122, 2749); V from
V = g - 0.565 (g - r) - 0.016 (Jester et al. 2005)."""
_ELEMENTS = ("a", "e", "inclination", "node", "argument", "anomaly", "epoch")


@cache
def real_orbits() -> Table:
    """Return the real orbits that come with the package (NASA/JPL Small-Body Database)."""
    lines = (files("uraniborg.sim") / "data" / "orbits.csv").read_text("utf8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    numbers = ("H", "G", *_ELEMENTS)
    table = Table({"name": [row["name"] for row in rows], "class": [row["class"] for row in rows]})
    for name in numbers:
        table[name] = np.array([float(row[name]) for row in rows])
    return table


def make_movers(config: SimConfig) -> Table:
    """Return all moving bodies of a survey.

    Parameters
    ----------
    config : SimConfig
        The survey; ``moving`` says how many. Equal configurations give equal tables.

    Returns
    -------
    astropy.table.Table
        Declared as ``TruthOrbit``.
    """
    return _remembered(config.model_dump_json()).copy()


@lru_cache(maxsize=4)
def _remembered(text: str) -> Table:
    config = SimConfig.model_validate_json(text)
    parts = [_crossing(config)] if config.moving.number else []
    if config.moving.real:
        parts.append(_real())
    if not parts:
        return empty_table("TruthOrbit")
    joined = {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0].colnames}
    return conform(Table(joined), "TruthOrbit")


def _real() -> Table:
    table = real_orbits().copy()
    table["truthId"] = _FIRST_REAL_ID + np.arange(len(table))
    table["complex"] = np.where(np.asarray(table["a"]) < 2.6, "S", "C")
    return table


def _crossing(config: SimConfig) -> Table:
    """Orbits of real size and shape, turned so that they stand in the field at the middle of the survey's first night.

    The point of the orbit is drawn uniformly in mean anomaly, so bodies are met where they spend their time; points
    that are nearer to the Sun than the line of sight allows are drawn again.
    """
    rng = random_stream(config.seed, "moving.orbits")
    n, plan = config.moving.number, config.observing
    mjd = plan.first_mjd + plan.nights[0] + 0.5 * len(plan.bands) * (plan.exposure_time + 30.0) / 86400.0
    pool = real_orbits()
    radius = config.moving.spread * np.sqrt(rng.uniform(0.0, 1.0, n)) / 3600.0
    angle = rng.uniform(0.0, 2.0 * np.pi, n)
    dec = config.sky.dec + radius * np.cos(angle)
    ra = config.sky.ra + radius * np.sin(angle) / np.cos(np.deg2rad(dec))
    shape, distance, true_anomaly = _points_on_the_line(rng, pool, unit_vectors(ra, dec), mjd)
    chosen = pool[shape]
    elements = _turned(chosen, unit_vectors(ra, dec), distance, true_anomaly, mjd=mjd, rng=rng)
    complexes = np.where(rng.uniform(size=n) < 0.6, "C", "S")
    seen = look_at(elements, mjd)
    slope = np.full(n, 0.15)
    wanted = rng.uniform(*config.moving.magnitudes, n)
    absolute = wanted - apparent_magnitude(
        0.0, slope, sun_distance=seen.sun_distance, distance=seen.distance, phase=seen.phase
    )
    return Table(
        {
            "truthId": _FIRST_ID + np.arange(n),
            "name": [f"sim {k + 1}" for k in range(n)],
            "class": np.asarray(chosen["class"]),
            "complex": complexes,
            "H": absolute,
            "G": slope,
            **{name: getattr(elements, name) for name in _ELEMENTS},
        }
    )


def _points_on_the_line(
    rng: np.random.Generator, pool: Table, lines: NDArray[np.float64], mjd: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Draw an orbit's shape and a true anomaly for each line of sight; return them with the distance on the line."""
    observer = observer_at(mjd).heliocentric
    n = len(lines)
    shape, distance, anomaly = np.zeros(n, dtype=np.int64), np.full(n, np.nan), np.zeros(n)
    for _ in range(1000):
        todo = np.flatnonzero(~(distance > 0.02))
        if not todo.size:
            break
        shape[todo] = rng.integers(0, len(pool), todo.size)
        a, e = np.asarray(pool["a"])[shape[todo]], np.asarray(pool["e"])[shape[todo]]
        mean = rng.uniform(-np.pi, np.pi, todo.size)
        half = 0.5 * solve_kepler(mean, e)
        anomaly[todo] = 2.0 * np.arctan2(np.sqrt(1.0 + e) * np.sin(half), np.sqrt(1.0 - e) * np.cos(half))
        radius = a * (1.0 - e**2) / (1.0 + e * np.cos(anomaly[todo]))
        along = lines[todo] @ observer
        with np.errstate(invalid="ignore"):
            distance[todo] = -along + np.sqrt(along**2 + radius**2 - observer @ observer)
    return shape, distance, anomaly


def _turned(
    chosen: Table,
    lines: NDArray[np.float64],
    distance: NDArray[np.float64],
    true_anomaly: NDArray[np.float64],
    *,
    mjd: float,
    rng: np.random.Generator,
) -> Elements:
    """Return orbits of given a, e, inclination that have the given anomaly at the given places.

    Where the place lies above the orbit's inclination, the inclination is raised to just reach it.
    """
    place = observer_at(mjd).heliocentric + distance[:, None] * lines
    c, s = np.cos(OBLIQUITY), np.sin(OBLIQUITY)
    x, y, z = place[:, 0], c * place[:, 1] + s * place[:, 2], -s * place[:, 1] + c * place[:, 2]
    longitude, latitude = np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))
    inclination = np.maximum(np.deg2rad(np.asarray(chosen["inclination"])), np.abs(latitude) * (1.0 + 1e-6) + 1e-6)
    from_node = np.arcsin(np.clip(np.sin(latitude) / np.sin(inclination), -1.0, 1.0))
    from_node = np.where(rng.uniform(size=len(chosen)) < 0.5, from_node, np.pi - from_node)
    node = longitude - np.arctan2(np.cos(inclination) * np.sin(from_node), np.cos(from_node))
    e = np.asarray(chosen["e"], dtype=float)
    eccentric = 2.0 * np.arctan2(
        np.sqrt(1.0 - e) * np.sin(0.5 * true_anomaly), np.sqrt(1.0 + e) * np.cos(0.5 * true_anomaly)
    )
    return Elements(
        a=np.asarray(chosen["a"], dtype=float),
        e=e,
        inclination=np.degrees(inclination),
        node=np.mod(np.degrees(node), 360.0),
        argument=np.mod(np.degrees(from_node - true_anomaly), 360.0),
        anomaly=np.mod(np.degrees(eccentric - e * np.sin(eccentric)), 360.0),
        epoch=mjd + 32.184 / 86400.0 - distance * LIGHT_DAYS_PER_AU,
    )


def elements_of(orbits: Table) -> Elements:
    """Return the elements of a ``TruthOrbit`` table."""
    return Elements(*(np.asarray(orbits[name], dtype=float) for name in _ELEMENTS))


def see_movers(orbits: Table, mjd: float) -> Seen:
    """Return what the observer sees of the bodies of a ``TruthOrbit`` table at a time (TAI) [day]."""
    return look_at(elements_of(orbits), mjd)


def mover_fluxes(orbits: Table, seen: Seen) -> dict[str, NDArray[np.float64]]:
    """Return the fluxes [nJy] of bodies by band.

    Parameters
    ----------
    orbits : astropy.table.Table
        Declared as ``TruthOrbit``.
    seen : Seen
        What the observer sees of them.
    """
    visual = apparent_magnitude(
        np.asarray(orbits["H"]),
        np.asarray(orbits["G"]),
        sun_distance=seen.sun_distance,
        distance=seen.distance,
        phase=seen.phase,
    )
    carbon = np.asarray(orbits["complex"]) == "C"
    result = {}
    for band in BANDS:
        colour = [0.0 if band == "r" else _COLOURS[name][band] for name in ("C", "S")]
        from_visual = [value - _COLOURS[name]["V"] for value, name in zip(colour, ("C", "S"), strict=True)]
        result[band] = magnitude_to_flux(visual + np.where(carbon, *from_visual))
    return result
