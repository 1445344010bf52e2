"""What retention was cut off from is finished namespace by namespace."""

import asyncio
from typing import Any

from obstore.store import MemoryStore

from clm_operator.artifacts.runs import RunStore, Tombstone
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.world import Kind, Mirror
from clm_operator.retire import Undertaker
from tests.operator.units import builders as b

Raw = dict[str, Any]


class Stored(Cluster):
    """Versions that an older definition let through, which no API server of today takes."""

    def __init__(self) -> None:
        super().__init__(None, Mirror())  # type: ignore[arg-type]
        self.asked: list[str] = []
        for namespace in ("one", "two"):
            owner = b.schedule_object().raw
            owner["metadata"]["namespace"] = namespace
            self.mirror.put("TrainingSchedule", owner)
        odd = b.version("btc-1").raw | {"status": {"phase": "Odd"}}
        odd["metadata"]["namespace"] = "one"
        self.mirror.put("ModelVersion", odd)

    async def refresh(self, kind: Kind, namespace: str, name: str) -> bool:
        if kind == "TrainingSchedule":
            self.asked.append(namespace)
        return False


async def test_a_version_that_cant_be_read_keeps_no_other_namespace_from_being_swept() -> None:
    runs, stored = RunStore(MemoryStore()), Stored()
    for namespace in ("one", "two"):
        await runs.bury(Tombstone(
            namespace=namespace, schedule="btc", schedule_uid="ts-uid", version="btc-1", uid="u",
        ))  # fmt: skip
    sweeping = asyncio.create_task(Undertaker(stored, runs).run(lambda: ["one", "two"]))
    while await runs.buried("two"):
        assert not sweeping.done(), "it goes on"
        await asyncio.sleep(0)
    sweeping.cancel()
    assert stored.asked == ["one", "two"]
    assert len(await runs.buried("one")) == 1, "nothing is lost"
