"""Raw calibration exposures that are read only when they are needed, and their signal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import astropy.units as u
import numpy as np
from lsst.daf.butler import DeferredDatasetHandle
from lsst.images import Image, Mask, MaskedImage
from lsst.pipe.base import NoWorkFound
from numpy.typing import NDArray

from uraniborg.algorithms.isr.assembly import DetectorReadout, read_detector
from uraniborg.algorithms.isr.calibrate import to_electrons
from uraniborg.algorithms.isr.geometry import DetectorGeometry
from uraniborg.algorithms.isr.linearity import LinearityTables, tabulate_quadratic, tabulate_spline, tabulate_values
from uraniborg.instruments.raw_geometry import raw_geometry
from uraniborg.model.calibrations import AmplifierGains, CrosstalkModel, LinearityModel
from uraniborg.model.frames import RawFrame
from uraniborg.model.masks import mask_schema

__all__ = (
    "Label",
    "LazyFrame",
    "Signal",
    "amplifier_plane",
    "electrons",
    "flat_pairs",
    "lazy_frames",
    "linearity_tables",
    "masked_image",
    "read_signal",
)

type Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Label:
    """Whose calibration it is.

    Attributes
    ----------
    instrument : str
        Name of the instrument.
    detector : int
        Number of the detector.
    """

    instrument: str
    detector: int


@dataclass(frozen=True, slots=True)
class LazyFrame:
    """One exposure of one detector.

    Attributes
    ----------
    exposure : int
        Its number.
    kind : str
        Observation type.
    exposure_time, dark_time : float [s]
        Open shutter, and time since the last clearing.
    load : callable
        Returns the raw frame.
    """

    exposure: int
    kind: str
    exposure_time: float
    dark_time: float
    load: Callable[[], RawFrame]


@dataclass(frozen=True, slots=True)
class Signal:
    """The signal of one exposure.

    Attributes
    ----------
    frame : LazyFrame
        Where it comes from.
    raw : RawFrame
        All pixels as they were read.
    readout : DetectorReadout
        Above the electronic level, in adu.
    geometry : DetectorGeometry
        The amplifiers.
    """

    frame: LazyFrame
    raw: RawFrame
    readout: DetectorReadout
    geometry: DetectorGeometry


def lazy_frames(handles: Iterable[DeferredDatasetHandle]) -> tuple[LazyFrame, ...]:
    """Return exposures in the order of their numbers."""
    frames = []
    for handle in handles:
        record = handle.dataId.records["exposure"]
        frames.append(
            LazyFrame(
                exposure=int(handle.dataId["exposure"]),
                kind=str(record.observation_type),
                exposure_time=float(record.exposure_time),
                dark_time=float(record.dark_time if record.dark_time is not None else record.exposure_time),
                load=handle.get,
            )
        )
    return tuple(sorted(frames, key=lambda frame: frame.exposure))


def read_signal(frame: LazyFrame, crosstalk: CrosstalkModel | None = None) -> Signal:
    """Return the signal of an exposure: overscan of each row subtracted, crosstalk corrected if it is known."""
    raw = frame.load()
    geometry = raw_geometry(raw)
    matrix = None if crosstalk is None else crosstalk.matrix
    readout = read_detector([segment.array for segment in raw.segments], geometry, crosstalk=matrix)
    return Signal(frame, raw, readout, geometry)


def linearity_tables(model: LinearityModel | None, geometry: DetectorGeometry) -> LinearityTables | None:
    """Return the tables of a model, None if there is none."""
    if model is None:
        return None
    tables = []
    for item in model.amplifiers:
        if item.kind == "spline":
            tables.append(tabulate_spline(np.array(item.nodes), np.array(item.corrections)))
        elif item.kind == "table":
            tables.append(tabulate_values(np.array(item.corrections)))
        else:
            tables.append(tabulate_quadratic(item.coefficient if item.kind == "quadratic" else 0.0))
    return LinearityTables.stack(tables)


def electrons(
    signal: Signal,
    *,
    bias: Floats | None,
    gains: AmplifierGains | None,
    linearity: LinearityTables | None = None,
) -> Floats:
    """Return the image of a signal without bias, linear, in electrons; in adu if there are no gains."""
    n = signal.geometry.n_amplifiers
    factors = np.ones(n) if gains is None else np.array(gains.gain)
    return to_electrons(signal.readout.image, signal.geometry, gain=factors, bias=bias, linearity=linearity)


def amplifier_plane(geometry: DetectorGeometry, values: Sequence[float] | NDArray[np.floating]) -> Floats:
    """Return an image with one value in all pixels of each amplifier."""
    plane = np.zeros(geometry.shape, dtype=np.float32)
    for amplifier, value in zip(geometry.amplifiers, values, strict=True):
        plane[amplifier.detector.slices] = value
    return plane


def masked_image(
    image: Floats,
    variance: Floats,
    *,
    bad: NDArray[np.bool_] | None = None,
    unit: u.UnitBase,
    metadata: dict[str, object],
) -> MaskedImage:
    """Return a product with its variance; pixels without data are BAD."""
    empty = ~np.isfinite(image) | ~np.isfinite(variance)
    pixels = Image(np.where(empty, 0.0, image).astype(np.float32), unit=unit)
    mask = Mask(0, schema=mask_schema(), bbox=pixels.bbox)
    mask.set("NO_DATA", empty)
    mask.set("BAD", empty if bad is None else empty | bad)
    noise = Image(np.where(empty, np.float32(0.0), variance).astype(np.float32), bbox=pixels.bbox, unit=unit**2)
    return MaskedImage(pixels, mask=mask, variance=noise, metadata=metadata)  # type: ignore[arg-type]


def flat_pairs(frames: Sequence[LazyFrame]) -> Iterator[tuple[LazyFrame, LazyFrame]]:
    """Yield successive flats of the same exposure time; a third of one time starts the next pair.

    Raises
    ------
    lsst.pipe.base.NoWorkFound
        If there are no pairs.
    """
    found = 0
    for _, group in groupby(sorted(frames, key=lambda f: (f.exposure_time, f.exposure)), key=lambda f: f.exposure_time):
        members = list(group)
        for first, second in zip(members[::2], members[1::2], strict=False):
            found += 1
            yield first, second
    if not found:
        raise NoWorkFound(f"no two of {len(frames)} flats have the same exposure time")
