"""Validity of calibrations: which dataset holds from when to when."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from astropy.time import Time
from lsst.daf.butler import (
    Butler,
    CollectionType,
    DatasetRef,
    InvalidQueryError,
    MissingCollectionError,
    MissingDatasetTypeError,
    Timespan,
)
from lsst.daf.butler.registry import ConflictingDefinitionError

from uraniborg.archive.collections import register_collection
from uraniborg.core.errors import UserError

__all__ = ("certify_calibration", "decertify_calibration", "make_timespan")

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
        raise UserError(
            f"{dataset_type} of {run} cannot be certified in {collection} for {timespan}: part of that time is taken; "
            f"decertify the other one or choose another time ({error})"
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

    Raises
    ------
    UserError
        If there is no such dataset type or collection.
    """
    timespan = make_timespan(begin, end)
    try:
        butler.registry.decertify(collection, dataset_type, timespan)
    except (MissingDatasetTypeError, MissingCollectionError) as error:
        raise UserError(f"cannot decertify {dataset_type!r} in {collection!r}: {error}") from error


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
