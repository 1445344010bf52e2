"""The dashboard served in the test's own process, and a browser's part of the conversation."""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import uvicorn

from clm_cli.dashboard import serving
from clm_cli.dashboard.app import Desk, application
from clm_cli.dashboard.guard import Guard
from clm_cli.dashboard.live import Live
from tests.cli.dashboard.worlds import NOW
from tests.support.ports import eventually

NOWHERE = {
    "apiVersion": "v1", "kind": "Config", "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "trading"}}],
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {}}],
}  # fmt: skip
"""A kubeconfig of a cluster that does not answer."""


def nowhere(folder: Path) -> Path:
    """Write the kubeconfig of a cluster that does not answer."""
    path = folder / "nowhere"
    path.write_text(json.dumps(NOWHERE))
    return path


def at_noon() -> datetime:
    """A clock that stands."""
    return NOW


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class Browser:
    """Sends requests as a browser does that has opened the address."""

    port: int
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> Reply:
        """Send one request; a header's name has underscores for its hyphens, empty: left out."""
        given = {"cookie": self.cookie} | self.headers
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            sent = {name: value for name, value in given.items() if value}
            connection.request(method, path, body or None, sent)
            answer = connection.getresponse()
            text = answer.read().decode()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, text)
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        """Open a page."""
        return self.ask("GET", path, **headers)

    def send(self, path: str, fields: Mapping[str, str], **headers: str) -> Reply:
        """Send a form of a page of ours."""
        ours = {
            "origin": f"http://127.0.0.1:{self.port}",
            "content_type": "application/x-www-form-urlencoded",
        }
        return self.ask("POST", path, urlencode(fields), **ours | headers)


@dataclass(frozen=True)
class Served:
    """What is served, and who has opened it."""

    guard: Guard
    browser: Browser
    stranger: Browser
    """Somebody who knows the port alone."""
    desk: Desk

    @property
    def live(self) -> Live:
        """The streams of open pages."""
        return self.desk.live


@contextmanager
def served(desk: Desk) -> Iterator[Served]:
    """Serve until the end of the block."""
    listener = serving.bound(0)
    port = listener.getsockname()[1]
    guard = Guard(application(desk), port)
    config: dict[str, Any] = {"log_config": None, "ws": "none", "loop": "asyncio", "http": "h11"}
    server = uvicorn.Server(uvicorn.Config(guard, timeout_graceful_shutdown=1, **config))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    eventually(lambda: server.started, "the server has started")
    try:
        welcome = Browser(port).get(f"/?token={guard.token}")
        cookie = welcome.headers["set-cookie"].partition(";")[0]
        yield Served(guard, Browser(port, cookie), Browser(port), desk)
    finally:
        desk.live.close()
        server.should_exit = True
        thread.join()
