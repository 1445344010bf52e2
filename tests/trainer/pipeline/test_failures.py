"""Every bad input ends a real process with a code, a reason and a sentence."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from clm_api import environment
from clm_trainer.storage import Storage
from tests.support.minio_server import MinioServer
from tests.support.store_server import SECRET_KEY
from tests.trainer.pipeline.buckets import Bucket
from tests.trainer.pipeline.runs import LAYOUT, Pod, import_bars, small_run

Logged = list[dict[str, Any]]


@dataclass
class Place:
    """What a case may use: a folder store with bars, a folder of its own."""

    imported: Path
    folder: Path


@dataclass(frozen=True)
class Case:
    """A pod that fails, and how."""

    name: str
    pod: Callable[[Place], Pod]
    code: int
    reason: str
    said: str


@dataclass(frozen=True)
class Refusal:
    """A bucket that refuses a pod's writes, and what the pod says."""

    name: str
    bucket: str
    refused: dict[str, int]
    code: int
    reason: str
    said: str


def _empty(place: Place, **extra: str) -> Pod:
    return Pod(f"file://{place.folder}/store", place.folder, extra=extra)


def _hole(place: Place) -> Pod:
    store = Storage(str(place.folder / "store"))
    import_bars(store, place.folder, without=("2025-09-01 00:00", "2025-09-01 23:00"))
    return Pod(store.url, place.folder)


def _filled(place: Place) -> Pod:
    shutil.copytree(place.imported, place.folder / "store")
    return _empty(place)


def _torn(place: Place) -> Pod:
    pod = _filled(place)
    month = "bars/v1/binance/spot/BTC-USDT/1h/2025-11.parquet"
    Storage(pod.store).put(month, b"no parquet at all")
    return pod


def _one_symbol_too_many(place: Place) -> Pod:
    spec = small_run(data={"symbols": ["BTC/USDT", "NOPE/USDT"]})
    return replace(_filled(place), spec=spec)


UPLOAD = f"{LAYOUT.attempt('pod-1')}/trades"
REFUSALS = [
    Refusal("the store refuses an upload again and again", "busy", {UPLOAD: 503}, 73,
            "StorageUnavailable", "the object store does not answer for runs/"),
    Refusal("the store refuses the credentials", "denying", {"": 403}, 68,
            "StorageDenied", "AWS_ACCESS_KEY_ID"),
]  # fmt: skip
CASES = [
    Case("no bars at all: the import is named", _empty, 69,
         "DataUnavailable", "clm data import FILE --exchange binance"),
    Case("one symbol has no bars", _one_symbol_too_many, 69, "DataUnavailable", "NOPE/USDT"),
    Case("a hole is longer than allowed", _hole, 65,
         "DataGap", "24 bar(s) from 2025-09-01 00:00"),
    Case("a stored month is no parquet", _torn, 65, "DataInvalid",
         "1h/2025-11.parquet in the store can't be read"),
    Case("no RunSpec", lambda p: _empty(p, **{environment.RUN_SPEC: ""}), 64,
         "SpecInvalid", "CLM_RUN_SPEC is not set"),
    Case("half a RunSpec", lambda p: _empty(p, **{environment.RUN_SPEC: '{"model": {}}'}), 64,
         "SpecInvalid", "model.family"),
    Case("no uid", lambda p: _empty(p, **{environment.RUN_UID: ""}), 64,
         "SpecInvalid", "CLM_RUN_UID is not set"),
    Case("no such kind of store", lambda p: _empty(p, **{environment.STORE_URL: "ftp://x"}), 64,
         "SpecInvalid", "use s3://bucket/prefix"),
]  # fmt: skip
Started = dict[str, tuple[Pod, Future[tuple[int, Logged]]]]


@pytest.fixture(scope="module")
def started(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """All pods with a folder store, two at a time."""
    pods = {}
    with ThreadPoolExecutor(2) as workers:
        for case in CASES:
            pod = case.pod(Place(imported, tmp_path_factory.mktemp("pod")))
            pods[case.name] = (pod, workers.submit(pod.run))
        yield pods


@pytest.fixture(scope="module")
def refused(
    started: Started, minio: MinioServer, imported: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Started]:
    """All pods whose bucket refuses them, one beside the others: it waits long for its store."""
    buckets, pods = [], {}
    with ThreadPoolExecutor(1) as workers:
        for case in REFUSALS:
            bucket = Bucket(minio, case.bucket, imported, case.refused)
            buckets.append(bucket)
            pod = Pod(bucket.url, tmp_path_factory.mktemp("pod"), extra=bucket.environment)
            pods[case.name] = (pod, workers.submit(pod.run))
        yield pods
    for bucket in buckets:
        bucket.close()


@pytest.mark.parametrize("case", REFUSALS, ids=attrgetter("name"))
def test_a_refused_run_says_why(case: Refusal, refused: Started) -> None:
    _says_why(case, *refused[case.name])


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_a_failing_run_says_why(case: Case, started: Started) -> None:
    _says_why(case, *started[case.name])


def _says_why(case: Case | Refusal, pod: Pod, running: Future[tuple[int, Logged]]) -> None:
    code, lines = running.result()
    words = pod.last_words()
    assert (code, words.code, words.reason) == (case.code, case.code, case.reason)
    assert case.said in words.message
    assert SECRET_KEY not in str(lines) + words.message
    assert any(line.get("reason") == case.reason for line in lines)
    traced = any("Traceback" in line.get("exception", "") for line in lines)
    assert traced == (case.reason == "TrainingFailed")
