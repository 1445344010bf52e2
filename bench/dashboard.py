"""What ``clm dashboard`` costs with many objects: ``python -m bench.dashboard``.

The API server is played: it lists and watches as the real one does, made-up objects of full size.
Loading so many into a real one takes minutes and says nothing of the dashboard.
"""

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import yaml

from bench.machine import cpu

Raw = dict[str, Any]
SAMPLES = Path(__file__).parents[1] / "crds" / "samples"
_TRIES = 7
_SLOW_S, _BIG_MB = 1.5, 300.0
"""A first page takes at most so long once the lists are in; the process never has more."""
_JUDGED: Raw = {
    "observedGeneration": 1, "phase": "Succeeded", "stage": "ARCHIVED", "reason": "Superseded",
    "startTime": "2025-12-01T00:00:00Z", "completionTime": "2025-12-01T00:04:00Z",
    "metrics": {"sharpe": 1.23, "trades": 87, "psr": 0.73, "deflatedSharpe": 0.41},
    "criteria": [{"name": name, "value": 1.0, "operator": "≥", "threshold": 0.5,
                  "verdict": "Passed"} for name in ("sharpe", "winRate", "profitFactor", "trades")],
    "history": [{"stage": stage, "at": "2025-12-01T00:05:00Z", "by": "alice", "reason": "better"}
                for stage in ("CANDIDATE", "SHADOW", "PRODUCTION", "ARCHIVED")],
    "conditions": [{"type": name, "status": "True", "reason": "CriteriaPassed", "message": "all",
                    "lastTransitionTime": "2025-12-01T00:05:00Z", "observedGeneration": 1}
                   for name in ("Ready", "JobSucceeded", "ArtifactVerified", "CriteriaMet")],
}  # fmt: skip
_QUEUED: Raw = {
    "observedGeneration": 1, "phase": "Pending", "stage": "TRAINING", "reason": "Queued",
    "queue": {"name": "gpus", "state": "Queued", "message": "insufficient quota",
              "since": "2025-12-01T00:00:00Z"},
}  # fmt: skip


@dataclass
class Played:
    """The objects, as pages of lists; what a watch brings."""

    schedules: int
    each: int
    changed: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._schedule = _full("trainingschedule-full")
        self._version = _full("modelversion-full")

    def schedule(self, number: int) -> Raw:
        """Return a schedule."""
        return _named(self._schedule, f"s-{number:05d}")

    def version(self, number: int) -> Raw:
        """Return a version of its schedule."""
        owner = f"s-{number // self.each:05d}"
        made = _named(self._version, f"{owner}-{29000000 + number}")
        spec = {**made["spec"], "scheduleRef": {"name": owner, "uid": f"uid-{owner}"}}
        newest = number % self.each == self.each - 1
        return {**made, "spec": spec, "status": _QUEUED if newest else _JUDGED}

    def page(self, kind: str, start: int, limit: int) -> Raw:
        """Return a page of a list."""
        of = {"trainingschedules": (self.schedules, self.schedule),
              "modelversions": (self.schedules * self.each, self.version)}  # fmt: skip
        count, one = of.get(kind, (0, self.schedule))
        stop = min(count, start + limit)
        metadata = {"resourceVersion": "1"} | ({"continue": str(stop)} if stop < count else {})
        return {"metadata": metadata, "items": [one(number) for number in range(start, stop)]}

    def changes(self, kind: str) -> Iterator[Raw]:
        """Yield one change of a version once it is wanted, then wait for the end."""
        if kind == "modelversions":
            while not (self.changed.wait(0.05) or self.ended.is_set()):
                pass
            made = self.version(0)
            made["metadata"]["resourceVersion"] = "2"
            yield {"type": "MODIFIED", "object": made}
        self.ended.wait()


def _full(name: str) -> Raw:
    loaded: Raw = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())
    fields: Raw = {"f:spec": {f"f:{n}": {} for n in range(60)}, "f:status": {}}
    managers = [{"manager": "clm", "operation": "Update", "apiVersion": "clm.dev/v1alpha1",
                 "time": "2025-12-01T00:00:00Z", "fieldsType": "FieldsV1",
                 "fieldsV1": fields}]  # fmt: skip
    loaded["metadata"] = {"managedFields": managers * 2}
    return loaded


def _named(sample: Raw, name: str) -> Raw:
    metadata = sample["metadata"] | {
        "name": name, "namespace": "bench", "uid": f"uid-{name}", "resourceVersion": "1",
        "generation": 1, "creationTimestamp": "2025-12-01T00:00:00Z",
    }  # fmt: skip
    return {**sample, "metadata": metadata}


def _handler(played: Played) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlparse(self.path)
            kind, query = url.path.rpartition("/")[2], parse_qs(url.query)
            if "watch" not in query:
                start = int(query.get("continue", ["0"])[0])
                self._whole(200, played.page(kind, start, int(query["limit"][0])))
                return
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for change in played.changes(kind):
                line = json.dumps(change).encode() + b"\n"
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self._whole(201, {"status": {"userInfo": {"username": "bench"}}})

        def _whole(self, status: int, body: Raw) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None: ...

    return Handler


@contextmanager
def serving(played: Played) -> Iterator[str]:
    """Play the API server; yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(played))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        played.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Dashboard:
    """A running ``clm dashboard``, and a browser's requests to it."""

    def __init__(self, server: str, folder: Path) -> None:
        self.began = time.monotonic()
        config = {
            "current-context": "b", "users": [{"name": "b", "user": {}}],
            "clusters": [{"name": "b", "cluster": {"server": server}}],
            "contexts": [{"name": "b", "context":
                          {"cluster": "b", "user": "b", "namespace": "bench"}}],
        }  # fmt: skip
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "clm_cli", "dashboard", "--no-open"],
            env=os.environ | {"KUBECONFIG": str(path)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        url = urlparse(self.process.stdout.readline().strip())
        self.printed_s = time.monotonic() - self.began
        self._host = url.netloc
        answer, _, _ = self.get(f"{url.path}?{url.query}")
        self._cookie = str(answer.getheader("set-cookie")).partition(";")[0]

    _cookie = ""

    def get(self, path: str) -> tuple[http.client.HTTPResponse, str, float]:
        """Open a page; return its text and how many seconds it took, too."""
        began = time.monotonic()
        connection = http.client.HTTPConnection(self._host, timeout=120)
        connection.request("GET", path, headers={"cookie": self._cookie})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer, text, time.monotonic() - began

    def told_s(self, topic: str, cause: threading.Event) -> float:
        """Return after how many seconds an open page is told of a change."""
        _, text, _ = self.get("/")
        since = text.partition('data-revision="')[2].partition('"')[0]
        connection = http.client.HTTPConnection(self._host, timeout=60)
        connection.request(
            "GET", f"/events?topic={topic}&since={since}", headers={"cookie": self._cookie}
        )
        answer = connection.getresponse()
        answer.readline()
        began = time.monotonic()
        cause.set()
        while b"event: change" not in answer.readline():
            pass
        connection.close()
        return time.monotonic() - began

    def memory_mb(self, name: str) -> float:
        """Return VmRSS or VmHWM."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition(f"{name}:")[2].split()[0]) / 1024

    def cpu_s(self) -> float:
        """Return how many seconds of a core it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> int:
        """Interrupt it; return its exit status."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)
        return self.process.returncode


def measure(schedules: int, each: int) -> Raw:
    """Return what a dashboard of so many objects costs: seconds and MB."""
    played = Played(schedules, each)
    with tempfile.TemporaryDirectory() as folder, serving(played) as address:
        board = Dashboard(address, Path(folder))
        try:
            while "Reading " in board.get("/")[1]:
                time.sleep(0.1)
            listed_s, listed_cpu_s = time.monotonic() - board.began, board.cpu_s()
            pages = [board.get("/")[2] for _ in range(_TRIES)]
            pages_cpu_s = board.cpu_s() - listed_cpu_s
            one = board.get("/ns/bench/schedules/s-00001")
            assert one[0].status == http.HTTPStatus.OK, one[1]
            found = {
                "address_printed_s": board.printed_s,
                "lists_in_s": listed_s,
                "lists_in_cpu_s": listed_cpu_s,
                "first_page_s": pages[0],
                "page_s": statistics.median(pages),
                "page_cpu_s": pages_cpu_s / _TRIES,
                "page_kb": len(board.get("/")[1]) / 1024,
                "schedule_page_s": one[2],
                "told_s": board.told_s("schedules", played.changed),
                "rss_mb": board.memory_mb("VmRSS"),
                "rss_peak_mb": board.memory_mb("VmHWM"),
            }
        finally:
            status = board.end()
    assert status == 0, status
    return {name: round(value, 3) for name, value in found.items()}


def misses(found: Raw) -> Sequence[str]:
    """Return the bars that are not kept."""
    slow = max(found["first_page_s"], found["page_s"]) > _SLOW_S
    big = found["rss_peak_mb"] > _BIG_MB
    return [text for text, bad in ((f"a page takes more than {_SLOW_S} s", slow),
                                   (f"more than {_BIG_MB} MB", big)) if bad]  # fmt: skip


def main() -> None:
    """Measure and print; end with 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schedules", type=int, default=2000)
    parser.add_argument("--each", type=int, default=13, help="versions of each schedule")
    asked = parser.parse_args()
    found = measure(asked.schedules, asked.each)
    print(json.dumps({"cpu": cpu(), "schedules": asked.schedules, "each": asked.each} | found))
    if missed := misses(found):
        sys.exit("; ".join(missed))


if __name__ == "__main__":
    main()
