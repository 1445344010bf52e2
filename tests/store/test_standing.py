"""What the operator knows of its store while it runs, and that it follows a Secret that changes."""

from pathlib import Path
from uuid import uuid4

import pytest
from obstore.store import ObjectStore

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_operator.clock import SystemClock
from clm_operator.settings import StoreSettings
from clm_operator.store import standing as looks
from clm_operator.store.own_keys import FOLDER_VARIABLE
from clm_operator.store.results import open_store
from clm_operator.store.standing import Standing
from tests.support.minio_server import MinioServer
from tests.support.store_server import ACCESS_KEY, SECRET_KEY


def _mount(folder: Path, secret: str) -> None:
    (folder / "AWS_ACCESS_KEY_ID").write_text(ACCESS_KEY)
    (folder / "AWS_SECRET_ACCESS_KEY").write_text(secret)


def _settings(minio: MinioServer, bucket: str, *, create: bool) -> StoreSettings:
    values = {"url": f"s3://{bucket}/models", "endpoint": minio.endpoint, "secretName": "keys"}
    return StoreSettings.model_validate(values | {"createBucket": create})


async def test_a_secret_that_changes_is_read_anew(
    minio: MinioServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    _mount(tmp_path, SECRET_KEY)
    settings = _settings(minio, "a-secret-that-changes", create=True)
    standing = Standing(settings, open_store(settings), SystemClock())
    assert await standing.look()
    assert standing.seen is not None
    assert standing.seen.ready
    assert "other keys" not in standing.seen.message
    assert not await standing.look(), "nothing new is no news"
    for secret, ready in (("wrong", False), (SECRET_KEY, True)):
        _mount(tmp_path, secret)
        assert await standing.look()
        assert standing.seen.ready == ready
    assert minio.keys("a-secret-that-changes") == []


async def test_a_bucket_that_is_missing_is_said_until_it_is_there(
    minio: MinioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in minio.environment().items():
        monkeypatch.setenv(name, value)
    settings = _settings(minio, "missing-for-a-while", create=False)
    standing = Standing(settings, open_store(settings), SystemClock())
    await standing.look()
    assert standing.seen is not None
    assert (standing.seen.ready, str(standing.seen.reason)) == (False, "StorageDenied")
    assert standing.seen.message.startswith("NoSuchBucket: ")
    minio.make_bucket("missing-for-a-while")
    assert await standing.look()
    assert (standing.seen.ready, str(standing.seen.reason)) == (True, "StoreReady")


async def test_a_store_that_names_another_object_at_every_look_is_no_news(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """AWS names the object in its refusal; no store that runs here does."""
    said = "User: arn:aws:iam::1:user/clm is not authorized to perform: {} on resource: checks/{}"

    def refuse(right: str) -> None:
        def refused(_: ObjectStore, __: str) -> None:
            raise ClmError(Reason.STORAGE_DENIED, said.format(right, uuid4()))

        monkeypatch.setattr(looks, "prove_writes", refused)

    settings = StoreSettings.model_validate({"url": f"file://{tmp_path}", "secretName": "keys"})
    standing = Standing(settings, open_store(settings), SystemClock())
    refuse("s3:PutObject")
    assert [await standing.look() for _ in range(3)] == [True, False, False]
    refuse("s3:GetObject")
    assert [await standing.look() for _ in range(3)] == [True, False, False]
