"""Calibration products of a simulated camera against what the camera is really like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from uraniborg.model.calibrations import (
    AmplifierGains,
    BrighterFatterModel,
    ChargeTransferModel,
    CrosstalkModel,
    DefectList,
    LinearityModel,
    PhotonTransferCurve,
)

__all__ = (
    "Comparison",
    "measure_crosstalk_truth",
    "measure_cti_truth",
    "measure_defect_truth",
    "measure_gain_truth",
    "measure_kernel_truth",
    "measure_linearity_truth",
    "measure_noise_truth",
    "measure_turnoff_truth",
)

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Measured values and true ones.

    Attributes
    ----------
    worst : float
        Largest absolute relative deviation (of gain, noise, turnoff, linearity, transfer) or pull (of crosstalk).
    mean : float
        Mean relative deviation or pull.
    pulls : (n,) float
        Deviations over their standard errors; empty where there are no errors.
    """

    worst: float
    mean: float
    pulls: Floats


def _relative(found: Sequence[float] | Floats, truth: Floats, errors: Sequence[float] | Floats | None) -> Comparison:
    deviation = np.asarray(found, dtype=float) / truth - 1.0
    pulls = np.empty(0) if errors is None else deviation * truth / np.asarray(errors, dtype=float)
    return Comparison(float(np.abs(deviation).max()), float(deviation.mean()), pulls)


def measure_gain_truth(gains: AmplifierGains, amplifiers: Table) -> Comparison:
    """Compare gains with the truth table of amplifiers of one detector."""
    return _relative(gains.gain, np.asarray(amplifiers["gain"], dtype=float), gains.gain_error or None)


def measure_noise_truth(gains: AmplifierGains, amplifiers: Table) -> Comparison:
    """Compare read noises with the truth table of amplifiers of one detector."""
    return _relative(gains.read_noise, np.asarray(amplifiers["readNoise"], dtype=float), gains.read_noise_error or None)


def measure_turnoff_truth(curve: PhotonTransferCurve, amplifiers: Table) -> Comparison:
    """Compare turnoffs with the full wells of the truth table."""
    return _relative([item.turnoff for item in curve.amplifiers], np.asarray(amplifiers["fullWell"], dtype=float), None)


def measure_linearity_truth(model: LinearityModel, amplifiers: Table, *, top: float = 0.9) -> Comparison:
    """Compare corrected signals with true ones up to a share of the full well.

    The simulated answer is m = s (1 - b s / s_full); signals from 2 % of the full well on are compared.

    Parameters
    ----------
    model : LinearityModel
        Linearity.
    amplifiers : astropy.table.Table
        Truth of the amplifiers of the detector.
    top : float []
        Share of the full well.
    """
    deviations = []
    for item, row in zip(model.amplifiers, amplifiers, strict=True):
        full = float(row["fullWell"]) / float(row["gain"])
        truth = np.linspace(0.02, top, 100) * full
        measured = truth * (1.0 - float(row["nonlinearity"]) * truth / full)
        if item.kind == "spline":
            spline = CubicSpline(item.nodes, item.corrections, bc_type="natural")
            linear = measured + spline(np.minimum(measured, item.nodes[-1]))
        else:
            linear = measured + item.coefficient * measured**2
        deviations.append(linear / truth - 1.0)
    whole = np.concatenate(deviations)
    return Comparison(float(np.abs(whole).max()), float(whole.mean()), np.empty(0))


def measure_crosstalk_truth(model: CrosstalkModel, crosstalk: Table) -> Comparison:
    """Compare coefficients with the truth table of one detector, in standard errors."""
    errors = np.array(model.errors)
    victims, sources = np.asarray(crosstalk["victim"]), np.asarray(crosstalk["source"])
    off = victims != sources
    victims, sources = victims[off], sources[off]
    truth = np.asarray(crosstalk["coefficient"], dtype=float)[off]
    pulls = (model.matrix[victims, sources] - truth) / errors[victims, sources]
    return Comparison(float(np.abs(pulls).max()), float(pulls.mean()), pulls)


def measure_cti_truth(model: ChargeTransferModel, amplifiers: Table, *, axis: str = "serial") -> Comparison:
    """Compare charge transfer with the truth table; ``axis`` is ``serial`` or ``parallel``."""
    found = [getattr(item, axis) for item in model.amplifiers]
    errors = [getattr(item, f"{axis}_error") for item in model.amplifiers]
    return _relative(found, np.asarray(amplifiers[f"{axis}Cti"], dtype=float), errors)


def measure_kernel_truth(model: BrighterFatterModel, truth: Table) -> Comparison:
    """Compare a kernel with the truth table of one detector: worst deviation over the peak of the kernel, and pulls."""
    kernel, errors = model.array, np.array(model.errors)
    middle = kernel.shape[0] // 2
    dx, dy = np.asarray(truth["dx"]), np.asarray(truth["dy"])
    inside = (np.abs(dx) <= middle) & (np.abs(dy) <= middle)
    rows, columns = dy[inside] + middle, dx[inside] + middle
    expected = np.asarray(truth["kernel"], dtype=float)[inside]
    deviation = kernel[rows, columns] - expected
    peak = float(expected.max())
    return Comparison(
        float(np.abs(deviation).max() / peak), float(deviation.mean() / peak), deviation / errors[rows, columns]
    )


def measure_defect_truth(
    defects: DefectList, truth: Table, *, shape: tuple[int, int], strong: float
) -> tuple[float, float]:
    """Return the share of strong defects that was found, and the share of good pixels that was listed.

    Parameters
    ----------
    defects : DefectList
        What was found.
    truth : astropy.table.Table
        Truth of one detector.
    shape : tuple of int
        Rows and columns.
    strong : float [electron/s]
        Hot pixels above this must be found; dead ones always.
    """
    found = defects.mask(shape)
    any_defect, wanted = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    y, x = np.asarray(truth["y"]), np.asarray(truth["x"])
    must = (np.asarray(truth["kind"]) != "hot") | (np.asarray(truth["darkCurrent"]) > strong)
    any_defect[y, x] = True
    wanted[y[must], x[must]] = True
    good = ~any_defect
    return float((found & wanted).sum() / max(wanted.sum(), 1)), float((found & good).sum() / good.sum())
