"""Crosstalk coefficients from bright spots or stars: what other amplifiers show at the same moment of the read-out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, uniform_filter

from uraniborg.core.errors import Unprocessable, UserError

__all__ = ("CrosstalkFit", "CrosstalkSums", "detector_levels")

_CLIP = 4.0
_CELL = 32  # of the local level [pixel]
type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CrosstalkFit:
    """Coefficients of a detector.

    Attributes
    ----------
    coefficients : (n, m) float []
        Row is the victim, column the source; zero where victim and source are the same.
    errors : (n, m) float []
        Formal standard errors; infinite for a source that was never bright.
    n_pixels : (n, m) int
        Pixels of a victim at which the source was bright.
    chi2 : (n,) float []
        Sum of squared, normalised residuals of each victim over its number of pixels.
    """

    coefficients: Floats
    errors: Floats
    n_pixels: NDArray[np.int64]
    chi2: Floats


class CrosstalkSums:
    """Normal equations of the coefficients, added up over exposures.

    Parameters
    ----------
    n_victims, n_sources : int
        Amplifiers on both sides; the same number if they are of one detector.
    same : bool
        Whether victims and sources are the same amplifiers: none is then its own source.
    """

    def __init__(self, n_victims: int, n_sources: int, *, same: bool = True) -> None:
        if same and n_victims != n_sources:
            raise UserError(f"{n_victims} victims and {n_sources} sources cannot be the same amplifiers")
        self.same = same
        self._matrix = np.zeros((n_victims, n_sources, n_sources))
        self._vector = np.zeros((n_victims, n_sources))
        self._squares = np.zeros(n_victims)
        self._numbers = np.zeros(n_victims, dtype=np.int64)
        self._pixels = np.zeros((n_victims, n_sources), dtype=np.int64)

    def add(
        self,
        victims: NDArray[np.floating],
        sources: NDArray[np.floating],
        *,
        noise: Floats,
        bright: float,
        guess: Floats | None = None,
        bad: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add an exposure.

        Parameters
        ----------
        victims, sources : (n, my, mx), (m, my, mx) float [adu]
            Pixels in the order of read-out, without bias, before the correction of linearity.
        noise : (n,) float [adu]
            Noise of a pixel of each victim without light.
        bright : float [adu]
            Sources brighter than this are used; fainter pixels of them are taken as they are.
        guess : (n, m) float [], optional
            Coefficients from which outliers are told; those of this exposure alone if not given.
        bad : (n, my, mx) bool, optional
            Pixels of victims to leave out.

        Notes
        -----
        All sources are fitted together at all pixels where one of them is bright. A victim's own light is taken out by
        the local level of cells of its other pixels; pixels with light of their own are left out.
        """
        is_bright = sources > bright
        if not is_bright.any():
            return
        anywhere = is_bright.any(axis=0)
        flat = sources.reshape(len(sources), -1)
        for v in range(len(victims)):
            use = anywhere & np.isfinite(victims[v])
            if self.same:
                use &= ~binary_dilation(is_bright[v], iterations=3)
            if bad is not None:
                use &= ~bad[v]
            residual = _without_rows(victims[v] - detector_levels(victims[v], ~anywhere), ~anywhere)
            index = np.flatnonzero(use)
            columns = flat[:, index].astype(np.float64)
            if self.same:
                columns[v] = 0.0
            y = residual.ravel()[index].astype(np.float64)
            if y.size < 10:
                continue
            first = np.linalg.pinv(columns @ columns.T) @ (columns @ y) if guess is None else guess[v]
            model = first @ columns
            offset = y - model
            middle = float(np.median(offset))
            sigma = max(float(noise[v]), float(1.4826 * np.median(np.abs(offset - middle))))
            kept = np.abs(offset - middle) < _CLIP * sigma + 0.3 * np.abs(model)
            columns, y = columns[:, kept], y[kept]
            self._matrix[v] += columns @ columns.T / sigma**2
            self._vector[v] += columns @ y / sigma**2
            self._squares[v] += float(np.sum(y**2)) / sigma**2
            self._numbers[v] += y.size
            self._pixels[v] += (columns > bright).sum(axis=1)

    def solve(self) -> CrosstalkFit:
        """Return the coefficients.

        Raises
        ------
        Unprocessable
            If no source was ever bright.
        """
        if not self._pixels.any():
            raise Unprocessable("no amplifier was bright enough to show crosstalk; take brighter spots")
        shape = self._vector.shape
        coefficients, errors = np.zeros(shape), np.full(shape, np.inf)
        chi2 = np.zeros(shape[0])
        for v in range(shape[0]):
            known = self._pixels[v] > 0
            if not known.any():
                continue
            part = self._matrix[v][np.ix_(known, known)]
            inverse = np.linalg.pinv(part)
            coefficients[v, known] = inverse @ self._vector[v, known]
            errors[v, known] = np.sqrt(np.maximum(np.diag(inverse), 0.0))
            explained = float(coefficients[v] @ self._vector[v])
            chi2[v] = (self._squares[v] - explained) / max(self._numbers[v] - int(known.sum()), 1)
        if self.same:
            np.fill_diagonal(errors, 0.0)
        return CrosstalkFit(coefficients, errors, self._pixels.copy(), chi2)


def _without_rows(residual: NDArray[np.floating], usable: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Return a residual without what each row has in common: the error of its overscan level."""
    spread = 1.4826 * np.nanmedian(np.abs(residual[::3, ::3]))
    quiet = usable & (np.abs(residual) < _CLIP * max(float(spread), 1e-9))
    numbers = quiet.sum(axis=1)
    level = np.where(quiet, residual, 0.0).sum(axis=1) / np.maximum(numbers, 1)
    return np.asarray(residual - np.where(numbers > 30, level, 0.0)[:, None])


def detector_levels(image: NDArray[np.floating], usable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the local level of an image: medians of cells, averaged over 5 by 5 cells [same unit].

    Parameters
    ----------
    image : (ny, nx) float
        Pixels.
    usable : (ny, nx) bool
        Pixels that count; cells without any get the median of all.
    """
    shape = [-(-size // _CELL) for size in image.shape]
    padding = [(0, n * _CELL - size) for n, size in zip(shape, image.shape, strict=True)]
    masked = np.where(usable & np.isfinite(image), image, np.nan).astype(np.float32)
    padded = np.pad(masked, padding, constant_values=np.nan)
    cells = padded.reshape(shape[0], _CELL, shape[1], _CELL).swapaxes(1, 2).reshape(*shape, -1)
    filled = np.isfinite(cells).sum(axis=2) >= _CELL
    whole = float(np.nanmedian(masked)) if np.isfinite(masked).any() else 0.0
    values = np.full(shape, whole, dtype=np.float32)
    if filled.any():
        values[filled] = np.nanmedian(cells[filled], axis=1)
    # The noise of a single cell would be common to all pixels of a spot, and be missing in the formal errors.
    values = uniform_filter(values, 5, mode="nearest")
    return np.asarray(np.repeat(np.repeat(values, _CELL, 0), _CELL, 1)[: image.shape[0], : image.shape[1]])
