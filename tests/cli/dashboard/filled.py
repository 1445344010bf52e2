"""A store in a folder that holds what the runs and replays of a lived schedule left behind."""

import hashlib
import io
import math
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from clm_api.layout import RunLayout, replay_report
from clm_api.replay import Replay, ReplayReport, ReplayTask
from clm_api.report import Manifest
from clm_api.timing import slot_of
from tests.cli.dashboard.lived import BEFORE, THERE, slot
from tests.cli.dashboard.worlds import NAMESPACE, NOW, Raw

_ATTEMPT, _OWNER = "pod-1", "btc-eth"
SHEET = (
    "<!doctype html><html lang='en'><title>sheet</title><style>p{color:green}</style>"
    "<p>Tear sheet of a run</p><script>document.title = 'scripts run'</script></html>"
)
LOG = (
    '{"time": "2025-12-01T01:02:03+00:00", "level": "info", "stage": "fetch", "message": "ok"}\n'
    "a line <b>of another program</b>\n"
)
_ORIGIN = {
    "image": "clm-trainer:0.1.0", "codeRevision": "1", "libraries": {}, "seed": 7,
    "data": {
        "from": "2023-12-01T00:00:00Z", "to": "2025-12-01T00:00:00Z", "bars": 1, "gaps": 0,
        "sha256": "0" * 64,
    },
    "createdAt": "2025-12-01T01:02:03Z",
}  # fmt: skip


def fill(folder: Path, objects: list[Raw]) -> str:
    """Write the files, let the versions name them, and return the store's address."""
    url = folder.resolve().as_uri()
    for raw in objects:
        if raw["metadata"]["name"] in (THERE, BEFORE):
            _publish(folder, url, raw)
    owner = next(raw for raw in objects if raw["metadata"]["name"] == _OWNER)
    for place in range(1, 32):
        _replayed(folder, owner, place)
    return url


def _write(folder: Path, path: str, content: bytes) -> str:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _publish(folder: Path, url: str, raw: Raw) -> None:
    run = RunLayout(NAMESPACE, _OWNER, raw["metadata"]["uid"])
    files = []
    for name, content, form in (
        ("report.html", SHEET.encode(), "html"),
        ("equity.parquet", _equity(seed=len(raw["metadata"]["name"])), "parquet"),
    ):
        path = run.relative_file(_ATTEMPT, name)
        digest = _write(folder, run.file(path), content)
        files.append({"path": path, "size": len(content), "sha256": digest, "format": form})
    manifest = Manifest.model_validate({**_ORIGIN, "attempt": _ATTEMPT, "files": files})
    digest = _write(folder, run.manifest, manifest.model_dump_json(by_alias=True).encode())
    _write(folder, run.log(_ATTEMPT), LOG.encode())
    address = f"{url}/{run.manifest}"
    raw["status"] |= {
        "artifact": {"uri": address, "sha256": digest, "sizeBytes": 1_912_000},
        "reportUri": f"{url}/{run.file(str(files[0]['path']))}",
        "runUri": f"{url}/{run.prefix}",
        "podUid": _ATTEMPT,
    }


def _equity(seed: int) -> bytes:
    """Return 90 days of hourly equity that rises, with noise that is the same each time."""
    begin = slot(58) - timedelta(days=90)
    value, values = 1.0, [1.0]
    for hour in range(90 * 24 - 1):
        noise = math.sin(hour * 12.9898 + seed) * 43758.5453
        value *= 1 + 0.00004 + 0.004 * (noise - math.floor(noise) - 0.5)
        values.append(value)
    times = [begin + timedelta(hours=hour) for hour in range(len(values))]
    table = pa.table({"time": pa.array(times, pa.timestamp("us", "UTC")), "equity": values})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _replayed(folder: Path, owner: Raw, place: int) -> None:
    """Write the report of a replay ``place`` hours after the promotion."""
    since = datetime.fromisoformat(owner["status"]["production"]["since"])
    to = since + timedelta(hours=place)
    earned = {"totalReturn": 0.0123 * math.sin(place / 14)}
    live = Replay(version=THERE, sha256="1" * 64, from_=since, to=to, bars=place, metrics=earned)
    report = ReplayReport(task=ReplayTask(slot=to), live=live, code_revision="1", created_at=NOW)
    path = replay_report(NAMESPACE, _OWNER, owner["metadata"]["uid"], slot_of(to))
    _write(folder, path, report.model_dump_json(by_alias=True).encode())
