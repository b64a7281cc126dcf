"""The application: all doors together, and errors as every protocol wants to hear them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response

from uraniborg.catalog.pools import PoolPlan
from uraniborg.core.errors import UraniborgError
from uraniborg.services import cone, mydb
from uraniborg.services.config import ServiceConfig
from uraniborg.services.errors import status_of
from uraniborg.services.formats.votable import error_document
from uraniborg.services.formats.xml import escape
from uraniborg.services.guard import Guard
from uraniborg.services.service import Service
from uraniborg.services.tap import sync, uws

__all__ = ("make_app",)

_LOG = logging.getLogger(__name__)
_PAGES = {
    "": ("index.html", "text/html"),
    "page.js": ("page.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
}


def make_app(config: ServiceConfig, plan: PoolPlan | None = None) -> FastAPI:
    """Return the application of a service; it starts its processes when it is served.

    Parameters
    ----------
    config : ServiceConfig
        Settings.
    plan : PoolPlan, optional
        Processes that answer queries.

    Raises
    ------
    UserError
        If the catalogue cannot be served.
    """
    service = Service(config, plan)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await service.stop()

    app = FastAPI(title="Uraniborg", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.service = service
    for router in (uws.router, sync.router, cone.router, mydb.router):
        app.include_router(router)
    for path in _PAGES:
        app.add_api_route(f"/{path}", _page, methods=["GET"], include_in_schema=False)
    app.add_middleware(Guard, config=config)
    app.add_exception_handler(UraniborgError, _tell)
    app.add_exception_handler(HTTPException, _tell_http)
    app.add_exception_handler(Exception, _tell_fault)
    return app


async def _page(request: Request) -> Response:
    """Send the page for people."""
    name, kind = _PAGES[request.url.path.lstrip("/")]
    return Response((files("uraniborg.services") / "page" / name).read_bytes(), media_type=kind)


def _message(request: Request, status: int, text: str) -> Response:
    """Return an error in the form of the door that was knocked at."""
    headers = {"WWW-Authenticate": 'Bearer realm="uraniborg"'} if status == 401 else {}
    if status in (429, 503):
        headers["Retry-After"] = "10"
    path = request.url.path
    if path.startswith("/mydb"):
        return JSONResponse({"error": text}, status_code=status, headers=headers)
    if path.startswith("/cone"):
        document = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
            f'<INFO ID="Error" name="Error" value="{escape(text)}"/></VOTABLE>\n'
        )
        code = 200 if status == 400 else status  # section 2.3 of the standard wants bad parameters told this way
        return Response(document.encode(), code, headers, media_type="application/x-votable+xml")
    if path.startswith("/tap/async") and status in (404, 405):
        return PlainTextResponse(text + "\n", status_code=status, headers=headers)
    return Response(error_document(text), status, headers, media_type="application/x-votable+xml")


async def _tell(request: Request, error: Exception) -> Response:
    return _message(request, status_of(error), str(error))


async def _tell_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _message(request, error.status_code, str(error.detail))


async def _tell_fault(request: Request, error: Exception) -> Response:
    _LOG.error("%s %s", request.method, request.url.path, exc_info=error)
    return _message(
        request, 500, f"the service failed ({type(error).__name__}); its operator finds the reason in the log"
    )
