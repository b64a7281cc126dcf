"""How well cameras are read: headers that translate, geometries that go there and back, amplifiers that agree."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astro_metadata_translator import PROPERTIES, ObservationInfo
from astropy.io import fits
from numpy.typing import NDArray

from uraniborg.algorithms.isr.assembly import assemble, read_detector, split
from uraniborg.algorithms.isr.geometry import AmplifierGeometry, DetectorGeometry, Section
from uraniborg.algorithms.isr.overscan import subtract_overscan
from uraniborg.archive.formatters.raw_frames import read_raw_frame
from uraniborg.archive.observations import exposure_rows
from uraniborg.core.errors import Unprocessable, UserError
from uraniborg.instruments.base import SurveyInstrument, merged_header
from uraniborg.instruments.lco import Sinistro
from uraniborg.instruments.lsst import ComCam, Latiss, LsstCam, Ts3, Ts8, UcdCam
from uraniborg.instruments.raw_geometry import amplifier_geometry, format_section, raw_geometry
from uraniborg.instruments.saao import Ste3
from uraniborg.verify.metrics import Value

__all__ = (
    "CAMERAS",
    "amplifier_steps",
    "camera_of",
    "header_files",
    "measure_amplifier_steps",
    "measure_geometry",
    "measure_headers",
    "measure_overscan_left",
    "photon_gain",
    "read_headers",
    "translate",
)

CAMERAS: tuple[SurveyInstrument, ...] = (LsstCam(), ComCam(), Latiss(), UcdCam(), Ts8(), Ts3(), Sinistro(), Ste3())
"""Cameras whose raw frames are read."""

_CLIPPED = 0.99694  # width of a normal distribution that is clipped at 3.5 widths

_OPTIONAL = frozenset(PROPERTIES) - {
    *("instrument", "exposure_id", "visit_id", "detector_num", "detector_unique_name", "physical_filter"),
    *("datetime_begin", "datetime_end", "exposure_time", "observation_type", "observation_id", "observing_day"),
}


class _Loader(yaml.SafeLoader):
    """Reads dumps of headers that are mappings, or lists of (keyword, type, value, comment)."""


def _cards(loader: yaml.SafeLoader, node: yaml.Node) -> dict[str, Any]:
    rows = loader.construct_sequence(node, deep=True)  # type: ignore[arg-type]
    return {row[0]: row[2][-1] if isinstance(row[2], list) and row[2] else row[2] for row in rows}


_Loader.add_constructor("!<lsst.daf.base.PropertyList>", _cards)
_Loader.add_constructor("lsst.daf.base.PropertyList", _cards)


def header_files(folder: Path) -> list[Path]:
    """Return the files of a folder that hold the header of an exposure: FITS, and dumps in YAML or JSON."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (".fits", ".yaml", ".json"))
    return [path for path in files if "shutterMotionProfile" not in path.name]


def read_headers(path: Path) -> dict[str, Any]:
    """Return the header of an exposure: of a dump, or primary and first image extension of a FITS file."""
    if path.suffix == ".yaml":
        return dict(yaml.load(path.read_text("utf8"), Loader=_Loader))
    if path.suffix == ".json":
        return dict(json.loads(path.read_text("utf8")))
    with fits.open(path, memmap=False) as hdus:
        image = next((hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS", 0) == 2), hdus[0])
        return dict(merged_header(hdus[0].header, image.header))


def camera_of(header: dict[str, Any]) -> SurveyInstrument:
    """Return the one camera that a header is of.

    Raises
    ------
    UserError
        If it is of none, or of several.
    """
    found = [camera for camera in CAMERAS if camera.translator.can_translate(header)]
    if len(found) != 1:
        raise UserError(
            f"INSTRUME is {header.get('INSTRUME')!r}: of {[item.getName() for item in found] or 'no camera'}"
        )
    return found[0]


def translate(path: Path) -> ObservationInfo:
    """Return the translated header of a file; every property must translate, and make dimension records.

    Raises
    ------
    UserError
        If anything cannot be had, or filter or detector are unknown to the camera.
    """
    header = read_headers(path)
    camera = camera_of(header)
    needed = set(PROPERTIES) - _OPTIONAL
    try:
        info = ObservationInfo(header, translator_class=camera.translator, pedantic=True, required=needed, quiet=True)
        exposure_rows(info)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: cannot be translated: {error}") from error
    if info.physical_filter not in camera.filters:
        raise UserError(f"{path}: filter {info.physical_filter!r} is unknown to {camera.getName()}")
    if info.detector_num not in {item.id for item in camera.detectors()}:
        raise UserError(f"{path}: detector {info.detector_num} is unknown to {camera.getName()}")
    return info


def measure_headers(files: Iterable[Path]) -> Value:
    """Measure the part of files whose headers are translated [%]."""
    paths, faults = list(files), []
    for path in paths:
        try:
            translate(path)
        except UserError as error:
            faults.append(str(error))
    if not paths:
        raise Unprocessable("no file with a header")
    good = 100.0 * (len(paths) - len(faults)) / len(paths)
    return Value(good, f"{len(paths) - len(faults)} of {len(paths)} files", {"faults": faults})


def measure_geometry(files: Iterable[Path]) -> Value:
    """Measure the part of raw frames and headers whose amplifier geometry goes there and back exactly [%].

    Of a raw frame, all sections are written as they were read, and a counting image is split into amplifiers and
    assembled again; of a header, the one amplifier it tells. What holds no sections (guider frames) does not count.
    """
    amplifiers, exact, total, faults = 0, 0, 0, []
    for path in files:
        try:
            number = _round_trip(path)
        except UserError as error:
            number = 1
            faults.append(f"{path}: {error}")
        else:
            exact += number > 0
            amplifiers += number
        total += number > 0
    if not total:
        raise Unprocessable("no file with sections of amplifiers")
    return Value(100.0 * exact / total, f"{exact} of {total} files, {amplifiers} amplifiers", {"faults": faults})


def _round_trip(path: Path) -> int:
    """Return how many amplifiers went there and back; 0 if the file tells of none."""
    header = read_headers(path)
    if "DATASEC" not in header and "TRIMSEC" not in header:
        return 0
    if path.suffix in (".yaml", ".json"):
        shape = (int(header.get("ZNAXIS2", header["NAXIS2"])), int(header.get("ZNAXIS1", header["NAXIS1"])))
        sections = fits.Header({key: header[key] for key in ("DATASEC", "DETSEC", "BIASSEC") if key in header})
        _same_sections(sections, DetectorGeometry((1 << 15, 1 << 15), (amplifier_geometry(sections, shape),)), 0)
        return 1
    raw = read_raw_frame(str(path), translate(path).detector_num)
    geometry = raw_geometry(raw)
    for number, segment in enumerate(raw.segments):
        _same_sections(segment.header, geometry, number)
    image = np.arange(geometry.shape[0] * geometry.shape[1], dtype=np.float32).reshape(geometry.shape)
    again, covered = assemble(split(image, geometry), geometry)
    where = slice(None) if covered is None else covered
    if not np.array_equal(again[where], image[where]):
        raise UserError("an image that is split and assembled differs")
    return geometry.n_amplifiers


def _same_sections(header: fits.Header, geometry: DetectorGeometry, number: int) -> None:
    amplifier = geometry.amplifiers[number]
    x, y = (int(word) for word in str(header.get("CCDSUM", "1 1")).split())
    box = amplifier.detector
    whole = Section(box.y0 * y, box.y1 * y, box.x0 * x, box.x1 * x)
    written = {
        "DATASEC": format_section(amplifier.data),
        "DETSEC": format_section(whole, flip_x=amplifier.flip_x, flip_y=amplifier.flip_y),
    }
    for keyword, text in written.items():
        if text != str(header[keyword]).replace(" ", ""):
            raise UserError(f"{keyword} of {amplifier.name} is {header[keyword]!r}, written {text!r}")


def amplifier_steps(
    image: NDArray[np.floating], geometry: DetectorGeometry, *, width: int = 16
) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the steps of the sky between amplifiers that touch.

    Parameters
    ----------
    image : (ny, nx) float [electron]
        Assembled image above the electronic level.
    geometry : DetectorGeometry
        Its amplifiers.
    width : int, optional
        Width of the strips on either side of a border [pixel].

    Returns
    -------
    dict of (str, str) to (float, float)
        Numbers of two amplifiers in the order of the geometry, to the difference of the medians of their strips over
        the mean, and its standard error [].
    """
    steps = {}
    items = geometry.amplifiers
    for i, one in enumerate(items):
        for j, other in enumerate(items):
            strips = _strips(one.detector, other.detector, width)
            if strips is None:
                continue
            first, second = (image[strip.slices] for strip in strips)
            low, high = float(np.median(first)), float(np.median(second))
            mean = (low + high) / 2.0
            errors = [1.2533 * 1.4826 * np.median(np.abs(s - np.median(s))) / np.sqrt(s.size) for s in (first, second)]
            steps[str(i), str(j)] = ((high - low) / mean, float(np.hypot(*errors)) / mean)
    return steps


def _strips(one: Section, other: Section, width: int) -> tuple[Section, Section] | None:
    """Return strips before and after a border, if the other amplifier is right of or above the first."""
    if one.x1 == other.x0 and (one.y0, one.y1) == (other.y0, other.y1):
        return Section(one.y0, one.y1, one.x1 - width, one.x1), Section(one.y0, one.y1, one.x1, one.x1 + width)
    if one.y1 == other.y0 and (one.x0, one.x1) == (other.x0, other.x1):
        return Section(one.y1 - width, one.y1, one.x0, one.x1), Section(one.y1, one.y1 + width, one.x0, one.x1)
    return None


def photon_gain(image: NDArray[np.floating], noise: float, *, lag: int = 4, edge: int = 20) -> float:
    """Return the gain of an amplifier from the photon noise of the sky in one frame [electron/adu].

    Half the variance of differences of pixels some way apart, so that neither the sky's gradient nor what neighbours
    share (seeing, charge that spreads) enters; pixels with stars are left out by their level.

    Parameters
    ----------
    image : (ny, nx) float [adu]
        Data of the amplifier above its electronic level.
    noise : float [adu]
        Read noise.
    lag : int, optional
        Distance of the pixels of a pair, along rows and along columns [pixel].
    edge : int, optional
        Rows and columns to leave out at the borders [pixel].
    """
    inner = image[edge:-edge, edge:-edge].astype(float)
    levels, variances = [], []
    for one, other in ((inner[:, :-lag], inner[:, lag:]), (inner[:-lag], inner[lag:])):
        mean = (one + other) / 2.0
        middle = np.median(mean)
        quiet = np.abs(mean - middle) < 2.5 * 1.4826 * np.median(np.abs(mean - middle))
        difference = (other - one)[quiet]
        width = float(difference.std())
        for _ in range(5):
            width = float(difference[np.abs(difference) < 3.5 * width].std())
        levels.append(float(mean[quiet].mean()))
        variances.append((width / _CLIPPED) ** 2 / 2.0 - noise**2)
    return float(np.mean(levels) / np.mean(variances))


def measure_amplifier_steps(path: Path, *, header_gains: bool = False) -> Value:
    """Measure the largest step of the sky between amplifiers of a raw frame [%].

    Parameters
    ----------
    path : pathlib.Path
        Raw frame of the sky.
    header_gains : bool, optional
        Whether gains are those of the headers; otherwise they are measured by the photon noise of the same frame, which
        knows nothing of the level in other amplifiers.
    """
    raw = read_raw_frame(str(path), 0)
    geometry = raw_geometry(raw)
    found = read_detector([segment.array for segment in raw.segments], geometry)
    if header_gains:
        gains = [float(segment.header["GAIN"]) for segment in raw.segments]
    else:
        gains = [photon_gain(*pair) for pair in zip(split(found.image, geometry), found.noise, strict=True)]
    for amplifier, gain in zip(geometry.amplifiers, gains, strict=True):
        found.image[amplifier.detector.slices] *= np.float32(gain)
    steps = amplifier_steps(found.image, geometry)
    if not steps:
        raise Unprocessable(f"{path}: no two amplifiers touch")
    largest, error = max(steps.values(), key=lambda step: abs(step[0]))
    note = f"{len(steps)} borders; largest {100 * largest:+.2f} +- {100 * error:.2f} %; gains {np.round(gains, 2)}"
    return Value(100.0 * abs(largest), note, {f"{i}|{j}": 100.0 * step for (i, j), (step, _) in steps.items()})


def measure_overscan_left(path: Path) -> Value:
    """Measure the level that overscan correction leaves in columns without light, after the data of each row [adu].

    For cameras whose overscan stands before the data, so that these columns take no part in the correction.
    """
    raw = read_raw_frame(str(path), 0)
    geometry = raw_geometry(raw)
    (amplifier,), array = geometry.amplifiers, raw.segments[0].array
    box, serial = amplifier.data, amplifier.serial_overscan
    if serial is None or serial.x0 > box.x0 or box.x1 + 4 > array.shape[1]:
        raise Unprocessable(f"{path}: no columns without light after the data")
    dark = AmplifierGeometry("dark", Section(box.y0, box.y1, box.x1 + 2, array.shape[1]), box, serial)
    left = subtract_overscan(array, dark).data
    error = float(left.std() / np.sqrt(left.size))
    sky = float(np.median(read_detector([array], geometry).image))
    return Value(
        abs(float(left.mean())), f"+- {error:.3f} adu in {left.shape[1]} columns; sky {sky:.1f} adu", {"sky": sky}
    )
