"""What a service serves: the catalogues of a folder, described for people and for TAP_SCHEMA."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from uraniborg.catalog.schema import Table
from uraniborg.catalog.storage import HatsCatalog, HatsSource, ParquetSource
from uraniborg.core.errors import UserError
from uraniborg.services.formats.fields import VoField, field_of
from uraniborg.services.words import RESERVED

__all__ = ("ServedTable", "find_tables", "quoted", "tap_schema_tables", "write_tap_schema")


@dataclass(frozen=True, slots=True)
class ServedTable:
    """A table that may be asked.

    Parameters
    ----------
    schema, name, description : str
        How it is called, and what it holds.
    fields : tuple of VoField
        Its columns.
    rows : int
        Number of rows; 0 if not counted.
    position : tuple of (str, str), optional
        Columns of right ascension and declination [deg].
    key : str, optional
        Column of unique numbers.
    parent, parent_key : str
        Table that the rows belong to, and the column with its key.
    root : Path, optional
        Folder of the catalogue.
    refers : tuple of (str, str, str)
        Own column, full name of another table, its column.
    """

    schema: str
    name: str
    description: str
    fields: tuple[VoField, ...]
    rows: int = 0
    position: tuple[str, str] | None = None
    key: str | None = None
    parent: str = ""
    parent_key: str = ""
    root: Path | None = None
    refers: tuple[tuple[str, str, str], ...] = ()

    @property
    def full_name(self) -> str:
        """Name with schema, as a query writes it."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    def indexed(self, column: str) -> bool:
        """Return whether conditions on a column are answered without a scan."""
        return column in (self.key, self.parent_key) or (
            self.position is not None and column in self.position and not self.parent
        )


def quoted(name: str) -> str:
    """Return a name as ADQL writes it: in double quotes where it is no regular identifier or a reserved word."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) and name.upper() not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def find_tables(folder: Path, schema: str) -> tuple[ServedTable, ...]:
    """Return the tables of a folder, in the order of their names.

    Raises
    ------
    UserError
        If there are none.
    """
    found: dict[str, ServedTable] = {}
    for path in sorted(folder.iterdir()):
        if not (path / "hats.properties").is_file() and not (path / "properties").is_file():
            continue
        if _SNAPSHOT.search(path.name) and not path.is_symlink():
            continue  # the link without a number leads to the newest
        if HatsCatalog(path).properties.get("dataproduct_type", "object") in ("object", "source"):
            table = _served(path, schema)
            found[path.name] = table
    if not found:
        raise UserError(f"{folder} holds no catalogue; load one with `uraniborg catalog load {folder}/NAME FILE ...`")
    names = [table.name.lower() for table in found.values()]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise UserError(f"{folder} holds several tables called {', '.join(twice)}; keep one, or load under other names")
    return tuple(_with_parent(table, found.get(table.parent)) for table in found.values())


_SNAPSHOT = re.compile(r"\.v\d+(_\w+)?$")


def _with_parent(table: ServedTable, parent: ServedTable | None) -> ServedTable:
    if parent is None or parent.key is None or not table.parent_key:
        return replace(table, parent="")
    return replace(table, parent=parent.name, refers=((table.parent_key, parent.full_name, parent.key),))


def _served(root: Path, schema: str) -> ServedTable:
    values = HatsCatalog(root).properties
    source = HatsSource(root, schema=schema)
    hidden = {column.name for column in source.table.columns if column.hidden}
    ra, dec = values.get("hats_col_ra", ""), values.get("hats_col_dec", "")
    key = values.get("uraniborg_key")
    declared, description = _declaration(values["obs_collection"])
    fields = []
    for item in source.arrow_schema:
        if item.name in hidden:
            continue
        field = field_of(item)
        ucd = field.ucd or declared.get(item.name, "")
        if item.name in (ra, dec):
            ucd = f"pos.eq.{'ra' if item.name == ra else 'dec'};meta.main"
        elif item.name == key:
            ucd = "meta.id;meta.main"
        elif ucd.endswith(";meta.main") and (ucd.startswith("pos.eq") or key is not None):
            ucd = ucd.removesuffix(";meta.main")
        fields.append(replace(field, ucd=ucd))
    return ServedTable(
        schema, values["obs_collection"], values.get("obs_description", "") or description, tuple(fields),
        int(values.get("hats_nrows", 0)), (ra, dec) if ra and dec else None, key, values.get("uraniborg_parent", ""),
        values.get("uraniborg_parent_key", ""), root,
    )  # fmt: skip


def _declaration(name: str) -> tuple[dict[str, str], str]:
    """Return the UCDs of the columns and the description of a declared table; nothing if it is not declared."""
    from uraniborg.model.tables import declared_tables, load_schema

    stem = declared_tables().get(name)
    if stem is None:
        return {}, ""
    table = next(table for table in load_schema(stem).tables if table.name == name)
    return {column.name: column.ivoa_ucd or "" for column in table.columns}, table.description or ""


_REFERS = {
    "tables": (("schema_name", "tap_schema.schemas", "schema_name"),),
    "columns": (("table_name", "tap_schema.tables", "table_name"),),
    "keys": tuple((name, "tap_schema.tables", "table_name") for name in ("from_table", "target_table")),
    "key_columns": (("key_id", "tap_schema.keys", "key_id"),),
}

_S, _I = "char", "int"
_LAYOUT: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "schemas": ("Schemas that may be asked.", {
        "schema_name": (_S, "Name of the schema."), "utype": (_S, "UType of the schema."),
        "description": (_S, "What it holds."), "schema_index": (_I, "Place in lists."),
    }),
    "tables": ("Tables that may be asked.", {
        "schema_name": (_S, "Schema of the table."), "table_name": (_S, "Name as written in a query."),
        "table_type": (_S, "table or view."), "utype": (_S, "UType of the table."),
        "description": (_S, "What it holds."), "table_index": (_I, "Place in lists."),
    }),
    "columns": ("Columns of the tables.", {
        "table_name": (_S, "Table of the column."), "column_name": (_S, "Name as written in a query."),
        "datatype": (_S, "Type as in VOTable."), "arraysize": (_S, "Length as in VOTable."),
        "xtype": (_S, "Extended type as in VOTable."), "size": (_I, "Length, if fixed."),
        "description": (_S, "What it holds."), "utype": (_S, "UType of the column."), "unit": (_S, "Unit."),
        "ucd": (_S, "UCD."), "indexed": (_I, "1 if conditions on it are quick."),
        "principal": (_I, "1 if it is one to look at first."), "std": (_I, "1 if a standard defines it."),
        "column_index": (_I, "Place in the table."),
    }),
    "keys": ("Relations between tables.", {
        "key_id": (_S, "Name of the relation."), "from_table": (_S, "Table that refers."),
        "target_table": (_S, "Table that is referred to."), "utype": (_S, "UType of the relation."),
        "description": (_S, "What it means."),
    }),
    "key_columns": ("Columns of the relations.", {
        "key_id": (_S, "Name of the relation."), "from_column": (_S, "Column that refers."),
        "target_column": (_S, "Column that is referred to."),
    }),
}  # fmt: skip


def tap_schema_tables() -> tuple[ServedTable, ...]:
    """Return the tables of TAP_SCHEMA as TAP 1.1 (section 4) wants them."""
    return tuple(
        ServedTable("tap_schema", name, description, tuple(
            VoField(column, kind, "*" if kind == _S else "", description=text)
            for column, (kind, text) in columns.items()
        ), refers=_REFERS.get(name, ()))
        for name, (description, columns) in _LAYOUT.items()
    )  # fmt: skip


def write_tap_schema(tables: Iterable[ServedTable], folder: Path) -> tuple[ParquetSource, ...]:
    """Write TAP_SCHEMA as Parquet files and return them as tables for an engine.

    Parameters
    ----------
    tables : iterable of ServedTable
        Everything that may be asked, but TAP_SCHEMA itself.
    folder : Path
        Where the files go.
    """
    everything = (*tap_schema_tables(), *tables)
    rows: dict[str, list[tuple[object, ...]]] = {name: [] for name in _LAYOUT}
    for i, schema in enumerate(dict.fromkeys(table.schema for table in everything)):
        text = "The tables of this service." if schema == "tap_schema" else "The tables of the release."
        rows["schemas"].append((schema, None, text, i))
    for i, table in enumerate(everything):
        rows["tables"].append((table.schema, table.full_name, "table", None, table.description, i))
        for k, field in enumerate(table.fields):
            rows["columns"].append(_column_row(table, field, k))
        for column, target, target_column in table.refers:
            key_id = f"k{len(rows['keys'])}"
            text = f"Rows of {table.name} belong to rows of {target}."
            rows["keys"].append((key_id, table.full_name, target, None, text))
            rows["key_columns"].append((key_id, quoted(column), quoted(target_column)))
    folder.mkdir(parents=True, exist_ok=True)
    sources = []
    for name, (_, columns) in _LAYOUT.items():
        schema_ = pa.schema(
            [
                pa.field(column, pa.string() if kind == _S else pa.int32(), metadata={"description": text})
                for column, (kind, text) in columns.items()
            ]
        )
        values = [pa.array([row[i] for row in rows[name]], field.type) for i, field in enumerate(schema_)]
        pq.write_table(pa.Table.from_arrays(values, schema=schema_), folder / f"{name}.parquet")
        sources.append(ParquetSource(folder / f"{name}.parquet", Table(name, (), "tap_schema")))
    return tuple(sources)


def _column_row(table: ServedTable, field: VoField, place: int) -> tuple[object, ...]:
    size = int(field.arraysize) if field.arraysize.isdigit() else None
    principal = table.schema == "tap_schema" or field.name in (table.key, table.parent_key, *(table.position or ()))
    return (
        table.full_name, quoted(field.name), field.datatype, field.arraysize or None, field.xtype or None, size,
        field.description or None, None, field.unit or None, field.ucd or None, int(table.indexed(field.name)),
        int(principal), int(table.schema == "tap_schema"), place,
    )  # fmt: skip
