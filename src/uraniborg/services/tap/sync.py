"""The synchronous door of TAP, and what the service says about itself."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from uraniborg.services.answers import answer
from uraniborg.services.errors import UnknownThingError
from uraniborg.services.parameters import Parameters, read_parameters
from uraniborg.services.service import Service, service_of
from uraniborg.services.tap import vosi
from uraniborg.services.tap.requests import read_request, receive_uploads, take_uploads
from uraniborg.services.tap.times import iso

__all__ = ("base_of", "router")

router = APIRouter(prefix="/tap", tags=["TAP"])


def base_of(request: Request) -> str:
    """Return the address under which the caller reached the service, without a slash at its end."""
    return f"{request.url.scheme}://{request.url.netloc}"


@router.api_route("/sync", methods=["GET", "POST"])
async def sync(request: Request) -> Response:
    """Answer a query at once."""
    service = service_of(request)
    user = service.user(request)
    parameters = await read_parameters(request)
    return await _sync(service, user, parameters, request)


async def _sync(service: Service, user: str, parameters: Parameters, request: Request) -> Response:
    wanted = read_request(parameters, service.config)
    describe = service.describer
    if "UPLOAD" in parameters.values:
        folder = Path(tempfile.mkdtemp(dir=service.scratch))
        try:
            files = await receive_uploads(parameters, folder, service.config)
            uploads = await take_uploads(files, service.reader, service.config.upload_rows)
            handle = service.submit(wanted.query, user, wanted.rows, uploads)
            describe = service.describer.also(uploads)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    else:
        handle = service.submit(wanted.query, user, wanted.rows)
    format_ = replace(wanted.format, describe=describe)
    return await answer(request, handle, format_, query=wanted.query, limit_is_zero=wanted.rows == 0)


def _xml(document: bytes) -> Response:
    return Response(document, media_type="text/xml")


@router.get("/capabilities")
async def capabilities(request: Request) -> Response:
    """Say what the service can do."""
    service = service_of(request)
    return _xml(vosi.capabilities(base_of(request), service.config))


@router.get("/availability")
async def availability(request: Request) -> Response:
    """Say that the service is up."""
    return _xml(vosi.availability(since=iso(service_of(request).since)))


@router.get("/tables")
async def tables(request: Request) -> Response:
    """List the tables that everybody may ask."""
    service = service_of(request)
    service.user(request)
    columns = request.query_params.get("detail", "max").lower() != "min"
    return _xml(vosi.tables_document(service.tables, columns=columns))


@router.get("/tables/{name}")
async def table(request: Request, name: str) -> Response:
    """Describe one table."""
    service = service_of(request)
    service.user(request)
    found = [t for t in service.tables if name.lower() in (t.full_name.lower(), t.name.lower())]
    if not found:
        raise UnknownThingError(f"there is no table {name[:60]!r}; /tap/tables lists them")
    return _xml(vosi.tables_document([*found[:1], *service.tables], one=True))


@router.get("/examples")
async def examples(request: Request) -> Response:
    """Show queries to begin with."""
    return Response(vosi.examples(service_of(request).released), media_type="application/xhtml+xml")
