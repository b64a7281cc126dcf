from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from uraniborg.algorithms.detection import Footprints, footprint_bits, merge_footprints
from uraniborg.algorithms.detection.footprints import assemble_footprints, label_mask
from uraniborg.core.errors import UserError


def _random_mask(seed: int, density: float = 0.35) -> np.ndarray:
    return np.random.default_rng(seed).random((60, 70)) < density


def _painted(spans: np.ndarray, region: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    out = np.zeros(shape, int)
    for (y, x0, x1), number in zip(spans, region, strict=True):
        out[y, x0 : x1 + 1] = number + 1
    return out


@pytest.mark.parametrize("seed", range(6))
def test_regions_are_those_of_scipy(seed: int) -> None:
    mask = _random_mask(seed, density=0.15 + 0.1 * seed)
    spans, region = label_mask(mask)
    ours = _painted(spans, region, mask.shape)
    theirs, n = label(mask, structure=np.ones((3, 3)))
    assert region.max() + 1 == n
    assert np.array_equal(ours > 0, mask)
    pairs = np.unique(np.stack([ours[mask], theirs[mask]]), axis=1)
    assert pairs.shape[1] == n


def _footprints(mask: np.ndarray, peaks: list[tuple[int, int, float]], sign: int = 1) -> Footprints:
    x, y, value = (np.array(column) for column in zip(*peaks, strict=True))
    return assemble_footprints(mask, x.astype(np.int32), y.astype(np.int32), peak_value=value, sign=sign)


def _two_boxes() -> np.ndarray:
    mask = np.zeros((30, 40), bool)
    mask[5:9, 3:10] = True
    mask[20:25, 15:21] = True
    mask[20:22, 21:23] = True
    mask[28, 38] = True  # without a peak
    return mask


def test_regions_own_their_peaks_and_areas() -> None:
    found = _footprints(_two_boxes(), [(18, 22, 6.0), (4, 6, 9.0), (16, 20, 12.0)])
    assert len(found) == 2
    assert found.area.tolist() == [28, 34]
    assert found.peak_footprint.tolist() == [0, 1, 1]
    assert found.peak_x.tolist() == [4, 16, 18]
    assert found.peak_value.tolist() == [9.0, 12.0, 6.0]
    labels = found.labels()
    assert labels[6, 4] == 0
    assert labels[21, 22] == 1
    assert labels[28, 38] == -1
    assert np.array_equal(found.mask(), labels >= 0)
    assert not found.mask(-1).any()


def test_mask_bits_are_gathered() -> None:
    found = _footprints(_two_boxes(), [(18, 22, 6.0), (4, 6, 9.0)])
    bits = np.zeros(found.shape, np.uint8)
    bits[8, 9], bits[24, 15], bits[0, 0] = 2, 5, 128
    assert footprint_bits(found, bits).tolist() == [2, 5]


def test_merging_joins_touching_regions_and_close_peaks() -> None:
    one, other = np.zeros((30, 30), bool), np.zeros((30, 30), bool)
    one[5:10, 5:10] = True
    other[10:14, 10:14] = True  # touches by a corner
    first = _footprints(one, [(7, 7, 10.0)])
    second = _footprints(other, [(11, 11, 5.0)])
    both = merge_footprints(first, second)
    assert len(both) == 1
    assert both.area.tolist() == [41]
    assert both.peak_value.tolist() == [10.0, 5.0]
    again = merge_footprints(both, _footprints(one, [(8, 7, 11.0)]))
    assert again.peak_value.tolist() == [11.0, 5.0]
    assert (again.peak_x[0], again.peak_y[0]) == (8, 7)


def test_signs_are_kept_apart() -> None:
    mask = _two_boxes()
    both = merge_footprints(_footprints(mask, [(4, 6, 9.0)]), _footprints(mask, [(4, 6, -7.0)], sign=-1))
    assert both.sign.tolist() == [1, -1]
    assert both.peak_value.tolist() == [9.0, -7.0]
    assert both.mask(-1).sum() == both.mask(1).sum() == 28


def test_shapes_must_agree() -> None:
    small = _footprints(np.ones((5, 5), bool), [(1, 1, 5.0)])
    with pytest.raises(UserError, match="shapes"):
        merge_footprints(small, _footprints(np.ones((5, 6), bool), [(1, 1, 5.0)]))
