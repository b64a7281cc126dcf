from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.astrometry import from_tangent_plane
from uraniborg.algorithms.astrometry.patterns import match_patterns, unit_vectors
from uraniborg.core.errors import AlgorithmError

SIZE = (760.0, 380.0)  # arcsec


def _field(
    n: int, seed: int, *, dec: float = 2.2, shift: float = 60.0, turn: float = 2.0, wrong: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sources and references (brightest first), and the true partner of each source (-1 for none).

    A quarter of the references is not seen, a third of the sources is in no catalogue, magnitudes differ by 0.4, the
    first guess is distorted by up to 0.6 arcsec and off by a shift and a turn.
    """
    rng = np.random.default_rng(seed)
    wide = np.array(SIZE) + 180.0
    n_all = int(n * np.prod(wide) / np.prod(SIZE))
    references = rng.uniform(-0.5, 0.5, (n_all, 2)) * wide
    magnitude = np.sort(20.0 + 2.0 * np.log10(rng.uniform(size=n_all)))
    seen_from = rng.uniform(-0.5, 0.5, (n_all, 2)) * wide if wrong else references
    seen = (np.abs(seen_from) < 0.5 * np.array(SIZE)).all(axis=1) & (rng.uniform(size=n_all) < 0.75)
    n_extra = int(0.4 * seen.sum())
    places = np.vstack([seen_from[seen], rng.uniform(-0.5, 0.5, (n_extra, 2)) * SIZE])
    light = np.concatenate([magnitude[seen], 20.0 + 2.0 * np.log10(rng.uniform(size=n_extra))])
    truth = np.concatenate([np.flatnonzero(seen), np.full(n_extra, -1)])
    order = np.argsort(light + rng.normal(0.0, 0.4, len(light)))
    places, truth = places[order], truth[order]
    scaled = places / 400.0
    places = places + 0.5 * scaled * np.sum(scaled**2, axis=1)[:, None] + rng.normal(0.0, 0.05, places.shape)
    angle, direction = np.radians(rng.uniform(-turn, turn)), rng.uniform(0.0, 2.0 * np.pi)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    places = places @ matrix + shift * np.sqrt(rng.uniform()) * np.array([np.cos(direction), np.sin(direction)])
    center = (150.1, dec)
    vectors = [unit_vectors(*from_tangent_plane(points, center)) for points in (places, references)]
    for values in vectors:
        values.flags.writeable = False
    return vectors[0], vectors[1], truth


def _is_right(n: int, seed: int, **options: float) -> bool:
    sources, references, truth = _field(n, seed, **options)
    try:
        match = match_patterns(sources, references)
    except AlgorithmError:
        return False
    right = truth[match.source] == match.reference
    return bool(right.mean() > 0.9 and right.sum() > 0.8 * np.sum(truth >= 0))


@pytest.mark.parametrize("n", [15, 60, 600])
@pytest.mark.parametrize("dec", [2.2, -89.99])
def test_sparse_and_rich_fields_are_matched_from_a_poor_first_guess(n: int, dec: float) -> None:
    assert np.mean([_is_right(n, seed, dec=dec) for seed in range(40)]) >= 0.95


def test_dense_fields_are_matched() -> None:
    assert all(_is_right(5442, seed) for seed in range(4))


@pytest.mark.parametrize(("n", "repeats"), [(15, 100), (60, 60), (600, 20)])
def test_wrong_fields_are_never_matched(n: int, repeats: int) -> None:
    for seed in range(repeats):
        with pytest.raises(AlgorithmError, match="no significant pattern"):
            match_patterns(*_field(n, 1000 + seed, wrong=True)[:2])


def test_shift_and_turn_are_found_and_the_rotation_takes_sources_to_references() -> None:
    sources, references, truth = _field(200, 3, shift=0.0, turn=0.0)
    angle = np.radians(1.5)
    lon, lat = np.radians(150.1), np.radians(2.2)
    middle = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    cross = np.array([[0, -middle[2], middle[1]], [middle[2], 0, -middle[0]], [-middle[1], middle[0], 0]])
    turn = np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross
    match = match_patterns(sources @ turn.T, references)
    assert match.turn == pytest.approx(-1.5, abs=0.02)
    assert match.shift < 1.0
    assert (truth[match.source] == match.reference).mean() > 0.95
    away = sources[match.source] @ turn.T @ match.rotation.T - references[match.reference]
    assert np.degrees(np.linalg.norm(away, axis=1)).max() * 3600.0 < 1.5


def test_what_exceeds_the_limits_is_refused() -> None:
    sources, references, _ = _field(200, 5)
    with pytest.raises(AlgorithmError):
        match_patterns(sources, references, max_shift=1.0, max_rotation=0.05)
    with pytest.raises(AlgorithmError, match="too few stars"):
        match_patterns(sources[:4], references)


def test_the_answer_does_not_depend_on_the_run() -> None:
    sources, references, _ = _field(300, 8)
    one, two = (match_patterns(sources, references) for _ in range(2))
    assert np.array_equal(one.source, two.source)
    assert np.array_equal(one.rotation, two.rotation)
