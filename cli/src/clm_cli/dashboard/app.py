"""The pages as an application: addresses, what is shown there, files beside them."""

import importlib.resources
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import ModuleType
from typing import Any

import js_lib_htmx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from clm_cli.dashboard.objects import Objects
from clm_cli.dashboard.pages import compare, fleet, schedule, simulation, simulations, version
from clm_cli.dashboard.query import NotShownError, Query
from clm_cli.dashboard.templating import Frame, environment, rendered
from clm_cli.dashboard.world import Key, World

PAGES: tuple[tuple[str, ModuleType], ...] = (
    ("/", fleet),
    ("/simulations", simulations),
    ("/compare", compare),
    ("/ns/{namespace}/schedules/{name}", schedule),
    ("/ns/{namespace}/versions/{name}", version),
    ("/ns/{namespace}/simulations/{name}", simulation),
)
"""Addresses and the modules of their pages."""
_STATIC_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_OWN_STATIC = importlib.resources.files("clm_cli.dashboard") / "static"
_HTMX = importlib.resources.files(js_lib_htmx) / "static" / "htmx" / "htmx.min.js"


@dataclass
class Desk:
    """What the application serves from.

    Parameters
    ----------
    objects
        What the watches have brought.
    clock
        Tells the present time.
    user
        The name under which the API server knows the reader.
    """

    objects: Objects
    clock: Callable[[], datetime]
    user: str = ""
    templates: Any = field(default_factory=environment)


def application(desk: Desk) -> Starlette:
    """Return the application."""
    routes = [Route(path, _Page(desk, module).show) for path, module in PAGES]
    routes.append(Route("/static/{name}", _static))
    return Starlette(routes=routes, exception_handlers={HTTPException: _Problems(desk).show})


@dataclass(frozen=True)
class _Page:
    """One page: a module's function, and the template of the module's name."""

    desk: Desk
    module: ModuleType

    def show(self, request: Request) -> Response:
        world = self.desk.objects.world(self.desk.clock())
        query = query_of(request)
        topics = self.module.topics(world, query)
        template, status, shown = f"{self.module.__name__.rpartition('.')[2]}.html", 200, {}
        try:
            shown = {"page": self.module.page(world, query)}
        except NotShownError as error:
            template, status = "problem.html", 404
            shown = {"title": "Not found", "text": str(error)}
        context = _context(self.desk, request, world, topics)
        return HTMLResponse(rendered(self.desk.templates, template, context | shown), status)


@dataclass(frozen=True)
class _Problems:
    """What goes wrong, as a page."""

    desk: Desk

    def show(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        world = self.desk.objects.world(self.desk.clock())
        shown = {"title": error.detail, "text": f"There is no page at {request.url.path}."}
        context = _context(self.desk, request, world, ())
        content = rendered(self.desk.templates, "problem.html", context | shown)
        return HTMLResponse(content, error.status_code)


def _context(desk: Desk, request: Request, world: World, topics: tuple[str, ...]) -> dict[str, Any]:
    """Return what every template has."""
    frame = Frame(
        layout="fragment.html" if "hx-request" in request.headers else "base.html",
        path=request.url.path,
        topics=topics,
        revision=world.revision,
        user=desk.user,
        once=secrets.token_urlsafe(16),
    )
    return {"frame": frame, "world": world}


def query_of(request: Request) -> Query:
    """Return what a page is asked for."""
    parts = request.path_params
    key = Key(parts.get("namespace", ""), parts.get("name", ""))
    return Query(request.url.path, key, tuple(request.query_params.multi_items()))


def _static(request: Request) -> Response:
    """Return a file of ours, or the one library that the pages load."""
    name = request.path_params["name"]
    files = {entry.name: entry for entry in _OWN_STATIC.iterdir()} | {_HTMX.name: _HTMX}
    kind = _STATIC_TYPES.get(name.rpartition(".")[2])
    if name not in files or kind is None:
        raise HTTPException(404)
    return Response(files[name].read_bytes(), media_type=kind)
