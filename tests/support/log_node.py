"""A node that only keeps logs: the API server reads them from it as from any kubelet."""

import itertools
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.control_plane import ControlPlane

Raw = dict[str, Any]
NAME = "log-node"


@dataclass
class ContainerLog:
    """What a container wrote so far; whoever follows it waits for more until it ends."""

    lines: list[str] = field(default_factory=list)
    ended: bool = False
    breaks_after: list[int] = field(default_factory=list)
    """The next connections break after so many lines."""
    _news: threading.Condition = field(default_factory=threading.Condition)

    def write(self, *lines: str) -> None:
        """Append lines."""
        with self._news:
            self.lines.extend(lines)
            self._news.notify_all()

    def end(self) -> None:
        """Nothing more comes."""
        with self._news:
            self.ended = True
            self._news.notify_all()

    def read(self, *, follow: bool) -> Iterator[str]:
        """Yield the lines as the kubelet sends them."""
        limit = self.breaks_after.pop(0) if self.breaks_after else None
        for number in itertools.count():
            if number == limit:
                raise ConnectionAbortedError
            if not self._has(number, wait=follow):
                return
            yield self.lines[number]

    def _has(self, number: int, *, wait: bool) -> bool:
        with self._news:
            if wait:
                self._news.wait_for(lambda: self.ended or number < len(self.lines), 60)
            return number < len(self.lines)


@dataclass
class LogNode:
    """A Node of the API server whose kubelet serves ``containerLogs`` and nothing else."""

    plane: ControlPlane
    logs: dict[str, ContainerLog] = field(default_factory=dict)
    """By the pod's name."""

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.logs))
        self._server.daemon_threads = True
        authority = self.plane.authority
        authority.certificate(NAME, f"/CN={NAME}", "serverAuth", ("IP:127.0.0.1",))
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trust.load_cert_chain(authority.folder / f"{NAME}.crt", authority.folder / f"{NAME}.key")
        self._server.socket = trust.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self._register(self._server.server_address[1])

    def close(self) -> None:
        """End it."""
        for log in self.logs.values():
            log.end()
        self._server.shutdown()
        self._server.server_close()
        self.plane.request("DELETE", f"/api/v1/nodes/{NAME}")

    def _register(self, port: int) -> None:
        self.plane.request("POST", "/api/v1/nodes", {"metadata": {"name": NAME}})
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }
        self.plane.request(
            "PATCH", f"/api/v1/nodes/{NAME}/status", {"status": status},
            "application/merge-patch+json",
        )  # fmt: skip


def _handler(logs: dict[str, ContainerLog]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            *_, pod, _container = asked.path.split("/")
            if pod not in logs:
                self.send_error(HTTPStatus.NOT_FOUND, json.dumps(asked.path))
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for line in logs[pod].read(follow=parse_qs(asked.query).get("follow") == ["true"]):
                    self._chunk(f"{line}\n".encode())
                self._chunk(b"")
            except OSError:
                self.close_connection = True

        def _chunk(self, content: bytes) -> None:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(content), content))
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            """Stay quiet."""

    return Handler
