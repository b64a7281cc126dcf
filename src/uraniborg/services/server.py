"""Serves a catalogue until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Callable

import uvicorn

from uraniborg.catalog.pools import PoolPlan
from uraniborg.core.errors import UserError
from uraniborg.services.app import make_app
from uraniborg.services.config import ServiceConfig

__all__ = ("serve",)

_LONGEST_ADDRESS = 1 << 20


def serve(config: ServiceConfig, plan: PoolPlan | None = None, *, started: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Parameters
    ----------
    config : ServiceConfig
        Settings; port 0 takes a free one.
    plan : PoolPlan, optional
        Processes that answer queries.
    started : callable, optional
        Called with the address when the service answers.

    Raises
    ------
    UserError
        If the catalogue cannot be served or the port is taken.
    """
    _many_files()
    listening = _listen(config)
    try:
        settings = uvicorn.Config(
            make_app(config, plan), log_level="warning", access_log=False, lifespan="on", backlog=1024,
            h11_max_incomplete_event_size=_LONGEST_ADDRESS, timeout_graceful_shutdown=5, server_header=False,
        )  # fmt: skip
        host = f"[{config.host}]" if ":" in config.host else config.host
        server = _Server(settings, f"http://{host}:{listening.getsockname()[1]}", started)
        asyncio.run(server.serve([listening]))
    finally:
        listening.close()


class _Server(uvicorn.Server):
    """A server that tells when it is up."""

    def __init__(self, settings: uvicorn.Config, address: str, started: Callable[[str], None] | None) -> None:
        super().__init__(settings)
        self._address, self._tell = address, started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._tell is not None:
            self._tell(self._address)


def _listen(config: ServiceConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # so asyncio sees that it may set TCP_NODELAY
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((config.host, config.port))
    except OSError as error:
        sock.close()
        raise UserError(
            f"cannot listen on {config.host}:{config.port}: {error.strerror}; choose another --port"
        ) from None
    sock.set_inheritable(False)
    return sock


def _many_files() -> None:
    """Let the process have as many connections as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
