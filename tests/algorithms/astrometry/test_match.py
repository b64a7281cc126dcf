from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.astrometry.match import match_catalogs, mutual_neighbors
from uraniborg.core.errors import AlgorithmError


def _scene(
    rng: np.random.Generator, *, n: int, extra: int, missing: int, side: float, shift: float, turn: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """References, sources (shifted, turned, noisy, some more, some fewer) and the true partner of each source."""
    references = rng.uniform(-side / 2, side / 2, (n, 2))
    angle = np.radians(turn)
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    direction = rng.uniform(0.0, 2.0 * np.pi)
    seen = (references - shift * np.array([np.cos(direction), np.sin(direction)])) @ back.T
    seen += rng.normal(0.0, 0.05, seen.shape)
    sources = np.vstack([seen[missing:], rng.uniform(-side / 2, side / 2, (extra, 2))])
    partner = np.concatenate([np.arange(missing, n), np.full(extra, -1)])
    order = rng.permutation(len(sources))
    for array in (references, sources):
        array.flags.writeable = False
    return references, sources[order], partner[order]


@pytest.mark.parametrize(("shift", "turn"), [(0.1, 0.0), (5.0, 0.0), (28.0, 0.0), (12.0, 0.4), (27.0, -0.45)])
def test_shift_and_turn_are_found(shift: float, turn: float) -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        references, sources, partner = _scene(rng, n=60, extra=80, missing=10, side=500.0, shift=shift, turn=turn)
        match = match_catalogs(sources, references)
        right = partner[match.source] == match.reference
        assert right.mean() > 0.9
        assert right.sum() > 0.9 * (partner >= 0).sum()


def test_three_stars_of_a_small_cut_out_are_matched_when_the_first_guess_is_good() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        references, sources, partner = _scene(rng, n=3, extra=15, missing=0, side=65.0, shift=0.2, turn=0.0)
        match = match_catalogs(sources, references)
        assert (partner[match.source] == match.reference).all()
        assert len(match.source) == 3


def test_unrelated_catalogues_are_not_matched() -> None:
    rng = np.random.default_rng(5)
    false = 0
    for trial in range(200):
        n, m, side = ((3, 20, 65.0), (40, 80, 300.0))[trial % 2]
        references = rng.uniform(0.0, side, (n, 2))
        sources = rng.uniform(0.0, side, (m, 2))
        try:
            match_catalogs(sources, references, max_rotation=0.3)
        except AlgorithmError:
            continue
        false += 1
    assert false == 0


def test_close_groups_of_sources_around_one_star_are_no_agreement() -> None:
    star = np.array([[10.0, 10.0], [50.0, 20.0]])
    cluster = np.array([10.0, 10.0]) + np.random.default_rng(6).normal(0.0, 0.1, (12, 2))
    with pytest.raises(AlgorithmError, match="no significant match"):
        match_catalogs(cluster, star, max_shift=3.0)


def test_no_stars_is_a_clear_error() -> None:
    with pytest.raises(AlgorithmError, match="n_references=0"):
        match_catalogs(np.zeros((3, 2)), np.zeros((0, 2)))


def test_neighbours_are_mutual_and_in_reach() -> None:
    sources = np.array([[0.0, 0.0], [0.4, 0.0], [9.0, 9.0]])
    references = np.array([[0.1, 0.0], [5.0, 5.0]])
    source, reference = mutual_neighbors(sources, references, 1.0)
    assert source.tolist() == [0]
    assert reference.tolist() == [0]
    assert len(mutual_neighbors(sources[:0], references, 1.0)[0]) == 0
