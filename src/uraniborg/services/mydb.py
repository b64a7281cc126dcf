"""The door of users' own tables: create from a file or a query, list, share, delete. Always the caller's own."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from uraniborg.catalog.pools import Limits
from uraniborg.services.errors import TooLargeError
from uraniborg.services.parameters import read_parameters
from uraniborg.services.service import Service, service_of
from uraniborg.services.tap.times import iso, seconds_of

__all__ = ("router",)

router = APIRouter(prefix="/mydb", tags=["Own tables"])


def _shown(table: Any) -> dict[str, object]:
    return {
        "name": table.name,
        "owner": table.owner,
        "rows": table.rows,
        "bytes": table.bytes,
        "expires": iso(table.expires) if table.expires is not None else None,
        "shared_with": list(table.shared),
    }


@router.get("")
async def list_tables(request: Request) -> Response:
    """List the caller's tables, and how much room he has."""
    service = service_of(request)
    user = service.named_user(request)
    service.mydb.expire()
    tables = [_shown(table) for table in service.mydb.list(user)]
    return JSONResponse({"tables": tables, "used": service.mydb.usage(user), "quota": service.config.quota})


@router.put("/{name}")
async def load_table(request: Request, name: str) -> Response:
    """Make a table of the file in the body: Parquet, Arrow, VOTable, FITS or CSV."""
    service = service_of(request)
    user = service.named_user(request)
    async with _folder(service) as folder:
        raw, table = folder / "0.raw", folder / "0.parquet"
        size = 0
        with raw.open("wb") as file:
            async for block in request.stream():
                size += len(block)
                if size > service.config.upload_bytes:
                    raise TooLargeError(f"the table is larger than {service.config.upload_bytes} bytes")
                file.write(block)
        await service.reader.read(raw, table, name, service.config.upload_rows)
        made = await asyncio.to_thread(service.mydb.create, user, name, table, expires=_expires(request))
    return JSONResponse(_shown(made), status_code=201)


def _expires(request: Request) -> float | None:
    text = request.query_params.get("expires")
    return seconds_of(text) if text else None


@router.post("/{name}")
async def make_table(request: Request, name: str) -> Response:
    """Make a table of the answer to QUERY."""
    service = service_of(request)
    user = service.named_user(request)
    parameters = await read_parameters(request)
    limits = Limits(seconds=service.config.async_seconds, bytes=service.config.quota)
    handle = service.pools.submit(parameters.one("QUERY"), user=user, limits=limits, maxrec=service.config.most_rows)
    async with _folder(service) as folder:
        file = folder / "answer.parquet"
        writer: pq.ParquetWriter | None = None
        try:
            async with contextlib.aclosing(handle.stream()) as batches:
                async for batch in batches:
                    writer = writer or pq.ParquetWriter(file, batch.schema)
                    await asyncio.to_thread(writer.write_table, pa.Table.from_batches([batch]))
            writer = writer or pq.ParquetWriter(file, handle.schema(0))
        finally:
            handle.cancel()
            if writer is not None:
                writer.close()
        expires = parameters.one("EXPIRES")
        when = seconds_of(expires) if expires else None
        made = await asyncio.to_thread(service.mydb.create, user, name, file, expires=when)
    return JSONResponse(_shown(made), status_code=201)


@contextlib.asynccontextmanager
async def _folder(service: Service) -> AsyncIterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=service.scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@router.post("/{name}/share")
async def share(request: Request, name: str) -> Response:
    """Let others read a table: WITH=user, several times, or ``*`` for everybody."""
    service = service_of(request)
    user = service.named_user(request)
    others = (await read_parameters(request)).values.get("WITH", [])
    service.mydb.share(user, name, with_=set(others))
    return JSONResponse({"name": name, "shared_with": sorted(set(others))})


@router.post("/{name}/unshare")
async def unshare(request: Request, name: str) -> Response:
    """Take the right to read a table from all others again."""
    service = service_of(request)
    service.mydb.share(service.named_user(request), name, with_=set())
    return JSONResponse({"name": name, "shared_with": []})


@router.delete("/{name}")
async def drop(request: Request, name: str) -> Response:
    """Delete a table."""
    service = service_of(request)
    service.mydb.drop(service.named_user(request), name)
    return JSONResponse({"name": name})
