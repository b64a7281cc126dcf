"""Calibrations that belong to a whole detector or camera: defects, the brighter-fatter kernel, ghosts."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from uraniborg.model.calibrations.base import Calibration, Record

__all__ = ("BrighterFatterModel", "Defect", "DefectKind", "DefectList", "GhostModel", "Reflection")

DefectKind = Literal["hot", "dead", "dark", "trap", "edge", "other"]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Whole = Annotated[int, Field(ge=0)]


class Defect(Record):
    """A rectangle of bad pixels of the detector.

    Attributes
    ----------
    x, y : int [pixel]
        First column and row, 0-based.
    width, height : int [pixel]
        Size.
    kind : str
        What is wrong.
    """

    x: Whole
    y: Whole
    width: Annotated[int, Field(ge=1)] = 1
    height: Annotated[int, Field(ge=1)] = 1
    kind: DefectKind = "other"


class DefectList(Calibration):
    """Bad pixels of a detector; the dataset ``defects``."""

    defects: tuple[Defect, ...]

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return where a detector of this shape is bad, (ny, nx)."""
        result = np.zeros(shape, dtype=bool)
        for item in self.defects:
            result[item.y : item.y + item.height, item.x : item.x + item.width] = True
        return result

    @staticmethod
    def runs(mask: NDArray[np.bool_], kind: DefectKind) -> tuple[Defect, ...]:
        """Return the bad pixels of a mask (ny, nx) as runs along columns, in order of column and row."""
        padded = np.zeros((mask.shape[1], mask.shape[0] + 2), dtype=np.int8)
        padded[:, 1:-1] = mask.T
        step = np.diff(padded, axis=1)
        column, start = np.nonzero(step == 1)
        _, stop = np.nonzero(step == -1)
        return tuple(
            Defect(x=int(x), y=int(a), height=int(b - a), kind=kind)
            for x, a, b in zip(column, start, stop, strict=True)
        )


class BrighterFatterModel(Calibration):
    """The scalar kernel of the brighter-fatter effect; the dataset ``bfKernel``.

    Charge flows between neighbours i and j by (Q_i + Q_j) / 4 times the difference of phi = K * Q.

    Attributes
    ----------
    kernel : tuple of tuple of float [electron^-1]
        K, odd size, centred, rows along y.
    errors : tuple of tuple of float [electron^-1]
        Standard errors; may be missing.
    """

    kernel: tuple[tuple[float, ...], ...]
    errors: tuple[tuple[float, ...], ...] = ()

    @property
    def array(self) -> NDArray[np.float64]:
        """The kernel as an array, (m, m) [electron^-1]."""
        return np.array(self.kernel)

    @model_validator(mode="after")
    def _odd(self) -> BrighterFatterModel:
        shape = {len(self.kernel), *(len(row) for row in self.kernel)}
        if len(shape) != 1 or shape.pop() % 2 == 0:
            raise ValueError("the kernel must be square, with an odd number of rows")
        return self


class Reflection(Record):
    """One ghost of every bright star: an out-of-focus image of the pupil.

    Attributes
    ----------
    name : str
        The two surfaces, e.g. ``filter-window``.
    position : float []
        Centre of the ghost over position of the star, both from the optical axis in the focal plane; -1 is opposite.
    radius : float [pixel]
        Outer radius.
    inner : float []
        Inner radius over outer radius: the shadow of the secondary mirror.
    fraction : float []
        Light of the ghost over light of the star.
    edge : float [pixel]
        Width over which its edges fall.
    offset : tuple of float [pixel]
        Shift (x, y) of the centres of all ghosts: a surface that is tilted.
    decentre : float []
        Shift of the inner circle along the line from the axis, over the distance of the ghost's centre from the axis.
    """

    name: str
    position: float
    radius: Annotated[float, Field(gt=0.0)]
    inner: Share = 0.0
    fraction: Share = 0.0
    edge: Annotated[float, Field(gt=0.0)] = 0.3
    offset: tuple[float, float] = (0.0, 0.0)
    decentre: Annotated[float, Field(ge=-0.5, le=0.5)] = 0.0


class GhostModel(Calibration):
    """All ghosts of a camera; the dataset ``ghostModel``."""

    reflections: tuple[Reflection, ...]

    @property
    def array(self) -> NDArray[np.float64]:
        """One row for each reflection, as `uraniborg.algorithms.isr.ghosts.ghost_rings` wants them, (m, 8)."""
        rows = [(r.position, r.radius, r.inner, r.fraction, r.edge, *r.offset, r.decentre) for r in self.reflections]
        return np.array(rows, dtype=float).reshape(-1, 8)
