import signal
import time
from pathlib import Path

import pytest

from clm_trainer.storage import Storage
from tests.trainer.pipeline.fake_s3 import FakeS3
from tests.trainer.pipeline.runs import LAYOUT, Pod, import_bars, manifest_of, small_run


def test_a_pod_publishes_and_a_second_one_changes_nothing(store: Storage, tmp_path: Path) -> None:
    code, lines = Pod(store.url, tmp_path).run()
    assert code == 0, lines
    train = next(line for line in lines if line.get("stage") == "train")
    assert (train["schedule"], train["version"], train["run"]) == (
        "btc-eth", "btc-eth-29410920", LAYOUT.uid,
    )  # fmt: skip
    assert not (tmp_path / "termination-log").exists()
    before = {path: store.get(path) for path in store.list("runs")}
    code, lines = Pod(store.url, tmp_path, attempt="pod-2").run()
    assert code == 0
    assert any("published already" in line["message"] for line in lines)
    assert {path: store.get(path) for path in store.list("runs")} == before
    assert manifest_of(store).attempt == "pod-1"


def test_sigterm_in_training_ends_it_cleanly(store: Storage, tmp_path: Path) -> None:
    long = {"model": {"xgboost": {"rounds": 5000, "maxDepth": 8, "rowStride": 1}}}
    pod = Pod(store.url, tmp_path, spec=small_run(**long))
    process = pod.start()
    try:
        progress = LAYOUT.progress(pod.attempt)
        deadline = time.monotonic() + 60
        while b'"train"' not in (store.get(progress) or b""):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 75
    assert pod.last_words().reason == "Interrupted"
    assert store.get(LAYOUT.manifest) is None


def test_an_empty_cache_says_what_to_import(tmp_path: Path) -> None:
    pod = Pod(f"file://{tmp_path}/store", tmp_path)
    code, lines = pod.run()
    words = pod.last_words()
    assert (code, words.code, words.reason) == (69, 69, "DataUnavailable")
    assert "clm data import FILE --exchange binance" in words.message
    assert lines[-1]["reason"] == "DataUnavailable"


def test_an_unknown_symbol_is_named(store: Storage, tmp_path: Path) -> None:
    pod = Pod(store.url, tmp_path, spec=small_run(data={"symbols": ["BTC/USDT", "NOPE/USDT"]}))
    code, _ = pod.run()
    assert code == 69
    assert "NOPE/USDT" in pod.last_words().message


def test_a_hole_is_named(tmp_path: Path) -> None:
    store = Storage(str(tmp_path / "store"))
    import_bars(store, tmp_path, without=("2025-09-01 00:00", "2025-09-01 23:00"))
    pod = Pod(store.url, tmp_path)
    code, _ = pod.run()
    words = pod.last_words()
    assert (code, words.reason) == (65, "DataGap")
    assert "24 bar(s) from 2025-09-01 00:00" in words.message
    assert "maxGapBars" in words.message


def test_refused_credentials_are_named(s3: FakeS3, tmp_path: Path) -> None:
    s3.refused = {"": 403}
    pod = Pod("s3://clm", tmp_path)
    code, _ = pod.run()
    words = pod.last_words()
    assert (code, words.reason) == (68, "StorageDenied")
    assert "AWS_ACCESS_KEY_ID" in words.message
    assert "test-secret" not in words.message


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CLM_RUN_SPEC", "", "CLM_RUN_SPEC is not set"),
        ("CLM_RUN_SPEC", '{"model": {}}', "model.family"),
        ("CLM_RUN_UID", "", "CLM_RUN_UID is not set"),
        ("CLM_STORE_URL", "ftp://host", "use s3://bucket/prefix"),
    ],
    ids=["no spec", "half a spec", "no uid", "no such store"],
)
def test_a_wrong_environment_is_named(name: str, value: str, said: str, tmp_path: Path) -> None:
    pod = Pod(f"file://{tmp_path}/store", tmp_path, extra={name: value})
    code, _ = pod.run()
    words = pod.last_words()
    assert (code, words.reason) == (64, "SpecInvalid")
    assert said in words.message


def test_an_unexpected_error_has_a_reason_and_a_traceback(store: Storage, tmp_path: Path) -> None:
    store.put("bars/v1/binance/spot/BTC-USDT/1h/2025-11.parquet", b"no parquet at all")
    pod = Pod(store.url, tmp_path)
    code, lines = pod.run()
    words = pod.last_words()
    assert (code, words.reason) == (70, "TrainingFailed")
    assert "Arrow" in words.message
    assert any("Traceback" in line.get("exception", "") for line in lines)
