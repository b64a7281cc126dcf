"""Calibrations of the repository as the arrays that instrument signature removal wants."""

from __future__ import annotations

from typing import Any

import numpy as np
from lsst.images import MaskedImage
from numpy.typing import NDArray

from uraniborg.algorithms.isr.calibrate import Master
from uraniborg.algorithms.isr.geometry import DetectorGeometry
from uraniborg.algorithms.isr.linearity import (
    LinearityTables,
    tabulate_quadratic,
    tabulate_spline,
    tabulate_values,
)
from uraniborg.algorithms.isr.pipeline import ChargeTransferShares, IsrCalibrations
from uraniborg.core.errors import UserError
from uraniborg.model.calibrations import AmplifierGains, ChargeTransferModel, CrosstalkModel, Linearity, LinearityModel
from uraniborg.model.frames import RawFrame

__all__ = ("charge_transfer_shares", "isr_calibrations", "linearity_tables", "master")


def isr_calibrations(raw: RawFrame, geometry: DetectorGeometry, products: dict[str, Any]) -> IsrCalibrations:
    """Return the calibrations of a detector.

    Parameters
    ----------
    raw : RawFrame
        Its headers tell saturation, and gain where no gain was measured.
    geometry : DetectorGeometry
        The amplifiers.
    products : dict
        Datasets by the name of their connection; any may be missing or None.

    Raises
    ------
    UserError
        If a calibration is for another number of amplifiers or for amplifiers of other names.
    """
    given = {name: product for name, product in products.items() if product is not None}
    gains: AmplifierGains | None = given.get("gain")
    _check_amplifiers(given, geometry)
    nominal = np.array([float(segment.header.get("GAIN", 1.0)) for segment in raw.segments])
    saturation = np.array([float(segment.header.get("SATURATE", 60000.0)) for segment in raw.segments])
    crosstalk: CrosstalkModel | None = given.get("crosstalk")
    kernel = given.get("bfKernel")
    return IsrCalibrations(
        gain=nominal if gains is None else np.array(gains.gain),
        # Nominal saturation in adu goes with the nominal gain: the well is a number of electrons.
        saturation=saturation if gains is None else saturation * nominal / np.array(gains.gain),
        read_noise=None if gains is None else np.array(gains.read_noise),
        bias=master(given.get("bias")),
        dark=master(given.get("dark")),
        flat=master(given.get("flat")),
        illumination=_pixels(given.get("illumination")),
        fringe=_pixels(given.get("fringe")),
        defects=None if "defects" not in given else given["defects"].mask(geometry.shape),
        linearity=None if "linearizer" not in given else linearity_tables(given["linearizer"]),
        crosstalk=None if crosstalk is None else crosstalk.matrix,
        charge_transfer=None if "cti" not in given else charge_transfer_shares(given["cti"]),
        kernel=None if kernel is None else kernel.array,
    )


def master(product: MaskedImage | None) -> Master | None:
    """Return a calibration image and its variance; None if there is none."""
    if product is None:
        return None
    image, variance = (np.ascontiguousarray(plane.array, np.float32) for plane in (product.image, product.variance))
    return Master(image, variance)


def linearity_tables(model: LinearityModel) -> LinearityTables:
    """Return the corrections of all amplifiers as tables."""
    return LinearityTables.stack([_table(item) for item in model.amplifiers])


def charge_transfer_shares(model: ChargeTransferModel) -> ChargeTransferShares:
    """Return the charge transfer of all amplifiers as arrays."""
    rows = np.array([(item.serial, item.parallel, item.trap_time) for item in model.amplifiers])
    return ChargeTransferShares(rows[:, 0], rows[:, 1], rows[:, 2])


def _table(item: Linearity) -> LinearityTables:
    if item.kind == "quadratic":
        return tabulate_quadratic(item.coefficient)
    if item.kind == "spline":
        return tabulate_spline(np.array(item.nodes), np.array(item.corrections))
    if item.kind == "table":
        return tabulate_values(np.array(item.corrections))
    return LinearityTables(np.zeros((1, 2), np.float32), 64.0)


def _pixels(product: MaskedImage | None) -> NDArray[np.float32] | None:
    return None if product is None else np.ascontiguousarray(product.image.array, np.float32)


def _check_amplifiers(given: dict[str, Any], geometry: DetectorGeometry) -> None:
    for name in ("gain", "linearizer", "crosstalk", "cti"):
        if name in given:
            items = given[name].amplifiers
            names = tuple(item if isinstance(item, str) else item.amplifier for item in items)
            if names != geometry.names:
                raise UserError(
                    f"the calibration {name} is for amplifiers {list(names)}, the raw frame has "
                    f"{list(geometry.names)}; certify one that was made for this detector"
                )
