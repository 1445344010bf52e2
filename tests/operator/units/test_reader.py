"""Only a result whose every byte matches its manifest is a result."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import pytest
from obstore.store import MemoryStore, ObjectStore

from clm_api.layout import RunLayout
from clm_operator.findings import CorruptReport, Report, ReportRead
from clm_operator.store.results import ArtifactReader
from tests.operator.units import builders as b

LAYOUT = RunLayout("ns", "btc", "uid")
ATTEMPT = "attempts/pod-uid"
FOLD = {
    "fold": 0, "trainFrom": b.stamp(b.NOW), "trainTo": b.stamp(b.NOW),
    "testFrom": b.stamp(b.NOW), "testTo": b.stamp(b.NOW),
}  # fmt: skip
METRICS = {"metrics": b.GOOD, "bars": 2160, "trainedUntil": b.stamp(b.NOW)}
FILES = {
    "metrics.json": json.dumps(METRICS).encode(),
    "folds.json": json.dumps([FOLD]).encode(),
    "model/model.ubj": b"trees",
}


def entry(name: str, content: bytes) -> dict[str, Any]:
    return {
        "path": f"{ATTEMPT}/{name}", "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(), "format": name.rsplit(".", 1)[1],
    }  # fmt: skip


@dataclass
class Stored:
    """A run in a store, to be spoiled."""

    store: ObjectStore
    manifest: dict[str, Any]

    def put(self, name: str, content: bytes, *, listed: bool = False) -> None:
        self.store.put(f"{LAYOUT.prefix}/{ATTEMPT}/{name}", content, use_multipart=False)
        if listed:
            old = [f for f in self.manifest["files"] if not f["path"].endswith(f"/{name}")]
            self.manifest["files"] = [*old, entry(name, content)]

    def rename(self, name: str, path: str) -> None:
        (found,) = [f for f in self.manifest["files"] if f["path"].endswith(f"/{name}")]
        found["path"] = path

    async def read(self) -> ReportRead:
        content = json.dumps(self.manifest).encode()
        self.store.put(LAYOUT.manifest, content, use_multipart=False)
        return await ArtifactReader(self.store).report(LAYOUT)


@pytest.fixture
def stored() -> Stored:
    manifest = b.report().manifest.model_dump(mode="json", by_alias=True)
    run = Stored(MemoryStore(), manifest | {"files": []})
    for name, content in FILES.items():
        run.put(name, content, listed=True)
    return run


async def test_a_whole_result_is_read_with_its_digest(stored: Stored) -> None:
    found = await stored.read()
    assert isinstance(found, Report)
    assert found.metrics.metrics == b.GOOD
    assert [f.fold for f in found.folds] == [0]
    assert found.size_bytes == sum(len(c) for c in FILES.values())
    assert found.manifest_sha256 == hashlib.sha256(json.dumps(stored.manifest).encode()).hexdigest()


async def test_no_manifest_is_no_result(stored: Stored) -> None:
    assert await ArtifactReader(stored.store).report(LAYOUT) is None


@dataclass(frozen=True)
class Spoiled:
    name: str
    spoil: Callable[[Stored], object]
    says: str


def _metrics(**changes: Any) -> Callable[[Stored], None]:
    text = json.dumps(METRICS | changes)
    return lambda run: run.put("metrics.json", text.encode(), listed=True)


def _many(run: Stored) -> None:
    run.manifest["files"] = [entry(f"{n}.json", b"") for n in range(65)]


def _huge(run: Stored) -> None:
    for number in range(2):
        run.put(f"{number}.parquet", b"x", listed=True)
        run.manifest["files"][-1]["size"] = 2**31 - 1


SPOILED = [
    Spoiled("one byte differs", lambda r: r.put("model/model.ubj", b"treeS"), "its sha256 differs"),
    Spoiled("a file is shorter", lambda r: r.put("model/model.ubj", b"tree"),
            "4 bytes, the manifest says 5"),
    Spoiled("a file is missing",
            lambda r: r.store.delete(f"{LAYOUT.prefix}/{ATTEMPT}/folds.json"), "missing"),
    Spoiled("a file lies above the attempt",
            lambda r: r.rename("folds.json", f"{ATTEMPT}/../../folds.json"), "lies outside"),
    Spoiled("a file lies in another attempt",
            lambda r: r.rename("folds.json", "attempts/other/folds.json"), "lies outside"),
    Spoiled("a file is listed twice",
            lambda r: r.manifest["files"].append(r.manifest["files"][0]), "listed twice"),
    Spoiled("an unknown format", lambda r: r.manifest["files"][2].update(format="pickle"),
            "files.2.format"),
    Spoiled("a format that the name denies", lambda r: r.manifest["files"][2].update(format="json"),
            "does not end in .json"),
    Spoiled("more than 64 files", _many, "files: List should have at most 64 items"),
    Spoiled("more than 2 GiB", _huge, "more than 2147483648"),
    Spoiled("no metrics", lambda r: r.manifest["files"].pop(0), "lists no metrics.json"),
    Spoiled("a metric that is no number", _metrics(metrics={**b.GOOD, "sharpe": float("nan")}),
            "metrics.json: metrics.sharpe"),
    Spoiled("an infinite metric", _metrics(metrics={**b.GOOD, "sharpe": float("inf")}),
            "metrics.json: metrics.sharpe"),
    Spoiled("metrics of another shape", _metrics(schemaVersion=2), "metrics.json: schemaVersion"),
    Spoiled("folds that are none", lambda r: r.put("folds.json", b'{"fold": 0}', listed=True),
            "folds.json"),
    Spoiled("a manifest that is none", lambda r: r.manifest.clear(), "manifest.json"),
]  # fmt: skip


@pytest.mark.parametrize("case", SPOILED, ids=attrgetter("name"))
async def test_a_spoiled_result_is_corrupt(stored: Stored, case: Spoiled) -> None:
    case.spoil(stored)
    found = await stored.read()
    assert isinstance(found, CorruptReport)
    assert case.says in found.message


async def test_progress_that_cant_be_read_is_none_and_said(
    stored: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    reader = ArtifactReader(stored.store)
    assert await reader.progress(LAYOUT, "pod-uid") is None
    stored.put("progress.json", b"{")
    assert await reader.progress(LAYOUT, "pod-uid") is None
    assert "progress.json can't be read" in caplog.text
    said = {"stage": "train", "percent": 40, "lastUpdatedTime": b.stamp(b.NOW)}
    stored.put("progress.json", json.dumps(said).encode())
    found = await reader.progress(LAYOUT, "pod-uid")
    assert found is not None
    assert (found.stage, found.percent) == ("train", 40)
