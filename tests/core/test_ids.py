from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uraniborg.core.errors import UserError
from uraniborg.core.ids import object_ids, source_ids, unpack_source_id


@given(visit=st.integers(0, 2**34 - 1), detector=st.integers(0, 255), n=st.integers(1, 1000))
def test_source_ids_are_positive_unique_and_unpack(visit: int, detector: int, n: int) -> None:
    ids = source_ids(visit, detector, n)
    assert ids.dtype == np.int64
    assert (ids >= 0).all()
    assert len(np.unique(ids)) == n
    assert unpack_source_id(int(ids[-1])) == (visit, detector)


@given(
    a=st.tuples(st.integers(0, 10_000), st.integers(0, 2**14 - 1)),
    b=st.tuples(st.integers(0, 10_000), st.integers(0, 2**14 - 1)),
)
def test_object_ids_of_two_patches_never_meet(a: tuple[int, int], b: tuple[int, int]) -> None:
    ids_a, ids_b = object_ids(*a, 1 << 10), object_ids(*b, 1 << 10)
    assert (a == b) == bool(np.intersect1d(ids_a, ids_b).size)


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UserError, match=r"\(visit, detector\) = \(1, 256\)"):
        source_ids(1, 256, 1)
