from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from uraniborg.core.errors import AlgorithmError
from uraniborg.verify.pictures import (
    Stretch,
    colour_picture,
    diverging_picture,
    gray_picture,
    mosaic,
    noise_stretch,
    shrink,
)


def _decode(uri: str) -> np.ndarray:
    kind, _, text = uri.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def test_stretch_runs_from_black_to_white_and_keeps_order() -> None:
    stretch = Stretch(low=-2.0, high=1000.0, softening=2.0)
    level = stretch.apply(np.array([-5.0, -2.0, 0.0, 10.0, 1000.0, 5000.0, np.nan]))
    assert level[[0, 1]].tolist() == [0.0, 0.0]
    assert level[[4, 5]].tolist() == [1.0, 1.0]
    assert np.all(np.diff(level[1:5]) > 0)
    assert np.isnan(level[6])
    assert level[3] > 0.2  # faint things can be seen


def test_noise_stretch_puts_the_sky_into_dark_gray() -> None:
    rng = np.random.default_rng(1)
    image = rng.normal(50.0, 4.0, (200, 200))
    image[90:110, 90:110] += 3000.0
    image[0, 0] = np.nan
    level = noise_stretch(image).apply(image)
    assert 0.05 < np.nanmedian(level) < 0.35
    assert level[100, 100] > 0.9
    with pytest.raises(AlgorithmError, match="no pixel is finite"):
        noise_stretch(np.full((3, 3), np.nan))


def test_shrink_averages_blocks_and_leaves_out_nan() -> None:
    image = np.arange(30.0).reshape(5, 6)
    image[0, 0] = np.nan
    small = shrink(image, max_side=3)
    assert small.shape == (3, 3)
    assert small[0, 0] == pytest.approx(np.mean([1.0, 6.0, 7.0]))
    assert small[2, 2] == pytest.approx(np.mean([28.0, 29.0]))
    assert shrink(image, max_side=6).shape == (5, 6)


def test_gray_picture_has_the_first_row_at_the_bottom_and_holes_transparent() -> None:
    image = np.zeros((4, 6))
    image[0, :] = 10.0
    image[3, 2] = np.nan
    picture = _decode(gray_picture(image, Stretch(0.0, 10.0, 1.0)))
    assert picture.shape == (4, 6, 4)
    assert picture[3, 0, 0] == 255
    assert picture[0, 0, 0] == 0
    assert picture[0, 2, 3] == 0
    assert picture[0, 1, 3] == 255


def test_diverging_picture_is_red_above_and_blue_below() -> None:
    picture = _decode(diverging_picture(np.array([[-9.0, 0.0, 9.0]]), limit=5.0)).astype(int)
    blue, zero, red = picture[0]
    assert blue[2] > blue[0] + 50
    assert red[0] > red[2] + 50
    assert min(zero[:3]) > 230


def test_colour_picture_keeps_the_colours_of_stars() -> None:
    rng = np.random.default_rng(2)
    planes = [rng.normal(0.0, 1.0, (60, 60)) for _ in range(3)]
    planes[0][20:24, 20:24] += 300.0  # red star
    planes[2][40:44, 40:44] += 300.0  # blue star
    picture = _decode(colour_picture(planes)).astype(int)[::-1]
    assert picture[22, 22, 0] > picture[22, 22, 2] + 80
    assert picture[42, 42, 2] > picture[42, 42, 0] + 80


def test_mosaic_places_tiles_and_averages_overlaps() -> None:
    tiles = [(np.full((2, 3), 1.0), 10, 20), (np.full((2, 3), 3.0), 12, 20)]
    whole = mosaic(tiles)
    assert whole.shape == (2, 5)
    assert whole[0].tolist() == [1.0, 1.0, 2.0, 3.0, 3.0]
    assert np.isnan(mosaic([*tiles, (np.ones((1, 1)), 10, 23)])[3, 2])
    with pytest.raises(AlgorithmError, match="no tile"):
        mosaic([])
