import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from clm_trainer.storage import Storage
from tests.support.minio import MinioServer, minio_server
from tests.trainer.pipeline.fake_s3 import FakeS3, fake_s3, with_bars
from tests.trainer.pipeline.runs import import_bars


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder store with bars, to be copied."""
    folder = tmp_path_factory.mktemp("imported")
    import_bars(Storage(str(folder / "store")), folder)
    return folder / "store"


@pytest.fixture
def store(imported: Path, tmp_path: Path) -> Storage:
    """A store of the test's own, with bars."""
    shutil.copytree(imported, tmp_path / "store")
    return Storage(str(tmp_path / "store"))


@pytest.fixture
def s3(imported: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    """An S3 of the test's own, with bars in bucket ``clm``."""
    with fake_s3() as fake:
        with_bars(fake, imported)
        monkeypatch.setenv("AWS_ENDPOINT_URL", fake.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
        yield fake


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """A real MinIO server."""
    with minio_server(tmp_path_factory.mktemp("minio")) as server:
        yield server
