"""Shared by all tests: nothing inherits the developer's cluster, store or colours."""

from collections.abc import Iterator

import pytest

from tests.support.control_plane import ControlPlane
from tests.support.kueue_world import KueueWorld
from tests.support.minio_server import MinioServer
from tests.support.nats_server import NatsServer
from tests.support.versity_server import VersityServer

_FOREIGN = (
    "KUBECONFIG",
    "FORCE_COLOR",
    "CLM_RUN_SPEC",
    "CLM_STORE_URL",
    "CLM_EXCHANGE_URL",
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_CA_BUNDLE",
)
_MARKERS = {
    "plane": "api",
    "kueue": "api",
    "minio": "store",
    "versity": "store",
    "nats": "store",
    "node_cluster": "cluster",
}
"""A fixture that a test uses, and the marker that it gets by that."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture, marker in _MARKERS.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _FOREIGN:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A real API server with the controllers that Jobs need."""
    plane = ControlPlane.start(tmp_path_factory.mktemp("plane") / "p")
    plane.start_controllers()
    yield plane
    plane.stop()


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinioServer]:
    """A real MinIO server."""
    server = MinioServer.start(tmp_path_factory.mktemp("minio") / "m")
    yield server
    server.close()


@pytest.fixture(scope="session")
def versity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VersityServer]:
    """A real Versity S3 gateway."""
    server = VersityServer.start(tmp_path_factory.mktemp("versity") / "v")
    yield server
    server.close()


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A real NATS server with JetStream, for anybody."""
    server = NatsServer.start(tmp_path_factory.mktemp("nats") / "n")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def defined(plane: ControlPlane) -> ControlPlane:
    """The API server with CLM's kinds."""
    plane.define()
    return plane


@pytest.fixture(scope="session")
def kueue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KueueWorld]:
    """An API server of its own with CLM's kinds and a real Kueue."""
    world = KueueWorld.start(tmp_path_factory.mktemp("kueue") / "k")
    yield world
    world.stop()
