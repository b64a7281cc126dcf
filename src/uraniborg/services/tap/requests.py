"""A TAP request in our own words: the query, the format, the limits and the uploads, all checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uraniborg.core.errors import UserError
from uraniborg.services.config import ServiceConfig
from uraniborg.services.errors import TooLargeError
from uraniborg.services.formats import Format, find_format
from uraniborg.services.parameters import Parameters
from uraniborg.services.uploads import UploadReader, fetch, parse_upload

__all__ = ("TapRequest", "read_request", "receive_uploads", "take_uploads")

_LANGUAGES = ("ADQL", "ADQL-2.0", "ADQL-2.1")


@dataclass(frozen=True, slots=True)
class TapRequest:
    """A query to be answered: at most `rows` rows, in a format."""

    query: str
    format: Format
    rows: int


def read_request(parameters: Parameters, config: ServiceConfig) -> TapRequest:
    """Return what a request wants.

    Raises
    ------
    UserError
        If a parameter is missing or wrong.
    """
    wanted = parameters.one("REQUEST", "doQuery")
    if wanted.lower() != "doquery":
        raise UserError(f"REQUEST is {wanted[:60]!r}; the only one is doQuery")
    language = parameters.one("LANG", "ADQL")
    if language.upper() not in _LANGUAGES:
        raise UserError(f"LANG is {language[:60]!r}; there are {', '.join(_LANGUAGES)}")
    query = parameters.one("QUERY")
    if not query.strip():
        raise UserError("QUERY is missing; send QUERY=SELECT ...")
    format_ = find_format(parameters.one("RESPONSEFORMAT") or parameters.one("FORMAT"))
    rows = parameters.whole("MAXREC")
    return TapRequest(query, format_, config.default_rows if rows is None else min(rows, config.most_rows))


async def receive_uploads(parameters: Parameters, folder: Path, config: ServiceConfig) -> dict[str, Path]:
    """Put the uploads of a request on disk as they came; return table names and files.

    Raises
    ------
    UserError
        If one is missing or may not be fetched.
    """
    import asyncio

    wanted = parse_upload(";".join(parameters.values.get("UPLOAD", [])))
    found: dict[str, Path] = {}
    for i, (name, uri) in enumerate(wanted.items()):
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{i}.raw"
        if not uri.lower().startswith("param:"):
            await asyncio.to_thread(fetch, uri, target, hosts=config.upload_hosts, most=config.upload_bytes)
        elif uri[6:].upper() in parameters.files:
            file = parameters.files[uri[6:].upper()]
            await file.seek(0)
            size = 0
            with target.open("wb") as out:
                while block := await file.read(1 << 20):
                    size += len(block)
                    if size > config.upload_bytes:
                        raise TooLargeError(f"the upload is larger than {config.upload_bytes} bytes")
                    out.write(block)
        elif uri[6:].upper() in parameters.values:
            target.write_text(parameters.one(uri[6:].upper()), "utf8")
        else:
            raise UserError(f"UPLOAD names the part {uri[6:][:60]!r}, which the request does not have")
        found[name] = target
    return found


async def take_uploads(files: dict[str, Path], reader: UploadReader, most_rows: int) -> dict[str, Path]:
    """Read received files; return table names and Parquet files. What was read is deleted.

    Raises
    ------
    UserError
        If one cannot be read.
    """
    tables = {}
    for name, file in files.items():
        target = file.with_suffix(".parquet")
        if not target.is_file():
            new = file.with_suffix(".new")
            await reader.read(file, new, name, most_rows)
            new.replace(target)
        file.unlink(missing_ok=True)
        tables[name] = target
    return tables
