"""What retention was cut off from is finished namespace by namespace."""

import asyncio
from typing import Any

from obstore.store import MemoryStore

from clm_operator.artifacts.runs import RunStore, Tombstone
from clm_operator.cluster.resources import Cluster
from clm_operator.retire import Undertaker
from clm_operator.snapshot import Key
from tests.operator.units import builders as b

Raw = dict[str, Any]


class Stored(Cluster):
    """Versions that an older definition let through, which no API server of today takes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.over = asyncio.Event()

    async def version(self, namespace: str, name: str) -> Raw | None:
        self.asked.append(namespace)
        return b.version(name).raw | {"status": {"phase": "Odd"}} if namespace == "one" else None

    async def schedule(self, key: Key) -> Raw | None:
        return {"metadata": {"name": key.name, "uid": "ts-uid"}}

    async def schedules(self, namespace: str) -> list[Raw]:
        self.over.set()
        return []


async def test_a_version_that_cant_be_read_keeps_no_other_namespace_from_being_swept() -> None:
    runs, stored = RunStore(MemoryStore()), Stored()
    for namespace in ("one", "two"):
        await runs.bury(Tombstone(
            namespace=namespace, schedule="btc", schedule_uid="ts-uid", version="btc-1", uid="u",
        ))  # fmt: skip
    sweeping = asyncio.create_task(Undertaker(stored, runs).run(lambda: ["one", "two"]))
    swept = asyncio.create_task(stored.over.wait())
    await asyncio.wait((sweeping, swept), return_when=asyncio.FIRST_COMPLETED)
    assert not sweeping.done(), "it goes on"
    sweeping.cancel()
    assert stored.asked == ["one", "two"]
    assert len(await runs.buried("one")) == 1, "nothing is lost"
    assert await runs.buried("two") == []
