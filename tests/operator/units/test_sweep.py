"""What retention was cut off from is finished, whatever lies beside it."""

import asyncio
import itertools
import logging
from typing import Any

import pytest
from obstore.store import MemoryStore

from clm_api.layout import replay_report, tombstones_of
from clm_api.timing import slot_time
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.world import Kind, Mirror
from clm_operator.round.retire import Undertaker
from clm_operator.store.runs import NoTombstone, RunStore, Tombstone
from tests.operator.units import builders as b

Raw = dict[str, Any]
REPORTS = 250
"""More than are kept."""


class Stored(Cluster):
    """Versions that an older definition let through, which no API server of today takes."""

    def __init__(self) -> None:
        super().__init__(None, Mirror())  # type: ignore[arg-type]
        for namespace, name in itertools.product(("one", "two"), ("btc", "odd", "whole")):
            owner = b.schedule_object().raw
            meta = owner["metadata"] | {"name": name, "namespace": namespace}
            self.mirror.put(
                "TrainingSchedule", owner | {"metadata": meta | {"uid": f"{namespace}-{name}"}}
            )
        for namespace in ("one", "two"):
            odd = b.version("odd").raw | {"status": {"phase": "Odd"}}
            odd["metadata"]["namespace"] = namespace
            odd["spec"]["scheduleRef"]["name"] = "odd"
            self.mirror.put("ModelVersion", odd)

    async def refresh(self, kind: Kind, namespace: str, name: str) -> bool:
        return False


async def _bury(runs: RunStore, namespace: str, version: str) -> None:
    await runs.bury(Tombstone(
        namespace=namespace, schedule="btc", schedule_uid=f"{namespace}-btc",
        version=version, uid=version,
    ))  # fmt: skip


async def test_what_cant_be_read_costs_itself_alone_and_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs, stored = RunStore(MemoryStore()), Stored()
    for namespace in ("one", "two"):
        await _bury(runs, namespace, "odd")
        await runs.store.put_async(f"{tombstones_of(namespace)}/broken.json", b"{")
        await _bury(runs, namespace, "gone")
    undertaker = Undertaker(stored, runs)
    with caplog.at_level(logging.WARNING):
        sweeping = asyncio.create_task(undertaker.run(lambda: ["one", "two"]))
        while len(await runs.buried("two")) > len(["broken.json", "odd"]):
            assert not sweeping.done(), "it goes on"
            await asyncio.sleep(0)
        sweeping.cancel()
        await undertaker.sweep("one")
    for namespace in ("one", "two"):
        left = await runs.buried(namespace)
        names = [t.path.rsplit("/")[-1] if isinstance(t, NoTombstone) else t.version for t in left]
        assert sorted(names) == ["broken.json", "odd"], "nothing that can't be read is lost"
    told = [r.message for r in caplog.records]
    for about in ("one/odd can't be read", "two/odd can't be read", "is no tombstone"):
        count = 2 if about == "is no tombstone" else 1
        assert sum(about in line for line in told) == count, told


async def test_a_schedule_with_such_a_version_keeps_its_reports_and_its_neighbour_does_not() -> (
    None
):
    runs = RunStore(MemoryStore())
    for name in ("odd", "whole"):
        for slot in range(REPORTS):
            path = replay_report("one", name, f"one-{name}", slot)
            await runs.store.put_async(path, b"{}")
    await Undertaker(Stored(), runs).sweep("one")
    found = await runs.reports("one")
    kept = {name: found[name, f"one-{name}"] for name in ("odd", "whole")}
    assert len(kept["odd"]) == REPORTS
    assert (len(kept["whole"]), max(kept["whole"])) == (200, slot_time(REPORTS - 1))
