"""All steps of instrument signature removal in their order; each can be left out.

The order undoes what light and charge went through, from its end: electronic level, crosstalk, bias, non-linearity and
gain, charge transfer, brighter-fatter effect, dark current, response, fringes; then come the reasons for doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.isr.assembly import DetectorReadout, read_detector
from uraniborg.algorithms.isr.brighter_fatter import correct_brighter_fatter
from uraniborg.algorithms.isr.calibrate import CalibratedPixels, Master, flatten_light, to_electrons
from uraniborg.algorithms.isr.charge_transfer import correct_charge_transfer
from uraniborg.algorithms.isr.cosmic_rays import find_cosmic_rays
from uraniborg.algorithms.isr.fringe import FringeFit, fit_fringe, subtract_fringe
from uraniborg.algorithms.isr.geometry import DetectorGeometry
from uraniborg.algorithms.isr.interpolate import interpolate_pixels
from uraniborg.algorithms.isr.linearity import LinearityTables
from uraniborg.algorithms.isr.overscan import OverscanMethod
from uraniborg.algorithms.isr.quality import AmplifierQuality, measure_amplifiers
from uraniborg.algorithms.isr.saturation import SATURATED, SUSPECT, TRAIL, find_saturation
from uraniborg.algorithms.isr.streaks import Streak, find_streaks
from uraniborg.core.errors import UserError

__all__ = ("STEPS", "ChargeTransferShares", "IsrCalibrations", "IsrResult", "IsrSettings", "remove_signature")

STEPS: Final = (
    *("overscan", "saturation", "crosstalk", "bias", "linearity", "chargeTransfer", "brighterFatter", "dark", "flat"),
    *("illumination", "fringe", "defects", "cosmicRays", "streaks", "interpolation"),
)
"""Names of the steps that can be switched, in their order; gain and variance are always applied."""

_UNKNOWN_VARIANCE = 1e12  # of pixels without a value that the mask calls BAD [electron^2]


@dataclass(frozen=True, slots=True)
class ChargeTransferShares:
    """Charge transfer of all amplifiers; see `correct_charge_transfer`.

    Attributes
    ----------
    serial, parallel : (n,) float []
        Share of a packet that each transfer leaves behind.
    trap_time : (n,) float [pixel]
        Time constant of the release.
    """

    serial: NDArray[np.float64]
    parallel: NDArray[np.float64]
    trap_time: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class IsrCalibrations:
    """What is known about a detector; what is missing cannot be corrected.

    Attributes
    ----------
    gain : (n,) float [electron/adu]
        Gain of each amplifier.
    saturation : (n,) float [adu]
        Level above the bias at which pixels are full.
    read_noise : (n,) float [electron] or None
        Read noise; that of the overscan if not given.
    bias, dark, flat : Master or None
        [adu], [electron/s], [].
    illumination, fringe : (ny, nx) float32 or None
        [], [].
    defects : (ny, nx) bool or None
        Bad pixels.
    linearity : LinearityTables or None
        Corrections.
    crosstalk : (n, n) float [] or None
        Coefficients within the detector.
    between : mapping of str to (n, m) float []
        Coefficients from other detectors.
    charge_transfer : ChargeTransferShares or None
        Losses of transfer.
    kernel : (m, m) float [electron^-1] or None
        Brighter-fatter kernel.
    """

    gain: NDArray[np.float64]
    saturation: NDArray[np.float64]
    read_noise: NDArray[np.float64] | None = None
    bias: Master | None = None
    dark: Master | None = None
    flat: Master | None = None
    illumination: NDArray[np.float32] | None = None
    fringe: NDArray[np.float32] | None = None
    defects: NDArray[np.bool_] | None = None
    linearity: LinearityTables | None = None
    crosstalk: NDArray[np.float64] | None = None
    between: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    charge_transfer: ChargeTransferShares | None = None
    kernel: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class IsrSettings:
    """How the steps are done.

    Attributes
    ----------
    steps : frozenset of str
        Steps to do, of `STEPS`. A step is also left out if its calibration is missing.
    overscan : {"row", "spline", "constant"}
        How the electronic level is found.
    skip : int [pixel]
        First columns of the overscan to leave out.
    saturation, suspect : float []
        Shares of the saturation level from which on pixels count as full, and as suspect.
    fwhm : float [pixel]
        Width of the PSF as far as it is known; a low value keeps stars safe from being taken for cosmic rays.
    ray_threshold : float
        Of cosmic rays [standard errors].
    """

    steps: frozenset[str] = frozenset(STEPS)
    overscan: OverscanMethod = "row"
    skip: int = 5
    saturation: float = 0.98
    suspect: float = 0.9
    fwhm: float = 3.0
    ray_threshold: float = 5.0

    def __post_init__(self) -> None:
        unknown = self.steps - set(STEPS)
        if unknown:
            raise UserError(f"no step {sorted(unknown)} of instrument signature removal; there are {list(STEPS)}")


@dataclass(frozen=True, slots=True)
class IsrResult:
    """A detector without its signature.

    Attributes
    ----------
    image : (ny, nx) float32 [electron]
        Light, sky included.
    variance : (ny, nx) float32 [electron^2]
        Its variance.
    planes : dict of str to (ny, nx) bool
        Reasons for doubt, by the names of the mask planes.
    readout : DetectorReadout
        What the overscans told; its image has been used up.
    quality : AmplifierQuality
        Sky and noise of each amplifier.
    fringe : FringeFit or None
        Fringes that were subtracted.
    streaks : tuple of Streak
        Trails that were masked.
    rays : int
        Pixels with cosmic rays.
    """

    image: NDArray[np.float32]
    variance: NDArray[np.float32]
    planes: dict[str, NDArray[np.bool_]]
    readout: DetectorReadout
    quality: AmplifierQuality
    fringe: FringeFit | None
    streaks: tuple[Streak, ...]
    rays: int


def remove_signature(
    segments: Sequence[NDArray[np.generic]],
    geometry: DetectorGeometry,
    calibrations: IsrCalibrations,
    *,
    settings: IsrSettings | None = None,
    dark_time: float = 0.0,
    others: Mapping[str, NDArray[np.float32]] | None = None,
) -> IsrResult:
    """Return the light that fell on a detector, its variance, and which pixels are doubtful.

    Parameters
    ----------
    segments : sequence of (my, mx) int [adu]
        All pixels of each amplifier, in the order of read-out.
    geometry : DetectorGeometry
        Where the pixels belong.
    calibrations : IsrCalibrations
        What is known about the detector.
    settings : IsrSettings, optional
        How; the defaults if not given.
    dark_time : float [s], optional
        Time since the last clearing.
    others : mapping of str to (m, my, mx) float32 [adu], optional
        Signals of other detectors, for crosstalk from them.

    Returns
    -------
    IsrResult
    """
    settings = settings or IsrSettings()
    known, steps = calibrations, settings.steps
    readout = read_detector(
        segments,
        geometry,
        overscan=settings.overscan if "overscan" in steps else None,
        skip=settings.skip,
        crosstalk=known.crosstalk if "crosstalk" in steps else None,
        others=others,
        between=known.between if "crosstalk" in steps else None,
    )
    planes = _full_pixels(readout, geometry, known, settings)
    pixels = _to_light(readout, geometry, known, steps, dark_time)
    fringe = None
    bad = _bad_pixels(pixels, readout, known, steps, planes)
    if "fringe" in steps and known.fringe is not None:
        fringe = fit_fringe(pixels.image, known.fringe, bad=bad)
        subtract_fringe(pixels.image, known.fringe, fringe, out=pixels.image)
    rays, streaks = _strangers(pixels, bad, settings, planes)
    image, variance = pixels.image, pixels.variance
    quality = measure_amplifiers(image, variance, geometry, bad=_any(planes, image.shape))
    if "interpolation" in steps:
        holes = _any({name: plane for name, plane in planes.items() if name in _FILLED}, image.shape)
        filled = interpolate_pixels(image, variance, holes, fwhm=settings.fwhm)
        image, variance = filled.image, filled.variance
        planes["INTERPOLATED"] = holes
    unknown = ~np.isfinite(variance)
    if unknown.any():
        variance[unknown] = _UNKNOWN_VARIANCE
    return IsrResult(image, variance, planes, readout, quality, fringe, streaks, rays)


_FILLED = ("BAD", "SATURATED", "COSMIC_RAY")


def _full_pixels(
    readout: DetectorReadout, geometry: DetectorGeometry, known: IsrCalibrations, settings: IsrSettings
) -> dict[str, NDArray[np.bool_]]:
    if "saturation" not in settings.steps:
        return {}
    full = find_saturation(
        readout.image,
        geometry,
        saturation=settings.saturation * known.saturation,
        suspect=settings.suspect * known.saturation,
    )
    names = {"SATURATED": SATURATED, "SUSPECT": SUSPECT, "BLEED": TRAIL}
    return {name: full.where(bit) for name, bit in names.items()}


def _to_light(
    readout: DetectorReadout,
    geometry: DetectorGeometry,
    known: IsrCalibrations,
    steps: frozenset[str],
    dark_time: float,
) -> CalibratedPixels:
    bias = known.bias if "bias" in steps else None
    electrons = to_electrons(
        readout.image,
        geometry,
        gain=known.gain,
        bias=None if bias is None else bias.image,
        linearity=known.linearity if "linearity" in steps else None,
        out=readout.image,
    )
    if "chargeTransfer" in steps and known.charge_transfer is not None:
        shares = known.charge_transfer
        electrons = correct_charge_transfer(
            electrons, geometry, serial=shares.serial, parallel=shares.parallel, trap_time=shares.trap_time
        )
    if "brighterFatter" in steps and known.kernel is not None:
        full_well = float(np.min(known.saturation * known.gain))
        electrons = correct_brighter_fatter(electrons, known.kernel, full_well=full_well).image
    read_noise = readout.noise * known.gain if known.read_noise is None else known.read_noise
    extra = known.gain**2 * (1.0 / 12.0 + readout.level_error**2)
    return flatten_light(
        electrons,
        geometry,
        noise=np.sqrt(np.nan_to_num(read_noise) ** 2 + extra),
        gain=known.gain,
        dark=known.dark if "dark" in steps else None,
        dark_time=dark_time,
        bias_variance=None if bias is None else bias.variance,
        flat=known.flat if "flat" in steps else None,
        illumination=known.illumination if "illumination" in steps else None,
        out=electrons,
    )


def _bad_pixels(
    pixels: CalibratedPixels,
    readout: DetectorReadout,
    known: IsrCalibrations,
    steps: frozenset[str],
    planes: dict[str, NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """Add the planes BAD and NO_DATA; return the pixels that no measurement may use."""
    bad = ~np.isfinite(pixels.variance)
    if "defects" in steps and known.defects is not None:
        if known.defects.shape != bad.shape:
            raise UserError(f"defects of shape {known.defects.shape} for an image of {bad.shape}")
        bad |= known.defects
    planes["BAD"] = bad
    if readout.covered is not None:
        planes["NO_DATA"] = ~readout.covered
    return _any({name: plane for name, plane in planes.items() if name != "SUSPECT"}, bad.shape)


def _strangers(
    pixels: CalibratedPixels,
    bad: NDArray[np.bool_],
    settings: IsrSettings,
    planes: dict[str, NDArray[np.bool_]],
) -> tuple[int, tuple[Streak, ...]]:
    """Add the planes COSMIC_RAY and STREAK."""
    rays = 0
    if "cosmicRays" in settings.steps:
        found = find_cosmic_rays(
            pixels.image, pixels.variance, fwhm=settings.fwhm, exclude=bad, threshold=settings.ray_threshold
        )
        planes["COSMIC_RAY"], rays = found.mask, found.pixels
    if "streaks" not in settings.steps:
        return rays, ()
    middle = pixels.variance[::16, ::16]
    finite = middle[np.isfinite(middle)]
    if not len(finite):
        return rays, ()
    trails = find_streaks(pixels.image, float(np.sqrt(np.median(finite))), bad=bad)
    planes["STREAK"] = trails.mask
    return rays, trails.streaks


def _any(planes: Mapping[str, NDArray[np.bool_]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    result = np.zeros(shape, dtype=bool)
    for plane in planes.values():
        result |= plane
    return result
