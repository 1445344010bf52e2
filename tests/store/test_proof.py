"""A store that ignores a condition does not pass the check, and the check says which."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from clm_api.errors import ClmError
from clm_operator.settings import StoreSettings
from clm_operator.store.bucket import check_store

CREATE, SWAP = "If-None-Match", "If-Match"


class Obeying(ThreadingHTTPServer):
    """As much of S3 as the check asks for, with the conditions that it obeys."""

    def __init__(self, obeyed: frozenset[str], unknown: frozenset[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.obeyed, self.unknown = obeyed, unknown
        self.kept: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Obeying

    def answer(self, status: int, body: bytes = b"", tag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", "Sat, 28 Nov 2026 09:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    @property
    def place(self) -> str:
        return self.path.split("?")[0]

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        now, kept = self.server.kept.get(self.place), self.server.kept
        if any(name in self.headers for name in self.server.unknown):
            self.answer(501, b"<Error><Code>NotImplemented</Code></Error>")
            return
        exists = CREATE in self.headers and now is not None
        differs = SWAP in self.headers and self.headers[SWAP] != tag_of(now)
        if (exists and CREATE in self.server.obeyed) or (differs and SWAP in self.server.obeyed):
            self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            return
        kept[self.place] = body
        self.answer(200, tag=tag_of(body))

    def do_GET(self) -> None:
        found = self.server.kept[self.place]
        self.answer(200, found, tag_of(found))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, b"<DeleteResult><Deleted><Key>x</Key></Deleted></DeleteResult>")

    def log_message(self, *_: Any) -> None:
        pass


def tag_of(content: bytes | None) -> str:
    return "" if content is None else f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")


@pytest.mark.parametrize(
    ("obeyed", "unknown", "lacking"),
    [
        ((CREATE, SWAP), (), ()),
        ((CREATE,), (), ("compare-and-swap writes",)),
        ((SWAP,), (), ("create-only writes",)),
        ((), (), ("create-only writes", "compare-and-swap writes")),
        ((CREATE, SWAP), (SWAP,), ("compare-and-swap writes",)),
        ((CREATE, SWAP), (CREATE,), ("create-only writes",)),
    ],
    ids=[
        "a store that has both", "If-Match is ignored", "If-None-Match is ignored",
        "both are ignored", "If-Match is not known", "If-None-Match is not known",
    ],
)  # fmt: skip
def test_the_check_names_what_a_store_lacks(
    obeyed: tuple[str, ...], unknown: tuple[str, ...], lacking: tuple[str, ...]
) -> None:
    server = Obeying(frozenset(obeyed), frozenset(unknown))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    values = {"url": "s3://models", "endpoint": server.url, "secretName": "keys"}
    try:
        reason, said = _checked(StoreSettings.model_validate(values))
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
    assert reason == ("StorageDenied" if lacking else "")
    for kind in ("create-only writes", "compare-and-swap writes"):
        assert (f"lacks {kind}" in said or f"and {kind} (" in said) == (kind in lacking), said


def _checked(settings: StoreSettings) -> tuple[str, str]:
    try:
        return "", check_store(settings)
    except ClmError as error:
        return str(error.reason), error.message
