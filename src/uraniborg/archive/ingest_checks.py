"""What is checked before exposures are ingested; each check adds one line per fault to a list.

A fault names the file, and the keyword where one is to blame.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from astro_metadata_translator import ObservationInfo

from uraniborg.archive.fits_headers import FileHeaders, ImageHeader, find_fits_files, read_file_headers
from uraniborg.core.errors import UserError
from uraniborg.core.progress import progress
from uraniborg.instruments.base import MEMBERS, Member, SurveyInstrument

__all__ = (
    "Frames",
    "Observed",
    "Paths",
    "Triplets",
    "as_paths",
    "check_raws",
    "check_triplets",
    "read_all",
    "sort_triplets",
)

type Paths = str | Path | Iterable[str | Path]

type Triplets = dict[str, dict[Member, FileHeaders]]
"""Key of a triplet to its files."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One detector of one exposure.

    Attributes
    ----------
    path : pathlib.Path
        File that the header is from.
    info : astro_metadata_translator.ObservationInfo
        Translated header.
    """

    path: Path
    info: ObservationInfo


type Frames = dict[tuple[int, int], Observed]
"""Exposure and detector to what is known of them."""


def as_paths(paths: Paths) -> list[Path]:
    """Return absolute paths, not resolved through links."""
    several = [paths] if isinstance(paths, str | Path) else list(paths)
    return [Path(path).expanduser().absolute() for path in several]


def read_all(paths: Paths, faults: list[str]) -> list[FileHeaders]:
    """Return the headers of all files, those in folders included."""
    candidates: dict[Path, None] = {}
    for path in as_paths(paths):
        candidates |= dict.fromkeys(find_fits_files(path) if path.is_dir() else [path])
    files = []
    with progress("reading headers", len(candidates)) as shown:
        for path in candidates:
            try:
                files.append(read_file_headers(path))
            except UserError as error:
                faults.append(str(error))
            shown.advance()
    return files


def sort_triplets(
    files: Sequence[FileHeaders], instrument: SurveyInstrument, faults: list[str], *, explicit: Iterable[Path]
) -> Triplets:
    """Return the files by triplet and member; files of ``explicit`` that belong to none are a fault."""
    triplets: Triplets = defaultdict(dict)
    wanted = set(explicit)
    for file in files:
        found = instrument.identify(file.path, file.primary)
        if found is None:
            if file.path in wanted:
                faults.append(f"{file.path}: is not an image, weight or data-quality file of {instrument.getName()}")
            continue
        key, member = found
        if member in triplets[key]:
            faults.append(f"{file.path}: is the same {member} as {triplets[key][member].path}")
        triplets[key][member] = file
    return dict(triplets)


def check_triplets(triplets: Triplets, instrument: SurveyInstrument, faults: list[str]) -> Frames:
    """Return what is known of each exposure and detector."""
    frames: Frames = {}
    for key, triplet in triplets.items():
        missing = [member for member in MEMBERS if member not in triplet]
        empty = [file.path for file in triplet.values() if not file.images]
        faults += [f"{path}: holds no image" for path in empty]
        if missing:
            present = ", ".join(str(file.path) for file in triplet.values())
            faults.append(f"{key}: no {' and no '.join(missing)} file beside {present}")
        if missing or empty:
            continue
        for image in triplet["image"].images:
            found = _translate(triplet["image"].path, image, instrument, instrument.required_keywords, faults)
            if found is not None and _add(frames, found, faults):
                faults += _compare_members(triplet, image, found.info)
    _check_exposures(frames, faults)
    return frames


def check_raws(files: Sequence[FileHeaders], instrument: SurveyInstrument, faults: list[str]) -> Frames:
    """Return what is known of each exposure and detector; images of several amplifiers may be of one detector."""
    frames: Frames = {}
    faults += [f"{file.path}: holds no image" for file in files if not file.images]
    for file in files:
        own: set[tuple[int, int]] = set()
        for image in file.images:
            found = _translate(file.path, image, instrument, instrument.required_raw_keywords, faults)
            if found is None or (found.info.exposure_id, found.info.detector_num) in own:
                continue
            own.add((found.info.exposure_id, found.info.detector_num))
            _add(frames, found, faults)
    _check_exposures(frames, faults)
    return frames


def _add(frames: Frames, found: Observed, faults: list[str]) -> bool:
    key = (found.info.exposure_id, found.info.detector_num)
    if key in frames:
        faults.append(f"{found.path}: duplicate exposure {key[0]} detector {key[1]}, also in {frames[key].path}")
        return False
    frames[key] = found
    return True


def _compare_members(triplet: Mapping[Member, FileHeaders], image: ImageHeader, info: ObservationInfo) -> list[str]:
    """Return what is wrong with weight and data quality beside an image."""
    faults = []
    for member in ("weight", "dq"):
        file = triplet[member]
        beside = next((other for other in file.images if other.name == image.name), file.images[0])
        if beside.shape != image.shape:
            faults.append(f"{file.path}: shape {beside.shape} differs from {image.shape} of {triplet['image'].path}")
        for keyword, value in (("EXPNUM", info.exposure_id), ("CCDNUM", info.detector_num)):
            if keyword in beside.header and beside.header[keyword] != value:
                faults.append(f"{file.path}: keyword {keyword} is {beside.header[keyword]!r}, of the image {value}")
    return faults


def _translate(
    path: Path, image: ImageHeader, instrument: SurveyInstrument, required: Sequence[str], faults: list[str]
) -> Observed | None:
    """Return the translated header of an image, or None and say what is wrong."""
    where = f"{path}[{image.name}]"
    camera = str(image.header.get("INSTRUME", "")).strip()
    if camera and not instrument.translator.can_translate(image.header, filename=str(path)):
        faults.append(
            f"{where}: keyword INSTRUME is {camera!r}, wrong camera: this ingest is for {instrument.getName()}"
        )
        return None
    missing = [keyword for keyword in required if keyword not in image.header]
    if missing:
        faults.append(f"{where}: keyword {', '.join(missing)} is missing")
        return None
    try:
        info = instrument.observation_info(image.header, filename=where)
    except UserError as error:
        faults.append(str(error))
        return None
    wrong = []
    if info.physical_filter not in instrument.filters:
        wrong.append(f"{where}: filter {info.physical_filter!r} is not one of {sorted(instrument.filters)}")
    if info.detector_num not in {item.id for item in instrument.detectors()}:
        wrong.append(f"{where}: detector {info.detector_num} is not one of {instrument.getName()}")
    faults += wrong
    return None if wrong else Observed(path, info)


def _check_exposures(frames: Frames, faults: list[str]) -> None:
    """Complain where detectors of one exposure number come from different exposures."""
    first: dict[int, Observed] = {}
    for (exposure, _), frame in frames.items():
        other = first.setdefault(exposure, frame)
        for name in ("observation_id", "physical_filter", "datetime_begin", "exposure_time"):
            mine, theirs = getattr(frame.info, name), getattr(other.info, name)
            if mine != theirs:
                faults.append(f"{frame.path}: duplicate exposure {exposure}: {name} {mine}, {theirs} in {other.path}")
