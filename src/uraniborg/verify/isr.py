"""How well instrument signature removal did, against the truth of a simulated exposure: arrays in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, maximum_filter

from uraniborg.core.errors import Unprocessable
from uraniborg.verify.metrics import Value

__all__ = (
    "measure_brighter_fatter",
    "measure_charge_transfer",
    "measure_cosmic_rays",
    "measure_crosstalk",
    "measure_ghosts",
    "measure_pull",
    "measure_residuals",
    "measure_star_damage",
    "measure_trails",
    "weighted_trace",
)

type Floats = NDArray[np.floating]
type Mask = NDArray[np.bool_]


def measure_pull(image: Floats, variance: Floats, truth: Floats, *, good: Mask) -> Value:
    """Measure the width of (image - truth) / error over good pixels.

    Parameters
    ----------
    image, variance, truth : (ny, nx) float [electron], [electron^2], [electron]
        Corrected image and its variance, expected light.
    good : (ny, nx) bool
        Pixels that no mask plane excludes.

    Returns
    -------
    Value
        Standard deviation []; all good pixels count, however far off.
    """
    if not good.any():
        raise Unprocessable("no good pixel")
    pull = ((image - truth) / np.sqrt(variance))[good]
    far = int(np.count_nonzero(np.abs(pull) > 6.0))
    note = f"mean {pull.mean():+.4f}, {far} of {pull.size} pixels beyond 6"
    return Value(float(pull.std()), note, {"mean": float(pull.mean()), "beyond_6": far, "pixels": int(pull.size)})


def measure_residuals(
    image: Floats, variance: Floats, truth: Floats, *, good: Mask, sections: Sequence[tuple[slice, slice]]
) -> Value:
    """Measure the mean residual of each amplifier in units of its error; the largest counts.

    Parameters
    ----------
    image, variance, truth, good
        As for `measure_pull`. Pixels weigh alike, so the variance being that of the counted light does no harm.
    sections : sequence of (slice, slice)
        The amplifiers on the detector.
    """
    values = []
    for section in sections:
        inside = good[section]
        difference = (image[section] - truth[section])[inside]
        values.append(float(difference.sum() / np.sqrt(variance[section][inside].sum())))
    worst = float(np.max(np.abs(values)))
    note = f"{len(values)} amplifiers, root mean square {np.sqrt(np.mean(np.square(values))):.2f}"
    return Value(worst, note, {"amplifiers": [round(value, 3) for value in values]})


def measure_cosmic_rays(found: Mask, rays: Floats, *, exclude: Mask, noise: float) -> tuple[Value, Value]:
    """Measure recall and precision of cosmic-ray pixels.

    Parameters
    ----------
    found : (ny, nx) bool
        Pixels called cosmic rays.
    rays : (ny, nx) float [electron]
        Their true charge.
    exclude : (ny, nx) bool
        Pixels that are bad for other reasons.
    noise : float [electron]
        Noise of the sky, for the details.

    Returns
    -------
    recall, precision : Value
        [%]. Every pixel with charge counts for recall, the faintest too.
    """
    truth, called = (rays > 0.0) & ~exclude, found & ~exclude
    if not truth.any():
        raise Unprocessable("no cosmic ray was simulated")
    right = int(np.count_nonzero(called & truth))
    clear = truth & (rays > 3.0 * noise)
    details = {
        "true_pixels": int(truth.sum()),
        "called_pixels": int(called.sum()),
        "recall_above_3_sigma": float((called & clear).sum() / max(clear.sum(), 1)),
    }
    note = f"{truth.sum()} pixels with charge, {called.sum()} called"
    recall = 100.0 * right / int(truth.sum())
    precision = 100.0 * right / max(int(called.sum()), 1)
    return Value(recall, note, details), Value(precision, note, details)


def measure_star_damage(found: Mask, truth: Floats, *, rays: Floats, exclude: Mask, sky: float, noise: float) -> Value:
    """Measure the share of stars with a pixel of their core (3 x 3) called a cosmic ray where there is none [%].

    Parameters
    ----------
    found : (ny, nx) bool
        Pixels called cosmic rays.
    truth, rays : (ny, nx) float [electron]
        Expected light; charge of cosmic rays. Sources near a true ray are left out.
    exclude : (ny, nx) bool
        Bad and saturated pixels.
    sky, noise : float [electron]
        A source counts if its peak is five times the noise above the sky.
    """
    cores = (truth == maximum_filter(truth, 5)) & (truth > sky + 5.0 * noise) & ~exclude
    cores &= ~binary_dilation(rays > 0.0, structure=np.ones((3, 3)), iterations=3)
    damaged = int((cores & binary_dilation(found, structure=np.ones((3, 3)))).sum())
    if not cores.any():
        raise Unprocessable("no source stands five times the noise above the sky")
    return Value(
        100.0 * damaged / int(cores.sum()), f"{damaged} of {cores.sum()} sources", {"sources": int(cores.sum())}
    )


def measure_trails(found: Mask, light: Floats, *, noise: float, exclude: Mask) -> tuple[Value, Value]:
    """Measure which part of the pixels of trails is masked, and which part of the clean area is.

    Parameters
    ----------
    found : (ny, nx) bool
        Masked pixels.
    light : (ny, nx) float [electron]
        True light of the trails.
    noise : float [electron]
        Noise of the sky in a pixel.
    exclude : (ny, nx) bool
        Pixels that are bad for other reasons.

    Returns
    -------
    complete, clean : Value
        [%]. Of the pixels with light above the noise; of those with less than a tenth of it.
    """
    bright, dark = (light > noise) & ~exclude, (light < 0.1 * noise) & ~exclude
    if not bright.any():
        raise Unprocessable("no pixel of a trail stands above the noise")
    note = f"{bright.sum()} pixels of trails above the noise, {dark.sum()} clean pixels"
    complete = 100.0 * float((found & bright).sum() / bright.sum())
    return Value(complete, note), Value(100.0 * float((found & dark).sum() / dark.sum()), note)


def measure_ghosts(found: Mask, light: Floats, *, noise: float, pixel_scale: float) -> Value:
    """Measure the share of the area that is not masked and has a steep ghost.

    Parameters
    ----------
    found : (ny, nx) bool
        Masked pixels.
    light : (ny, nx) float [electron]
        True light of the ghosts.
    noise : float [electron]
        Noise of the sky in a pixel.
    pixel_scale : float [arcsec]
        Size of a pixel. Steep is a change of more than a third of the noise over one arcsecond (GhostAF).

    Returns
    -------
    Value
        [%] of all pixels.
    """
    slope = np.hypot(*np.gradient(np.asarray(light, dtype=float))) / pixel_scale
    steep = slope > noise / 3.0
    note = f"{100 * steep.mean():.2f} % steep before, {100 * found.mean():.2f} % masked"
    return Value(
        100.0 * float((steep & ~found).mean()), note, {"steep": float(steep.mean()), "masked": float(found.mean())}
    )


def weighted_trace(stamp: Floats, *, x: float, y: float, sigma: float, sky: float) -> float:
    """Return the trace of the second moments of a star with a Gaussian weight [pixel^2]."""
    v, u = np.indices(stamp.shape)
    weight = np.exp(-0.5 * ((u - x) ** 2 + (v - y) ** 2) / sigma**2) * (np.asarray(stamp, dtype=float) - sky)
    mx, my = (weight * u).sum() / weight.sum(), (weight * v).sum() / weight.sum()
    return float((weight * ((u - mx) ** 2 + (v - my) ** 2)).sum() / weight.sum())


def measure_brighter_fatter(
    fluxes: Floats, true: Floats, seen: Floats, corrected: Floats, *, half_well: float
) -> tuple[Value, Value]:
    """Measure how much of the growth of stars with flux is removed, and what is left of it.

    Parameters
    ----------
    fluxes : (n,) float [electron]
        Peak of each star.
    true, seen, corrected : (n,) float [pixel^2]
        Trace of second moments without the effect, with it, and after correction.
    half_well : float [electron]
        Slopes are told at this peak.

    Returns
    -------
    removed : Value
        Share of the slope of (trace - true trace) with flux that is gone [%].
    left : Value
        Slope that is left, at a peak of half the full well, over the trace [].
    """
    before, after = (float(np.polyfit(fluxes, values / true - 1.0, 1)[0]) * half_well for values in (seen, corrected))
    note = (
        f"relative growth of the trace at a peak of {half_well:.0f} electrons: {before:.4f} before, {after:+.5f} after"
    )
    return Value(100.0 * (1.0 - abs(after) / abs(before)), note), Value(abs(after), note)


def measure_charge_transfer(before: Floats, after: Floats, truth: Floats) -> Value:
    """Measure what is left of displaced charge: root mean square of the residual after correction over before [%]."""
    spread = [float(np.sqrt(np.mean((values - truth) ** 2))) for values in (before, after)]
    if not spread[0] > 0.0:
        raise Unprocessable("no charge was displaced")
    return Value(100.0 * spread[1] / spread[0], f"{spread[0]:.3f} electrons before, {spread[1]:.4f} after")


def measure_crosstalk(residual: Floats, variance: Floats, *, aggressors: NDArray[np.integer], psf: Floats) -> Value:
    """Measure the largest residual at a victim, integrated over the PSF, in units of its error.

    Parameters
    ----------
    residual, variance : (n, my, mx) float [adu], [adu^2]
        Corrected signals minus truth, of all amplifiers in the order of read-out, and their variance.
    aggressors : (k, 3) int
        Amplifier, row and column of each aggressor.
    psf : (m, m) float
        PSF, m odd.

    Returns
    -------
    Value
        Largest absolute PSF flux at the place of an aggressor in any other amplifier [standard errors]. Without noise
        in the residuals it is what is left of the crosstalk alone.
    """
    reach = psf.shape[0] // 2
    values = []
    for amplifier, row, column in aggressors:
        window = (slice(None), slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1))
        data, spread = residual[window], variance[window]
        if data.shape[1:] != psf.shape:
            continue
        flux = (data * psf / spread).sum(axis=(1, 2)) / np.sqrt((psf**2 / spread).sum(axis=(1, 2)))
        values.append(np.delete(flux, amplifier))
    if not values:
        raise Unprocessable("no aggressor is far enough from the edge")
    found = np.concatenate(values)
    note = f"{found.size} victims of {len(values)} aggressors, root mean square {np.sqrt(np.mean(found**2)):.3f}"
    return Value(float(np.abs(found).max()), note)
