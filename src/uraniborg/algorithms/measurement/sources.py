"""Everything that is measured on the sources of one image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.measurement.blocks import source_blocks
from uraniborg.algorithms.measurement.flags import bit_flags, bits_around, edge_flags
from uraniborg.algorithms.measurement.plugins import BUILT_IN, load_plugins
from uraniborg.algorithms.measurement.psffit import PointFit, fit_points, masked_image
from uraniborg.core.errors import UserError
from uraniborg.core.flags import MeasurementFlag, PixelBit
from uraniborg.core.pixelgrid import PointSpread

__all__ = ("APERTURES", "MeasurementResult", "measure_sources")

APERTURES = (3.0, 6.0, 9.0, 12.0, 17.0, 25.0)
"""Default radii of circular apertures in pixels (a subset of Rubin's)."""

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MeasurementResult:
    """Measurements of n sources; what could not be measured is NaN and has a flag.

    Attributes
    ----------
    x, y, x_err, y_err : (n,) float [pixel]
        Centre and its standard error; the given position, and NaN errors, where CENTROID_FAILED is set.
    psf_flux, psf_flux_err : (n,) float
        Flux of the fitted point source, neighbours taken out.
    chi2 : (n,) float
        Chi-square per pixel of that fit in the core.
    area : (n,) float [pixel^2]
        Effective noise area of the point-spread function there.
    xx, yy, xy, xx_err, yy_err, xy_err : (n,) float [pixel^2]
        Adaptive second moments.
    psf_xx, psf_yy, psf_xy : (n,) float [pixel^2]
        Those of the point-spread function there.
    apertures : (k,) float [pixel]
        Radii.
    aperture_flux, aperture_flux_err : (n, k) float
        Fluxes within them, neighbours taken out as point sources.
    sky, sky_err : (n,) float
        Clipped mean of the residual image in an annulus between 0.6 and 1 times the largest aperture, and its error.
    size_ratio : (n,) float
        (xx + yy) / (psf_xx + psf_yy).
    extendedness : (n,) float
        1 if ``size_ratio`` exceeds 1.1 and does so by three standard errors, else 0.
    window_x, window_y, window_x_err, window_y_err : (n,) float [pixel]
        Centroid under the Gaussian that matches the source.
    sdss_x, sdss_y, sdss_x_err, sdss_y_err : (n,) float [pixel]
        Top of the image after smoothing with the point-spread function.
    gaussian_flux, gaussian_flux_err : (n,) float
        Flux of the matched Gaussian, on the scale of point-source fluxes.
    kron_flux, kron_flux_err : (n,) float
    kron_radius : (n,) float [pixel]
        Flux within 2.5 Kron radii, and that radius.
    blendedness : (n,) float
        Part of the light under the source that belongs to its neighbours.
    flags : (n,) int32
        Bits of `uraniborg.core.flags.MeasurementFlag`.
    extra : mapping of str to (n,) or (n, k) array
        Columns of further plugins.
    """

    x: Floats
    y: Floats
    x_err: Floats
    y_err: Floats
    psf_flux: Floats
    psf_flux_err: Floats
    chi2: Floats
    area: Floats
    xx: Floats
    yy: Floats
    xy: Floats
    xx_err: Floats
    yy_err: Floats
    xy_err: Floats
    psf_xx: Floats
    psf_yy: Floats
    psf_xy: Floats
    apertures: Floats
    aperture_flux: Floats
    aperture_flux_err: Floats
    sky: Floats
    sky_err: Floats
    size_ratio: Floats
    extendedness: Floats
    window_x: Floats
    window_y: Floats
    window_x_err: Floats
    window_y_err: Floats
    sdss_x: Floats
    sdss_y: Floats
    sdss_x_err: Floats
    sdss_y_err: Floats
    gaussian_flux: Floats
    gaussian_flux_err: Floats
    kron_flux: Floats
    kron_flux_err: Floats
    kron_radius: Floats
    blendedness: Floats
    flags: NDArray[np.int32]
    extra: Mapping[str, NDArray[np.generic]]

    @property
    def snr(self) -> Floats:
        """Signal-to-noise ratio of the point-source flux, (n,)."""
        return np.asarray(self.psf_flux / self.psf_flux_err)


def measure_sources(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    psf: PointSpread,
    *,
    x: NDArray[np.number],
    y: NDArray[np.number],
    group: NDArray[np.integer] | None = None,
    sign: NDArray[np.number] | None = None,
    pixel_bits: NDArray[np.uint8] | None = None,
    apertures: tuple[float, ...] = APERTURES,
    max_shift: float = 2.0,
    plugins: Sequence[str] = (),
) -> MeasurementResult:
    """Measure all sources of an image together.

    Parameters
    ----------
    image, variance : (ny, nx) float
        Background-subtracted image and its variance.
    psf : PointSpread
        Point-spread function in array coordinates.
    x, y : (n,) number [pixel]
        Peaks.
    group : (n,) int, optional
        Footprint of each peak; those that share one get BLENDED.
    sign : (n,) number, optional
        Negative for sources of negative flux (given NEGATIVE); positive by default.
    pixel_bits : (ny, nx) uint8, optional
        Bits of `uraniborg.core.flags.PixelBit`.
    apertures : tuple of float [pixel]
        Radii, rising.
    max_shift : float [pixel]
        Largest distance of a centre from its peak.
    plugins : sequence of str
        Measurement plugins of other packages to run after those that are built in.

    Returns
    -------
    MeasurementResult

    Raises
    ------
    UserError
        If shapes do not fit.
    """
    bits = np.zeros((1, 1), np.uint8) if pixel_bits is None else pixel_bits
    if image.shape != variance.shape or (pixel_bits is not None and pixel_bits.shape != image.shape):
        raise UserError(f"image {image.shape}, variance {variance.shape} and mask {bits.shape} must have one shape")
    xs, ys = np.asarray(x, float), np.asarray(y, float)
    signs = np.ones(len(xs)) if sign is None else np.where(np.asarray(sign) < 0, -1.0, 1.0)
    residual = masked_image(image, variance, bits, int(PixelBit.unusable()))
    points = fit_points(residual, variance, psf, x=xs, y=ys, sign=signs, max_shift=max_shift)
    usable = np.isfinite(points.flux)
    points = replace(points, x=np.where(usable, points.x, xs), y=np.where(usable, points.y, ys))
    radii = np.asarray(apertures, float)
    columns = _run_plugins(points, image, variance, signs=signs, radii=radii, plugins=plugins)
    flags = columns.pop("flags").astype(np.int32) | _fit_flags(points, usable, signs)
    centers = np.stack([points.x, points.y], axis=1)
    width = np.sqrt(0.5 * (columns["psf_xx"] + columns["psf_yy"]))
    reach = np.floor(2.0 * np.nan_to_num(width, nan=1.7) + 0.5).astype(np.int64)
    if pixel_bits is not None:
        near = bits_around(centers, bits, np.ones(len(xs), np.int64))
        flags |= np.where(usable, bit_flags(near, bits_around(centers, bits, reach)), 0)
    flags |= edge_flags(centers, (image.shape[0], image.shape[1]), psf.stamp_size // 2, radii[-1], core=reach)
    if group is not None:
        blended = np.bincount(group, minlength=1)[group] > 1
        flags[blended] |= int(MeasurementFlag.BLENDED)
    return _result(points, columns, flags, radii)


def _run_plugins(
    points: PointFit,
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    *,
    signs: Floats,
    radii: Floats,
    plugins: Sequence[str],
) -> dict[str, NDArray[Any]]:
    """Return all columns of all plugins, and their flags united; NaN (False, 0) for sources that have no flux."""
    n = len(points.flux)
    loaded = load_plugins((*BUILT_IN, *plugins))
    columns: dict[str, NDArray[Any]] = {"flags": np.zeros(n, np.int32)}
    for plugin in loaded:
        columns |= {column.name: np.full(n, np.nan) for column in plugin.columns}
    columns |= {name: np.full((n, len(radii)), np.nan) for name in ("aperture_flux", "aperture_flux_err")}
    for rows, block in source_blocks(points, image, variance, signs=signs, radii=radii):
        done: dict[str, NDArray[Any]] = {}
        for plugin in loaded:
            made = dict(plugin.measure(replace(block, done=done)))
            columns["flags"][rows] |= np.asarray(made.pop("flags", np.zeros(len(rows), np.int32))).astype(np.int32)
            wanted = {column.name for column in plugin.columns}
            if set(made) != wanted:
                raise UserError(
                    f"the measurement plugin {plugin.name!r} made {sorted(made)} instead of {sorted(wanted)}"
                )
            for name, values in made.items():
                if np.ndim(values) > columns[name].ndim:
                    columns[name] = np.full((n, *np.shape(values)[1:]), np.nan)
                columns[name][rows] = values
            done |= made
    return columns


def _fit_flags(points: PointFit, usable: NDArray[np.bool_], signs: Floats) -> NDArray[np.int32]:
    flags = np.zeros(len(usable), np.int32)
    flags[~points.moved] |= int(MeasurementFlag.CENTROID_FAILED)
    flags[~usable] |= int(MeasurementFlag.PSF_FLUX_FAILED)
    flags[points.seen == 0.0] |= int(MeasurementFlag.NO_DATA)
    flags[signs < 0] |= int(MeasurementFlag.NEGATIVE)
    return flags


def _result(
    points: PointFit, columns: dict[str, NDArray[Any]], flags: NDArray[np.int32], radii: Floats
) -> MeasurementResult:
    known = MeasurementResult.__slots__
    own = {name: values for name, values in columns.items() if name in known}
    for axis, center in (("x", points.x), ("y", points.y)):  # plugins count from the fitted centre
        own[f"window_{axis}"] = own[f"window_{axis}"] + center
        own[f"sdss_{axis}"] = own[f"sdss_{axis}"] + center
    return MeasurementResult(
        x=points.x,
        y=points.y,
        x_err=np.where(points.moved, points.x_err, np.nan),
        y_err=np.where(points.moved, points.y_err, np.nan),
        psf_flux=points.flux,
        psf_flux_err=points.flux_err,
        chi2=points.chi2,
        area=points.area,
        apertures=radii,
        flags=flags,
        extra={name: values for name, values in columns.items() if name not in known},
        **own,
    )
