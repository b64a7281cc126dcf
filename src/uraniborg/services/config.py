"""How a service runs: what it serves, where it keeps its state, who may ask, and how much."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from uraniborg.core.errors import report_faults

__all__ = ("ServiceConfig", "is_loopback")


def is_loopback(host: str) -> bool:
    """Return whether a host name or address means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Settings of a service.

    Parameters
    ----------
    catalog : Path
        Folder with catalogues in the HATS layout, one folder each.
    state : Path
        Folder for jobs, results, tables of users and their tokens.
    schema : str
        Name of the schema that holds the tables.
    host, port : str, int
        Where to listen.
    hosts : tuple of str
        More names under which the service may be asked for; others are refused, so that a web page elsewhere cannot
        reach a service on this machine under a name of its own.
    anonymous : bool
        Whether callers without a token may ask.
    default_rows, most_rows : int
        Rows of an answer if no MAXREC is given, and the largest MAXREC.
    sync_seconds, async_seconds, most_seconds : float [s]
        Time of a synchronous query, of a job that asks for none, and the longest that a job may ask for.
    days : float
        Days that jobs and results are kept.
    upload_bytes, upload_rows : int
        Largest request, and rows of an uploaded table.
    upload_hosts : tuple of str
        Hosts that uploads may be fetched from; ``*`` stands for every one that has a public address.
    running_jobs, waiting_jobs, kept_jobs : int
        Jobs of one user that run at a time, wait, and are kept.
    quota : int
        Bytes of the tables of one user.
    """

    catalog: Path
    state: Path
    schema: str = "release"
    host: str = "127.0.0.1"
    port: int = 8765
    hosts: tuple[str, ...] = ()
    anonymous: bool = True
    default_rows: int = 1_000_000
    most_rows: int = 50_000_000
    sync_seconds: float = 60.0
    async_seconds: float = 3600.0
    most_seconds: float = 86_400.0
    days: float = 7.0
    upload_bytes: int = 200_000_000
    upload_rows: int = 5_000_000
    upload_hosts: tuple[str, ...] = ("*",)
    running_jobs: int = 4
    waiting_jobs: int = 1000
    kept_jobs: int = 5000
    quota: int = 10 * 2**30

    def __post_init__(self) -> None:
        faults = []
        if not self.catalog.is_dir():
            faults.append(f"there is no folder {self.catalog}; load tables with `uraniborg catalog load`")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", self.schema):
            faults.append(f"{self.schema!r} cannot name a schema; write letters, digits and _")
        if self.schema.lower() in ("tap_schema", "tap_upload", "mydb") or self.schema.lower().startswith("user_"):
            faults.append(f"{self.schema!r} is the name of a schema of the service; choose another one")
        report_faults("the settings of the service", faults)

    def allows_host(self, header: str) -> bool:
        """Return whether a Host header names this service."""
        name = re.sub(r":\d+$", "", header.strip()).strip("[]").lower()
        if name in (host.lower() for host in self.hosts) or name == self.host.lower():
            return True
        return is_loopback(name) and (is_loopback(self.host) or self.host in ("0.0.0.0", "::"))
