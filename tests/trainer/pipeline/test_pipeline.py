import dataclasses
import hashlib
import io
import json
import logging
from pathlib import Path

import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_api.layout import RunLayout
from clm_api.report import FoldMetrics, MetricsFile, Progress
from clm_trainer.storage import Storage
from tests.trainer.pipeline.buckets import Bucket
from tests.trainer.pipeline.runs import (
    LAYOUT,
    content_of,
    import_bars,
    manifest_of,
    run_here,
    small_run,
)

FILES = {
    "equity.parquet", "features.json", "folds.json", "live.json", "metrics.json",
    "model/model.json", "model/model.ubj", "model/percentiles.json", "predictions.parquet",
    "reference_stats.json", "report.html", "run.json", "trades.parquet",
}  # fmt: skip
COLUMNS = {
    "predictions.parquet": "time symbol fold open close gap funding_rate mark_price signal "
    "position",
    "equity.parquet": "time equity net_return gross_return cost funding benchmark",
    "trades.parquet": "symbol side entry_time exit_time entry_price exit_price weight gross_pnl "
    "costs funding net_pnl bars closed",
}


def test_a_run_publishes_every_file_with_its_digest(
    store: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert run_here(store, small_run()) == LAYOUT.manifest
    manifest = manifest_of(store)
    folder = f"{LAYOUT.prefix}/attempts/pod-1"
    assert {f.path.removeprefix("attempts/pod-1/") for f in manifest.files} == FILES
    for file in manifest.files:
        content = store.get(f"{LAYOUT.prefix}/{file.path}")
        assert content is not None
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)
    assert manifest.data.bars == 260 * 24 * 2
    assert manifest.libraries["xgboost"]
    for name, columns in COLUMNS.items():
        frame = pd.read_parquet(io.BytesIO(content_of(store, name)))
        assert list(frame.columns) == columns.split()
    progress = Progress.model_validate_json(store.get(f"{folder}/progress.json") or b"")
    assert progress.stage == "report"
    stages = [getattr(r, "stage", "") for r in caplog.records if r.name == "clm_trainer"]
    assert list(dict.fromkeys(stages)) == ["fetch", "features", "train", "backtest", "report"]


def test_every_metric_can_be_recomputed_from_the_files(store: Storage) -> None:
    run_here(store, small_run())
    metrics = MetricsFile.model_validate_json(content_of(store, "metrics.json"))
    equity = pd.read_parquet(io.BytesIO(content_of(store, "equity.parquet")))
    trades = pd.read_parquet(io.BytesIO(content_of(store, "trades.parquet")))
    folds = [FoldMetrics.model_validate(f) for f in json.loads(content_of(store, "folds.json"))]
    returns = equity["net_return"]
    assert metrics.bars == len(equity) == 30 * 24
    assert metrics.metrics["sharpe"] == pytest.approx(returns.mean() / returns.std() * 8766**0.5)
    assert metrics.metrics["trades"] == trades["closed"].sum()
    assert metrics.metrics["totalReturn"] == pytest.approx(equity["equity"].iloc[-1] - 1)
    assert [f.fold for f in folds] == [0, 1]
    assert all(f.train_to < f.test_from for f in folds)


def test_two_runs_of_one_spec_give_identical_bytes(store: Storage) -> None:
    other = RunLayout("local", "again", "another-uid")
    run_here(store, small_run())
    run_here(store, small_run(), layout=other, attempt="pod-9")
    same = ("metrics.json", "folds.json", "equity.parquet", "trades.parquet", "model/model.ubj")
    for name in same:
        assert content_of(store, name) == content_of(store, name, other), name
    assert b"uid" not in content_of(store, "metrics.json")


def test_a_published_run_is_not_done_again(
    store: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(LAYOUT.manifest, b"published")
    before = store.list("runs")
    caplog.set_level(logging.INFO)
    assert run_here(store, small_run(), attempt="pod-2") == LAYOUT.manifest
    assert "is published already" in caplog.text
    assert store.list("runs") == before


def test_an_attempt_overtaken_by_another_leaves_its_result(store: Storage) -> None:
    overtaken = _PublishedMeanwhile(store.url)
    assert run_here(overtaken, small_run(), attempt="pod-2") == LAYOUT.manifest
    assert store.get(LAYOUT.manifest) == b"published by pod-1"


class _PublishedMeanwhile(Storage):
    """Another pod publishes just before this one would."""

    def create(self, path: str, content: bytes) -> bool:
        self.put(path, b"published by pod-1")
        return super().create(path, content)


@pytest.mark.parametrize("calls", [0, 1, 2, 3, 6, 9], ids=lambda n: f"after {n} questions")
def test_told_to_stop_a_run_ends_without_a_result(store: Storage, calls: int) -> None:
    asked = iter(range(10_000))
    with pytest.raises(ClmError) as caught:
        run_here(store, small_run(), should_stop=lambda: next(asked) >= calls)
    assert (caught.value.reason, caught.value.exit_code) == ("Interrupted", 75)
    assert store.get(LAYOUT.manifest) is None


def test_a_run_into_s3_publishes_too(s3: Bucket) -> None:
    run_here(Storage(f"{s3.url}/"), small_run())
    assert LAYOUT.manifest in s3.keys
    assert s3.written[-1] == LAYOUT.manifest, "the manifest is the last write"


def test_progress_that_cant_be_written_does_not_matter(s3: Bucket) -> None:
    s3.refused = {f"{LAYOUT.attempt('pod-1')}/progress": 400}
    run_here(Storage(f"{s3.url}/"), small_run())
    assert LAYOUT.manifest in s3.keys
    assert LAYOUT.progress("pod-1") in s3.written
    assert not any("progress" in key for key in s3.keys)


def test_an_upload_that_fails_leaves_no_result(s3: Bucket) -> None:
    s3.refused = {f"{LAYOUT.attempt('pod-1')}/trades": 503}
    with pytest.raises(ClmError) as caught:
        run_here(Storage(f"{s3.url}/", patience_s=0.2), small_run())
    assert (caught.value.reason, caught.value.exit_code) == ("StorageUnavailable", 73)
    assert LAYOUT.manifest not in s3.keys


def test_a_gpu_that_is_not_there_ends_the_run_before_any_work(store: Storage) -> None:
    spec = small_run()
    gpu = spec.pod.gpu.having(count=1)
    spec = spec.having(pod=spec.pod.having(gpu=gpu))
    with pytest.raises(ClmError) as caught:
        run_here(store, spec)
    assert (caught.value.reason, caught.value.exit_code) == ("DeviceUnavailable", 68)
    assert store.list("runs") == []


def test_bars_imported_in_two_parts_are_used_as_one(store: Storage, tmp_path: Path) -> None:
    parts = Storage(str(tmp_path / "parts"))
    import_bars(parts, tmp_path, without=("2025-11-20 00:00", "2025-12-02 05:00"))
    import_bars(parts, tmp_path)
    run_here(parts, small_run())
    run_here(store, small_run())
    assert content_of(parts, "metrics.json") == content_of(store, "metrics.json")


def test_layouts_cant_leave_their_folder() -> None:
    with pytest.raises(ValueError, match="can't be part"):
        _ = dataclasses.replace(LAYOUT, uid="../../production").prefix
