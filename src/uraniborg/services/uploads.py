"""Tables that users send: fetched within limits, read in a process of its own, handed on as Parquet.

The reader process has little memory and can be lost without harm: a file that breaks it breaks nothing else.
"""

from __future__ import annotations

import asyncio
import http.client
import ipaddress
import multiprocessing
import re
import resource
import socket
import urllib.parse
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.ipc
import pyarrow.parquet as pq

from uraniborg.catalog.engine.sources import nan_to_null
from uraniborg.core.errors import UserError
from uraniborg.services.errors import TooLargeError
from uraniborg.services.reading import read_votable

__all__ = ("UploadReader", "fetch", "guess_format", "parse_upload", "to_parquet")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_MEMORY = 3 << 30
_SECONDS = 60


def parse_upload(text: str) -> dict[str, str]:
    """Return table names and addresses of an UPLOAD parameter: ``name,uri[;name,uri...]``.

    Raises
    ------
    UserError
        If it is written in another way.
    """
    found: dict[str, str] = {}
    for part in filter(None, (item.strip() for item in text.split(";"))):
        name, comma, uri = part.partition(",")
        name = name.strip().removeprefix("TAP_UPLOAD.").removeprefix("tap_upload.")
        if not comma or not uri.strip() or not _NAME.fullmatch(name):
            raise UserError(f"UPLOAD is {part[:80]!r}; write NAME,param:PART with a name of letters, digits and _")
        if name.lower() in (known.lower() for known in found):
            raise UserError(f"UPLOAD names the table {name!r} twice")
        found[name] = uri.strip()
    return found


def guess_format(head: bytes, name: str = "") -> str:
    """Return the format of a file from its first bytes: parquet, arrow, votable, fits, or csv."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    if head.startswith(b"SIMPLE  ="):
        return "fits"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<"):
        return "votable"
    return "tsv" if name.lower().endswith(".tsv") or b"\t" in head.partition(b"\n")[0] else "csv"


def fetch(uri: str, target: Path, *, hosts: tuple[str, ...], most: int) -> None:
    """Fetch an upload; no redirects, no proxies, no other protocols than http and https.

    A host that is not named in `hosts` has to have public addresses only, and the connection goes to the address that
    was looked at: nobody reaches machines behind the service through it.

    Raises
    ------
    UserError
        If the address is not allowed or cannot be read.
    TooLargeError
        If it sends more than `most` bytes.
    """
    try:
        parts = urllib.parse.urlsplit(uri)
        host, port = (parts.hostname or "").lower(), parts.port
        if parts.scheme not in ("http", "https") or not host:
            raise UserError(f"{uri[:100]!r} is not fetched; write an address with http or https, or param:NAME")
        address = _address(host, port or (443 if parts.scheme == "https" else 80), hosts)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(host, port, timeout=30)
        connection._create_connection = lambda _, *rest: socket.create_connection(address, *rest)  # type: ignore[attr-defined]
        try:
            path = parts.path or "/"
            connection.request("GET", f"{path}?{parts.query}" if parts.query else path)
            reply = connection.getresponse()
            if reply.status != 200:
                raise UserError(f"{uri[:100]!r} answers {reply.status} {reply.reason}; redirects are not followed")
            with target.open("wb") as file:
                _copy(reply, file, most)
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise UserError(f"{uri[:100]!r} cannot be read: {error}") from None


def _address(host: str, port: int, hosts: tuple[str, ...]) -> tuple[str, int]:
    """Return the address of a host that uploads may come from."""
    named = host in (allowed.lower() for allowed in hosts)
    if not named and "*" not in hosts:
        raise UserError(f"uploads are not fetched from {host}; send the table with the request (param:NAME)")
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not named and not all(ipaddress.ip_address(item.partition("%")[0]).is_global for item in found):
        raise UserError(f"uploads are not fetched from {host}: its address is not public; send the table (param:NAME)")
    return found[0], port


def _copy(source: http.client.HTTPResponse, target: IO[bytes], most: int) -> None:
    size = 0
    while block := source.read(1 << 20):
        size += len(block)
        if size > most:
            raise TooLargeError(f"the upload is larger than {most} bytes")
        target.write(block)


def to_parquet(source: Path, target: Path, name: str, most_rows: int) -> int:
    """Read a table in any format and write it as Parquet; return the number of rows.

    Raises
    ------
    UserError
        If it cannot be read or is too long.
    """
    with source.open("rb") as file:
        kind = guess_format(file.read(4096), name)
    try:
        if kind == "parquet":
            return _copy_parquet(source, target, most_rows)
        if kind == "votable":
            table = read_votable(source.read_bytes(), most_rows=most_rows)
        elif kind == "arrow":
            with pa.memory_map(str(source)) as mapped, pa.ipc.open_file(mapped) as reader:
                table = reader.read_all()
            table.validate(full=True)
        elif kind == "fits":
            from uraniborg.catalog.storage.readers import read_batches

            link = source.with_suffix(".fits")
            source.rename(link)
            table = pa.concat_tables(list(read_batches(link)))
        else:
            table = _read_csv(source, "\t" if kind == "tsv" else ",")
    except (pa.ArrowException, OSError, ValueError, IndexError, KeyError) as error:
        raise UserError(f"the upload cannot be read as {kind}: {(str(error).splitlines() or [''])[0][:300]}") from None
    if table.num_rows > most_rows:
        raise UserError(f"the upload has {table.num_rows} rows; at most {most_rows} are taken")
    _check_names(table.schema)
    pq.write_table(nan_to_null(table), target)
    return int(table.num_rows)


def _read_csv(source: Path, delimiter: str) -> pa.Table:
    parse = pcsv.ParseOptions(delimiter=delimiter, newlines_in_values=False)
    return pcsv.read_csv(source, parse_options=parse)


def _check_names(schema: pa.Schema) -> None:
    names = [name.lower() for name in schema.names]
    if len(set(names)) != len(names) or any(not name.strip() or len(name) > 200 for name in names):
        raise UserError("columns of the upload have the same name, no name or a very long one")
    for field in schema:
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type) or pa.types.is_dictionary(field.type):
            raise UserError(f"column {field.name!r} of the upload is a {field.type}; only numbers and texts are taken")


def _copy_parquet(source: Path, target: Path, most_rows: int) -> int:
    """Write a Parquet file anew: what the engine reads was decoded once here."""
    rows = 0
    with pq.ParquetFile(source) as file:
        schema = pa.schema(
            [
                field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
                for field in file.schema_arrow
            ]
        ).remove_metadata()
        _check_names(schema)
        with pq.ParquetWriter(target, schema) as out:
            for batch in file.iter_batches(batch_size=50_000):
                rows += batch.num_rows
                if rows > most_rows:
                    raise UserError(f"the upload has more than {most_rows} rows")
                out.write_table(nan_to_null(pa.Table.from_batches([batch]).replace_schema_metadata(None).cast(schema)))
    return rows


def _start_reader() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class UploadReader:
    """The process that reads uploads; a new one is started when it is lost."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def _executor(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, context, _start_reader, max_tasks_per_child=200)
        return self._pool

    async def read(self, source: Path, target: Path, name: str, most_rows: int) -> int:
        """Read a file as `to_parquet` does, in the other process.

        Raises
        ------
        UserError
            If it cannot be read, takes too long, or broke the reader.
        """
        loop = asyncio.get_running_loop()
        pool = self._executor()
        try:
            task = loop.run_in_executor(pool, to_parquet, source, target, name, most_rows)
            return await asyncio.wait_for(task, _SECONDS)
        except BrokenProcessPool:
            self._drop(pool)
            raise UserError("the upload broke its reader: the file is damaged, or too large for memory") from None
        except MemoryError:
            raise UserError("the upload is too large for the memory of its reader; send it in parts") from None
        except TimeoutError:
            self._drop(pool)
            raise UserError(f"reading the upload took longer than {_SECONDS} s; send a smaller one") from None

    def _drop(self, pool: ProcessPoolExecutor) -> None:
        for process in list((pool._processes or {}).values()):
            process.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        if self._pool is pool:
            self._pool = None

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
