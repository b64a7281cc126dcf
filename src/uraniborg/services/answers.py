"""An answer on its way to the caller: written while it is made, whole if it is small, and stopped if he leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pyarrow as pa
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from uraniborg.catalog.pools import QueryHandle
from uraniborg.core.errors import UraniborgError
from uraniborg.services.formats import Format
from uraniborg.services.formats.writer import Ending, Writer

__all__ = ("answer", "encoded")

_SMALL = 1 << 18
_LARGE_BATCH = 1 << 17
_LOOK = 0.25
_MANY_ROWS = 100_000


async def encoded(
    handle: QueryHandle, format_: Format, *, query: str = "", limit_is_zero: bool = False
) -> AsyncGenerator[bytes]:
    """Yield the answer of a query as a file, piece by piece.

    An error before the first row is raised; a later one is told in the file, then raised.
    """
    writer: Writer | None = None
    try:
        async with aclosing(handle.stream()) as batches:
            async for batch in batches:
                if writer is None:
                    writer = format_.open(batch.schema, handle.columns, query)
                    yield writer.begin()
                yield await _write(writer, batch)
        if writer is None:
            writer = format_.open(handle.schema(0), handle.columns, query)
            yield writer.begin()
        for piece in writer.end(Ending(overflow=handle.overflow or limit_is_zero)):
            yield piece
    except UraniborgError as error:
        if writer is not None:
            for piece in writer.end(Ending(error=str(error))):
                yield piece
        raise
    finally:
        handle.cancel()
        if writer is not None:
            writer.close()
        if handle.progress.rows > _MANY_ROWS:
            pa.default_memory_pool().release_unused()


async def _write(writer: Writer, batch: pa.RecordBatch) -> bytes:
    if batch.nbytes > _LARGE_BATCH:
        return await asyncio.to_thread(writer.batch, batch)
    return writer.batch(batch)


async def answer(
    request: Request,
    handle: QueryHandle,
    format_: Format,
    *,
    query: str = "",
    name: str = "result",
    limit_is_zero: bool = False,
) -> Response:
    """Return the response to a request.

    The status is known only with the first rows, so these are waited for; a caller who leaves ends his query.

    Raises
    ------
    UraniborgError
        If the query fails before its first rows.
    """
    pieces = encoded(handle, format_, query=query, limit_is_zero=limit_is_zero)
    headers = {"Content-Disposition": f'inline; filename="{name}.{format_.ending}"'}
    start: list[bytes] = []
    task = asyncio.ensure_future(_gather(pieces, start))
    try:
        while not (await asyncio.wait({task}, timeout=_LOOK))[0]:
            if await request.is_disconnected():
                handle.cancel()
        whole = await task
    except BaseException:
        task.cancel()
        await pieces.aclose()
        raise
    if whole:
        return Response(b"".join(start), media_type=format_.media_type, headers=headers)
    return StreamingResponse(_rest(start, pieces), media_type=format_.media_type, headers=headers)


async def _gather(pieces: AsyncGenerator[bytes], start: list[bytes]) -> bool:
    """Gather the beginning of an answer; return whether that is all of it."""
    size = 0
    async for piece in pieces:
        start.append(piece)
        size += len(piece)
        if size >= _SMALL:
            return False
    return True


async def _rest(start: list[bytes], pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(pieces) as rest:
        yield b"".join(start)
        start.clear()
        try:
            async for piece in rest:
                if piece:
                    yield piece
        except UraniborgError as error:
            # text formats said it already; the connection has to break, so that nobody takes the file for whole
            raise ConnectionAbortedError(str(error)) from error
