"""What all exchanges with rules of their own share: the bars and payments there are, and HTTP."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.serving import serving

HOUR = 3_600_000
Query = dict[str, str]


@dataclass
class World:
    """Synthetic bars and payments of one symbol, up to the present.

    Parameters
    ----------
    listed
        First bar, milliseconds.
    lacking
        Open times of bars that the exchange never had.
    pause
        Time between payments, milliseconds.
    """

    listed: int
    lacking: frozenset[int] = frozenset()
    pause: int = 8 * HOUR

    def bars(self, step: int, start: int, end: int) -> list[int]:
        """Return open times in [start, end], the open bar with them."""
        first = -(-max(start, self.listed) // step) * step
        return [t for t in range(first, min(end, now_ms()) + 1, step) if t not in self.lacking]

    def payments(self, start: int, end: int) -> list[int]:
        """Return payments in [start, end]; each is a few milliseconds late."""
        first = -(-max(start - 9, self.listed) // self.pause) * self.pause
        late = (t + t // self.pause % 10 for t in range(first, min(end, now_ms()) + 1, self.pause))
        return [t for t in late if start <= t <= end]


def bar(time_: int) -> tuple[float, float, float, float, float]:
    """Return open, high, low, close and volume of a bar."""
    n = time_ // 60_000
    opened, closed = 100 + n % 97 / 10, 100 + n % 89 / 10
    return opened, max(opened, closed) + 1, min(opened, closed) - 1, closed, 1.0 + n % 7


def rate(time_: int) -> float:
    """Return a payment's rate."""
    return (time_ // HOUR % 21 - 10) / 100_000


def now_ms() -> int:
    """Return the present; ccxt reads the clock by itself."""
    return int(time.time() * 1000)


@dataclass
class VenueServer(ABC):
    """An exchange with its own rules.

    Parameters
    ----------
    most
        Rows of an answer at most, where it is less than documented.
    """

    world: World
    most: int = 1 << 30
    asked: list[tuple[str, Query]] = field(default_factory=list)
    url: str = ""

    @abstractmethod
    def answer(self, path: str, query: Query) -> Any:
        """Return the JSON that is sent, or an ``Error``."""

    def count(self, part: str) -> int:
        """Return how many requests had a text in their path."""
        return sum(part in path for path, _ in self.asked)

    @contextmanager
    def serve(self) -> Iterator["VenueServer"]:
        """Answer at an address of this machine until the end of the block."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads, server.block_on_close = True, False
        with serving(server) as self.url:
            yield self


@dataclass(frozen=True)
class Error:
    """An answer that says no."""

    status: int
    body: Any


def _handler(venue: VenueServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self._answer(parts.path, query)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked = body.pop("req", {})
            query = {name: str(value) for name, value in (body | asked).items()}
            self._answer(f"{self.path}#{body['type']}", query)

        def _answer(self, path: str, query: Query) -> None:
            venue.asked.append((path, query))
            found = venue.answer(path, query)
            status, value = (found.status, found.body) if isinstance(found, Error) else (200, found)
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
