"""One example of everything a repository stores, with the comparison that says whether it came back unchanged."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import fastavro
import numpy as np
from astropy.io.fits import Header
from astropy.table import Column, MaskedColumn, Table
from astropy.time import Time
from lsst.daf.butler.logging import ButlerLogRecord, ButlerLogRecords
from lsst.images import MaskedImage
from lsst.images.cells import CellCoadd
from lsst.images.tests import (
    assert_images_equal,
    assert_masked_images_equal,
    assert_masks_equal,
    assert_psfs_equal,
    assert_sky_projections_equal,
    assert_visit_images_equal,
)
from lsst.pipe.base import PipelineTaskConfig, TaskMetadata
from lsst.utils.packages import Packages

from uraniborg.model.frames import ReducedFrame
from uraniborg.model.skymap import RingsSkyMap
from uraniborg.testing.images import make_cell_coadd, make_difference_image, make_visit_image
from uraniborg.testing.tasks import TinyStepConfig

__all__ = ("EXAMPLES", "Example", "assert_tables_identical", "make_reduced_frame", "make_table")


@dataclass(frozen=True, slots=True)
class Example:
    """A storage class, a function that makes a value for it, and one that compares two values exactly."""

    storage_class: str
    make: Callable[[], Any]
    assert_same: Callable[[Any, Any], object]


def make_table(n: int = 7) -> Table:
    """Return a table with every kind of column, units, descriptions and nested metadata.

    Parameters
    ----------
    n : int, optional
        Number of rows.
    """
    rng = np.random.default_rng(5)
    flux = rng.normal(1.0, 0.1, n)
    flux[: min(n, 1)] = np.nan
    columns = [
        Column(np.arange(n, dtype=np.int64) + 2**60, name="sourceId", description="Unique id."),
        Column(flux, name="psfFlux", unit=u.nJy, description="Flux.", format="%.3f", meta={"ucd": "phot.flux"}),
        Column(flux.astype(np.float32), name="psfFluxErr", unit="nJy"),
        Column(rng.uniform(0, 360, n), name="coord_ra", unit="deg"),
        Column(np.arange(n, dtype=np.uint8), name="bits"),
        Column(np.arange(n) % 2 == 0, name="flag"),
        Column([f"r{i}é" for i in range(n)], name="band", dtype="U6"),
        Column([b"ab"] * n, name="code", dtype="S4"),
        Column(rng.normal(size=(n, 2, 3)).astype(np.float32), name="moments", unit=u.pix**2),
        MaskedColumn(np.arange(n, dtype=np.int32), name="diaObjectId", mask=np.arange(n) % 3 == 0),
        MaskedColumn(flux, name="magnitude", mask=np.zeros(n, dtype=bool), unit=u.mag),
    ]
    meta = {
        "table": "Source",
        "zero_point": 31.4,
        "list": [1, 2.5, "three", None, True],
        "nested": {"epoch": Time(2457123.5, format="jd", scale="tai"), "pair": (1, 2)},
    }
    return Table(columns, meta=meta)


def assert_tables_identical(given: Table, found: Table) -> None:
    """Raise `AssertionError` unless two tables are equal in values, masks, types, units, texts and metadata."""
    assert type(found) is type(given)
    assert found.colnames == given.colnames
    assert len(found) == len(given)
    for name in given.colnames:
        a, b = given[name], found[name]
        assert type(a) is type(b), name
        assert a.dtype == b.dtype, name
        assert a.shape == b.shape, name
        for attribute in ("unit", "description", "format", "meta"):
            assert getattr(a, attribute) == getattr(b, attribute), (name, attribute)
        assert np.array_equal(np.ma.getmaskarray(a), np.ma.getmaskarray(b)), name
        kept = ~np.ma.getmaskarray(a)
        np.testing.assert_array_equal(np.ma.getdata(b)[kept], np.ma.getdata(a)[kept], err_msg=name)
    assert dict(found.meta) == dict(given.meta)


def make_reduced_frame() -> ReducedFrame:
    """Return a frame of integers with two headers."""
    primary = Header([("INSTRUME", "tiny", "camera"), ("EXPTIME", 30.0), ("DATE-OBS", "2026-01-01T02:03:04")])
    header = Header([("CCDNUM", 3), ("GAIN", 1.25, "electron/adu"), ("HISTORY", "made for tests")])
    return ReducedFrame(primary=primary, header=header, array=np.arange(20, dtype=np.int32).reshape(4, 5))


def _assert_frames_identical(given: ReducedFrame, found: ReducedFrame) -> None:
    assert found.array.dtype == given.array.dtype
    np.testing.assert_array_equal(found.array, given.array)
    for a, b in ((given.primary, found.primary), (given.header, found.header)):
        for keyword in a:
            assert str(a[keyword]) == str(b[keyword])
            assert a.comments[keyword] == b.comments[keyword]


def _assert_coadds_identical(given: CellCoadd, found: CellCoadd) -> None:
    # lsst.images' own comparison evaluates the PSF between pixels, which needs lsst.afw.
    assert_masked_images_equal(given, found)
    assert (found.band, found.patch, found.psf.bounds) == (given.band, given.patch, given.psf.bounds)
    for cell in given.psf.bounds.cell_indices():
        assert_images_equal(given.psf[cell], found.psf[cell])


def _make_packets() -> bytes:
    stream = io.BytesIO()
    schema = {"type": "record", "name": "alert", "fields": [{"name": "diaSourceId", "type": "long"}]}
    fastavro.writer(stream, schema, [{"diaSourceId": i} for i in range(3)], sync_marker=b"0" * 16)
    return stream.getvalue()


def _make_arrays() -> dict[str, np.ndarray]:
    return {"b": np.arange(6.0).reshape(2, 3), "a": np.array(["x", "yz"]), "empty": np.zeros((0, 3), dtype=np.int16)}


def _assert_arrays_identical(given: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> None:
    assert list(found) == list(given)
    for name, array in given.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def _assert_array_identical(given: np.ndarray, found: np.ndarray) -> None:
    _assert_arrays_identical({"it": given}, {"it": found})


def _assert_equal(given: Any, found: Any) -> None:
    assert type(found) is type(given)
    assert found == given


def _make_config() -> PipelineTaskConfig:
    return TinyStepConfig(increment=5)


def _assert_configs_equal(given: PipelineTaskConfig, found: PipelineTaskConfig) -> None:
    assert type(found) is type(given)
    assert found.compare(given, shortcut=False)
    assert found.increment == 5


def _make_logs() -> ButlerLogRecords:
    record = logging.LogRecord("task", logging.INFO, __file__, 1, "%d sources", (3,), None)
    record.created, record.process = 1.8e9, 1
    return ButlerLogRecords.from_records([ButlerLogRecord.from_record(record)])


def _make_masked_image() -> MaskedImage:
    visit = make_visit_image()
    return MaskedImage(visit.image, mask=visit.mask, variance=visit.variance)


_METRICS = {"rms": 12.5, "unit": "mas", "n": 31, "holds": True, "tags": ["a", "é"], "nested": {"none": None}}

EXAMPLES: tuple[Example, ...] = (
    Example("VisitImage", make_visit_image, assert_visit_images_equal),
    Example("DifferenceImage", make_difference_image, assert_visit_images_equal),
    Example("CellCoadd", make_cell_coadd, _assert_coadds_identical),
    Example("MaskedImageV2", _make_masked_image, assert_masked_images_equal),
    Example("ImageV2", lambda: make_visit_image().image, assert_images_equal),
    Example("MaskV2", lambda: make_visit_image().mask, assert_masks_equal),
    Example("SkyProjection", lambda: make_visit_image().sky_projection, assert_sky_projections_equal),
    Example("PointSpreadFunction", lambda: make_visit_image().psf, assert_psfs_equal),
    Example("SourceTable", make_table, assert_tables_identical),
    Example("ReducedFrame", make_reduced_frame, _assert_frames_identical),
    Example("AlertPackets", _make_packets, _assert_equal),
    Example("NumpyArrays", _make_arrays, _assert_arrays_identical),
    Example("NumpyArray", lambda: np.arange(6.0).reshape(2, 3), _assert_array_identical),
    Example("TractSkyMap", RingsSkyMap, _assert_equal),
    Example("MetricTable", lambda: dict(_METRICS), _assert_equal),
    Example("StructuredDataDict", lambda: dict(_METRICS), _assert_equal),
    Example("StructuredDataList", lambda: [1, 2.5, "three"], _assert_equal),
    Example("Config", _make_config, _assert_configs_equal),
    Example("Packages", lambda: Packages({"uraniborg": "0.1.0", "python": "3.13"}), _assert_equal),
    Example("TaskMetadata", lambda: TaskMetadata.from_dict({"n": 3, "names": ["a", "b"]}), _assert_equal),
    Example("ButlerLogRecords", _make_logs, _assert_equal),
)
"""Everything that a repository of ours must give back exactly as it was put."""
