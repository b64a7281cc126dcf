"""Which source is which reference star without a good first guess: pinwheels of bright stars, checked pessimistically.

A pinwheel is one source (the hub) with spokes to other bright sources. It is laid on the references by one spoke, on
the sphere; it counts only if shift and turn stay within what is allowed, other spokes end on references too, and
so many of all bright sources then lie on references that chance is excluded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtrc

from uraniborg.algorithms.astrometry.fit import fit_correction
from uraniborg.algorithms.astrometry.match import mutual_neighbors
from uraniborg.algorithms.astrometry.patterngrid import Grid, candidates_near, make_grid
from uraniborg.core.errors import AlgorithmError

__all__ = ("PatternMatch", "match_patterns", "unit_vectors")

type Floats = NDArray[np.float64]

ARCSEC = np.degrees(1.0) * 3600.0
SPOKES = 8
"""Other sources that a pinwheel has at most."""
FIRST_SPOKES = 4
"""Spokes that are tried as the one that a pinwheel is laid on by."""
VERIFIED = 400
"""Brightest sources that a hypothesis is checked with."""
_HYPOTHESES = 1024
"""Places of one pinwheel that are checked with all bright sources, at most."""
_CROWDED = 0.25
"""Part of the sky that circles of the tolerance around the references may cover."""


@dataclass(frozen=True, slots=True)
class PatternMatch:
    """Pairs of sources and reference stars.

    Attributes
    ----------
    source, reference : (n,) int
        Row numbers of the partners.
    rotation : (3, 3) float
        Rotation of the sphere that takes source directions to reference directions, good to ``tolerance``.
    shift : float [arcsec]
        How far it moves the middle of the sources.
    turn : float [deg]
        How far it turns them about their middle, counter-clockwise as seen on the sky with East to the left.
    tolerance : float [arcsec]
        How closely the pairs agree.
    n_patterns : int
        Pinwheels that were tried.
    false_alarm : float
        Expected number of agreements this good among unrelated catalogues.
    """

    source: NDArray[np.intp]
    reference: NDArray[np.intp]
    rotation: Floats
    shift: float
    turn: float
    tolerance: float
    n_patterns: int
    false_alarm: float


def unit_vectors(ra: ArrayLike, dec: ArrayLike) -> Floats:
    """Return the directions (n, 3) of sky positions [deg]."""
    lon, lat = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _axes(middle: Floats) -> Floats:
    """Return East, North and outward directions (3, 3) at a direction."""
    pole = np.array([0.0, 0.0, 1.0]) if abs(middle[2]) < 0.99999 else np.array([1.0, 0.0, 0.0])
    east = np.cross(pole, middle)
    east /= np.linalg.norm(east)
    return np.stack([east, np.cross(middle, east), middle])


@njit(cache=True, nogil=True)
def _triad(a: Floats, b: Floats, out: Floats) -> None:
    """Fill the rows of ``out`` with an orthonormal frame: the first direction, then normal to both, then the third."""
    n0, n1, n2 = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    norm = (n0 * n0 + n1 * n1 + n2 * n2) ** 0.5
    out[0, 0], out[0, 1], out[0, 2] = a[0], a[1], a[2]
    out[1, 0], out[1, 1], out[1, 2] = n0 / norm, n1 / norm, n2 / norm
    out[2, 0] = out[0, 1] * out[1, 2] - out[0, 2] * out[1, 1]
    out[2, 1] = out[0, 2] * out[1, 0] - out[0, 0] * out[1, 2]
    out[2, 2] = out[0, 0] * out[1, 1] - out[0, 1] * out[1, 0]


@njit(cache=True, nogil=True)
def _count_spokes(
    sources: Floats, plane: Floats, spokes: NDArray[np.int64], rotation: Floats, grid: Grid, radius: float
) -> int:
    """Return how many spokes end on a reference after a rotation."""
    hits = 0
    found = np.empty(64, np.int64)
    for spoke in spokes:
        u, v, w = 0.0, 0.0, 0.0
        for k in range(3):
            u += rotation[0, k] * sources[spoke, k]
            v += rotation[1, k] * sources[spoke, k]
            w += rotation[2, k] * sources[spoke, k]
        if w > 0.0 and candidates_near(plane, grid, (u / w, v / w, radius), found) > 0:
            hits += 1
    return hits


@njit(cache=True, nogil=True)
def _spin_pinwheel(
    sources: Floats,
    references: Floats,
    plane: Floats,
    wheel: NDArray[np.int64],
    grid: Grid,
    limits: tuple[float, float, float, float],
    needed: int,
    out: Floats,
) -> tuple[int, int]:
    """Lay one pinwheel (hub first) on the references; store the rotations that pass, (k, 9).

    ``sources`` and ``references`` are in the frame of the field (East, North, outwards); ``limits`` are the radius
    around the hub, the largest turn [rad], the tolerance and the part of a length that scales may differ by; ``needed``
    spokes besides the first have to end on references.
    """
    reach, max_turn, tolerance, stretch = limits
    hub = wheel[0]
    hu, hv = sources[hub, 0] / sources[hub, 2], sources[hub, 1] / sources[hub, 2]
    hubs, ends = np.empty(references.shape[0], np.int64), np.empty(4096, np.int64)
    n_hubs = candidates_near(plane, grid, (hu, hv, reach), hubs)
    frame_s, frame_r, rotation = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    others = np.empty(wheel.shape[0] - 2, np.int64)
    tested = kept = 0
    for first in range(1, min(FIRST_SPOKES, wheel.shape[0] - 1) + 1):
        end = wheel[first]
        k = 0
        for spoke in range(1, wheel.shape[0]):
            if spoke != first:
                others[k] = wheel[spoke]
                k += 1
        du, dv = sources[end, 0] / sources[end, 2] - hu, sources[end, 1] / sources[end, 2] - hv
        chord = 0.0
        for axis in range(3):
            chord += (sources[end, axis] - sources[hub, axis]) ** 2
        chord = chord**0.5
        slack = tolerance + stretch * chord
        if chord < 8.0 * tolerance:
            continue
        _triad(sources[hub], sources[end], frame_s)
        for h in range(n_hubs):
            r0 = hubs[h]
            window = (plane[r0, 0] + du, plane[r0, 1] + dv, chord * max_turn + slack + 0.02 * reach)
            n_ends = candidates_near(plane, grid, window, ends)
            for e in range(n_ends):
                r1 = ends[e]
                length = 0.0
                for axis in range(3):
                    length += (references[r1, axis] - references[r0, axis]) ** 2
                if r1 == r0 or abs(length**0.5 - chord) > slack:
                    continue
                eu, ev = plane[r1, 0] - plane[r0, 0], plane[r1, 1] - plane[r0, 1]
                turn = np.arctan2(du * ev - dv * eu, du * eu + dv * ev)
                if abs(turn) > max_turn + tolerance / chord:
                    continue
                tested += 1
                _triad(references[r0], references[r1], frame_r)
                for i in range(3):
                    for j in range(3):
                        rotation[i, j] = (
                            frame_r[0, i] * frame_s[0, j]
                            + frame_r[1, i] * frame_s[1, j]
                            + frame_r[2, i] * frame_s[2, j]
                        )
                radius = 1.5 * tolerance + stretch * chord
                hits = _count_spokes(sources, plane, others, rotation, grid, radius)
                if hits >= needed and kept < out.shape[0]:
                    for i in range(3):
                        for j in range(3):
                            out[kept, 3 * i + j] = rotation[i, j]
                    kept += 1
    return kept, tested


@njit(cache=True, nogil=True)
def _partners(
    sources: Floats, plane: Floats, rotation: Floats, grid: Grid, radius: float, offset: tuple[float, float]
) -> NDArray[np.int64]:
    """Return the nearest reference of each source after a rotation and an offset; -1 where none is within reach.

    A reference that several sources claim goes to the nearest of them.
    """
    n = sources.shape[0]
    chosen, distance = np.full(n, -1, np.int64), np.empty(n)
    owner = np.full(plane.shape[0], -1, np.int64)
    found = np.empty(64, np.int64)
    for s in range(n):
        u, v, w = 0.0, 0.0, 0.0
        for k in range(3):
            u += rotation[0, k] * sources[s, k]
            v += rotation[1, k] * sources[s, k]
            w += rotation[2, k] * sources[s, k]
        if w <= 0.0:
            continue
        u, v = u / w + offset[0], v / w + offset[1]
        best = radius * radius
        for k in range(candidates_near(plane, grid, (u, v, radius), found)):
            square = (plane[found[k], 0] - u) ** 2 + (plane[found[k], 1] - v) ** 2
            if square <= best:
                best, chosen[s] = square, found[k]
        if chosen[s] >= 0:
            distance[s] = best
            rival = owner[chosen[s]]
            if rival >= 0 and distance[rival] <= best:
                chosen[s] = -1
            else:
                if rival >= 0:
                    chosen[rival] = -1
                owner[chosen[s]] = s
    return chosen


@njit(cache=True, nogil=True)
def _best_hypothesis(sources: Floats, plane: Floats, hypotheses: Floats, grid: Grid, radius: float) -> tuple[int, int]:
    """Return the hypothesis under which most sources have a reference, and how many have."""
    best, most = 0, -1
    for h in range(hypotheses.shape[0]):
        rotation = hypotheses[h].copy().reshape(3, 3)
        hits = int(np.sum(_partners(sources, plane, rotation, grid, radius, (0.0, 0.0)) >= 0))
        if hits > most:
            best, most = h, hits
    return best, most


def _rigid(sources: Floats, references: Floats) -> Floats:
    """Return the rotation that takes directions closest to others (Kabsch 1976, Acta Cryst. A32, 922)."""
    left, _, right = np.linalg.svd(references.T @ sources)
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return np.asarray(left @ flip @ right)


@dataclass(frozen=True, slots=True)
class _Field:
    """Sources and references in the frame of the field, brightest first."""

    sources: Floats
    references: Floats
    plane: Floats
    grid: Grid
    max_shift: float
    max_turn: float

    def check(self, rotation: Floats, tolerance: float, trials: int) -> tuple[Floats, float]:
        """Return the rotation refined with all bright sources, and the expected number of such agreements by chance."""
        bright = self.sources[:VERIFIED]
        for factor in (3.0, 2.0, 1.5):
            partner = _partners(bright, self.plane, rotation, self.grid, factor * tolerance, (0.0, 0.0))
            if np.count_nonzero(partner >= 0) < 3:
                return rotation, np.inf
            rotation = _rigid(bright[partner >= 0], self.references[partner[partner >= 0]])
        partner = _partners(bright, self.plane, rotation, self.grid, tolerance, (0.0, 0.0))
        hits = int(np.count_nonzero(partner >= 0))
        if self.moved(rotation) > 1.1 * self.max_shift + tolerance or abs(self.turned(rotation)) > 1.1 * self.max_turn:
            return rotation, np.inf
        # What unrelated positions give, clusters and all, is counted at places around.
        angles = np.arange(8) * (np.pi / 4.0)
        chance = [
            np.count_nonzero(
                _partners(bright, self.plane, rotation, self.grid, tolerance, (float(offset[0]), float(offset[1]))) >= 0
            )
            for offset in 12.0 * tolerance * np.column_stack([np.cos(angles), np.sin(angles)])
        ]
        part = min(max(float(np.mean(chance)) / len(bright), self.covered(tolerance)), 0.999)
        # Two sources agree by construction.
        return rotation, float(trials * bdtrc(max(hits - 3, 0), max(len(bright) - 2, 1), part)) if hits > 2 else np.inf

    def covered(self, tolerance: float) -> float:
        """Return the part of the field that circles around the references cover, overlaps counted twice."""
        area = self.grid[2][2] ** 2 * float(np.prod(self.grid[3]))
        return float(np.pi * tolerance**2 * len(self.plane) / area)

    def moved(self, rotation: Floats) -> float:
        """Return how far the middle of the field moves [rad]."""
        return float(np.arctan2(np.hypot(rotation[0, 2], rotation[1, 2]), rotation[2, 2]))

    def turned(self, rotation: Floats) -> float:
        """Return how far the field turns [rad]."""
        return float(np.arctan2(rotation[1, 0] - rotation[0, 1], rotation[0, 0] + rotation[1, 1]))


def _wheels(n_sources: int, n_patterns: int) -> list[NDArray[np.int64]]:
    """Return the pinwheels: each bright source in turn as hub, the brightest after it as spokes."""
    last = max(n_sources - 4, 1)
    wheels = []
    for hub in range(min(last, n_patterns)):
        spokes = list(range(hub + 1, min(hub + 1 + SPOKES, n_sources)))
        spokes += list(range(max(hub - (SPOKES - len(spokes)), 0), hub))
        wheels.append(np.array([hub, *spokes], np.int64))
    return wheels


def match_patterns(
    sources: Floats,
    references: Floats,
    *,
    max_shift: float = 60.0,
    max_rotation: float = 2.0,
    tolerance: float = 0.5,
    max_tolerance: float = 4.0,
    stretch: float = 1e-3,
    n_patterns: int = 150,
    max_false_alarm: float = 1e-4,
) -> PatternMatch:
    """Pair sources with reference stars when shift and turn of the first guess are off.

    Parameters
    ----------
    sources : (n, 3) float
        First-guess directions (`unit_vectors`), brightest first, at least five.
    references : (m, 3) float
        Reference directions, brightest first, at least five.
    max_shift : float [arcsec]
        Largest error of the middle of the field.
    max_rotation : float [deg]
        Largest turn of the field.
    tolerance, max_tolerance : float [arcsec]
        How closely patterns have to agree in the first round; it is doubled up to the second value where nothing is
        found (first guesses with distortion).
    stretch : float
        Part that the scale of the first guess may be off by.
    n_patterns : int
        Pinwheels tried in a round.
    max_false_alarm : float
        Largest expected number of such agreements by chance.

    Returns
    -------
    PatternMatch

    Raises
    ------
    AlgorithmError
        If there are too few stars, or no agreement is significant.

    Notes
    -----
    After Morrison 2018, "Pessimistic pattern matching for LSST", DMTN-031 (hub and spokes; shift and turn limited
    for each pattern). The vote among patterns is replaced by a count of all bright sources.
    """
    if min(len(sources), len(references)) < 5:
        raise AlgorithmError(
            "too few stars for patterns; five are needed", n_sources=len(sources), n_references=len(references)
        )
    middle = sources.mean(axis=0)
    axes = _axes(middle / np.linalg.norm(middle))
    near = references @ axes[2] > 0.1
    rows = np.flatnonzero(near)
    local, known = sources @ axes.T, np.ascontiguousarray(references[near] @ axes.T)
    plane = known[:, :2] / known[:, 2:]
    field = _Field(
        np.ascontiguousarray(local), known, plane, make_grid(plane), max_shift / ARCSEC, float(np.radians(max_rotation))
    )
    best, tried, trials = (np.eye(3), np.inf), 0, 0
    while True:
        size = tolerance / ARCSEC
        rotation, chance, n_wheels, trials = _search(field, size, stretch, n_patterns, max_false_alarm, trials)
        tried += n_wheels
        best = min(best, (rotation, chance), key=lambda pair: pair[1])
        if best[1] <= max_false_alarm or 2.0 * tolerance > max_tolerance or field.covered(2.0 * size) > _CROWDED:
            break
        tolerance *= 2.0
    if best[1] > max_false_alarm:
        raise AlgorithmError(
            "no significant pattern of sources among the reference stars; check the pointing or widen the search",
            n_sources=len(sources),
            n_references=len(references),
            false_alarm=best[1],
            max_shift=max_shift,
            max_rotation=max_rotation,
        )
    source, reference = _pair(field, best[0], tolerance / ARCSEC)
    return PatternMatch(
        source=source,
        reference=rows[reference].astype(np.intp),
        rotation=axes.T @ best[0] @ axes,
        shift=field.moved(best[0]) * ARCSEC,
        turn=float(np.degrees(field.turned(best[0]))),
        tolerance=tolerance,
        n_patterns=tried,
        false_alarm=best[1],
    )


def _search(
    field: _Field, size: float, stretch: float, n_patterns: int, max_false_alarm: float, trials: int
) -> tuple[Floats, float, int, int]:
    """Try one pinwheel after the other; return the best rotation, its false alarm, wheels tried, all trials."""
    best, chance = np.eye(3), np.inf
    store = np.empty((_HYPOTHESES, 9))
    used, chance_hit = 0, min(2.25 * field.covered(size), 1.0)
    for wheel in _wheels(len(field.sources), n_patterns):
        used += 1
        hub = field.sources[wheel[0]]
        reach = field.max_shift + float(np.hypot(hub[0], hub[1]) / hub[2]) * field.max_turn + size
        limits = (reach, field.max_turn, size, stretch)
        others = len(wheel) - 2
        enough = [n for n in range(min(3, others), others + 1) if bdtrc(n - 1, others, chance_hit) < 1e-3]
        needed = enough[0] if enough else others
        kept, tested = _spin_pinwheel(
            field.sources, field.references, field.plane, wheel, field.grid, limits, needed, store
        )
        trials += tested
        if kept == 0:
            continue
        winner = _best_hypothesis(field.sources[:VERIFIED], field.plane, store[:kept], field.grid, 2.0 * size)[0]
        rotation, alarm = field.check(store[winner].reshape(3, 3).copy(), size, trials)
        if alarm < chance:
            best, chance = rotation, alarm
        if chance <= max_false_alarm:
            break
    return best, chance, used, trials


def _pair(field: _Field, rotation: Floats, tolerance: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return mutual neighbours after the stretch and turn that the rotation leaves over are taken out."""
    turned = field.sources @ rotation.T
    moved = turned[:, :2] / turned[:, 2:]
    for _ in range(3):
        source, reference = mutual_neighbors(moved, field.plane, 2.0 * tolerance)
        errors = np.full(len(source), 0.5 * tolerance)
        fit = fit_correction(moved[source], field.plane[reference], errors, max_model="affine")
        moved = fit.correction.apply(moved)
    return mutual_neighbors(moved, field.plane, tolerance)
