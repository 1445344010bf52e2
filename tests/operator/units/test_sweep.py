"""What retention was cut off from is finished, whatever lies beside it."""

import asyncio
import logging
from typing import Any

import pytest
from obstore.store import MemoryStore

from clm_api.layout import evaluation_report, tombstones_of
from clm_api.timing import slot_time
from clm_operator.artifacts.runs import NoTombstone, RunStore, Tombstone
from clm_operator.cluster.resources import Cluster
from clm_operator.retire import Undertaker
from clm_operator.snapshot import Key
from tests.operator.units import builders as b

Raw = dict[str, Any]
REPORTS = 250
"""More than are kept."""


class Stored(Cluster):
    """Versions that an older definition let through, which no API server of today takes."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def version(self, namespace: str, name: str) -> Raw | None:
        return b.version(name).raw | {"status": {"phase": "Odd"}} if name == "odd" else None

    async def versions(self, key: Key) -> list[Raw]:
        raw = await self.version(key.namespace, "odd" if key.name == "odd" else "btc-1")
        owner = {"controller": True, "uid": "ts-uid", "kind": "TrainingSchedule"}
        return [raw | {"metadata": raw["metadata"] | {"ownerReferences": [owner]}}] if raw else []

    async def schedule(self, key: Key) -> Raw | None:
        return {"metadata": {"name": key.name, "uid": "ts-uid"}}

    async def schedules(self, namespace: str) -> list[Raw]:
        if namespace == "two":
            self.over.set()
        return [{"metadata": {"name": name, "uid": "ts-uid"}} for name in ("odd", "whole")]


async def _bury(runs: RunStore, namespace: str, version: str) -> None:
    await runs.bury(Tombstone(
        namespace=namespace, schedule="btc", schedule_uid="ts-uid", version=version, uid=version,
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
        swept = asyncio.create_task(stored.over.wait())
        await asyncio.wait((sweeping, swept), return_when=asyncio.FIRST_COMPLETED)
        assert not sweeping.done(), "it goes on"
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
            await runs.store.put_async(evaluation_report("one", name, "ts-uid", slot), b"{}")
    await Undertaker(Stored(), runs).sweep("one")
    kept = {name: await runs.reports("one", name, "ts-uid") for name in ("odd", "whole")}
    assert len(kept["odd"]) == REPORTS
    assert (len(kept["whole"]), max(kept["whole"])) == (200, slot_time(REPORTS - 1))
