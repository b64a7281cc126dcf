"""The gate before every door: the right name of the service, no requests from other web pages, no endless bodies."""

from __future__ import annotations

import urllib.parse

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from uraniborg import __version__
from uraniborg.services.config import ServiceConfig
from uraniborg.services.errors import TooLargeError

__all__ = ("Guard",)

_HEADERS = [
    (b"server", f"uraniborg/{__version__}".encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'"),
    (b"referrer-policy", b"same-origin"),
]


class Guard:
    """Refuses what no honest caller sends.

    Parameters
    ----------
    app : ASGIApp
        What is behind it.
    config : ServiceConfig
        Names and limits.
    """

    def __init__(self, app: ASGIApp, config: ServiceConfig) -> None:
        self._app = app
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        fault = self._fault(scope, headers)
        if fault is not None:
            await PlainTextResponse(fault[1] + "\n", status_code=fault[0])(scope, receive, send)
            return
        most = self._config.upload_bytes + 1_000_000
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise TooLargeError(f"the request is larger than {most} bytes")
            return message

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            await send(message)

        await self._app(scope, limited, marked)

    def _fault(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._config.allows_host(host):
            return 421, f"this service is not called {host[:80]!r}; its operator can allow a name with --allow-host"
        origin = headers.get("origin")
        if (
            origin is not None
            and scope["method"] not in ("GET", "HEAD")
            and urllib.parse.urlsplit(origin).netloc != host
        ):
            return 403, "requests from pages of other sites are refused"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._config.upload_bytes + 1_000_000:
            return 413, f"the request is larger than {self._config.upload_bytes} bytes"
        return None
