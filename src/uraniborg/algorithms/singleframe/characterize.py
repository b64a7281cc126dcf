"""The passes over one frame.

The sky needs the objects masked, objects need the point-spread function to be detected, and that needs detected
stars: one pass with a Gaussian first guess finds the bright objects and a first model, a second one with that model
finds everything, refines sky and model, and measures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.background import BackgroundModel, estimate_background, estimate_deep_background
from uraniborg.algorithms.detection import Footprints, detect_bright, detect_sources, footprint_bits
from uraniborg.algorithms.measurement import (
    APERTURES,
    ApertureCorrection,
    MeasurementResult,
    adaptive_moments,
    measure_aperture_correction,
    measure_sources,
)
from uraniborg.algorithms.psf import PsfFit, StarSelection, fit_psf, gaussian_psf, select_stars
from uraniborg.algorithms.psf.analytic import stamp_size_for
from uraniborg.algorithms.psf.stars import cut_stamps
from uraniborg.algorithms.singleframe.quality import MAX_SOURCES, SkyCheck, brightest_sources, check_sky, crowding_notes
from uraniborg.core.errors import AlgorithmError, UserError
from uraniborg.core.flags import MeasurementFlag, PixelBit, has_flag
from uraniborg.core.pixelgrid import PsfModel

__all__ = ("FrameCharacterization", "characterize_frame", "find_stars")

type Floats = NDArray[np.float64]

_FIRST_THRESHOLD = 10.0
_MAX_CANDIDATES = 1500
_ENOUGH_ALONE = 20


@dataclass(frozen=True, slots=True)
class FrameCharacterization:
    """What was found on a frame.

    Attributes
    ----------
    background : BackgroundModel
        Sky. What was measured is ``image - background.evaluate() - background.unresolved``.
    psf : PsfFit
        Point-spread function.
    footprints : Footprints
        Detected regions; source k is peak k.
    sources : MeasurementResult
        One row for each peak.
    used_for_psf : (n,) bool
        Sources that entered the point-spread model.
    aperture_correction : ApertureCorrection
        Factor from point-source flux to flux within ``correction_radius``.
    correction_radius : float [pixel]
    sky_check : SkyCheck
        Fluxes on places without sources.
    notes : tuple of str
        What makes the measurements worse than they should be; empty for an ordinary field.
    """

    background: BackgroundModel
    psf: PsfFit
    footprints: Footprints
    sources: MeasurementResult
    used_for_psf: NDArray[np.bool_]
    aperture_correction: ApertureCorrection
    correction_radius: float
    sky_check: SkyCheck
    notes: tuple[str, ...]


def characterize_frame(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    *,
    pixel_bits: NDArray[np.uint8] | None = None,
    fwhm: float = 4.0,
    threshold: float = 5.0,
    cell_size: int = 128,
    max_order: int = 2,
    apertures: tuple[float, ...] = APERTURES,
    correction_radius: float = 12.0,
    psf_fitter: Callable[..., PsfFit] = fit_psf,
    plugins: Sequence[str] = (),
) -> FrameCharacterization:
    """Subtract the sky, find sources, model the point-spread function, measure.

    Parameters
    ----------
    image, variance : (ny, nx) float
        Image with sky, and its variance.
    pixel_bits : (ny, nx) uint8, optional
        Bits of `uraniborg.core.flags.PixelBit`.
    fwhm : float [pixel]
        First guess of the seeing; a factor of two off does no harm.
    threshold : float
        Significance of a detection.
    cell_size : int [pixel]
        Cell of the background mesh.
    max_order : int
        Highest order of the point-spread polynomial.
    apertures : tuple of float [pixel]
        Radii, rising.
    correction_radius : float [pixel]
        One of ``apertures``: the aperture that point-source fluxes are brought to.
    psf_fitter : callable
        Function with the interface of `uraniborg.algorithms.psf.fit_psf` that makes the final model.
    plugins : sequence of str
        Measurement plugins of other packages to run besides those that are built in.

    Returns
    -------
    FrameCharacterization

    Raises
    ------
    Unprocessable
        If there is no usable sky.
    AlgorithmError
        If no star is found for the point-spread function.
    UserError
        If ``correction_radius`` is not one of the apertures.
    """
    if correction_radius not in apertures:
        raise UserError(f"the radius of the aperture correction, {correction_radius}, is not one of {apertures}")
    bits = np.zeros(image.shape, np.uint8) if pixel_bits is None else pixel_bits
    unusable = (bits & int(PixelBit.unusable())) != 0
    large = min(image.shape) > 1000
    sky = estimate_background(image, unusable=unusable, cell_size=cell_size, thin=4 if large else 1)
    flat = sky.subtract_from(image)
    found = detect_bright(flat, variance, fwhm=fwhm, unusable=unusable, threshold=_FIRST_THRESHOLD)
    if found.peak_x.size < 10:
        guess = gaussian_psf(fwhm / 2.3548)
        found = _detect(flat, variance, guess, unusable=unusable, threshold=threshold)
    # Undetected sources lie under the detected ones, too: their mean light is no part of the sky, nor of a source.
    sky = estimate_deep_background(image, unusable=unusable | found.mask(), cell_size=cell_size)
    flat = replace(sky, values=sky.values + sky.unresolved).subtract_from(image)
    stars = find_stars(flat, variance, found, unusable=unusable, fwhm=fwhm)
    psf = _fit(flat, variance, found, stars=stars, unusable=unusable, max_order=None)
    found = _detect(flat, variance, psf.model, unusable=unusable, threshold=threshold)
    occupied = unusable | found.mask()
    sky = estimate_deep_background(image, unusable=occupied, cell_size=cell_size)
    flat = replace(sky, values=sky.values + sky.unresolved).subtract_from(image)
    stars = find_stars(flat, variance, found, unusable=unusable, fwhm=psf.fwhm)
    psf = _fit(flat, variance, found, stars=stars, unusable=unusable, max_order=max_order, fitter=psf_fitter)
    n_found, notes = found.peak_x.size, crowding_notes(found, sky, measured=min(found.peak_x.size, MAX_SOURCES))
    if n_found > MAX_SOURCES:
        found, stars = _keep(found, stars)
    sources = measure_sources(
        flat,
        variance,
        psf.model,
        x=found.peak_x + found.peak_offset[:, 0],
        y=found.peak_y + found.peak_offset[:, 1],
        group=found.peak_footprint,
        pixel_bits=bits,
        apertures=apertures,
        plugins=plugins,
    )
    in_footprint = footprint_bits(found, bits)[found.peak_footprint]
    saturated = (in_footprint & int(PixelBit.SATURATED)) != 0
    sources.flags[saturated] |= int(MeasurementFlag.PIXEL_SATURATED)
    used = np.zeros(found.peak_x.size, bool)
    used[stars.indices[psf.used]] = True
    correction = _correct(sources, used, image.shape, aperture=apertures.index(correction_radius))
    check = check_sky(flat, variance, psf.model, occupied=occupied)
    return FrameCharacterization(sky, psf, found, sources, used, correction, correction_radius, check, notes)


def _keep(found: Footprints, stars: StarSelection) -> tuple[Footprints, StarSelection]:
    """Leave the most significant peaks, and the stars of the point-spread model, which are among them."""
    kept = brightest_sources(found)
    kept[stars.indices] = True
    number = np.cumsum(kept) - 1
    peaks = {name: getattr(found, f"peak_{name}")[kept] for name in ("x", "y", "footprint", "value", "offset")}
    fewer = replace(found, **{f"peak_{name}": values for name, values in peaks.items()})
    return fewer, replace(stars, indices=number[stars.indices])


def _detect(
    flat: NDArray[np.floating],
    variance: NDArray[np.floating],
    psf: PsfModel,
    *,
    unusable: NDArray[np.bool_],
    threshold: float,
) -> Footprints:
    """Detect with the model of the middle of the frame; footprints grow by its width."""
    kernel = psf.evaluate(flat.shape[1] // 2, flat.shape[0] // 2)[0]
    width = np.sqrt(1.0 / (np.pi * 4.0 * np.sum(kernel**2)))  # sigma of a Gaussian with this noise area
    return detect_sources(flat, variance, kernel, unusable=unusable, threshold=threshold, grow=2.4 * float(width))


def find_stars(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    footprints: Footprints,
    *,
    unusable: NDArray[np.bool_],
    fwhm: float,
) -> StarSelection:
    """Select stars among detected peaks by their measured sizes.

    Parameters
    ----------
    image, variance : (ny, nx) float
        Background-subtracted image and its variance.
    footprints : Footprints
        Detected regions; of the peaks the most significant few thousand are looked at.
    unusable : (ny, nx) bool
        Pixels not to use.
    fwhm : float [pixel]
        First guess of the seeing.

    Returns
    -------
    StarSelection
        Its indices are those of the peaks.
    """
    n = footprints.peak_x.size
    height = np.nan_to_num(image[footprints.peak_y, footprints.peak_x].astype(float))
    moments = np.full((n, 3), np.nan)
    bad = np.ones(n, bool)
    best = np.argsort(-footprints.peak_value, kind="stable")[:_MAX_CANDIDATES]
    x, y = footprints.peak_x[best].astype(float), footprints.peak_y[best].astype(float)
    stars = cut_stamps(image, variance, unusable, x=x, y=y, size=stamp_size_for(fwhm))
    noise = np.where(np.isfinite(stars.variance), stars.variance, 0.0)
    measured = adaptive_moments(stars.data, noise, sigma=fwhm / 2.3548)
    moments[best] = np.stack([measured.xx, measured.yy, measured.xy], axis=1)
    steps = np.arange(noise.shape[-1]) - noise.shape[-1] // 2
    core = np.hypot.outer(steps, steps) < 1.5 * fwhm
    bad[best] = (noise[:, core] == 0.0).any(axis=1) | (np.mean(noise > 0.0, axis=(1, 2)) < 0.7)
    return select_stars(
        moments,
        footprints.peak_value.astype(float),
        x=footprints.peak_x.astype(float),
        y=footprints.peak_y.astype(float),
        flux=height,
        bad=bad,
        isolation=3.0 * fwhm,
    )


def _fit(
    flat: NDArray[np.floating],
    variance: NDArray[np.floating],
    found: Footprints,
    *,
    stars: StarSelection,
    unusable: NDArray[np.bool_],
    max_order: int | None,
    fitter: Callable[..., PsfFit] = fit_psf,
) -> PsfFit:
    """Fit the point-spread function; a quick constant one where no order is given."""
    if stars.indices.size == 0:
        raise AlgorithmError(
            "no star was found for the point-spread function; lower the threshold or check the first-guess seeing",
            n_peaks=int(found.peak_x.size),
            n_bright=stars.n_bright,
        )
    x, y = found.peak_x[stars.indices].astype(float), found.peak_y[stars.indices].astype(float)
    width = 2.3548 * stars.size
    if max_order is None:
        quick: dict[str, Any] = {"max_order": 0, "max_stars": 50, "n_iterations": 2}
        return fit_psf(flat, variance, x=x, y=y, unusable=unusable, fwhm=width, **quick)
    return fitter(flat, variance, x=x, y=y, unusable=unusable, fwhm=width, max_order=max_order, n_iterations=3)


def _correct(
    sources: MeasurementResult, used: NDArray[np.bool_], shape: tuple[int, int], *, aperture: int
) -> ApertureCorrection:
    """Measure the correction on unblemished stars of the point-spread model that have this aperture whole."""
    doubtful = MeasurementFlag.PIXEL_SATURATED | MeasurementFlag.PIXEL_BAD | MeasurementFlag.PSF_FLUX_FAILED
    margin = float(sources.apertures[aperture]) - 0.5
    whole = (np.minimum(sources.x, sources.y) >= margin) & (sources.x <= shape[1] - 1 - margin)
    whole &= sources.y <= shape[0] - 1 - margin
    chosen = used & whole & ~has_flag(sources.flags, doubtful)
    alone = chosen & ~has_flag(sources.flags, MeasurementFlag.BLENDED)
    if np.count_nonzero(alone) >= _ENOUGH_ALONE:  # light of neighbours raises an aperture more than a fit
        chosen = alone
    return measure_aperture_correction(
        sources.psf_flux[chosen],
        sources.aperture_flux[chosen, aperture],
        aperture_flux_err=sources.aperture_flux_err[chosen, aperture],
    )
