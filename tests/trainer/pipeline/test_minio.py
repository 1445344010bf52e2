from pathlib import Path

import pytest

from clm_trainer.storage import Storage
from tests.support.minio_server import MinioServer
from tests.trainer.pipeline.buckets import Bucket
from tests.trainer.pipeline.runs import (
    LAYOUT,
    Pod,
    content_of,
    import_bars,
    manifest_of,
    run_here,
    small_run,
)


@pytest.fixture
def environment(minio: MinioServer, monkeypatch: pytest.MonkeyPatch) -> MinioServer:
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    return minio


def test_a_run_into_minio_equals_one_into_a_folder(
    environment: MinioServer, store: Storage, tmp_path: Path
) -> None:
    remote = Storage(f"{environment.make_bucket('equal-to-a-folder')}/some/prefix")
    import_bars(remote, tmp_path)
    for place in (store, remote):
        run_here(place, small_run())
    for name in ("metrics.json", "folds.json", "equity.parquet", "model/model.ubj"):
        assert content_of(store, name) == content_of(remote, name)
    before = {path: remote.get(path) for path in remote.list("runs")}
    run_here(remote, small_run(), attempt="pod-2")
    assert {path: remote.get(path) for path in remote.list("runs")} == before


def test_a_pod_with_a_wrong_key_says_so(environment: MinioServer, tmp_path: Path) -> None:
    wrong = {**environment.environment(), "AWS_SECRET_ACCESS_KEY": "wrong-secret"}
    pod = Pod(environment.make_bucket("wrong-key"), tmp_path, extra=wrong)
    code, _ = pod.run()
    words = pod.last_words()
    assert (code, words.reason) == (68, "StorageDenied")
    assert "wrong-secret" not in words.message


def test_progress_that_is_refused_is_tried_once_and_stops_nothing(
    minio: MinioServer, imported: Path, tmp_path: Path
) -> None:
    told = LAYOUT.progress("pod-1")
    bucket = Bucket(minio, "no-progress", imported, {told: 503})
    try:
        code, lines = Pod(bucket.url, tmp_path, extra=bucket.environment).run()
    finally:
        bucket.close()
    said = [line for line in lines if "progress was not written" in line["message"]]
    assert code == 0, lines
    assert bucket.written.count(told) == len(said) > 3


def test_a_pod_publishes_into_minio(environment: MinioServer, tmp_path: Path) -> None:
    store = Storage(environment.make_bucket("of-a-pod"))
    import_bars(store, tmp_path)
    code, lines = Pod(store.url, tmp_path, extra=environment.environment()).run()
    assert code == 0, lines
    assert manifest_of(store).attempt == "pod-1"
    assert store.get(LAYOUT.progress("pod-1"))
