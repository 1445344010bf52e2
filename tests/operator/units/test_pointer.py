"""The store's pointer follows, is repaired, and is never taken back; runs go tombstone first."""

import json
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest
from obstore.store import MemoryStore

from clm_api.layout import production_pointer
from clm_api.production import ProductionPointer
from clm_api.timing import slot_time
from clm_operator.store.pointer import PointerWriter
from clm_operator.store.runs import RunStore, Tombstone
from tests.operator.units import builders as b

PATH = production_pointer("ns", "btc")


def pointer(version: str = "btc-2", hours: int = 0, uid: str = "ts-uid") -> ProductionPointer:
    return ProductionPointer(
        schedule_uid=uid, version=version, manifest=f"s3://models/{version}/manifest.json",
        sha256="1" * 64, since=b.NOW + timedelta(hours=hours),
    )  # fmt: skip


def raw(wanted: ProductionPointer) -> bytes:
    return json.dumps(wanted.to_json_dict()).encode()


@dataclass(frozen=True)
class Case:
    name: str
    before: bytes | None
    after: str


CASES = [
    Case("nothing there", None, "btc-2"),
    Case("the same", raw(pointer()), "btc-2"),
    Case("behind", raw(pointer("btc-1", hours=-1)), "btc-2"),
    Case("changed by hand", raw(pointer("btc-1")), "btc-2"),
    Case("written by a newer look", raw(pointer("btc-3", hours=1)), "btc-3"),
    Case("of a schedule that is gone", raw(pointer("old", hours=-9, uid="other")), "btc-2"),
    Case("of another schedule that came later", raw(pointer("its", hours=1, uid="other")), "its"),
    Case("no pointer at all", b"{", "btc-2"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
async def test_what_the_store_names_afterwards(case: Case) -> None:
    store = MemoryStore()
    if case.before is not None:
        store.put(PATH, case.before, use_multipart=False)
    await PointerWriter(store).publish(b.KEY, pointer())
    content = bytes(store.get(PATH).bytes())
    found = ProductionPointer.model_validate_json(content)
    assert found.version == case.after
    if case.name == "the same":
        assert content == case.before, "it is not written again"


async def test_a_schedule_without_production_writes_no_pointer() -> None:
    from tests.operator.units.world import World, ended

    world = World.of(ended("btc-1"))
    assert world.plan().pointer is None


async def test_reports_of_replays_are_those_of_one_schedule_and_nothing_else() -> None:
    store = MemoryStore()
    runs, folder = RunStore(store), "evaluations/ns/btc/uid"
    for path in (
        f"{folder}/7.json",
        f"{folder}/9.json",
        f"{folder}/notes.txt",
        f"{folder}0/8.json",
    ):
        store.put(path, b"{}", use_multipart=False)
    found = (await runs.reports("ns"))["btc", "uid"]
    assert sorted(found) == [slot_time(7), slot_time(9)]
    await runs.remove_reports("ns", "btc", "uid", [slot_time(7)])
    assert await runs.reports("ns") == {
        ("btc", "uid"): [slot_time(9)], ("btc", "uid0"): [slot_time(8)],
    }  # fmt: skip


async def test_a_run_is_removed_with_its_manifest_first_and_its_tombstone_last() -> None:
    removed: list[str] = []

    class Noting(MemoryStore):
        async def delete_async(self, paths: Any) -> None:
            removed.extend([paths] if isinstance(paths, str) else paths)
            await super().delete_async(paths)

    store = Noting()
    runs = RunStore(store)
    stone = Tombstone(
        namespace="ns", schedule="btc", schedule_uid="ts-uid", version="btc-1", uid="run-1"
    )
    await runs.bury(stone)
    for name in ("attempts/pod/a.json", "manifest.json", "attempts/pod/model/b.ubj"):
        store.put(f"{stone.layout.prefix}/{name}", b"x", use_multipart=False)
    store.put("runs/ns/btc/run-10/manifest.json", b"x", use_multipart=False)
    assert await runs.buried("ns") == [stone]
    assert await runs.buried("other") == []
    await runs.remove(stone)
    assert removed == [
        stone.layout.manifest, f"{stone.layout.prefix}/attempts/pod/a.json",
        f"{stone.layout.prefix}/attempts/pod/model/b.ubj", stone.layout.tombstone,
    ]  # fmt: skip
    assert await runs.buried("ns") == []
    assert bytes(store.get("runs/ns/btc/run-10/manifest.json").bytes()) == b"x"
