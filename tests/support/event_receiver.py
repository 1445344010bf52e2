"""An HTTP endpoint that takes CloudEvents, and answers as it is told."""

import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_binary_event


@dataclass(frozen=True)
class Answer:
    """What a request gets.

    Parameters
    ----------
    after_s
        How long it waits for it.
    resets
        Whether the connection is reset instead.
    """

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    resets: bool = False


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that have gone."""


class EventReceiver:
    """Answers in a thread of its own until it is stopped; then nobody answers.

    Parameters
    ----------
    port
        0: a free one.
    """

    def __init__(self, port: int = 0) -> None:
        self.answers: list[Answer] = []
        """What the next requests get; then all are taken."""
        self.took: list[BaseCloudEvent] = []
        self.asked: list[dict[str, str]] = []
        """Headers of all requests."""
        self._lock, outer = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def port(self) -> int:
        """Its port."""
        return int(self._server.server_port)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/events"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._lock:
            answer = self.answers.pop(0) if self.answers else Answer()
            self.asked.append(headers)
        time.sleep(answer.after_s)
        if answer.resets:
            linger = struct.pack("ii", 1, 0)
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.connection.close()
            return
        if 200 <= answer.status < 300:
            with self._lock:
                self.took.append(from_binary_event(HTTPMessage(headers, body)))
        request.send_response(answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
