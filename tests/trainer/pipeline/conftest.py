import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from clm_trainer.storage import Storage
from tests.support.minio_server import MinioServer
from tests.trainer.pipeline.buckets import Bucket
from tests.trainer.pipeline.runs import import_bars

_NUMBERS = itertools.count(1)


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
def s3(minio: MinioServer, imported: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket of the test's own, with bars."""
    bucket = Bucket(minio, f"pipeline-{next(_NUMBERS)}", imported)
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    yield bucket
    bucket.close()
