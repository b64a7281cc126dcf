"""Where the detectors of SimCam stand: a grid, or rafts of detectors on a grid that may lack its corners."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
from astropy.wcs import WCS, Sip
from numpy.typing import NDArray

from uraniborg.core.errors import UserError, report_faults

__all__ = ("MAX_DETECTORS", "NOMINAL", "SimCamGeometry")

MAX_DETECTORS: Final = 189
"""Detectors are numbered from 0; the registry knows this many."""


@dataclass(frozen=True, slots=True)
class SimCamGeometry:
    """Detectors around the boresight, all alike.

    Detectors are numbered raft by raft from the lower left along x, inside a raft likewise; where a raft is one
    detector, detector ``column + row * columns``.

    Attributes
    ----------
    columns, rows : int
        Detectors along x and y, those of corners that are not there included.
    width, height : int [pixel]
        Size of one detector.
    gap : int [pixel]
        Distance between the edges of neighbours.
    pixel_scale : float [arcsec]
        Size of a pixel on the sky, at the boresight.
    pixel_size : float [mm]
        Size of a pixel in the focal plane.
    raft : int
        Detectors along each side of a raft.
    raft_gap : int [pixel]
        How much wider than ``gap`` the distance between rafts is.
    corner_rafts : bool
        Whether there are rafts in the four corners.
    distortion : tuple of float []
        d1, d2, ... of the factor 1 + d1 q^2 + d2 q^4 + ... from a distance in the focal plane to one on the tangent
        plane, q being that distance over the one of the corner of the focal plane.
    """

    columns: int = 1
    rows: int = 1
    width: int = 1024
    height: int = 1024
    gap: int = 40
    pixel_scale: float = 0.2
    pixel_size: float = 0.010
    raft: int = 1
    raft_gap: int = 0
    corner_rafts: bool = True
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {getattr(self, name)}, must be positive"
            for name in ("columns", "rows", "width", "height", "pixel_scale", "pixel_size", "raft")
            if getattr(self, name) <= 0
        ]
        faults += [
            f"{name} is {getattr(self, name)}, must not be negative"
            for name in ("gap", "raft_gap")
            if getattr(self, name) < 0
        ]
        if not faults:
            faults += self._raft_faults()
        report_faults("SimCam geometry", faults)

    def _raft_faults(self) -> list[str]:
        if self.columns % self.raft or self.rows % self.raft:
            return [f"{self.columns} x {self.rows} detectors are no whole number of rafts of {self.raft} x {self.raft}"]
        if not self.corner_rafts and min(self.columns, self.rows) < 3 * self.raft:
            return ["without the rafts in the corners there must be at least 3 x 3 rafts"]
        if self.n_detectors > MAX_DETECTORS:
            return [f"{self.n_detectors} detectors are more than {MAX_DETECTORS}"]
        return []

    @property
    def n_detectors(self) -> int:
        """Number of detectors."""
        return self.columns * self.rows - (0 if self.corner_rafts else 4 * self.raft**2)

    @property
    def full_size(self) -> tuple[int, int]:
        """Width and height of the focal plane, gaps included [pixel]."""
        width, height = (
            number * size + (number - 1) * self.gap + (number // self.raft - 1) * self.raft_gap
            for number, size in ((self.columns, self.width), (self.rows, self.height))
        )
        return width, height

    @property
    def corner_radius(self) -> float:
        """Half of the focal plane's diagonal [pixel]."""
        return float(0.5 * np.hypot(*self.full_size))

    def place(self, detector: int) -> tuple[int, int]:
        """Return column and row of a detector in the grid of detectors.

        Raises
        ------
        UserError
            If there is no such detector.
        """
        if not 0 <= detector < self.n_detectors:
            raise UserError(f"no detector {detector} in a SimCam of {self.n_detectors} detectors")
        number, inside = divmod(detector, self.raft**2)
        along_x, along_y = self.columns // self.raft, self.rows // self.raft
        if not self.corner_rafts:
            number += 1  # the first corner
            number += number >= along_x - 1
            number += number >= along_x * (along_y - 1)
        raft_row, raft_column = divmod(number, along_x)
        row, column = divmod(inside, self.raft)
        return raft_column * self.raft + column, raft_row * self.raft + row

    def raft_and_slot(self, detector: int) -> tuple[str, str] | None:
        """Return the names of a detector's raft and of its place there, e.g. ``R22`` and ``S11``; None without rafts."""
        column, row = self.place(detector)
        if self.raft == 1:
            return None
        return f"R{row // self.raft}{column // self.raft}", f"S{row % self.raft}{column % self.raft}"

    def board(self, detector: int, size: int) -> tuple[int, ...]:
        """Return the detectors that share a read-out board: groups of neighbours along x in a raft, or in the grid.

        Parameters
        ----------
        detector : int
            One of them.
        size : int
            Detectors of a board; the last one of a row may have less.
        """
        row_length = self.raft if self.raft > 1 else self.columns
        first = detector - detector % row_length
        start = first + (detector - first) // size * size
        return tuple(range(start, min(start + size, first + row_length)))

    def boresight(self, detector: int) -> tuple[float, float]:
        """Return the 0-based pixel position (x, y) of the boresight on one detector [pixel].

        Parameters
        ----------
        detector : int
            Number of the detector.

        Raises
        ------
        UserError
            If there is no such detector.
        """
        column, row = self.place(detector)
        full_width, full_height = self.full_size
        x = 0.5 * (full_width - 1) - column * (self.width + self.gap) - column // self.raft * self.raft_gap
        y = 0.5 * (full_height - 1) - row * (self.height + self.gap) - row // self.raft * self.raft_gap
        return x, y

    def wcs(self, detector: int, *, ra: float, dec: float, rotation: float = 0.0) -> WCS:
        """Return the TAN projection of one detector, TAN-SIP with distortion.

        Parameters
        ----------
        detector : int
            Number of the detector.
        ra, dec : float [deg]
            ICRS position of the boresight.
        rotation : float [deg]
            Position angle of the detector's +y axis, North through East. At 0, +x points West.

        Returns
        -------
        astropy.wcs.WCS
        """
        x, y = self.boresight(detector)
        angle = np.deg2rad(rotation)
        scale = self.pixel_scale / 3600.0
        wcs = WCS(naxis=2)
        suffix = "-SIP" if self.distortion else ""
        wcs.wcs.ctype = [f"RA---TAN{suffix}", f"DEC--TAN{suffix}"]
        wcs.wcs.cunit = ["deg", "deg"]
        wcs.wcs.radesys = "ICRS"
        wcs.wcs.crval = [ra, dec]
        wcs.wcs.crpix = [x + 1.0, y + 1.0]
        wcs.wcs.cd = scale * np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        wcs.array_shape = (self.height, self.width)
        if self.distortion:
            wcs.sip = Sip(*self._sip(), None, None, [x + 1.0, y + 1.0])
        wcs.wcs.set()
        return wcs

    def _sip(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the SIP polynomials of u and v times sum d_k (u^2 + v^2)^k / R^2k, the same for all detectors."""
        order = 2 * len(self.distortion) + 1
        along_x, along_y = np.zeros((order + 1, order + 1)), np.zeros((order + 1, order + 1))
        for k, term in enumerate(self.distortion, start=1):
            for j in range(k + 1):
                value = term * comb(k, j) / self.corner_radius ** (2 * k)
                along_x[2 * j + 1, 2 * (k - j)] += value
                along_y[2 * j, 2 * (k - j) + 1] += value
        return along_x, along_y


NOMINAL: Final = SimCamGeometry(15, 15, 4096, 4096, 25, 0.2, 0.010, raft=3, raft_gap=75, corner_rafts=False)
"""The largest camera: 21 rafts of 3 x 3 detectors, as the LSST camera has."""
