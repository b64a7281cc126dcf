"""Calibrations with one record for each amplifier, in the order of the segments of a raw file."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from uraniborg.model.calibrations.base import Calibration, Record

__all__ = (
    "AmplifierGains",
    "ChargeTransfer",
    "ChargeTransferModel",
    "CrosstalkModel",
    "Linearity",
    "LinearityModel",
    "PhotonTransfer",
    "PhotonTransferCurve",
)

Values = tuple[float, ...]
Matrix = tuple[tuple[float, ...], ...]
Positive = Annotated[float, Field(gt=0.0)]


class AmplifierGains(Calibration):
    """Gains and read noises; the dataset ``gain``.

    Attributes
    ----------
    amplifiers : tuple of str
        Names.
    gain, gain_error : tuple of float [electron/adu]
        Gain and its standard error.
    read_noise, read_noise_error : tuple of float [electron]
        Read noise and its standard error.
    """

    amplifiers: tuple[str, ...]
    gain: tuple[Positive, ...]
    gain_error: Values = ()
    read_noise: Values
    read_noise_error: Values = ()

    @model_validator(mode="after")
    def _lengths(self) -> AmplifierGains:
        for name in ("gain", "gain_error", "read_noise", "read_noise_error"):
            if len(getattr(self, name)) not in ({len(self.amplifiers)} | ({0} if name.endswith("error") else set())):
                raise ValueError(f"{name} has {len(getattr(self, name))} values for {len(self.amplifiers)} amplifiers")
        return self


class PhotonTransfer(Record):
    """The photon transfer curve of one amplifier and the model that was fitted.

    Attributes
    ----------
    amplifier : str
        Name.
    gain, gain_error : float [electron/adu]
        Gain and its standard error.
    read_noise, read_noise_error : float [electron]
        Read noise and its standard error.
    turnoff : float [electron]
        Signal at which the variance stops to rise.
    a : tuple of tuple of float [electron^-1]
        Brighter-fatter covariance coefficients a(i, j), rows are lags along y; a(0, 0) is negative.
    a_error : tuple of tuple of float [electron^-1]
        Their standard errors.
    b : tuple of tuple of float []
        Second-order coefficients of Astier et al. (2019); empty if not fitted.
    mean, variance : tuple of float [adu], [adu^2]
        The points, and which of them were used.
    used : tuple of bool
        Points that the fit used.
    chi2, dof : float
        Of the fit.
    """

    amplifier: str
    gain: Positive
    gain_error: float
    read_noise: float
    read_noise_error: float
    turnoff: float
    a: Matrix = ()
    a_error: Matrix = ()
    b: Matrix = ()
    mean: Values = ()
    variance: Values = ()
    used: tuple[bool, ...] = ()
    chi2: float = 0.0
    dof: float = 0.0


class PhotonTransferCurve(Calibration):
    """Photon transfer of all amplifiers; the dataset ``ptc``."""

    amplifiers: tuple[PhotonTransfer, ...]


class Linearity(Record):
    """How the signal of one amplifier is made linear: linear = measured + correction(measured), none below zero.

    Attributes
    ----------
    amplifier : str
        Name.
    kind : {"none", "quadratic", "spline", "table"}
        ``quadratic``: correction = coefficient measured^2. ``spline``: cubic through the nodes, flat at 0, not-a-knot
        at the top. ``table``: the correction of each whole adu, linear in between.
    coefficient : float [adu^-1]
        Of ``quadratic``.
    nodes, corrections : tuple of float [adu]
        Of ``spline``: measured signals, rising, the first is 0; corrections there. Of ``table``: corrections only.
    """

    amplifier: str
    kind: Literal["none", "quadratic", "spline", "table"]
    coefficient: float = 0.0
    nodes: Values = ()
    corrections: Values = ()

    @model_validator(mode="after")
    def _nodes_rise(self) -> Linearity:
        if self.kind == "spline" and (
            len(self.nodes) != len(self.corrections) or len(self.nodes) < 3 or bool(np.any(np.diff(self.nodes) <= 0))
        ):
            raise ValueError("a spline needs at least three rising nodes and as many corrections")
        if self.kind == "table" and len(self.corrections) < 2:
            raise ValueError("a table needs at least two corrections")
        return self


class LinearityModel(Calibration):
    """Linearity of all amplifiers; the dataset ``linearizer``."""

    amplifiers: tuple[Linearity, ...]


class CrosstalkModel(Calibration):
    """Crosstalk into the amplifiers of one detector; the dataset ``crosstalk``.

    Attributes
    ----------
    amplifiers : tuple of str
        Names.
    coefficients, errors : tuple of tuple of float []
        Victim by source, zero on the diagonal; the signal that arrives for a signal of one at the source. Errors may
        be missing.
    others : dict of int to tuple of tuple of float []
        Other detectors read at the same time: victim of this detector by source of that one.
    """

    amplifiers: tuple[str, ...]
    coefficients: Matrix
    errors: Matrix = ()
    others: dict[int, Matrix] = {}

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Coefficients as an array, (n, n) []."""
        return np.array(self.coefficients)

    @model_validator(mode="after")
    def _square(self) -> CrosstalkModel:
        n = len(self.amplifiers)
        if len(self.coefficients) != n or any(len(row) != n for row in self.coefficients):
            raise ValueError(f"coefficients are not {n} by {n}")
        return self


class ChargeTransfer(Record):
    """Charge transfer of one amplifier, in the model of a share lost at each transfer and given back exponentially.

    Attributes
    ----------
    amplifier : str
        Name.
    serial, parallel : float []
        Share of a packet that each transfer leaves behind.
    trap_time : float [pixel]
        Time constant of the release, in transfers.
    serial_error, parallel_error : float []
        Standard errors.
    """

    amplifier: str
    serial: Annotated[float, Field(ge=0.0, lt=0.01)]
    parallel: Annotated[float, Field(ge=0.0, lt=0.01)]
    trap_time: Positive = 0.7
    serial_error: float = 0.0
    parallel_error: float = 0.0


class ChargeTransferModel(Calibration):
    """Charge transfer of all amplifiers; the dataset ``cti``."""

    amplifiers: tuple[ChargeTransfer, ...]
