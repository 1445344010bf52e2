"""Shared by all hostile inputs: one namespace under the chart's policies, one bucket."""

from collections.abc import Iterator

import pytest

from clm_trainer.storage import Storage
from tests.hostile.tenants import NAMESPACE, Tenants, settle
from tests.support.control_plane import ControlPlane
from tests.support.minio_server import MinioServer
from tests.support.ports import eventually
from tests.support.schedules import schedule


@pytest.fixture(scope="session")
def tenants(plane: ControlPlane, defined: ControlPlane) -> Iterator[Tenants]:
    """Tenants of a namespace whose policies act."""
    made, wide = settle(defined)

    def acts() -> bool:
        probe = schedule("probe", NAMESPACE)
        probe["metadata"]["labels"] = {f"l{n}": "x" for n in range(33)}
        said = made.ask("POST", "trainingschedules?dryRun=All", probe).words
        secret = schedule("probe", NAMESPACE, data={"secretRef": {"name": "x"}})
        kept = made.ask("POST", "trainingschedules?dryRun=All", secret).words
        return "more than 32 labels" in said and "may not get" in kept

    eventually(acts, "the policies act", 30)
    yield made
    made.close()
    for item in wide:
        defined.kubectl("delete", item["kind"], item["metadata"]["name"])


@pytest.fixture(scope="module")
def bucket(minio: MinioServer) -> Iterator[Storage]:
    """A bucket as a trainer sees it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in minio.environment().items():
            patch.setenv(name, value)
        yield Storage(minio.make_bucket(NAMESPACE))
