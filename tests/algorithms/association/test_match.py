import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from uraniborg.algorithms.association.match import ARCSEC, associate_sources, match_to_objects, unit_vectors
from uraniborg.core.errors import UserError


def simulate(
    density: float, *, n_visits: int, sigma: float, completeness: float = 0.8, width: float = 0.2, seed: int = 3
):
    """Return positions, errors, visits, times and the true object of sources in a square, density per deg^2."""
    rng = np.random.default_rng(seed)
    n = int(density * width**2)
    ra, dec = 359.9 + rng.uniform(0, width, n), -40.0 + rng.uniform(0, width, n)
    rows = []
    for visit in range(n_visits):
        seen = rng.random(n) < completeness
        error = rng.uniform(0.3, 1.0, n) * sigma
        offset = rng.normal(size=(2, n)) * error / 3600.0
        truth = np.flatnonzero(seen)
        rows.append(
            np.stack(
                [
                    (ra + offset[0] / np.cos(np.radians(dec)))[seen] % 360.0,
                    (dec + offset[1])[seen],
                    error[seen],
                    np.full(truth.size, visit),
                    np.full(truth.size, 60000.0 + visit),
                    truth,
                ]
            )
        )
    return np.concatenate(rows, axis=1)


def run(table: np.ndarray, **options):
    ra, dec, error, visit, time, _ = table
    return associate_sources(ra, dec, errors=error, visit=visit.astype(int), time=time, **options)


def test_wrong_associations_at_twenty_thousand_per_square_degree() -> None:
    table = simulate(2e4, n_visits=12, sigma=0.15, width=0.3)
    found = run(table)
    truth = table[5].astype(int)
    # The truth of an object is that of its first source; a source is wrong if it is with another one's object.
    wrong = truth[found.founder[found.object_index]] != truth
    split = found.founder.size - np.unique(truth).size
    assert wrong.mean() <= 0.01
    assert 0 <= split <= 0.01 * np.unique(truth).size


def test_order_of_rows_does_not_matter() -> None:
    table = simulate(5e4, n_visits=5, sigma=0.3)
    first = run(table)
    order = np.random.default_rng(0).permutation(table.shape[1])
    second = run(table[:, order])
    back = np.empty(order.size, dtype=int)
    back[order] = np.arange(order.size)
    np.testing.assert_array_equal(first.founder[first.object_index], order[second.founder[second.object_index]][back])


def test_one_source_of_a_visit_for_each_object() -> None:
    table = simulate(2e6, n_visits=4, sigma=0.4, width=0.03)
    found = run(table)
    pairs = np.stack([found.object_index, table[3].astype(int)])
    assert np.unique(pairs, axis=1).shape[1] == table.shape[1]


@pytest.mark.parametrize("seed", range(5))
def test_crowded_match_is_the_cheapest_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sources = unit_vectors(10 + rng.uniform(0, 3, 30) / 3600, rng.uniform(0, 3, 30) / 3600)
    objects = unit_vectors(10 + rng.uniform(0, 3, 25) / 3600, rng.uniform(0, 3, 25) / 3600)
    errors, others = rng.uniform(0.2, 0.4, 30), rng.uniform(0.1, 0.2, 25)
    found = match_to_objects(
        sources, objects, source_errors=errors, object_errors=others, max_separation=1.0, max_chi2=16.0
    )
    separation = 2 * np.arcsin(0.5 * np.linalg.norm(sources[:, None] - objects[None], axis=-1)) / ARCSEC
    chi2 = separation**2 / (errors[:, None] ** 2 + others**2)
    cost = np.where((separation <= 1.0) & (chi2 < 16.0), chi2, 1e6)
    full = np.concatenate([cost, np.where(np.eye(30, dtype=bool), 16.0, 1e6)], axis=1)
    rows, columns = linear_sum_assignment(full)
    best = full[rows, columns].sum()
    mine = sum(full[i, j] if j >= 0 else 16.0 for i, j in enumerate(found))
    assert mine == pytest.approx(best, rel=1e-9)
    given = found[found >= 0]
    assert np.unique(given).size == given.size


def test_nothing_to_match() -> None:
    empty = np.empty((0, 3))
    one = unit_vectors(np.array([1.0]), np.array([2.0]))
    options = {"max_separation": 1.0, "object_errors": np.empty(0), "source_errors": np.ones(1)}
    np.testing.assert_array_equal(match_to_objects(one, empty, **options), [-1])
    found = associate_sources(*np.empty((2, 0)), errors=np.empty(0), visit=np.empty(0, int), time=np.empty(0))
    assert found.founder.size == 0


def test_missing_error_and_missing_position() -> None:
    position = np.array([10.0, 10.0 + 0.2 / 3600])
    arguments = {"errors": np.array([np.nan, 0.1]), "visit": np.array([1, 2]), "time": np.array([1.0, 2.0])}
    found = associate_sources(position, np.zeros(2), **arguments)
    np.testing.assert_array_equal(found.object_index, [0, 0])
    with pytest.raises(UserError, match="1 sources have no position"):
        associate_sources(np.array([10.0, np.nan]), np.zeros(2), **arguments)
