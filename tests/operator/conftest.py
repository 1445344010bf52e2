"""A namespace of its own for every test, with the real operator's surroundings."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from tests.operator.invariants import Watcher
from tests.operator.rig import Rig, import_bars
from tests.support.control_plane import ControlPlane
from tests.support.kueue_world import KueueWorld
from tests.support.minio_server import MinioServer

_NUMBERS = itertools.count(1)


@pytest.fixture
def rig(defined: ControlPlane, minio: MinioServer, tmp_path: Path) -> Iterator[Rig]:
    """Bars are in the store, no operator runs yet; the invariants are watched."""
    with _built(defined, minio, tmp_path) as rig:
        yield rig


@pytest.fixture(scope="module")
def shared_rig(
    defined: ControlPlane, minio: MinioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    """One for all rows of a table, where each has a schedule of its own."""
    with _built(defined, minio, tmp_path_factory.mktemp("shared")) as rig:
        yield rig


@pytest.fixture(scope="module")
def queued_rig(
    kueue: KueueWorld, minio: MinioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    """One beside a real Kueue."""
    with _built(kueue.plane, minio, tmp_path_factory.mktemp("queued")) as rig:
        yield rig


@contextmanager
def _built(plane: ControlPlane, minio: MinioServer, folder: Path) -> Iterator[Rig]:
    with pytest.MonkeyPatch.context() as environment:
        for key, value in minio.environment().items():
            environment.setenv(key, value)
        rig = Rig.build(plane, minio, f"rig-{next(_NUMBERS)}", folder)
        try:
            import_bars(rig.storage)
            watcher = Watcher(rig)
            yield rig
            watcher.finish()
        finally:
            rig.close()


@pytest.fixture(scope="session")
def pool() -> Iterator[urllib3.PoolManager]:
    """Connections to stores."""
    pool = urllib3.PoolManager(timeout=10, retries=False)
    yield pool
    pool.clear()
