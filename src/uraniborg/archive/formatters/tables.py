"""Astropy tables in Parquet files with units, descriptions and metadata kept, readable by astropy and daf_butler."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.table import Column, MaskedColumn, Table
from astropy.table.meta import get_header_from_yaml, get_yaml_from_table
from lsst.daf.butler import DatasetProvenance, DatasetRef, FormatterV2, StorageClassDelegate
from lsst.daf.butler.formatters.parquet import ArrowAstropySchema
from lsst.resources import ResourcePath
from numpy.typing import NDArray

from uraniborg.core.errors import UserError, report_faults

__all__ = ("PROVENANCE_KEY", "TableDelegate", "TableFormatter", "table_from_arrow", "table_to_arrow")

PROVENANCE_KEY = b"uraniborg::provenance"
"""Key of the file's metadata that holds the provenance of the dataset as JSON."""

_MASKED_KEY = b"uraniborg::masked_columns"


def table_to_arrow(table: Table) -> pa.Table:
    """Return an Arrow table that holds all of an astropy table.

    Parameters
    ----------
    table : astropy.table.Table
        Plain or masked columns of boolean, integer, float, string or bytes, of any shape but empty
        cells; not changed. ``meta`` and
        the columns' ``meta`` may hold whatever astropy's YAML can (numbers, text, lists, mappings, `Time`, ...).

    Returns
    -------
    pyarrow.Table
        With the metadata keys that astropy's and daf_butler's Parquet readers understand.

    Raises
    ------
    UserError
        If a column is of another kind; all such columns in one message.
    """
    faults = [
        f"column {column.info.name!r} is a {type(column).__name__} of type {getattr(column, 'dtype', 'unknown')}, "
        f"shape {column.shape}"
        for column in table.itercols()
        if not _is_storable(column)
    ]
    report_faults("a table to be stored has boolean, integer, float, string and bytes columns only", faults)
    masked = [name for name in table.colnames if isinstance(table[name], MaskedColumn)]
    metadata: dict[bytes, bytes] = {
        b"lsst::arrow::rowcount": str(len(table)).encode(),
        b"table_meta_yaml": "\n".join(get_yaml_from_table(table)).encode(),
        _MASKED_KEY: json.dumps(masked).encode(),
    }
    arrays, fields = [], []
    for name in table.colnames:
        column = table[name]
        metadata |= _column_metadata(column)
        array = _to_array(column)
        notes = {"description": column.description, "unit": None if column.unit is None else column.unit.to_string()}
        fields.append(pa.field(name, array.type, metadata={k: v for k, v in notes.items() if v}))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=metadata))


def _is_storable(column: Any) -> bool:
    if not isinstance(column, Column) or 0 in column.shape[1:]:
        return False
    return column.dtype.kind in "bUS" or (column.dtype.kind in "iuf" and column.dtype.itemsize <= 8)


def _column_metadata(column: Column) -> dict[bytes, bytes]:
    found = {}
    if column.dtype.kind in "US":
        length = str(column.dtype.itemsize // (4 if column.dtype.kind == "U" else 1)).encode()
        found = {f"{prefix}::len::{column.name}".encode(): length for prefix in ("lsst::arrow", "table")}
    if column.ndim > 2:
        found[f"lsst::arrow::shape::{column.name}".encode()] = str(column.shape[1:]).encode()
    return found


def _to_array(column: Column) -> pa.Array:
    values = np.ma.getdata(column.data)
    values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    mask = np.ascontiguousarray(np.ma.getmaskarray(column.data)) if isinstance(column, MaskedColumn) else None
    flat = pa.array(values.reshape(-1), mask=None if mask is None else mask.reshape(-1))
    if values.ndim == 1:
        return flat
    size = math.prod(values.shape[1:])
    return pa.FixedSizeListArray.from_arrays(flat, type=pa.list_(flat.type, size))


def table_from_arrow(arrow: pa.Table) -> Table:
    """Return the astropy table that an Arrow table holds.

    Parameters
    ----------
    arrow : pyarrow.Table
        Made by `table_to_arrow`, or by astropy, daf_butler or another program; columns may have been left out.

    Returns
    -------
    astropy.table.Table
        Columns are writeable copies; columns with nulls are masked.
    """
    metadata = arrow.schema.metadata or {}
    masked = set(json.loads(metadata.get(_MASKED_KEY, b"[]")))
    header: dict[str, Any] = {}
    if b"table_meta_yaml" in metadata:
        header = get_header_from_yaml(metadata[b"table_meta_yaml"].decode().split("\n"))
    attributes = {entry["name"]: entry for entry in header.get("datatype", ())}
    table = Table(meta=header.get("meta", {}))
    for field, chunks in zip(arrow.schema, arrow.itercolumns(), strict=True):
        values, mask = _from_array(chunks, field, metadata)
        if mask.any() or field.name in masked:
            column = MaskedColumn(values, name=field.name, mask=mask)
        else:
            column = Column(values, name=field.name)
        notes = field.metadata or {}
        given = attributes.get(field.name) or {key.decode(): text.decode() for key, text in notes.items()}
        for attribute in ("unit", "description", "format", "meta"):
            if attribute in given:
                setattr(column, attribute, given[attribute])
        table.add_column(column, copy=False)
    return table


def _from_array(
    chunks: pa.ChunkedArray, field: pa.Field, metadata: Mapping[bytes, bytes]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    array = chunks.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], field.type)
    rows, shape = len(array), ()
    if isinstance(field.type, pa.FixedSizeListType):
        key = f"lsst::arrow::shape::{field.name}".encode()
        shape = (field.type.list_size,)
        if key in metadata:
            shape = tuple(int(size) for size in metadata[key].decode().strip("()").split(",") if size)
        array = array.flatten()
    mask = array.is_null().to_numpy(zero_copy_only=False)
    if array.null_count:
        array = array.fill_null(_filler(array.type))
    values = array.to_numpy(zero_copy_only=False)
    if values.dtype.kind == "O":
        length = metadata.get(f"lsst::arrow::len::{field.name}".encode())
        kind = "U" if pa.types.is_string(array.type) or pa.types.is_large_string(array.type) else "S"
        values = values.astype(f"{kind}{int(length)}" if length else kind)
    elif not values.flags.writeable:
        values = values.copy()
    return values.reshape(rows, *shape), mask.reshape(rows, *shape)


def _filler(kind: pa.DataType) -> Any:
    if pa.types.is_floating(kind):
        return math.nan
    if pa.types.is_boolean(kind):
        return False
    if pa.types.is_integer(kind):
        return 0
    return b"" if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else ""


def _select(names: Iterable[str], wanted: str | Iterable[str]) -> list[str]:
    """Return the names that match any of the shell-style patterns, in the order of the patterns."""
    available = list(names)
    patterns = [wanted] if isinstance(wanted, str) else list(wanted)
    found: dict[str, None] = {}
    for pattern in patterns:
        matches = [name for name in available if fnmatchcase(name, pattern)]
        if not matches:
            raise UserError(f"no column matches {pattern!r}; the table has {available}")
        found.update(dict.fromkeys(matches))
    return list(found)


class TableDelegate(StorageClassDelegate):
    """Components and parameters of tables that are in memory; the table given is never changed."""

    def getComponent(self, composite: Table, componentName: str) -> Any:
        """Return ``columns``, ``rowcount`` or ``schema`` of a table."""
        match componentName:
            case "columns":
                return list(composite.colnames)
            case "rowcount":
                return len(composite)
            case "schema":
                return ArrowAstropySchema(composite)
        raise AttributeError(f"a table has no component {componentName!r}")

    def handleParameters(self, inMemoryDataset: Table, parameters: Mapping[str, Any] | None = None) -> Table:
        """Return the table with the ``columns`` asked for (shell-style patterns), or the table given."""
        if not parameters or parameters.get("columns") is None:
            return inMemoryDataset
        return inMemoryDataset[_select(inMemoryDataset.colnames, parameters["columns"])]

    def add_provenance(
        self, inMemoryDataset: Table, ref: DatasetRef, provenance: DatasetProvenance | None = None
    ) -> Table:
        """Return the table as it is: provenance is kept beside the table, not in its ``meta``."""
        return inMemoryDataset


class TableFormatter(FormatterV2):
    """Astropy tables in Parquet files."""

    default_extension = ".parquet"
    supported_extensions = frozenset({".parquet", ".parq"})
    can_read_from_uri = True
    can_read_from_local_file = True

    _provenance: DatasetProvenance | None = None

    def add_provenance(self, in_memory_dataset: Table, /, *, provenance: DatasetProvenance | None = None) -> Table:
        """Remember the provenance for the write; the table given is not changed."""
        self._provenance = provenance
        return in_memory_dataset

    def write_local_file(self, in_memory_dataset: Table, uri: ResourcePath) -> None:
        """Write a table with its provenance to a local file."""
        arrow = table_to_arrow(in_memory_dataset)
        if self._provenance is not None:
            metadata = {**arrow.schema.metadata, PROVENANCE_KEY: self._provenance.model_dump_json().encode()}
            arrow = arrow.replace_schema_metadata(metadata)
        pq.write_table(arrow, uri.ospath, compression="zstd", store_schema=True)

    def read_from_uri(self, uri: ResourcePath, component: str | None = None, expected_size: int = -1) -> Any:
        """Read a component or some columns over the network; whole files are read locally."""
        if uri.isLocal:
            return self._read(uri.ospath, component)
        if component is None and not self.file_descriptor.parameters:
            return NotImplemented
        try:
            filesystem, path = uri.to_fsspec()
        except ImportError:  # s3fs and the like are optional; the whole file is then fetched and kept in the cache
            return NotImplemented
        with filesystem.open(path) as stream:
            return self._read(stream, component)

    def read_from_local_file(self, path: str, component: str | None = None, expected_size: int = -1) -> Any:
        """Read a local file."""
        return self._read(path, component)

    def _read(self, source: Any, component: str | None) -> Any:
        with pq.ParquetFile(source) as file:
            match component:
                case "rowcount":
                    return file.metadata.num_rows
                case "columns":
                    return list(file.schema_arrow.names)
                case "schema":
                    return ArrowAstropySchema(table_from_arrow(file.schema_arrow.empty_table()))
            wanted = (self.file_descriptor.parameters or {}).get("columns")
            columns = None if wanted is None else _select(file.schema_arrow.names, wanted)
            return table_from_arrow(file.read(columns=columns))
