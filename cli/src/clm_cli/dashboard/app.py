"""The pages as an application: addresses, what is shown there, files beside them."""

import importlib.resources
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from html import escape
from http import HTTPStatus
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlencode

import js_lib_htmx
from jinja2 import Environment
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from clm_api.errors import ClmError
from clm_cli.dashboard.actions import Form, Ledger
from clm_cli.dashboard.files import File, Wanted
from clm_cli.dashboard.guard import SANDBOX
from clm_cli.dashboard.live import Live
from clm_cli.dashboard.objects import Objects
from clm_cli.dashboard.pages import compare, fleet, schedule, simulation, simulations, version
from clm_cli.dashboard.paths import schedule_path, version_path
from clm_cli.dashboard.query import NotShownError, Query
from clm_cli.dashboard.store_files import MOST_BYTES, StoreFiles
from clm_cli.dashboard.templating import Frame, environment, rendered
from clm_cli.dashboard.world import Key, World
from clm_cli.judged_files import file_of
from clm_cli.server import ClusterError

_PROBLEM = "problem.html"
_MOST_FORM = 64 * 1024
_MOST_ANSWERS = 5
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
    ledger
        Takes the forms.
    files
        The reader's store; None without ``--store``.
    user
        The name under which the API server knows the reader; empty while it isn't known.
    """

    objects: Objects
    clock: Callable[[], datetime]
    ledger: Ledger
    files: StoreFiles | None = None
    user: str = ""
    live: Live = field(init=False)
    templates: Environment = field(default_factory=environment)

    def __post_init__(self) -> None:
        self.live = Live(self.objects)

    def world(self) -> World:
        """Return the world as it is known now."""
        return self.objects.world(self.clock())


def application(desk: Desk) -> Starlette:
    """Return the application."""
    pages = [Route(path, _Page(desk, module).show) for path, module in PAGES]
    reports, asking = _Reports(desk), _Asking(desk)
    beside = [
        Route("/ns/{namespace}/versions/{name}/report", reports.of_version),
        Route("/ns/{namespace}/simulations/{name}/report", reports.of_simulation),
        Route("/ns/{namespace}/schedules/{name}/ask", asking.take, methods=["POST"]),
        Route("/events", _events(desk.live)),
        Route("/static/{name}", _static),
    ]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        desk.live.begin()
        yield

    shown = _Problems(desk)
    problems: Any = {HTTPException: shown.show, Exception: shown.show_fault}
    return Starlette(routes=pages + beside, exception_handlers=problems, lifespan=lifespan)


@dataclass(frozen=True)
class _Page:
    """One page: a module's function, and the template of the module's name."""

    desk: Desk
    module: ModuleType

    def show(self, request: Request) -> Response:
        world, module, store = self.desk.world(), self.module, self.desk.files is not None
        query = replace(query_of(request), store=store)
        if self.desk.files is not None and hasattr(module, "wanted"):
            found = self.desk.files.found(world, module.wanted(world, query))
            query = replace(query, files=found)
        template, status = f"{module.__name__.rpartition('.')[2]}.html", HTTPStatus.OK
        try:
            shown = {"page": module.page(world, query)}
        except NotShownError as error:
            template, status = _PROBLEM, HTTPStatus.NOT_FOUND
            shown = {"title": "Not found", "text": str(error)}
        context = _context(self.desk, request, world, module.topics(world, query))
        return HTMLResponse(rendered(self.desk.templates, template, context | shown), status)


@dataclass(frozen=True)
class _Problems:
    """What goes wrong, as a page."""

    desk: Desk

    def show(self, request: Request, error: HTTPException) -> Response:
        text = error.detail
        if error.status_code == HTTPStatus.NOT_FOUND:
            text = f"There is no page at {request.url.path}."
        return self._page(request, error.status_code, text)

    def show_fault(self, request: Request, error: Exception) -> Response:
        """Say that a page is broken; the server writes the traceback to the terminal."""
        text = f"clm itself failed here: {type(error).__name__}: {error}"
        return self._page(request, HTTPStatus.INTERNAL_SERVER_ERROR, text)

    def _page(self, request: Request, status: int, text: str) -> Response:
        shown = {"title": HTTPStatus(status).phrase, "text": text}
        context = _context(self.desk, request, self.desk.world(), ())
        return HTMLResponse(rendered(self.desk.templates, _PROBLEM, context | shown), status)


@dataclass(frozen=True)
class _Reports:
    """Reports of the store, each a document of its own that may do nothing but show itself."""

    desk: Desk

    def of_version(self, request: Request) -> Response:
        files = self._files()
        found = files.one(self.desk.world(), Wanted(query_of(request).key, File.REPORT))
        if found.problem:
            raise HTTPException(HTTPStatus.NOT_FOUND, found.problem)
        return _sandboxed(found.content)

    def of_simulation(self, request: Request) -> Response:
        files, key = self._files(), query_of(request).key
        if (view := self.desk.world().simulations.get(key)) is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        try:
            return _sandboxed(file_of(view, File.REPORT, files.url, MOST_BYTES))
        except (ClmError, ClusterError) as error:
            return _sandboxed(escape(str(error)).encode(), HTTPStatus.NOT_FOUND)

    def _files(self) -> StoreFiles:
        if self.desk.files is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return self.desk.files


@dataclass(frozen=True)
class _Asking:
    """Takes the forms: asks, and shows the page that waits for the answer."""

    desk: Desk

    async def take(self, request: Request) -> Response:
        content = b""
        async for part in request.stream():
            content += part
            if len(content) > _MOST_FORM:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        fields = dict(parse_qsl(content.decode(errors="replace"), keep_blank_values=True))
        key = query_of(request).key
        form = Form.read(key, fields)
        if not await run_in_threadpool(self.desk.ledger.take, form):
            return Response("this form is of another run of clm dashboard", HTTPStatus.FORBIDDEN)
        shown = Key(key.namespace, form.version) if fields.get("back") == "version" else None
        place = schedule_path(key) if shown is None else version_path(shown)
        address = f"{place}?{urlencode({'asked': form.once})}"
        return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def _sandboxed(content: bytes, status: int = HTTPStatus.OK) -> Response:
    return HTMLResponse(content, status, {"content-security-policy": SANDBOX})


def _events(live: Live) -> Callable[[Request], Awaitable[Response]]:
    async def events(request: Request) -> Response:
        return live.answer(request)

    return events


def _context(desk: Desk, request: Request, world: World, topics: tuple[str, ...]) -> dict[str, Any]:
    """Return what every template has."""
    asked = request.query_params.getlist("asked")[:_MOST_ANSWERS]
    answers = (desk.ledger.answer(once, world) for once in dict.fromkeys(asked))
    frame = Frame(
        layout="fragment.html" if "hx-request" in request.headers else "base.html",
        path=request.url.path,
        topics=topics,
        revision=world.revision,
        user=desk.user,
        once=desk.ledger.ticket,
        answers=tuple(one for one in answers if one is not None),
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
