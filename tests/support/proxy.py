"""A reverse proxy that hurts: it sees every request and may refuse it or swallow its answer."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import Enum, auto

import aiohttp
from aiohttp import web

from tests.support.ports import free_port

_HOP = {"transfer-encoding", "connection", "content-length", "keep-alive", "content-encoding"}


class Verdict(Enum):
    """What happens to a request."""

    PASS = auto()
    REFUSE = auto()
    """It never arrives; the client's connection breaks."""
    SWALLOW = auto()
    """It arrives; the answer is lost, the client's connection breaks."""


@dataclass(frozen=True)
class Seen:
    """A request."""

    method: str
    path: str
    agent: str = field(default="", compare=False)
    """Header User-Agent."""
    query: str = field(default="", compare=False)


@dataclass(frozen=True)
class Answer:
    """A made-up refusal in the words of S3."""

    status: int
    code: str
    message: str = "made up"

    @property
    def body(self) -> bytes:
        """Its XML."""
        words = f"<Code>{self.code}</Code><Message>{self.message}</Message>"
        return f'<?xml version="1.0" encoding="UTF-8"?><Error>{words}</Error>'.encode()


Change = Callable[[bytes], bytes]
"""What becomes of an answer's text: as long as it was, line by line where it is a watch's."""
Judge = Callable[[Seen], Verdict | int | bytes | Answer]


def let_pass(_: Seen) -> Verdict:
    """Hurt nobody."""
    return Verdict.PASS


@dataclass
class Proxy:
    """Forwards to ``target``; ``judge`` decides.

    An int is the status of a made-up refusal, bytes are a made-up answer.
    """

    target: str
    ca: str | None = None
    judge: Judge = let_pass
    after: Callable[[Seen], None] = lambda _: None
    change: Change | None = None
    seen: list[Seen] = field(default_factory=list)
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _start(self) -> None:
        trust = ssl.create_default_context(cafile=self.ca) if self.ca else False
        connector = aiohttp.TCPConnector(ssl=trust, limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False
        )
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def _end(self) -> None:
        await self._runner.cleanup()
        others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._session.close()
        await asyncio.sleep(0.1)  # connections close in the next rounds of the loop

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        agent = request.headers.get("User-Agent", "")
        seen = Seen(request.method, request.path, agent, request.query_string)
        self.seen.append(seen)
        verdict = await asyncio.to_thread(self.judge, seen)
        if isinstance(verdict, int):
            return web.Response(status=verdict, text="the proxy refuses this")
        if isinstance(verdict, Answer):
            return web.Response(
                status=verdict.status, body=verdict.body, content_type="application/xml"
            )
        if isinstance(verdict, bytes):
            return web.Response(body=verdict)
        if verdict is Verdict.REFUSE:
            return self._cut(request)
        headers = {
            k: v for k, v in request.headers.items() if k.lower() not in _HOP - {"content-encoding"}
        }
        if not self.target.startswith("https"):
            headers["Host"] = request.headers["Host"]
        else:
            headers.pop("Host", None)
        if self.change is not None:
            headers.pop("Accept-Encoding", None)
        body = await request.read()
        async with self._session.request(
            request.method,
            f"{self.target}{request.raw_path}",
            headers=headers,
            data=body or None,
            skip_auto_headers=("Content-Type", "User-Agent", "Accept-Encoding"),
            allow_redirects=False,
        ) as answer:
            if verdict is Verdict.SWALLOW:
                await answer.read()
                await asyncio.to_thread(self.after, seen)
                return self._cut(request)
            kept = {
                k: v
                for k, v in answer.headers.items()
                if k.lower() not in _HOP - {"content-encoding", "content-length"}
            }
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for chunk in self._texts(answer):
                await response.write(chunk)
            await response.write_eof()
            return response

    async def _texts(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """Yield an answer's pieces as they come, or its whole lines, changed."""
        rest = b""
        async for chunk in answer.content.iter_any():
            if self.change is None:
                yield chunk
                continue
            whole, end, rest = (rest + chunk).rpartition(b"\n")
            if end:
                yield self.change(whole + end)
        if self.change is not None and rest:
            yield self.change(rest)

    @staticmethod
    def _cut(request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=499)
