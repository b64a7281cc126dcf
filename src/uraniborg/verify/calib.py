"""Numbers that say whether a calibration is good, from the product and an exposure that it was not made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.table import Table
from numpy.typing import NDArray

from uraniborg.algorithms.calib.fringe import fit_fringe_amplitude
from uraniborg.algorithms.calib.noise import clipped_moments
from uraniborg.algorithms.calib.surface import fit_surface
from uraniborg.core.errors import UserError
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
    "Check",
    "Outcome",
    "check_numbers",
    "crosstalk_numbers",
    "cti_numbers",
    "defect_numbers",
    "flat_numbers",
    "frame_numbers",
    "fringe_numbers",
    "gain_numbers",
    "illumination_numbers",
    "kernel_numbers",
    "linearity_numbers",
    "ptc_numbers",
    "read_criteria",
    "transmission_numbers",
)

type Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Check:
    """One number against its bar.

    Attributes
    ----------
    name : str
        Product and number, e.g. ``bias.growth``.
    value : float
        What was measured.
    bar : str
        What it has to be.
    text : str
        What it means.
    passed : bool
        Whether it is.
    """

    name: str
    value: float
    bar: str
    text: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one product of one detector (and filter).

    Attributes
    ----------
    product : str
        Name.
    data_id : dict
        Detector and filter.
    state : {"certified", "refused", "kept", "failed", "skipped"}
        Certified now; refused by a number; certified before; its task failed; nothing to make it from.
    checks : tuple of Check
        The numbers.
    reason : str
        Why, where it was not certified.
    """

    product: str
    data_id: dict[str, Any]
    state: str
    checks: tuple[Check, ...] = ()
    reason: str = ""


def read_criteria(changes: Path | None = None) -> dict[str, dict[str, Any]]:
    """Return the criteria of `calib_criteria.yaml`: number, bar (``max`` or ``min``), unit, meaning.

    Parameters
    ----------
    changes : pathlib.Path, optional
        YAML file of the same form with criteria that replace ours.

    Raises
    ------
    UserError
        If the file cannot be read, or names a number that there is not.
    """
    criteria: dict[str, dict[str, Any]] = yaml.safe_load(
        (files("uraniborg.verify") / "calib_criteria.yaml").read_text("utf8")
    )
    if changes is None:
        return criteria
    try:
        other = yaml.safe_load(changes.read_text("utf8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"criteria {changes} cannot be read: {error}") from error
    unknown = sorted(set(other) - set(criteria))
    if unknown:
        raise UserError(f"criteria {changes}: no numbers {unknown}; there are {sorted(criteria)}")
    return {name: rule | other.get(name, {}) for name, rule in criteria.items()}


def check_numbers(numbers: Mapping[str, float], criteria: Mapping[str, Mapping[str, Any]]) -> tuple[Check, ...]:
    """Hold numbers against their bars; a number that is not finite fails.

    Raises
    ------
    UserError
        If a number has no criterion.
    """
    missing = sorted(set(numbers) - set(criteria))
    if missing:
        raise UserError(f"no criterion for {missing}; add it to the criteria")
    checks = []
    for name, value in numbers.items():
        rule = criteria[name]
        upper, lower = rule.get("max"), rule.get("min")
        passed = bool(np.isfinite(value)) and (upper is None or value <= upper) and (lower is None or value >= lower)
        bar = f"<= {upper:g}" if upper is not None else f">= {lower:g}"
        unit = f" {rule['unit']}" if rule.get("unit") else ""
        checks.append(Check(name, float(value), bar + unit, str(rule["text"]), passed))
    return tuple(checks)


def frame_numbers(
    product: str, residuals: Sequence[Floats], *, expected: Sequence[float], level_pixels: int, added: Sequence[float]
) -> dict[str, float]:
    """Return the numbers of a bias or dark.

    Parameters
    ----------
    product : str
        ``bias`` or ``dark``.
    residuals : sequence of (my, mx) float
        Independent exposure less the product, of each amplifier in the order of read-out.
    expected : sequence of float
        Noise of a pixel of the exposure.
    level_pixels : int
        Pixels of the overscan that gave the level of each row; its error is common to the row.
    added : sequence of float
        Variance that the product adds to a pixel, as the growth is counted.
    """
    pulls, scatters, cleans, growths = [], [], [], []
    for residual, sigma, extra in zip(residuals, expected, added, strict=True):
        mean, scatter, n = clipped_moments(residual, clip=5.0)
        rows = residual.shape[0]
        error = sigma * np.sqrt(1.0 / n + 1.0 / (rows * max(level_pixels, 1)))
        pulls.append(abs(mean) / (error * np.sqrt(1.0 + extra / sigma**2)))
        whole = np.sqrt(sigma**2 * (1.0 + 1.0 / max(level_pixels, 1)) + extra)
        scatters.append(abs(scatter / whole - 1.0))
        middle = np.percentile(residual, [15.865525, 84.134475])
        cleans.append(abs(0.5 * (middle[1] - middle[0]) / scatter - 1.0))
        growths.append(np.sqrt(1.0 + extra / sigma**2) - 1.0)
    numbers = {
        f"{product}.mean": float(np.max(pulls)),
        f"{product}.scatter": float(np.max(scatters)),
        f"{product}.growth": float(np.max(growths)),
    }
    if product == "bias":
        numbers["bias.clean_scatter"] = float(np.max(cleans))
    return numbers


def flat_numbers(
    ratios: Sequence[Floats], sigmas: Sequence[Floats], *, gain_error: Sequence[float]
) -> dict[str, float]:
    """Return the numbers of a flat.

    Parameters
    ----------
    ratios : sequence of (my, mx) float []
        Independent flat over its level and over the product, of each amplifier.
    sigmas : sequence of (my, mx) float []
        Noise expected.
    gain_error : sequence of float []
        Relative error of the level of an amplifier that both flats do not share.
    """
    medians, scatters = [], []
    for ratio, sigma, common in zip(ratios, sigmas, gain_error, strict=True):
        good = np.isfinite(ratio) & np.isfinite(sigma) & (sigma > 0.0)
        middle = float(np.median(ratio[good]))
        error = 1.2533 * float(np.median(sigma[good])) / np.sqrt(good.sum())
        medians.append(abs(middle - 1.0) / np.hypot(error, common))
        _, scatter, _ = clipped_moments(((ratio - middle) / sigma)[good], clip=5.0)
        scatters.append(abs(scatter - 1.0))
    return {"flat.median": float(np.max(medians)), "flat.scatter": float(np.max(scatters))}


def gain_numbers(gains: AmplifierGains, earlier: AmplifierGains | None) -> dict[str, float]:
    """Return how much gains have changed; nothing if there are no earlier ones of the same amplifiers."""
    if earlier is None or earlier.amplifiers != gains.amplifiers:
        return {}
    change = np.array(gains.gain) / np.array(earlier.gain) - 1.0
    return {"gain.change": float(np.abs(change).max())}


def ptc_numbers(curve: PhotonTransferCurve, gains: AmplifierGains) -> dict[str, float]:
    """Return the numbers of photon transfer curves."""
    noise = np.array([item.read_noise for item in curve.amplifiers])
    a00 = np.array([item.a[0][0] for item in curve.amplifiers])
    numbers = {
        "ptc.noise": float(np.abs(noise / np.array(gains.read_noise) - 1.0).max()),
        "ptc.a00_low": float(a00.min()),
        "ptc.a00_high": float(a00.max()),
        "ptc.chi2": float(max(item.chi2 / max(item.dof, 1.0) for item in curve.amplifiers)),
    }
    turned = [item.turnoff for item, over in zip(curve.amplifiers, curve.metadata["turned_over"], strict=True) if over]
    if turned:
        numbers["ptc.turnoff"] = float(min(turned))
    return numbers


def linearity_numbers(model: LinearityModel) -> dict[str, float]:
    """Return the numbers of linearity."""
    return {
        "linearity.residual": float(max(model.metadata["largest_residual"])),
        "linearity.coefficient": float(np.abs(model.metadata["coefficient"]).max()),
    }


def crosstalk_numbers(model: CrosstalkModel) -> dict[str, float]:
    """Return the numbers of crosstalk."""
    return {
        "crosstalk.unmeasured": float(model.metadata["unmeasured"]),
        "crosstalk.largest": float(np.abs(model.matrix).max()),
        "crosstalk.error": float(np.max(model.errors)),
    }


def cti_numbers(model: ChargeTransferModel) -> dict[str, float]:
    """Return the numbers of charge transfer."""
    return {
        "cti.serial": float(max(item.serial for item in model.amplifiers)),
        "cti.parallel": float(max(item.parallel for item in model.amplifiers)),
    }


def kernel_numbers(model: BrighterFatterModel) -> dict[str, float]:
    """Return the numbers of a brighter-fatter kernel."""
    middle = len(model.kernel) // 2
    return {
        "kernel.surplus": abs(float(model.metadata["surplus"])) / float(model.metadata["surplus_error"]),
        "kernel.centre": float(model.array[middle, middle]),
    }


def defect_numbers(defects: DefectList, shape: tuple[int, int]) -> dict[str, float]:
    """Return the numbers of a list of defects."""
    return {"defects.fraction": float(defects.mask(shape).mean())}


def fringe_numbers(image: Floats, pattern: Floats, bad: NDArray[np.bool_]) -> dict[str, float]:
    """Return the numbers of fringes on an exposure of the sky [electron]."""
    fit = fit_fringe_amplitude(image, pattern, bad=bad)
    return {"fringe.significance": fit.amplitude / fit.error, "fringe.residual": fit.residual}


def illumination_numbers(image: Floats, correction: Floats, bad: NDArray[np.bool_]) -> dict[str, float]:
    """Return the numbers of an illumination correction on an exposure of the sky [electron]."""
    surface = fit_surface(image / correction, bad=bad, degree=2, cell=64).evaluate()
    return {"illumination.residual": float(surface.std() / np.median(surface))}


def transmission_numbers(curve: Table) -> dict[str, float]:
    """Return the numbers of a transmission curve."""
    return {"transmission.error": float(np.max(curve["throughputErr"]))}
