"""Pixels to pictures for reports: asinh stretches set by the noise, colour composites, PNG as data URIs."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.errors import AlgorithmError

__all__ = (
    "Stretch",
    "colour_picture",
    "diverging_picture",
    "gray_picture",
    "mosaic",
    "noise_stretch",
    "shrink",
)

type Pixels = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Stretch:
    """An asinh stretch: linear about the sky, logarithmic where it is bright.

    Attributes
    ----------
    low, high : float
        Values shown as black and as white.
    softening : float
        Values up to this far above ``low`` are shown about linearly.
    """

    low: float
    high: float
    softening: float

    def apply(self, image: Pixels) -> NDArray[np.float64]:
        """Return an image between 0 and 1; NaN stays NaN."""
        scaled = np.arcsinh((np.asarray(image, dtype=float) - self.low) / self.softening)
        level: NDArray[np.float64] = np.clip(scaled / np.arcsinh((self.high - self.low) / self.softening), 0.0, 1.0)
        return level


def noise_stretch(image: Pixels, *, bright: float = 99.8, depth: float = 2.0) -> Stretch:
    """Return a stretch that shows the noise of the sky as dark gray and keeps the bright sources apart.

    Parameters
    ----------
    image : (ny, nx) float
        Image; NaN is left out.
    bright : float [%]
        Percentile that is shown as white.
    depth : float
        Black is this many noise standard deviations below the sky.

    Returns
    -------
    Stretch

    Raises
    ------
    AlgorithmError
        If no pixel is finite.
    """
    values = np.asarray(image)[np.isfinite(image)].astype(float)
    if not values.size:
        raise AlgorithmError("no pixel is finite", n_pixels=int(np.size(image)))
    low, middle, high = np.percentile(values, [15.865, 50.0, bright])
    noise = max(middle - low, 1e-6 * max(abs(middle), 1e-12), 1e-12)
    return Stretch(low=middle - depth * noise, high=max(high, middle + 8.0 * noise), softening=2.0 * noise)


def shrink(image: Pixels, *, max_side: int) -> NDArray[np.float64]:
    """Return an image averaged over square blocks so that no side is longer than ``max_side``; NaN is left out."""
    factor = int(np.ceil(max(image.shape) / max_side))
    if factor <= 1:
        return np.asarray(image, dtype=float)
    rows, columns = (-(-n // factor) for n in image.shape)
    padded = np.full((rows * factor, columns * factor), np.nan)
    padded[: image.shape[0], : image.shape[1]] = image
    blocks = padded.reshape(rows, factor, columns, factor).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    count = np.isfinite(blocks).sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: NDArray[np.float64] = np.where(count > 0, np.nansum(blocks, axis=2) / count, np.nan)
    return result


def gray_picture(image: Pixels, stretch: Stretch, *, max_side: int = 512) -> str:
    """Return a gray picture as a data URI: first row at the bottom, pixels without data transparent."""
    small = shrink(image, max_side=max_side)
    level = stretch.apply(small)
    return _data_uri(_rgba(np.repeat(level[..., None], 3, axis=2), np.isfinite(small)))


def colour_picture(planes: Sequence[Pixels], *, max_side: int = 900) -> str:
    """Return a colour composite of three images as a data URI.

    The stretch acts on the mean of the planes, and each pixel keeps the ratio of its planes, so that stars keep their
    colour up to saturation (Lupton et al. 2004, PASP 116, 133).

    Parameters
    ----------
    planes : three (ny, nx) float
        Red, green and blue.
    max_side : int [pixel]
        Longest side of the picture.
    """
    small = [shrink(plane, max_side=max_side) for plane in planes]
    stretches = [noise_stretch(plane) for plane in small]
    flat = [(plane - s.low) / (s.high - s.low) for plane, s in zip(small, stretches, strict=True)]
    valid = np.all([np.isfinite(plane) for plane in flat], axis=0)
    mean = np.mean(flat, axis=0)
    softening = float(np.mean([s.softening / (s.high - s.low) for s in stretches]))
    level = Stretch(0.0, 1.0, softening).apply(mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where(mean > 0.0, level / mean, 0.0)
    rgb = np.stack([np.maximum(plane, 0.0) * factor for plane in flat], axis=2)
    peak = np.maximum(rgb.max(axis=2, keepdims=True), 1.0)
    return _data_uri(_rgba(rgb / peak, valid))


def diverging_picture(image: Pixels, *, limit: float, max_side: int = 512) -> str:
    """Return a picture of positive and negative values as a data URI: red is positive, blue negative, white zero.

    Parameters
    ----------
    image : (ny, nx) float
        Image.
    limit : float
        Absolute value that gets full colour.
    max_side : int [pixel]
        Longest side of the picture.
    """
    from matplotlib import colormaps

    small = shrink(image, max_side=max_side)
    scaled = 0.5 + 0.5 * np.clip(np.nan_to_num(small) / limit, -1.0, 1.0)
    return _data_uri(_rgba(colormaps["RdBu_r"](scaled)[..., :3], np.isfinite(small)))


def mosaic(tiles: Sequence[tuple[Pixels, int, int]]) -> NDArray[np.float64]:
    """Return one image of many that share a pixel grid.

    Parameters
    ----------
    tiles : sequence of ((ny, nx) float, int, int)
        Pixels, and the x and y of the first; where tiles overlap, the mean is shown.

    Returns
    -------
    (ny, nx) float
        NaN where there is no tile.
    """
    if not tiles:
        raise AlgorithmError("there is no tile to make a mosaic of", n_tiles=0)
    x0, y0 = min(x for _, x, _ in tiles), min(y for _, _, y in tiles)
    width = max(x + tile.shape[1] for tile, x, _ in tiles) - x0
    height = max(y + tile.shape[0] for tile, _, y in tiles) - y0
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for tile, x, y in tiles:
        window = np.s_[y - y0 : y - y0 + tile.shape[0], x - x0 : x - x0 + tile.shape[1]]
        good = np.isfinite(tile)
        total[window] += np.where(good, tile, 0.0)
        count[window] += good
    with np.errstate(invalid="ignore", divide="ignore"):
        result: NDArray[np.float64] = np.where(count > 0, total / count, np.nan)
    return result


def _rgba(rgb: NDArray[np.floating], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    picture = np.zeros((*valid.shape, 4), dtype=np.uint8)
    picture[..., :3] = np.round(255.0 * np.nan_to_num(rgb))
    picture[..., 3] = np.where(valid, 255, 0)
    return picture[::-1]


def _data_uri(rgba: NDArray[np.uint8]) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(rgba).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
