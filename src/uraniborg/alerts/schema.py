"""The Avro schema of alert packets: the newest one that `lsst-alert-packet` ships, and what its records hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from lsst.alert.packet import Schema, get_latest_schema_version

from uraniborg.core.errors import UserError

__all__ = ("AlertField", "AlertSchema", "latest_schema")

type Definition = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AlertField:
    """One field of a record.

    Attributes
    ----------
    name : str
    kind : str
        Avro type without ``null``: ``long``, ``int``, ``float``, ``double``, ``boolean``, ``string`` or ``bytes``;
        ``record`` or ``array`` for what is nested.
    nullable : bool
    doc : str
    """

    name: str
    kind: str
    nullable: bool
    doc: str


@dataclass(frozen=True, slots=True)
class AlertSchema:
    """A schema as fastavro reads it.

    Attributes
    ----------
    definition : dict
        Parsed schema, all nested records spelt out.
    version : str
        Such as ``"11.1"``.
    """

    definition: Definition
    version: str

    def fields(self, record: str = "alert") -> tuple[AlertField, ...]:
        """Return the fields of a record by its short name, e.g. ``"diaSource"``.

        Raises
        ------
        UserError
            If the schema has no such record.
        """
        found = _records(self.definition)
        if record not in found:
            raise UserError(f"alert schema {self.version} has no record {record!r}; it has {sorted(found)}")
        return tuple(_field(item) for item in found[record]["fields"])


def _variants(kind: Any) -> list[Any]:
    return list(kind) if isinstance(kind, list) else [kind]


def _records(definition: Any) -> dict[str, Definition]:
    """Return every record of a schema by its name without the namespace."""
    found: dict[str, Definition] = {}
    if isinstance(definition, dict):
        if definition.get("type") == "record":
            found[str(definition["name"]).rpartition(".")[2]] = definition
            for item in definition["fields"]:
                for variant in _variants(item["type"]):
                    found |= _records(variant)
        elif definition.get("type") == "array":
            found |= _records(definition["items"])
    return found


def _field(item: Definition) -> AlertField:
    variants = _variants(item["type"])
    kinds = [variant for variant in variants if variant != "null"]
    first = kinds[0]
    kind = first if isinstance(first, str) else str(first["type"])
    return AlertField(
        name=str(item["name"]),
        kind="record" if "." in kind else kind,
        nullable=len(kinds) < len(variants),
        doc=str(item.get("doc", "")),
    )


@cache
def latest_schema() -> AlertSchema:
    """Return the newest alert schema of the installed `lsst-alert-packet`."""
    major, minor = get_latest_schema_version()
    return AlertSchema(Schema.from_file().definition, f"{major}.{minor}")
