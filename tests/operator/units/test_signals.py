"""The store's object with the newest positions follows the status, is repaired, never goes back."""

import json
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest
from obstore.store import MemoryStore

from clm_api.layout import newest_signal
from clm_api.signal import SignalFile
from clm_operator.round.writing import Writer
from clm_operator.store.pointer import PointerWriter
from clm_operator.telling.outgoing import Outgoing
from clm_operator.telling.prometheus import Metrics
from clm_operator.telling.teller import Teller
from tests.operator.units import builders as b
from tests.operator.units.test_replays import HOUR, producing
from tests.operator.units.test_shadow import IN_PRODUCTION, MANUAL
from tests.operator.units.test_telling import Kept
from tests.operator.units.test_watched import look, signal
from tests.operator.units.world import World, ended

PATH = newest_signal("ns", "btc")


def file(since: int = 0, decided: int = 6, position: float = 0.5, **more: Any) -> SignalFile:
    """Positions decided so many hours after the schedule's creation, by who came so many after."""
    at, whose = b.NOW + decided * HOUR, {"namespace": "ns", "schedule": "btc"}
    held = [{"symbol": "BTC/USDT", "position": position}]
    return SignalFile.model_validate(
        {"scheduleUid": "ts-uid", "decidedAt": at, "since": b.NOW + since * HOUR}
        | whose | {"positions": held} | more
    )  # fmt: skip


def raw(wanted: SignalFile) -> bytes:
    return json.dumps(wanted.to_json_dict()).encode()


@dataclass(frozen=True)
class Case:
    name: str
    before: bytes | None
    stays: bool = False


CASES = [
    Case("nothing there", None),
    Case("an earlier decision", raw(file(decided=5))),
    Case("other positions of the same bar", raw(file(position=0.1))),
    Case("of the version before, decided on the same bar", raw(file(since=-3))),
    Case("a halt that is over, later than the newest bar", raw(file(since=-1, decided=7))),
    Case("of a schedule that is gone", raw(file(since=-9, scheduleUid="other"))),
    Case("a later decision, by a newer look", raw(file(decided=7)), stays=True),
    Case("of a version that came later", raw(file(since=1, decided=2)), stays=True),
    Case("no positions at all", b"{"),
]


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
async def test_what_the_store_says_afterwards(case: Case) -> None:
    store = MemoryStore()
    if case.before is not None:
        store.put(PATH, case.before, use_multipart=False)
    await PointerWriter(store).signal(b.KEY, file())
    content = bytes(store.get(PATH).bytes())
    if case.stays:
        assert content == case.before
    else:
        assert SignalFile.model_validate_json(content) == file()


async def test_the_store_is_looked_at_once_for_each_decision() -> None:
    store = MemoryStore()
    writer = PointerWriter(store)
    await writer.signal(b.KEY, file())
    store.put(PATH, b"{}", use_multipart=False)
    await writer.signal(b.KEY, file())
    assert bytes(store.get(PATH).bytes()) == b"{}"
    await PointerWriter(store).signal(b.KEY, file())
    assert SignalFile.model_validate_json(bytes(store.get(PATH).bytes())) == file()


def test_the_object_says_what_the_status_says() -> None:
    world = producing()
    assert world.plan().signal is None
    look(world, signal=signal())
    found = world.plan().signal
    assert found is not None
    assert (found.version, found.sha256, found.since) == ("btc-0", "1" * 64, b.NOW)
    assert (found.schedule_uid, found.namespace, found.schedule) == ("ts-uid", "ns", "btc")
    assert [p.position for p in found.positions] == [0.5]


def test_a_new_version_leaves_the_positions_until_it_has_decided() -> None:
    world = World.of(ended("btc-0", "PRODUCTION"), ended("btc-1"), status=IN_PRODUCTION, **MANUAL)
    look(world, signal=signal())
    world.now += HOUR
    world.ask("btc-1")
    world.settle()
    assert world.plan().signal is None
    world.now += timedelta(minutes=1)
    world.finish(b.replayed(world.tasks[-1]).having(signal=signal(version="btc-1")))
    world.settle()
    found = world.plan().signal
    assert found is not None
    assert (found.version, found.decided_at) == ("btc-1", b.NOW + 6 * HOUR), "of the same bar"


def test_a_halt_is_in_the_store_without_a_job() -> None:
    world = World.of(ended("btc-0", "PRODUCTION"), status=IN_PRODUCTION, **MANUAL)
    look(world, signal=signal())
    world.ask("btc-0", "ARCHIVED", replaces="btc-0")
    world.settle()
    found = world.plan().signal
    assert found is not None
    assert (found.version, found.bar, found.valid_until) == (None, None, None)
    assert {p.position for p in found.positions} == {0}
    assert found.since == found.decided_at > b.NOW


async def test_what_only_a_bus_is_to_know_is_kept_nowhere_without_one() -> None:
    world = producing()
    world.now = b.NOW + 6 * HOUR
    world.settle()
    world.finish(b.replayed(world.tasks[-1]).having(signal=signal()))
    cluster = Kept(world.schedule, world.versions[0])
    decided = world.plan()
    assert [one.event for one in decided.schedule_status.untold] == ["signal"]
    writer = Writer(cluster, Teller(cluster), Metrics(), Outgoing())
    assert (await writer.write(decided.facts, decided.plan.writes)).changed
    assert "untold" not in cluster.schedule["status"]
    assert cluster.took == []
