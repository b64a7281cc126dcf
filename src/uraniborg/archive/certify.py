"""Validity of calibrations: which dataset holds from when to when."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from astropy.time import Time
from lsst.daf.butler import (
    Butler,
    CollectionType,
    DataCoordinate,
    DatasetAssociation,
    DatasetRef,
    InvalidQueryError,
    MissingCollectionError,
    MissingDatasetTypeError,
    Timespan,
)
from lsst.daf.butler.registry import ConflictingDefinitionError

from uraniborg.archive.collections import register_collection
from uraniborg.core.errors import UserError

__all__ = (
    "CalibrationTimeline",
    "certify_calibration",
    "decertify_calibration",
    "find_certified",
    "make_timespan",
    "read_timeline",
)

_LOG = logging.getLogger(__name__)


def make_timespan(begin: str | Time | None, end: str | Time | None) -> Timespan:
    """Return the time from ``begin`` (included) to ``end`` (not included).

    Parameters
    ----------
    begin, end : str or astropy.time.Time, optional
        ISO time, taken as TAI if text; unbounded if not given.

    Raises
    ------
    UserError
        If a text is not a time, or ``end`` is not after ``begin``.
    """
    times = []
    for given in (begin, end):
        try:
            times.append(Time(given, scale="tai") if isinstance(given, str) else given)
        except ValueError as error:
            raise UserError(f"{given!r} is not a time; write for example 2026-01-31T12:00:00 (TAI)") from error
    if times[0] is not None and times[1] is not None and not times[0] < times[1]:
        raise UserError(f"validity from {begin} to {end} is empty; the end has to be after the begin")
    return Timespan(begin=times[0], end=times[1])


def certify_calibration(
    butler: Butler,
    dataset_type: str,
    run: str,
    collection: str,
    *,
    begin: str | Time | None = None,
    end: str | Time | None = None,
    data_id: Mapping[str, int | str] | None = None,
) -> tuple[DatasetRef, ...]:
    """Declare that calibrations are valid for some time.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository, open for writing.
    dataset_type : str
        Kind of calibration, e.g. ``bias``.
    run : str
        Collection that has the calibrations.
    collection : str
        Calibration collection; made if there is none.
    begin, end : str or astropy.time.Time, optional
        Validity, ISO text is TAI; unbounded if not given.
    data_id : mapping, optional
        Certify only datasets with these dimension values.

    Returns
    -------
    tuple of lsst.daf.butler.DatasetRef
        What was certified.

    Raises
    ------
    UserError
        If there is nothing to certify, if the dataset type is not a calibration, or if part of the time is taken by
        another calibration; nothing is certified then.
    """
    timespan = make_timespan(begin, end)
    refs = _find(butler, dataset_type, run, data_id)
    register_collection(butler, collection, CollectionType.CALIBRATION)
    if not butler.get_dataset_type(dataset_type).isCalibration():
        raise UserError(f"dataset type {dataset_type!r} was not registered as a calibration and cannot be certified")
    try:
        with butler.transaction():
            butler.registry.certify(collection, refs, timespan)
    except ConflictingDefinitionError as error:
        taken = _overlapping(butler, dataset_type, collection, refs, timespan)
        raise UserError(
            f"{dataset_type} of {run} cannot be certified in {collection} for {timespan}: part of that time is taken "
            f"by {'; '.join(taken[:5]) or error}; decertify the other one or choose another time"
        ) from error
    _LOG.info("%d %s certified in %s for %s", len(refs), dataset_type, collection, timespan)
    return tuple(refs)


def decertify_calibration(
    butler: Butler,
    dataset_type: str,
    collection: str,
    *,
    begin: str | Time | None = None,
    end: str | Time | None = None,
    data_id: Mapping[str, int | str] | None = None,
) -> None:
    """Take back the validity of calibrations for some time; validity outside of it is kept.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository, open for writing.
    dataset_type : str
        Kind of calibration.
    collection : str
        Calibration collection.
    begin, end : str or astropy.time.Time, optional
        Time, ISO text is TAI; unbounded if not given.
    data_id : mapping, optional
        Only calibrations with these dimension values.

    Raises
    ------
    UserError
        If there is no such dataset type or collection.
    """
    timespan = make_timespan(begin, end)
    try:
        wanted = None if data_id is None else _matching(butler, dataset_type, collection, data_id)
        if wanted is None or wanted:
            butler.registry.decertify(collection, dataset_type, timespan, dataIds=wanted)
    except (MissingDatasetTypeError, MissingCollectionError) as error:
        raise UserError(f"cannot decertify {dataset_type!r} in {collection!r}: {error}") from error


def find_certified(
    butler: Butler,
    dataset_type: str,
    collection: str,
    *,
    time: Time | None = None,
    data_id: Mapping[str, int | str] | None = None,
) -> tuple[DatasetRef, ...]:
    """Return the calibrations that are valid at a time, in the order of their validity.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository.
    dataset_type : str
        Kind of calibration.
    collection : str
        Calibration collection; an unknown one has no calibrations.
    time : astropy.time.Time, optional
        Only those valid then.
    data_id : mapping, optional
        Only those with these dimension values.
    """
    found = []
    for association in _associations(butler, dataset_type, collection):
        values = association.ref.dataId
        if any(values[name] != value for name, value in (data_id or {}).items()):
            continue
        timespan = association.timespan
        if time is None or timespan.contains(time):
            found.append((_begin(timespan), association.ref))
    return tuple(ref for _, ref in sorted(found, key=lambda item: item[0]))


@dataclass(frozen=True, slots=True)
class CalibrationTimeline:
    """When which dataset of one type is valid, ready for many questions.

    Attributes
    ----------
    begins, ends : dict of tuple to list of int [ns]
        For each data id the rising begins of validity ranges and their ends, TAI nanoseconds.
    refs : dict of tuple to list of DatasetRef
        The datasets of these ranges.
    dimensions : tuple of str
        Dimensions of the data ids.
    """

    begins: dict[tuple[int | str, ...], list[int]]
    ends: dict[tuple[int | str, ...], list[int]]
    refs: dict[tuple[int | str, ...], list[DatasetRef]]
    dimensions: tuple[str, ...]

    def find(self, data_id: Mapping[str, int | str], nanoseconds: int) -> DatasetRef | None:
        """Return the dataset valid for a data id at a time [ns, TAI], None if there is none.

        Parameters
        ----------
        data_id : mapping
            Dimension values; those that the calibration does not have are ignored.
        nanoseconds : int [ns]
            Time as the registry counts it, see `lsst.daf.butler.time_utils.TimeConverter`.
        """
        key = tuple(data_id[name] for name in self.dimensions)
        begins = self.begins.get(key)
        if begins is None:
            return None
        place = bisect_right(begins, nanoseconds) - 1
        if place < 0 or nanoseconds >= self.ends[key][place]:
            return None
        return self.refs[key][place]


def read_timeline(butler: Butler, dataset_type: str, collection: str) -> CalibrationTimeline:
    """Read all validity ranges of one kind of calibration at once.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository.
    dataset_type : str
        Kind of calibration.
    collection : str
        Calibration collection.

    Raises
    ------
    UserError
        If there is no such dataset type or collection.
    """
    try:
        dimensions = tuple(butler.get_dataset_type(dataset_type).dimensions.required)
        butler.collections.get_info(collection)
    except (MissingDatasetTypeError, MissingCollectionError) as error:
        raise UserError(f"no {dataset_type!r} certified in {collection!r}: {error}") from error
    rows: dict[tuple[int | str, ...], list[tuple[int, int, DatasetRef]]] = {}
    for association in _associations(butler, dataset_type, collection):
        key = tuple(association.ref.dataId[name] for name in dimensions)
        begin, end = association.timespan.nsec
        rows.setdefault(key, []).append((begin, end, association.ref))
    ordered = {key: sorted(items, key=lambda item: item[0]) for key, items in rows.items()}
    return CalibrationTimeline(
        begins={key: [item[0] for item in items] for key, items in ordered.items()},
        ends={key: [item[1] for item in items] for key, items in ordered.items()},
        refs={key: [item[2] for item in items] for key, items in ordered.items()},
        dimensions=dimensions,
    )


def _associations(butler: Butler, dataset_type: str, collection: str) -> list[DatasetAssociation]:
    try:
        butler.collections.get_info(collection)
        return list(
            butler.registry.queryDatasetAssociations(
                dataset_type, collections=collection, collectionTypes={CollectionType.CALIBRATION}
            )
        )
    except (MissingDatasetTypeError, MissingCollectionError):
        return []


def _begin(timespan: Timespan) -> int:
    return int(timespan.nsec[0])


def _matching(
    butler: Butler, dataset_type: str, collection: str, data_id: Mapping[str, int | str]
) -> list[DataCoordinate]:
    known = butler.get_dataset_type(dataset_type).dimensions.required
    wanted = {name: value for name, value in data_id.items() if name in known}
    return [ref.dataId for ref in find_certified(butler, dataset_type, collection, data_id=wanted)]


def _overlapping(
    butler: Butler, dataset_type: str, collection: str, refs: list[DatasetRef], timespan: Timespan
) -> list[str]:
    """Return sentences that name the calibrations in the way."""
    wanted = {ref.dataId for ref in refs}
    return [
        f"{item.ref.run} {dict(item.ref.dataId.required)} for {item.timespan}"
        for item in _associations(butler, dataset_type, collection)
        if item.ref.dataId in wanted and item.timespan is not None and item.timespan.overlaps(timespan)
    ]


def _find(butler: Butler, dataset_type: str, run: str, data_id: Mapping[str, int | str] | None) -> list[DatasetRef]:
    try:
        refs = butler.query_datasets(
            dataset_type, collections=run, data_id=dict(data_id or {}), limit=None, explain=False
        )
    except (MissingDatasetTypeError, MissingCollectionError, InvalidQueryError) as error:
        raise UserError(f"cannot find {dataset_type!r} in {run!r}: {error}") from error
    if not refs:
        raise UserError(f"no {dataset_type!r} in {run!r}, nothing to certify")
    return list(refs)
