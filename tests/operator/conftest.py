"""A namespace of its own for every test, with the real operator's surroundings."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from tests.operator.invariants import Watcher
from tests.operator.rig import Rig, import_bars
from tests.support.control_plane import ControlPlane
from tests.support.minio_server import MinioServer

_NUMBERS = itertools.count(1)


@pytest.fixture
def rig(
    defined: ControlPlane, minio: MinioServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    """Bars are in the store, no operator runs yet; the invariants are watched."""
    for key, value in minio.environment().items():
        monkeypatch.setenv(key, value)
    rig = Rig.build(defined, minio, f"rig-{next(_NUMBERS)}", tmp_path)
    import_bars(rig.storage)
    watcher = Watcher(rig)
    yield rig
    try:
        watcher.finish()
    finally:
        rig.close()


@pytest.fixture(scope="session")
def pool() -> Iterator[urllib3.PoolManager]:
    """Connections to stores."""
    pool = urllib3.PoolManager(timeout=10, retries=False)
    yield pool
    pool.clear()
