"""An operator that has lost a part of itself says which, and is restarted."""

import asyncio

import pytest
from kubernetes.aio.client import ApiClient

from clm_operator.cluster.api import Api, ApiError, WriteBudget, answer_of
from clm_operator.edge.leader import Leader
from clm_operator.edge.probes import WATCHED, Health
from clm_operator.telling.prometheus import Metrics
from clm_operator.wiring import HELPERS
from tests.operator.units import builders as b
from tests.operator.units.test_scheduler import FakeClock


async def _forever() -> None:
    await asyncio.Event().wait()


async def test_a_helper_that_ended_is_named() -> None:
    beaten = asyncio.Event()

    async def beat() -> None:
        beaten.set()

    clock, metrics = FakeClock(), Metrics()
    client = Api(ApiClient(), WriteBudget(1, clock.monotonic, lambda: True), metrics.request)
    leader = Leader(client, b.settings().lease, "me", clock, metrics)
    health = Health(beat, leader, clock, metrics, HELPERS)
    names = [*(f"watcher for {kind}" for kind in WATCHED), *HELPERS]
    tasks = {name: asyncio.create_task(_forever(), name=name) for name in names if name != "health"}
    tasks["health"] = asyncio.create_task(health.run(), name="health")
    await beaten.wait()
    await asyncio.sleep(0)
    assert health.trouble() == []
    assert not health.ready, "nobody has said who leads"
    tasks["namespaces"].cancel()
    await asyncio.wait([tasks["namespaces"]])
    assert health.trouble() == ["the task namespaces has ended"]
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    await client.close()


@pytest.mark.parametrize(
    "data",
    [b"<html>log in</html>", b"", b"[]", b"null"],
    ids=["a page", "nothing", "a list", "null"],
)
def test_an_answer_that_is_no_object_is_an_error_of_the_api_server(data: bytes) -> None:
    with pytest.raises(ApiError, match="GET /version: the answer is no"):
        answer_of(data, "GET /version")
