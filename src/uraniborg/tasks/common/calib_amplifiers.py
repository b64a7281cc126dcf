"""Calibrations that are numbers of amplifiers: charge transfer, linearity, photon transfer, crosstalk, transmission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from lsst.images import MaskedImage
from lsst.pipe.base import NoWorkFound
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from uraniborg.algorithms.calib.covariance import FlatCovariance, measure_flat_covariance
from uraniborg.algorithms.calib.crosstalk import CrosstalkSums
from uraniborg.algorithms.calib.cti import TrailProfile, fit_trail, trail_profile, transfer_covariance
from uraniborg.algorithms.calib.linearity import fit_linearity
from uraniborg.algorithms.calib.noise import clipped_moments
from uraniborg.algorithms.calib.ptc import PhotonTransfer as Fit
from uraniborg.algorithms.calib.ptc import find_turnoff, fit_photon_transfer, share_coefficients
from uraniborg.algorithms.calib.transmission import measure_transmission
from uraniborg.algorithms.isr.geometry import AmplifierGeometry, amplifier_view
from uraniborg.model.calibrations import (
    AmplifierGains,
    ChargeTransfer,
    ChargeTransferModel,
    CrosstalkModel,
    Linearity,
    LinearityModel,
    PhotonTransfer,
    PhotonTransferCurve,
)
from uraniborg.tasks.common.calib_frames import (
    Label,
    LazyFrame,
    Signal,
    electrons,
    flat_pairs,
    linearity_tables,
    read_signal,
)
from uraniborg.tasks.common.calib_images import LightPath

__all__ = (
    "measure_charge_transfer",
    "measure_crosstalk",
    "measure_curve",
    "measure_linearity",
    "measure_photon_transfer",
)

_EDGE = 8  # pixels at the edges of a detector whose neighbours are missing
_DEAD_REACH = 6  # of dead pixels [pixel]
_LINEAR_TO = 0.94  # of the turnoff; above, some pixels are full
_LAST = 3  # pixels before the overscan that tell the signal of a trail
type Floats = NDArray[np.float64]


def measure_charge_transfer(frames: Sequence[LazyFrame], label: Label, *, faintest: float) -> ChargeTransferModel:
    """Return the charge transfer of all amplifiers from flats of at least ``faintest`` adu.

    Raises
    ------
    lsst.pipe.base.NoWorkFound
        If there is no flat that bright.
    """
    serial: list[list[TrailProfile]] = []
    parallel: list[list[TrailProfile]] = []
    geometry = None
    used = []
    for frame in frames:
        signal = read_signal(frame)
        if float(np.median(signal.readout.image[::7, ::7])) < faintest:
            continue
        geometry = signal.geometry
        used.append(frame.exposure)
        if not serial:
            serial, parallel = ([[] for _ in geometry.amplifiers] for _ in range(2))
        for k, amplifier in enumerate(geometry.amplifiers):
            ahead, up = _trails(signal, k, amplifier)
            serial[k] += ahead
            parallel[k] += up
    if geometry is None:
        raise NoWorkFound(f"none of {len(frames)} flats has {faintest:.0f} adu; charge transfer needs bright flats")
    amplifiers = []
    for k, amplifier in enumerate(geometry.amplifiers):
        along = fit_trail(serial[k], transfers=amplifier.data.x1)
        across = fit_trail(parallel[k], transfers=amplifier.data.y1) if parallel[k] else None
        amplifiers.append(
            ChargeTransfer(
                amplifier=amplifier.name,
                serial=along.inefficiency,
                serial_error=along.error,
                parallel=0.0 if across is None else across.inefficiency,
                parallel_error=0.0 if across is None else across.error,
                trap_time=along.trap_time,
            )
        )
    return ChargeTransferModel(
        instrument=label.instrument, detector=label.detector, exposures=tuple(used), amplifiers=tuple(amplifiers)
    )


def _trails(signal: Signal, k: int, amplifier: AmplifierGeometry) -> tuple[list[TrailProfile], list[TrailProfile]]:
    """Return the trails into the serial and the parallel overscan, if they are long enough to be used."""
    pixels = signal.raw.segments[k].array
    data = amplifier_view(signal.readout.image, amplifier)
    found: tuple[list[TrailProfile], list[TrailProfile]] = ([], [])
    box = amplifier.serial_overscan
    if box is not None and box.x1 - box.x0 >= 16:
        rows = slice(amplifier.data.y0, amplifier.data.y1)
        found[0].append(trail_profile(data[:, -_LAST:], pixels[rows, box.x0 : box.x1].astype(np.float64)))
    box = amplifier.parallel_overscan
    if box is not None and box.y1 - box.y0 >= 16:
        columns = slice(amplifier.data.x0, amplifier.data.x1)
        lines = pixels[box.y0 : box.y1, columns].astype(np.float64)
        found[1].append(trail_profile(data[-_LAST:].T, lines.T))
    return found


def measure_linearity(
    frames: Sequence[LazyFrame],
    label: Label,
    *,
    bias: MaskedImage,
    crosstalk: CrosstalkModel | None,
    kind: str,
    knots: int,
) -> LinearityModel:
    """Return the linearity of all amplifiers from pairs of flats of a steady lamp."""
    levels, times, variances, names = [], [], [], ()
    used = []
    for pair in flat_pairs(frames):
        signals = [read_signal(frame, crosstalk) for frame in pair]
        images = [electrons(signal, bias=bias.image.array, gains=None) for signal in signals]
        names = signals[0].geometry.names
        row = np.zeros((len(names), 3))
        for k, amplifier in enumerate(signals[0].geometry.amplifiers):
            views = [amplifier_view(image, amplifier)[_EDGE:-_EDGE, _EDGE:-_EDGE] for image in images]
            dead = _around_dead(views[0])
            row[k, :2] = [clipped_moments(view[~dead], clip=8.0)[0] for view in views]
            scaled = views[0] * np.float32(row[k, 1] / row[k, 0]) - views[1]
            row[k, 2] = 0.5 * clipped_moments(scaled[::2, ::2], clip=6.0)[1] ** 2
        levels.append(row[:, :2])
        variances.append(row[:, 2])
        times.append([frame.exposure_time for frame in pair])
        used += [frame.exposure for frame in pair]
    order = np.argsort([pair[0] for pair in times])
    amplifiers, worst, bends, scatter = [], [], [], []
    for k, name in enumerate(names):
        level = np.array([levels[i][k] for i in order])
        variance = np.array([variances[i][k] for i in order])
        turnoff, error = find_turnoff(level.mean(axis=1), variance)
        fit = fit_linearity(
            level.ravel(),
            np.array([times[i] for i in order]).ravel(),
            highest=min(_LINEAR_TO * turnoff, turnoff - 2.0 * error) if np.isfinite(turnoff) else np.inf,
            knots=knots,
        )
        residuals = fit.residuals if kind == "spline" else fit.quadratic_residuals
        worst.append(float(np.nanmax(np.abs(residuals))))
        scatter.append(float(np.nanstd(residuals)))
        bends.append(fit.coefficient)
        spline = {"nodes": tuple(fit.nodes.tolist()), "corrections": tuple(fit.corrections.tolist())}
        amplifiers.append(
            Linearity(amplifier=name, kind="spline", **spline)
            if kind == "spline"
            else Linearity(amplifier=name, kind="quadratic", coefficient=fit.coefficient)
        )
    metadata = {
        "largest_residual": worst,
        "scatter": scatter,
        "coefficient": bends,
        "curves": _curves(levels, times, order),
    }
    return LinearityModel(
        instrument=label.instrument,
        detector=label.detector,
        exposures=tuple(used),
        metadata=metadata,
        amplifiers=tuple(amplifiers),
    )


def _around_dead(view: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return dead pixels and those near them, whose charge the brighter-fatter effect draws into the dead ones."""
    dead = view < 0.5 * np.median(view[::3, ::3])
    return binary_dilation(dead, iterations=_DEAD_REACH) if dead.any() else dead


def _curves(levels: list[Floats], times: list[list[float]], order: NDArray[np.intp]) -> dict[str, Any]:
    """Return exposure times and levels of all amplifiers, for figures."""
    return {
        "time": [times[i][0] for i in order],
        "level": [[float(levels[i][k].mean()) for i in order] for k in range(len(levels[0]))],
    }


def measure_photon_transfer(
    frames: Sequence[LazyFrame],
    label: Label,
    *,
    bias: MaskedImage,
    noise: Mapping[str, Any],
    linearizer: LinearityModel | None,
    crosstalk: CrosstalkModel | None,
    cti: ChargeTransferModel | None,
    reach: int,
) -> tuple[PhotonTransferCurve, AmplifierGains]:
    """Return the photon transfer curves, and the gains that everything else uses.

    The covariance coefficients are those of the silicon: means over the amplifiers. With them gain and noise of each
    amplifier are fitted a second time; these go into the gains.
    """
    measured: list[list[FlatCovariance]] = []
    used: list[int] = []
    geometry = None
    for pair in flat_pairs(frames):
        signals = [read_signal(frame, crosstalk) for frame in pair]
        geometry = signals[0].geometry
        tables = linearity_tables(linearizer, geometry)
        images = [electrons(s, bias=bias.image.array, gains=None, linearity=tables) for s in signals]
        measured = measured or [[] for _ in geometry.amplifiers]
        for k, amplifier in enumerate(geometry.amplifiers):
            views = [amplifier_view(image, amplifier)[_EDGE:-_EDGE, _EDGE:-_EDGE] for image in images]
            measured[k].append(measure_flat_covariance(*views, bad=_around_dead(views[0]), reach=reach))
        used += [frame.exposure for frame in pair]
    assert geometry is not None
    transfers = [
        None if cti is None else _transfer(cti.amplifiers[k], amplifier, reach)
        for k, amplifier in enumerate(geometry.amplifiers)
    ]
    fits = [_fit(measured[k], noise, k, transfer=transfers[k]) for k in range(geometry.n_amplifiers)]
    a, a_error, b, b_error = share_coefficients(fits)
    shared = [_fit(measured[k], noise, k, transfer=transfers[k], a=a, b=b) for k in range(len(fits))]
    shift = _gain_error_of(fits, shared)
    curve = PhotonTransferCurve(
        instrument=label.instrument,
        detector=label.detector,
        exposures=tuple(used),
        metadata={
            "a": a.tolist(),
            "a_error": a_error.tolist(),
            "b": b.tolist(),
            "b_error": np.where(np.isfinite(b_error), b_error, -1.0).tolist(),
            "shared_gain_error": shift,
            "turned_over": [bool(np.isfinite(fit.turnoff)) for fit in fits],
        },
        amplifiers=tuple(_record(item.name, measured[k], fits[k]) for k, item in enumerate(geometry.amplifiers)),
    )
    gains = AmplifierGains(
        instrument=label.instrument,
        detector=label.detector,
        exposures=tuple(used),
        amplifiers=geometry.names,
        gain=tuple(fit.gain for fit in shared),
        gain_error=tuple(float(np.hypot(fit.gain_error, shift * fit.gain)) for fit in shared),
        read_noise=tuple(float(n) * fit.gain for n, fit in zip(noise["read_noise"], shared, strict=True)),
        read_noise_error=tuple(
            float(np.hypot(e * fit.gain, n * fit.gain_error))
            for n, e, fit in zip(noise["read_noise"], noise["read_noise_error"], shared, strict=True)
        ),
    )
    return curve, gains


def _fit(pairs: list[FlatCovariance], noise: Mapping[str, Any], k: int, **options: Any) -> Fit:
    # What a flat has without light: read noise, rounding, and the noise of the level of each row.
    sigma = float(np.sqrt(noise["read_noise"][k] ** 2 + 1.0 / 12.0))
    error = float(noise["read_noise_error"][k])
    return fit_photon_transfer(pairs, read_noise=sigma, read_noise_error=max(error, 0.02 * sigma), **options)


def _gain_error_of(fits: Sequence[Fit], shared: Sequence[Fit]) -> float:
    """Return the relative error of all gains that the shared coefficients bring, from what they saved each fit."""
    alone = np.array([fit.gain_error / fit.gain for fit in fits])
    common = np.array([fit.gain_error / fit.gain for fit in shared])
    return float(np.sqrt(np.sum(np.maximum(alone**2 - common**2, 0.0))) / len(fits))


def _transfer(transfer: ChargeTransfer, amplifier: AmplifierGeometry, reach: int) -> Floats:
    return transfer_covariance(
        serial=transfer.serial,
        parallel=transfer.parallel,
        trap_time=transfer.trap_time,
        shape=amplifier.data.shape,
        prescan=amplifier.data.x0,
        reach=reach,
    )


def _record(name: str, pairs: Sequence[FlatCovariance], fit: Fit) -> PhotonTransfer:
    # Without a turnoff the highest level is a lower limit of it.
    turnoff = fit.turnoff if np.isfinite(fit.turnoff) else max(pair.level for pair in pairs)
    return PhotonTransfer(
        amplifier=name,
        gain=fit.gain,
        gain_error=fit.gain_error,
        read_noise=fit.noise,
        read_noise_error=fit.noise_error,
        turnoff=turnoff * fit.gain,
        a=tuple(map(tuple, fit.a.tolist())),
        a_error=tuple(map(tuple, fit.a_error.tolist())),
        b=tuple(map(tuple, fit.b.tolist())),
        mean=tuple(pair.level for pair in pairs),
        variance=tuple(float(pair.covariance[0, 0]) for pair in pairs),
        used=tuple(bool(value) for value in fit.used),
        chi2=fit.chi2,
        dof=float(fit.n_free),
    )


def measure_crosstalk(frames: Sequence[LazyFrame], label: Label, *, bias: MaskedImage, bright: float) -> CrosstalkModel:
    """Return the crosstalk of all amplifiers from exposures with spots or stars brighter than ``bright`` adu."""
    sums: CrosstalkSums | None = None
    names: tuple[str, ...] = ()
    for frame in frames:
        signal = read_signal(frame)
        names = signal.geometry.names
        image = signal.readout.image - bias.image.array
        segments = np.stack([amplifier_view(image, item) for item in signal.geometry.amplifiers])
        sums = sums or CrosstalkSums(len(names), len(names))
        sums.add(segments, segments, noise=signal.readout.noise, bright=bright)
    if sums is None:
        raise NoWorkFound("no exposures to measure crosstalk with")
    fit = sums.solve()
    known = np.isfinite(fit.errors)
    return CrosstalkModel(
        instrument=label.instrument,
        detector=label.detector,
        exposures=tuple(frame.exposure for frame in frames),
        metadata={"chi2": fit.chi2.tolist(), "unmeasured": int((~known).sum())},
        amplifiers=names,
        coefficients=tuple(map(tuple, fit.coefficients.tolist())),
        errors=tuple(map(tuple, np.where(known, fit.errors, 1.0).tolist())),
    )


def measure_curve(frames: Sequence[LazyFrame], path: LightPath, *, keyword: str) -> Table:
    """Return the transmission of each amplifier from monochromatic flats; the lamp is monitored by its time."""
    wavelengths, signals, errors, times = [], [], [], []
    names: tuple[str, ...] = ()
    for frame in frames:
        signal, image = path.read(frame)
        wavelengths.append(float(signal.raw.primary[keyword]))
        names = signal.geometry.names
        moments = [clipped_moments(amplifier_view(image, item), clip=5.0) for item in signal.geometry.amplifiers]
        signals.append([mean for mean, _, _ in moments])
        errors.append([sigma / np.sqrt(n) for _, sigma, n in moments])
        times.append(frame.exposure_time)
    if len(wavelengths) < 3:
        raise NoWorkFound(f"{len(wavelengths)} monochromatic flats are not enough for a curve")
    monitor = np.array(times)
    curve = measure_transmission(
        np.array(wavelengths), np.array(signals).T, np.array(errors).T, monitor, 1e-6 * monitor
    )
    n = curve.wavelength.size
    return Table(
        {
            "amplifier": np.repeat(np.array(names), n),
            "wavelength": np.tile(curve.wavelength, len(names)),
            "throughput": curve.throughput.ravel(),
            "throughputErr": curve.error.ravel(),
        },
        units={"wavelength": "nm"},
    )
