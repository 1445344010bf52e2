"""An API server with two kinds in it, spoken to over HTTP by the real client."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

Raw = dict[str, Any]


class FakeApi:
    """Objects by plural and name; ``on_patch`` plays the operator."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Raw]] = {"trainingschedules": {}, "modelversions": {}}
        self.patches: list[tuple[str, str | None, Raw]] = []
        self.on_patch: Callable[[str, Raw], None] = lambda *_: None
        self.on_list: Callable[[], None] = lambda: None
        self.installed = True
        self.url = ""

    def kubeconfig(self, path: Path, namespace: str | None = "trading") -> Path:
        context = {"cluster": "c", "user": "u"} | ({"namespace": namespace} if namespace else {})
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "test", "context": context}],
        }
        path.write_text(yaml.safe_dump(config))
        return path


@contextmanager
def fake_api() -> Iterator[FakeApi]:
    api = FakeApi()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            plural, name, query = self._target()
            if not api.installed:
                self._send(404, "404 page not found")
            elif name is None:
                api.on_list()
                found = [o for o in api.objects[plural].values() if _selected(o, query)]
                self._send(200, {"kind": "List", "items": found, "metadata": {}})
            elif name not in api.objects[plural]:
                text = f'{plural}.clm.dev "{name}" not found'
                self._send(404, {"kind": "Status", "message": text, "details": {"name": name}})
            else:
                self._send(200, api.objects[plural][name])

        def do_PATCH(self) -> None:
            plural, name, _ = self._target()
            patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if name not in api.objects[plural]:
                text = f'{plural}.clm.dev "{name}" not found'
                self._send(404, {"kind": "Status", "message": text, "details": {"name": name}})
                return
            api.patches.append((f"{plural}/{name}", self.headers["Content-Type"], patch))
            api.on_patch(str(name), patch)
            self._send(200, api.objects[plural][str(name)])

        def _target(self) -> tuple[str, str | None, dict[str, list[str]]]:
            parts = urlsplit(self.path)
            segments = parts.path.split("/")[6:]
            assert parts.path.startswith("/apis/clm.dev/v1alpha1/namespaces/trading/")
            return segments[0], segments[1] if len(segments) > 1 else None, parse_qs(parts.query)

        def _send(self, status: int, body: Any) -> None:
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            kind = "text/plain" if isinstance(body, str) else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _selected(item: Raw, query: dict[str, list[str]]) -> bool:
    selector = query.get("fieldSelector", [""])[0]
    if not selector:
        return True
    path, _, wanted = selector.partition("=")
    value: Any = item
    for part in path.split("."):
        value = value.get(part, {})
    return bool(value == wanted)
