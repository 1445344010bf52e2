"""The bench's own requests as the administrator: kept connections, several at once."""

import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlparse

Raw = dict[str, Any]
MERGE = "application/merge-patch+json"
_THREADS, _PAGE, _TRIES = 8, 500, 40
_LATER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}


@dataclass(frozen=True)
class Call:
    """One request; a body for PATCH is a merge patch."""

    method: str
    path: str
    body: Raw | None = None


class Admin:
    """A client that outlives refusals and broken connections.

    Parameters
    ----------
    server
        Address of the API server.
    trust
        Its authority, and the administrator's certificate.
    """

    def __init__(self, server: str, trust: ssl.SSLContext) -> None:
        self._address, self._trust = urlparse(server), trust
        self._own = threading.local()
        self._links: list[http.client.HTTPSConnection] = []
        self._pool = ThreadPoolExecutor(_THREADS)

    def close(self) -> None:
        """Close all connections."""
        self._pool.shutdown()
        for link in self._links:
            link.close()

    def send(self, call: Call) -> bytes:
        """Send a request, again where the server is busy; empty if there is no such object.

        Raises
        ------
        AssertionError
            The server refuses it for good.
        """
        for attempt in range(_TRIES):
            try:
                status, text = self._once(call)
            except (OSError, http.client.HTTPException):
                self._own.link = None
                if attempt > _TRIES // 10:
                    raise
                continue
            if status in _LATER:
                time.sleep(0.5)
                continue
            there = attempt and call.method == "POST" and status == HTTPStatus.CONFLICT
            if status == HTTPStatus.NOT_FOUND or there:
                return b""
            assert status < HTTPStatus.BAD_REQUEST, f"{call.method} {call.path}: {text[:300]!r}"
            return text
        raise AssertionError(f"{call.method} {call.path}: the API server stays busy")

    def _once(self, call: Call) -> tuple[int, bytes]:
        link = getattr(self._own, "link", None)
        if link is None:
            host, port = self._address.hostname or "", self._address.port
            link = http.client.HTTPSConnection(host, port, context=self._trust, timeout=60)
            self._own.link = link
            self._links.append(link)
        data = None if call.body is None else json.dumps(call.body)
        kind = MERGE if call.method == "PATCH" else "application/json"
        link.request(call.method, call.path, data, {"Content-Type": kind})
        answer = link.getresponse()
        return answer.status, answer.read()

    def get(self, path: str) -> Raw:
        """Read an object; empty if there is none."""
        return dict(json.loads(self.send(Call("GET", path)) or b"{}"))

    def items(self, path: str) -> Iterator[Raw]:
        """Read all objects of a list, page by page."""
        joint, more = "&" if "?" in path else "?", ""
        while True:
            page = self.get(f"{path}{joint}limit={_PAGE}{more}")
            yield from page.get("items", ())
            if not (after := page.get("metadata", {}).get("continue")):
                return
            more = f"&continue={after}"

    def all(self, calls: Iterable[Call]) -> None:
        """Send many requests, several at once."""
        for _ in self._pool.map(self.send, calls):
            pass
