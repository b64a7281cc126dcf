from __future__ import annotations

import numpy as np
import pytest

from uraniborg.acceptance.pattern_fields import PatternFieldConfig, make_pattern_field
from uraniborg.algorithms.astrometry.patterns import match_patterns
from uraniborg.core.errors import AlgorithmError


def _field(n: int, seed: int, **options: float | bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sources and references (brightest first), and the true partner of each source (-1 for none)."""
    field = make_pattern_field(PatternFieldConfig(n_references=n, **options), seed=seed)
    for values in (field.sources, field.references):
        values.flags.writeable = False
    return field.sources, field.references, field.partner


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
