"""Simple Cone Search 1.03 on every table with positions."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from uraniborg.core.errors import UserError
from uraniborg.services.answers import answer
from uraniborg.services.catalogue import ServedTable, quoted
from uraniborg.services.errors import UnknownThingError
from uraniborg.services.formats import FORMATS, find_format
from uraniborg.services.formats.fields import VoField
from uraniborg.services.parameters import Parameters, read_parameters
from uraniborg.services.service import service_of

__all__ = ("cone_columns", "cone_query", "router")

router = APIRouter(prefix="/cone", tags=["Cone search"])

_OLD_UCDS = {
    "meta.id;meta.main": "ID_MAIN",
    "pos.eq.ra;meta.main": "POS_EQ_RA_MAIN",
    "pos.eq.dec;meta.main": "POS_EQ_DEC_MAIN",
}


def cone_columns(table: ServedTable, verbosity: int) -> tuple[VoField, ...]:
    """Return the columns of an answer: identifier and position, the first twenty, or all (VERB 1, 2, 3)."""
    main = {table.key, table.parent_key, *(table.position or ())}
    first = [field for field in table.fields if field.name in main]
    if verbosity <= 1:
        return tuple(first)
    if verbosity >= 3:
        return table.fields
    wanted = {field.name for field in (*first, *table.fields[:20])}
    return tuple(field for field in table.fields if field.name in wanted)


def cone_query(table: ServedTable, fields: tuple[VoField, ...], ra: float, dec: float, radius: float) -> str:
    """Return the ADQL of a cone; angles in degrees."""
    assert table.position is not None
    names = ", ".join(quoted(field.name) for field in fields)
    lon, lat = (quoted(name) for name in table.position)
    return (
        f"SELECT {names} FROM {table.full_name} "
        f"WHERE CONTAINS(POINT({lon}, {lat}), CIRCLE({ra!r}, {dec!r}, {radius!r})) = 1"
    )


def _place(parameters: Parameters) -> tuple[float, float, float]:
    values = {}
    for name, low, high in (("RA", 0.0, 360.0), ("DEC", -90.0, 90.0), ("SR", 0.0, 180.0)):
        value = parameters.number(name)
        if value is None:
            raise UserError(f"{name} is missing; send RA, DEC and SR in degrees")
        if not low <= value <= high:
            raise UserError(f"{name} is {value!r}; it is from {low:g} to {high:g} degrees")
        values[name] = value
    return values["RA"], values["DEC"], values["SR"]


@router.get("/{name}")
async def cone(request: Request, name: str) -> Response:
    """Send the rows of a table within SR degrees of RA, DEC."""
    service = service_of(request)
    user = service.user(request)
    table = next((t for t in service.cones if t.name.lower() == name.lower()), None)
    if table is None:
        raise UnknownThingError(
            f"no cone search on {name[:60]!r}; there are {', '.join(t.name for t in service.cones)}"
        )
    parameters = await read_parameters(request)
    ra, dec, radius = _place(parameters)
    verbosity = parameters.whole("VERB")
    rows = parameters.whole("MAXREC")
    rows = service.config.default_rows if rows is None else min(rows, service.config.most_rows)
    fields = cone_columns(table, 2 if verbosity is None else verbosity)
    query = cone_query(table, fields, ra, dec, radius)
    chosen = parameters.one("RESPONSEFORMAT") or parameters.one("FORMAT")
    format_ = find_format(chosen) if chosen else replace(FORMATS[1], media_type="application/x-votable+xml")
    handle = service.submit(query, user, rows if radius > 0 else 0)
    described = tuple(replace(field, ucd=_OLD_UCDS.get(field.ucd, field.ucd)) for field in fields)
    return await answer(request, handle, replace(format_, describe=lambda _: described), name=table.name)
