"""Transmission of filter and detector from monochromatic flats beside a monitor diode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("TransmissionCurve", "measure_transmission")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TransmissionCurve:
    """Relative transmission of each amplifier.

    Attributes
    ----------
    wavelength : (n,) float [nm]
        Rising.
    throughput, error : (m, n) float []
        One row for each amplifier; the largest mean over the amplifiers is 1.
    effective : (m,) float [nm]
        Mean wavelength, weighted with the throughput.
    width : (m,) float [nm]
        Integral of the throughput over its largest value.
    leak : (m,) float []
        Largest throughput more than 1.5 widths away from the effective wavelength, over the largest of all.
    """

    wavelength: Floats
    throughput: Floats
    error: Floats
    effective: Floats
    width: Floats
    leak: Floats

    def at(self, wavelength: Floats) -> Floats:
        """Return the mean throughput of the amplifiers at other wavelengths [nm], zero outside."""
        mean = self.throughput.mean(axis=0)
        return np.interp(wavelength, self.wavelength, mean, left=0.0, right=0.0)


def measure_transmission(
    wavelength: Floats, signal: Floats, signal_error: Floats, monitor: Floats, monitor_error: Floats
) -> TransmissionCurve:
    """Return the transmission.

    Parameters
    ----------
    wavelength : (n,) float [nm]
        Of each flat, in any order; flats of the same wavelength are combined.
    signal, signal_error : (m, n) float [electron]
        Mean of each amplifier in each flat, dark subtracted, and its standard error.
    monitor, monitor_error : (n,) float
        Photons that the monitor counted in each flat, in any unit.

    Returns
    -------
    TransmissionCurve

    Raises
    ------
    UserError
        If shapes do not fit, the monitor saw no light, or there are fewer than three wavelengths.
    """
    n = wavelength.size
    if signal.ndim != 2 or signal.shape != signal_error.shape or signal.shape[1] != n or monitor.shape != (n,):
        raise UserError(f"{n} wavelengths, signals {signal.shape}, monitor {monitor.shape} do not fit together")
    if not np.all(monitor > 0.0):
        raise UserError("the monitor saw no light in some flats; leave those out")
    ratio = signal / monitor
    spread = np.sqrt((signal_error / monitor) ** 2 + (ratio * monitor_error / monitor) ** 2)
    points = np.unique(wavelength)
    if points.size < 3:
        raise UserError(f"{points.size} wavelengths are not enough for a curve")
    throughput, error = (np.zeros((signal.shape[0], points.size)) for _ in range(2))
    for k, point in enumerate(points):
        here = wavelength == point
        weight = 1.0 / spread[:, here] ** 2
        throughput[:, k] = (weight * ratio[:, here]).sum(axis=1) / weight.sum(axis=1)
        error[:, k] = 1.0 / np.sqrt(weight.sum(axis=1))
    peak = float(throughput.mean(axis=0).max())
    throughput, error = throughput / peak, error / peak
    steps = np.gradient(points)
    area = (throughput * steps).sum(axis=1)
    effective = (throughput * points * steps).sum(axis=1) / area
    width = area / throughput.max(axis=1)
    far = np.abs(points - effective[:, None]) > 1.5 * width[:, None]
    leak = np.where(far, throughput, 0.0).max(axis=1) / throughput.max(axis=1)
    return TransmissionCurve(points, throughput, error, effective, width, leak)
