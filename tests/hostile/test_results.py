"""Results, progress and replays that were forged in the store, read by the operator's own code."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest
from obstore.store import ObjectStore

from clm_api.layout import RunLayout
from clm_api.model_version import ModelVersionStatus
from clm_operator.findings import CorruptReport, ReplayRead
from clm_operator.settings import StoreSettings
from clm_operator.store.results import ArtifactReader, open_store
from clm_trainer.storage import Storage
from tests.hostile.tenants import NAMESPACE
from tests.operator.units import builders as b
from tests.operator.units.test_reader import ATTEMPT, FILES, FOLD, METRICS
from tests.operator.units.test_replays import HOUR, producing, replay
from tests.support.minio_server import MinioServer

Raw = dict[str, Any]
NESTED = b"[" * 100_000
ESCAPES = "\x1b[2J\u202e"


@pytest.fixture(scope="module")
def store(minio: MinioServer, bucket: Storage) -> ObjectStore:
    """The bucket as the operator sees it; keys come from the environment, as ``bucket`` says."""
    settings = {"url": bucket.url, "endpoint": minio.endpoint, "credentials": "Ambient"}
    return open_store(StoreSettings.model_validate(settings))


@dataclass
class Forged:
    """A run's files before they are stored: of the manifest's entries all but what is changed."""

    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    manifest: Raw = field(
        default_factory=lambda: b.report().manifest.model_dump(mode="json", by_alias=True)
    )
    entries: Raw = field(default_factory=dict)
    """Fields of entries, by the file's name."""
    raw: bytes | None = None
    """The manifest's bytes, instead of all that."""

    def put(self, store: ObjectStore, layout: RunLayout) -> None:
        """Store it."""
        listed = []
        for name, content in self.files.items():
            store.put(layout.file(f"{ATTEMPT}/{name}"), content, use_multipart=False)
            listed.append({
                "path": f"{ATTEMPT}/{name}", "size": len(content),
                "sha256": hashlib.sha256(content).hexdigest(), "format": name.rsplit(".", 1)[1],
            } | self.entries.get(name, {}))  # fmt: skip
        whole = {"files": listed} | {k: v for k, v in self.manifest.items() if k != "files"}
        content = json.dumps(whole).encode() if self.raw is None else self.raw
        store.put(layout.manifest, content, use_multipart=False)


@dataclass(frozen=True)
class Case:
    name: str
    says: str
    change: Callable[[Forged], object]


def listed(**fields: Any) -> Callable[[Forged], object]:
    return lambda run: run.manifest.update(fields)


def metrics(**fields: Any) -> Callable[[Forged], object]:
    return lambda run: run.files.update({"metrics.json": json.dumps(METRICS | fields).encode()})


def raw(name: str, content: bytes) -> Callable[[Forged], object]:
    return lambda run: run.files.update({name: content})


def model(**fields: Any) -> Callable[[Forged], object]:
    return lambda run: run.entries.update({"model/model.ubj": fields})


def folds(**fields: Any) -> Callable[[Forged], object]:
    return raw("folds.json", json.dumps([FOLD | fields]).encode())


def whole(content: bytes) -> Callable[[Forged], object]:
    return lambda run: setattr(run, "raw", content)


LATE = "9999-12-31T23:59:59-23:00"
CORRUPT = [
    Case("a manifest of brackets in brackets", "manifest.json", whole(NESTED)),
    Case("a manifest in no encoding", "manifest.json", whole(b"\xff\xfe{}")),
    Case("a manifest of nothing", "manifest.json", whole(b"")),
    Case("a manifest of two megabytes", "too many to be read", whole(b" " * (2 << 20))),
    Case("an attempt above the run", "attempt: '../..'", listed(attempt="../..")),
    Case("an attempt of no name", "attempt: ''", listed(attempt="")),
    Case("an attempt with a NUL", "attempt:", listed(attempt="pod\0uid")),
    Case("an attempt that hides its name", "attempt:", listed(attempt=ESCAPES)),
    Case("another run's attempt", "lies outside", listed(attempt="other-pod")),
    Case("a manifest of another version", "schemaVersion", listed(schemaVersion=2)),
    Case("a manifest written after all years", "createdAt", listed(createdAt=LATE)),
    Case("a model that lies in the next run", "lies outside",
         model(path=f"{ATTEMPT}/../../../other/model.ubj")),
    Case("a model whose path begins at the root", "files.2.path", model(path="/etc/passwd")),
    Case("a model whose path hides a line end", "files.2.path", model(path=f"{ATTEMPT}/a\n.ubj")),
    Case("a model that holds code", "files.2.format", model(format="pickle")),
    Case("a model of other bytes", "sha256 differs", model(sha256="0" * 64)),
    Case("a model of less than no bytes", "files.2.size", model(size=-1)),
    Case("metrics of brackets in brackets", "metrics.json", raw("metrics.json", NESTED)),
    Case("metrics of two megabytes", "too many to be read", raw("metrics.json", b" " * (2 << 20))),
    Case("metrics that are a list", "metrics.json", raw("metrics.json", b"[]")),
    Case("a Sharpe ratio of 1e200", "sharpe: 1e+200 is outside",
         metrics(metrics={**b.GOOD, "sharpe": 1e200})),
    Case("a Sharpe ratio that is no number", "metrics.sharpe",
         metrics(metrics={**b.GOOD, "sharpe": float("nan")})),
    Case("a number of trades that is a half", "not a whole number",
         metrics(metrics={**b.GOOD, "trades": 0.5})),
    Case("trained until after all years", "trainedUntil", metrics(trainedUntil=LATE)),
    Case("trained until a time of no zone", "trainedUntil",
         metrics(trainedUntil="2026-01-01T00:00:00")),
    Case("a reason in half a letter", "metrics.json", metrics(undefined={"sortino": "\ud800"})),
    Case("folds of brackets in brackets", "folds.json", raw("folds.json", NESTED)),
    Case("a fold below 0", "folds.json: 0.fold", folds(fold=-1)),
    Case("a fold with a turnover beyond all", "folds.json: 0: turnover", folds(turnover=1e300)),
    Case("a fold that ends after all years", "folds.json: 0.testTo", folds(testTo=LATE)),
]  # fmt: skip


@pytest.mark.parametrize("case", CORRUPT, ids=attrgetter("name"))
async def test_a_forged_result_ends_corrupt_at_once(store: ObjectStore, case: Case) -> None:
    run, layout = Forged(), RunLayout(NAMESPACE, "forged", f"uid-{CORRUPT.index(case)}")
    case.change(run)
    run.put(store, layout)
    found = await ArtifactReader(store).report(layout)
    assert isinstance(found, CorruptReport)
    assert case.says in found.message
    version = b.version()
    jobs = {version.name: b.job(condition=("Complete", ""))}
    seen = b.seen(version, jobs=jobs, reports={version.name: found})
    outcome = b.came_of(version, seen, b.settings())
    assert (outcome.status.phase, outcome.status.reason) == ("Failed", "ArtifactCorrupt")
    ModelVersionStatus.model_validate(outcome.status.to_json_dict())


async def test_a_time_with_an_offset_is_written_as_the_same_moment(store: ObjectStore) -> None:
    run, layout = Forged(), RunLayout(NAMESPACE, "forged", "offset")
    metrics(trainedUntil="2026-01-05T17:00:00+05:00")(run)
    run.put(store, layout)
    version = b.version()
    jobs = {version.name: b.job(condition=("Complete", ""))}
    reports = {version.name: await ArtifactReader(store).report(layout)}
    outcome = b.came_of(version, b.seen(version, jobs=jobs, reports=reports), b.settings())
    assert outcome.status.to_json_dict()["trainedUntil"] == "2026-01-05T12:00:00Z"


PROGRESS = [
    ("progress of brackets in brackets", NESTED),
    ("progress of two megabytes", b" " * (2 << 20)),
    ("progress of more than all", {"percent": 101}),
    ("progress with a stage of a page", {"stage": "x" * 5000}),
    ("progress in half a letter", {"message": "\ud800"}),
    ("progress after all years", {"lastUpdatedTime": LATE}),
    ("progress that takes for ever", {"etaSeconds": 10**30}),
]


@pytest.mark.parametrize("forged", [f for _, f in PROGRESS], ids=[name for name, _ in PROGRESS])
async def test_forged_progress_is_none_and_said(
    store: ObjectStore, forged: bytes | Raw, caplog: pytest.LogCaptureFixture
) -> None:
    layout = RunLayout(NAMESPACE, "forged", "progress")
    good: Raw = {"stage": "train", "percent": 40, "lastUpdatedTime": b.stamp(b.NOW)}
    content = forged if isinstance(forged, bytes) else json.dumps(good | forged).encode()
    store.put(layout.progress("pod-uid"), content, use_multipart=False)
    assert await ArtifactReader(store).progress(layout, "pod-uid") is None
    assert "can't be read" in caplog.text


def _replay(**fields: Any) -> Raw:
    return {"version": "btc-0", "sha256": "1" * 64, "from": b.stamp(b.NOW), "to": b.stamp(b.NOW),
            "bars": 3} | fields  # fmt: skip


def _report(**fields: Any) -> bytes:
    return json.dumps({"task": {"slot": b.stamp(b.NOW + 6 * HOUR)}, "codeRevision": "1",
                       "createdAt": b.stamp(b.NOW)} | fields).encode()  # fmt: skip


REPLAYS = [
    ("a replay of brackets in brackets", NESTED),
    ("a replay of two megabytes", b" " * (2 << 20)),
    ("a replay of more bars than any integer", _report(live=_replay(bars=10**30))),
    ("a replay with a Sharpe ratio of 1e200", _report(live=_replay(metrics={"sharpe": 1e200}))),
    ("a replay with a version that is a page", _report(live=_replay(version="x" * 5000))),
    ("a replay until after all years", _report(live=_replay(to=LATE))),
    ("a problem with a reason of escapes", _report(
        problems=[{"version": "btc-0", "reason": ESCAPES, "message": ""}])),
    ("a thousand problems", _report(
        problems=[{"version": "btc-0", "reason": "DataGap", "message": ""}] * 1000)),
    ("a certainty of 0", _report(shadow=_replay(looks=[
        {"bars": 1, "metrics": {}, "pNotWorse": 0.0}]))),
]  # fmt: skip


@pytest.fixture
def read(store: ObjectStore) -> Callable[[bytes], ReplayRead]:
    """Store a report and read it as the operator does."""
    path = f"evaluations/{NAMESPACE}/forged/uid/1.json"

    def read_(content: bytes) -> ReplayRead:
        store.put(path, content, use_multipart=False)
        return asyncio.run(ArtifactReader(store).replay(path))

    return read_


@pytest.mark.parametrize("content", [c for _, c in REPLAYS], ids=[name for name, _ in REPLAYS])
def test_a_forged_replay_fails_that_replay_and_moves_nothing(
    read: Callable[[bytes], ReplayRead], content: bytes
) -> None:
    found = read(content)
    assert isinstance(found, CorruptReport)
    world = producing()
    world.now += 6 * HOUR
    world.settle()
    world.finish(found)
    world.now += timedelta(seconds=5)
    world.settle()
    assert (replay(world)["phase"], replay(world)["reason"]) == (
        "Failed", "ArtifactCorrupt")  # fmt: skip
    assert world.schedule["status"]["production"]["version"] == "btc-0"
