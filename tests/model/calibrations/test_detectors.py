from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from uraniborg.model.calibrations import BrighterFatterModel, Defect, DefectList, GhostModel, Reflection


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.0, 1.0))
def test_runs_of_defects_make_the_mask_again(seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((17, 23)) < share
    listed = DefectList(defects=DefectList.runs(mask, "hot"))
    np.testing.assert_array_equal(listed.mask(mask.shape), mask)
    assert DefectList.model_validate_json(listed.model_dump_json()) == listed


def test_rectangles_may_overlap_and_reach_over_the_edge() -> None:
    listed = DefectList(defects=(Defect(x=1, y=1, width=2, height=2), Defect(x=2, y=2, width=9, height=1)))
    assert listed.mask((4, 4)).sum() == 5
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Defect(x=-1, y=0)


def test_kernels_are_square_and_odd() -> None:
    model = BrighterFatterModel(kernel=((0.0, 1e-7, 0.0), (1e-7, 3e-7, 1e-7), (0.0, 1e-7, 0.0)))
    assert model.array.shape == (3, 3)
    with pytest.raises(ValidationError, match="odd"):
        BrighterFatterModel(kernel=((0.0, 1.0), (1.0, 0.0)))


def test_reflections_as_rows() -> None:
    ghost = Reflection(name="a", position=-0.6, radius=100.0, inner=0.6, fraction=1e-4, offset=(1.0, 2.0), decentre=0.1)
    model = GhostModel(reflections=(ghost,))
    np.testing.assert_allclose(model.array, [[-0.6, 100.0, 0.6, 1e-4, 0.3, 1.0, 2.0, 0.1]])
    assert GhostModel(reflections=()).array.shape == (0, 8)
