"""Tells open pages that what they show has changed: one stream of server-sent events for each."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from clm_cli.dashboard.objects import Objects

MOST_STREAMS = 50
_MOST_TOPICS = 20
_PACE_S = 1.0
"""A page is told at most once in so long."""
_BEAT_S = 15.0
"""A stream that brings nothing for much longer is dead: a page opens another one."""


@dataclass(eq=False)
class Live:
    """The streams of all open pages."""

    objects: Objects
    pace_s: float = _PACE_S
    beat_s: float = _BEAT_S
    most: int = MOST_STREAMS
    open: int = 0
    _closed: bool = False
    _loop: asyncio.AbstractEventLoop | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _told: bool = False
    """Whether the loop has yet to hear of news."""

    def begin(self) -> None:
        """Hear of changes from now on, in the running loop."""
        self._loop = asyncio.get_running_loop()
        self.objects.listen(self._changed)

    def close(self) -> None:
        """End all streams; may be called from a signal's handler."""
        self._closed = True
        self._changed()

    def answer(self, request: Request) -> Response:
        """Open a stream for ``topics``, from revision ``since`` on."""
        topics = tuple(request.query_params.getlist("topic"))[:_MOST_TOPICS]
        since = request.headers.get("last-event-id") or request.query_params.get("since", "")
        if self.open >= self.most:
            return PlainTextResponse("too many open pages", 503, {"retry-after": "10"})
        seen = int(since) if since.isascii() and since.isdigit() and len(since) < 20 else 0
        return _Stream(self, topics, seen)

    async def events(self, topics: tuple[str, ...], seen: int) -> AsyncIterator[str]:
        """Yield an event after each change of a topic since a revision, and a beat in between."""
        yield "retry: 2000\n\n"
        while not self._closed:
            news = self._news
            if (revision := self.objects.revision(topics)) > seen:
                seen = revision
                yield f"id: {revision}\nevent: change\ndata: {revision}\n\n"
                await asyncio.sleep(self.pace_s)
                continue
            try:
                await asyncio.wait_for(news.wait(), self.beat_s)
            except TimeoutError:
                yield "event: beat\ndata: \n\n"

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a stream while it is open."""
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    def _changed(self) -> None:
        if self._loop is None or self._told or self._loop.is_closed():
            return
        self._told = True
        self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._told = False
        news, self._news = self._news, asyncio.Event()
        news.set()


class _Stream(StreamingResponse):
    """A page's stream, counted while it is open."""

    def __init__(self, live: Live, topics: tuple[str, ...], seen: int) -> None:
        super().__init__(live.events(topics, seen), media_type="text/event-stream")
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._live.counted():
            await super().__call__(scope, receive, send)
