"""A store that speaks just enough S3 over HTTP, and fails on command."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class FakeS3:
    """Objects by key; ``refused`` maps the start of a key to the status that writing it gets."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.refused: dict[str, int] = {}
        self.url = ""

    def refusal(self, key: str) -> int | None:
        return next((code for start, code in self.refused.items() if key.startswith(start)), None)


@contextmanager
def fake_s3() -> Iterator[FakeS3]:
    store = FakeS3()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(store))
    server.daemon_threads = True
    store.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def with_bars(store: FakeS3, folder: Path) -> FakeS3:
    """Put a folder store's bars into it."""
    files = (p for p in folder.rglob("*.parquet") if p.is_file())
    store.objects = {str(p.relative_to(folder)): p.read_bytes() for p in files}
    return store


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def _handler(store: FakeS3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            if "list-type" in query:
                self._answer(200, _listing(store, query.get("prefix", [""])[0]))
                return
            content = store.objects.get(self._key())
            if content is None:
                self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            else:
                self._answer(200, content, ETag=_tag(content))

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            key = self._key()
            if code := store.refusal(key):
                self._answer(code, b"<Error><Code>Refused</Code></Error>")
            elif self.headers.get("If-None-Match") == "*" and key in store.objects:
                self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            else:
                store.objects[key] = content
                self._answer(200, b"", ETag=_tag(content))

        def _key(self) -> str:
            return unquote(urlsplit(self.path).path).split("/", 2)[2]

        def _answer(self, status: int, content: bytes, **headers: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Last-Modified", "Tue, 02 Dec 2025 06:00:00 GMT")
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _listing(store: FakeS3, prefix: str) -> bytes:
    rows = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
        f"<ETag>{escape(_tag(content))}</ETag>"
        "<LastModified>2025-12-02T06:00:00.000Z</LastModified></Contents>"
        for key, content in sorted(store.objects.items())
        if key.startswith(prefix)
    )
    text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
    return text.encode()
