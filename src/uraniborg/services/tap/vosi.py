"""What a service says of itself: capabilities, availability, tables, examples (VOSI 1.1, TAPRegExt 1.0, DALI 1.1)."""

from __future__ import annotations

from collections.abc import Iterable

from uraniborg.services.catalogue import ServedTable, quoted
from uraniborg.services.config import ServiceConfig
from uraniborg.services.formats import FORMATS
from uraniborg.services.formats.xml import attribute, element, escape

__all__ = ("availability", "capabilities", "examples", "tables_document")

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_STD = "ivo://ivoa.net/std/"
_FEATURES = {
    "features-adqlgeo": ("POINT", "CIRCLE", "BOX", "POLYGON", "CENTROID", "CONTAINS", "INTERSECTS", "DISTANCE", "AREA",
                         "COORD1", "COORD2", "COORDSYS"),
    "features-adql-string": ("LOWER", "UPPER", "ILIKE"),
    "features-adql-sets": ("UNION", "EXCEPT", "INTERSECT"),
    "features-adql-common-table": ("WITH",),
    "features-adql-type": ("CAST",),
    "features-adql-unit": ("IN_UNIT",),
    "features-adql-offset": ("OFFSET",),
}  # fmt: skip


def availability(*, since: str, note: str = "") -> bytes:
    """Return the document that says that the service is up, since when, and how it does."""
    parts = [
        f'{_HEAD}<vosi:availability xmlns:vosi="http://www.ivoa.net/xml/VOSIAvailability/v1.0">',
        "<vosi:available>true</vosi:available>",
        element("vosi:upSince", since),
        *([element("vosi:note", note)] if note else []),
        "</vosi:availability>\n",
    ]
    return "\n".join(parts).encode()


def capabilities(base: str, config: ServiceConfig) -> bytes:
    """Return what the service can do.

    Parameters
    ----------
    base : str
        Address of the service, without a slash at its end.
    config : ServiceConfig
        Its limits.
    """
    tap = f"{base}/tap"
    security = "" if config.anonymous else element("securityMethod", standardID="ivo://ivoa.net/sso#BearerToken")
    lines = [
        f'{_HEAD}<vosi:capabilities xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0" '
        'xmlns:vr="http://www.ivoa.net/xml/VOResource/v1.0" xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" '
        'xmlns:tr="http://www.ivoa.net/xml/TAPRegExt/v1.0" '
        f"{_XSI}>",
        f'<capability standardID="{_STD}TAP" xsi:type="tr:TableAccess">',
        '<interface role="std" version="1.1" xsi:type="vs:ParamHTTP">',
        element("accessURL", tap, use="base") + security + "</interface>",
        *_language(),
        *_limits(config),
        "</capability>",
    ]
    for what, path in (("VOSI#capabilities", "capabilities"), ("VOSI#availability", "availability"),
                       ("VOSI#tables-1.1", "tables")):  # fmt: skip
        lines.append(
            f'<capability standardID="{_STD}{what}"><interface xsi:type="vs:ParamHTTP" version="1.1">'
            f"{element('accessURL', f'{tap}/{path}', use='full')}</interface></capability>"
        )
    lines.append(
        f'<capability standardID="{_STD}DALI#examples"><interface xsi:type="vr:WebBrowser">'
        f"{element('accessURL', f'{tap}/examples', use='full')}</interface></capability>"
    )
    return "\n".join([*lines, "</vosi:capabilities>\n"]).encode()


def _language() -> list[str]:
    lines = ["<language><name>ADQL</name>"]
    lines += [element("version", v, **{"ivo-id": f"{_STD}ADQL#v{v}"}) for v in ("2.0", "2.1")]
    lines.append(
        "<description>ADQL 2.1; what is meant where the standard leaves it open is in the guide.</description>"
    )
    for kind, forms in _FEATURES.items():
        features = "".join(f"<feature>{element('form', form)}</feature>" for form in forms)
        lines.append(f'<languageFeatures type="{_STD}TAPRegExt#{kind}">{features}</languageFeatures>')
    return [*lines, "</language>"]


def _limits(config: ServiceConfig) -> list[str]:
    lines = []
    for format_ in FORMATS:
        identifier = attribute(**{"ivo-id": format_.identifier})
        aliases = "".join(element("alias", alias) for alias in format_.aliases)
        lines.append(f"<outputFormat{identifier}>{element('mime', format_.media_type)}{aliases}</outputFormat>")
    lines.append(element("uploadMethod", **{"ivo-id": f"{_STD}TAPRegExt#upload-inline"}))
    if config.upload_hosts:  # TAP 1.1 wants both ways where there is one
        lines.append(element("uploadMethod", **{"ivo-id": f"{_STD}TAPRegExt#upload-http"}))
    kept, most = int(config.days * 86_400), int(config.most_seconds)
    return [
        *lines,
        f"<retentionPeriod><default>{kept}</default><hard>{4 * kept}</hard></retentionPeriod>",
        f"<executionDuration><default>{int(config.async_seconds)}</default><hard>{most}</hard></executionDuration>",
        f'<outputLimit><default unit="row">{config.default_rows}</default>'
        f'<hard unit="row">{config.most_rows}</hard></outputLimit>',
        f'<uploadLimit><default unit="byte">{config.upload_bytes}</default>'
        f'<hard unit="byte">{config.upload_bytes}</hard></uploadLimit>',
    ]


def tables_document(tables: Iterable[ServedTable], *, columns: bool = True, one: bool = False) -> bytes:
    """Return the list of tables; `columns` can leave the columns out, `one` makes a document of a single table."""
    space = (
        'xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0" '
        f'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" {_XSI}'
    )
    everything = list(tables)
    if one:
        body = "\n".join(_table(everything[0], columns=True))
        return f"{_HEAD}<vosi:table {space}>\n{body}\n</vosi:table>\n".encode()
    lines = [f"{_HEAD}<vosi:tableset {space}>"]
    for schema in dict.fromkeys(table.schema for table in everything):
        lines += ["<schema>", element("name", quoted(schema))]
        for table in everything:
            if table.schema == schema:
                lines += ['<table type="table">', *_table(table, columns=columns), "</table>"]
        lines.append("</schema>")
    return "\n".join([*lines, "</vosi:tableset>\n"]).encode()


def _table(table: ServedTable, *, columns: bool) -> list[str]:
    lines = [element("name", table.full_name)]
    if table.description:
        lines.append(element("description", table.description))
    if not columns:
        return lines
    standard = "true" if table.schema == "tap_schema" else "false"
    for field in table.fields:
        type_ = "<dataType" + attribute(xsi_type="vs:VOTableType", arraysize=field.arraysize, extendedType=field.xtype)
        lines.append(
            f'<column std="{standard}">{element("name", quoted(field.name))}'
            + (element("description", field.description) if field.description else "")
            + (element("unit", field.unit) if field.unit else "")
            + (element("ucd", field.ucd) if field.ucd else "")
            + f"{type_}>{field.datatype}</dataType>"
            + ("<flag>indexed</flag>" if table.indexed(field.name) else "")
            + "</column>"
        )
    for column, target, target_column in table.refers:
        lines.append(
            f"<foreignKey>{element('targetTable', target)}<fkColumn>{element('fromColumn', quoted(column))}"
            f"{element('targetColumn', quoted(target_column))}</fkColumn></foreignKey>"
        )
    return lines


def examples(tables: Iterable[ServedTable]) -> bytes:
    """Return queries to begin with, as a page whose marks a program can read (DALI 1.1, section 2.3)."""
    shown: list[tuple[str, str]] = [("Which tables there are", "SELECT table_name, description FROM tap_schema.tables")]
    for table in tables:
        names = ", ".join(quoted(field.name) for field in table.fields[:5])
        shown.append((f"Some rows of {table.name}", f"SELECT TOP 10 {names}\nFROM {table.full_name}"))
        if table.position is not None and not table.parent:
            ra, dec = (quoted(name) for name in table.position)
            here = f"POINT('ICRS', {ra}, {dec})"
            query = (
                f"SELECT TOP 100 {ra}, {dec}, DISTANCE({here}, POINT('ICRS', 187.03, 25.56)) AS separation\n"
                f"FROM {table.full_name}\n"
                f"WHERE CONTAINS({here}, CIRCLE('ICRS', 187.03, 25.56, 0.05)) = 1\nORDER BY separation"
            )
            shown.append((f"A cone on {table.name}", query))
    parts = [
        f'<div id="example-{i}" resource="#example-{i}" typeof="example"><h2 property="name">{escape(name)}</h2>'
        f'<pre property="query">{escape(query)}</pre></div>'
        for i, (name, query) in enumerate(shown)
    ]
    return (
        f'{_HEAD}<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Examples</title></head>'
        f'<body vocab="ivo://ivoa.net/std/DALI-examples">\n{"".join(parts)}\n</body></html>\n'
    ).encode()
