"""What a replay is told to watch, with which keys, and when a new version is looked at first."""

from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.reasons import Reason
from clm_api.replay import ReplayTask
from clm_operator.jobs.manifest import NewJob
from clm_operator.view import Withheld
from tests.operator.units import builders as b
from tests.operator.units.test_replay_keys import lending
from tests.operator.units.test_replays import HOUR, job_at, producing, replay
from tests.operator.units.test_shadow import IN_PRODUCTION, MANUAL
from tests.operator.units.world import World, ended

KEY = {"ownTrades": True, "secretRef": {"name": "exchange"}}
MINUTE = timedelta(minutes=1)


def task(world: World) -> ReplayTask:
    """Return what the replay that is due is told."""
    world.now = max(world.now, b.NOW + 6 * HOUR)
    world.settle()
    return world.tasks[-1]


def due(world: World) -> NewJob:
    """Return the Job of the replay that is due."""
    world.now = b.NOW + 6 * HOUR
    made = world.plan().create_replay
    assert made is not None
    return made


def pod(made: NewJob) -> dict[str, Any]:
    """Return the spec of its pod."""
    return dict(made.manifest["spec"]["template"]["spec"])


def test_the_present_spec_says_what_is_watched() -> None:
    drift = {"mode": "Retrain", "windowBars": 24, "windows": 1, "of": 2, "confidence": 0.9}
    watch = task(
        producing(
            monitoring={"drift": drift, "performance": {"mode": "StandDown"}},
            promotion={"criteria": {"maxDrawdown": 0.07}},
        )
    ).watch
    assert watch is not None
    assert watch.drift.to_json_dict() == drift
    assert (watch.performance.mode, watch.max_drawdown) == ("StandDown", 0.07)
    assert not watch.own_trades
    assert watch.valid_until == b.NOW + 13 * HOUR, "the next slot, and a bar of an hour"


def test_positions_of_daily_bars_hold_for_a_day_more() -> None:
    world = producing(data={"timeframe": "1d"})
    watch = task(world).watch
    assert watch is not None
    assert watch.valid_until == b.NOW + 12 * HOUR + timedelta(days=1)


def test_nothing_is_watched_while_nothing_is_in_production() -> None:
    on_trial = ended("btc-1", "SHADOW", shadow={"since": b.stamp(b.NOW)})
    assert task(World.of(on_trial, **MANUAL)).watch is None


def test_an_image_of_another_release_is_not_told_what_it_would_refuse() -> None:
    world = producing(data=KEY)
    world.settings = b.settings(trainer={"images": {"boosting": "trainer:2"}})
    made = due(world)
    env = {e["name"]: e.get("value", "") for e in pod(made)["containers"][0]["env"]}
    assert "watch" not in env["CLM_EVALUATION_TASK"]
    assert "CLM_EXCHANGE_KEYS" not in env
    assert all(v["name"] != "exchange-keys" for v in pod(made)["volumes"])


def test_only_a_replay_that_reads_fills_has_the_exchange_key_and_their_series() -> None:
    for data, has in ((KEY, True), ({}, False)):
        world = lending(data=data)
        made = due(world)
        container = pod(made)["containers"][0]
        env = {e["name"]: e.get("value", "") for e in container["env"]}
        assert (env.get("CLM_EXCHANGE_KEYS") == "/var/run/clm/exchange-keys") is has
        secrets = [v["secret"]["secretName"] for v in pod(made)["volumes"] if "secret" in v]
        assert ("exchange" in secrets) is has
        reads = made.grants[0].forms[0].reads
        assert any("/trades-*/" in path for path in reads) is has


def test_a_version_that_was_trained_without_fills_is_held_against_them_all_the_same() -> None:
    world = lending()
    world.schedule["spec"]["data"] |= KEY
    (grant,) = due(world).grants
    assert any("/trades-*/" in path for path in grant.forms[0].reads)


@dataclass(frozen=True)
class First:
    name: str
    asked: timedelta
    """When a version is promoted, after the slot of a replay of the version before it."""
    ended: timedelta
    """When that replay ends."""
    look: timedelta
    """The slot of the first look at the new version, after that slot too."""
    at: timedelta
    """When it begins."""


SECOND = timedelta(seconds=1)
FIRST = [
    First("in the minute of its promotion", 30 * MINUTE + 20 * SECOND, MINUTE, 30 * MINUTE,
          30 * MINUTE + 20 * SECOND),
    First("a minute later where a replay of the version before has that minute's name",
          20 * SECOND, 10 * SECOND, MINUTE, MINUTE),
    First("once a replay that still runs has ended", 30 * MINUTE, 40 * MINUTE, 30 * MINUTE,
          40 * MINUTE),
    First("at a slot of the schedule that comes meanwhile", 5 * HOUR, 6 * HOUR, 6 * HOUR,
          6 * HOUR),
]  # fmt: skip


@pytest.mark.parametrize("case", FIRST, ids=attrgetter("name"))
def test_a_version_is_looked_at_as_soon_as_it_is_in_production(case: First) -> None:
    world = World.of(
        ended("btc-0", "PRODUCTION"), ended("btc-1"), status=IN_PRODUCTION,
        job={"pendingDeadlineSeconds": 86400}, **MANUAL,
    )  # fmt: skip
    slot = world.now = b.NOW + 6 * HOUR
    world.settle()
    for at in sorted({case.asked, case.ended, case.at}):
        world.now = slot + at
        assert len(world.tasks) == 1
        if at == case.asked:
            world.ask("btc-1")
        if at == case.ended:
            world.finish(b.replayed(world.tasks[-1]))
        world.settle()
    before, first = world.tasks
    assert (before.slot, first.slot) == (slot, slot + case.look)
    assert first.champion is not None
    assert first.champion.version == "btc-1"
    world.finish(b.replayed(first))
    for after in (MINUTE, HOUR):
        world.now = slot + case.at + after
        world.settle()
        assert len(world.tasks) == 2, "one look, then the schedule's own slots"
    world.now = slot + 12 * HOUR
    world.settle()
    assert world.tasks[-1].slot == slot + 12 * HOUR


def test_a_version_that_is_halted_and_resumed_in_its_first_minute_is_looked_at_again() -> None:
    world = World.of(ended("btc-0", "PRODUCTION"), ended("btc-1"), status=IN_PRODUCTION, **MANUAL)
    world.now = b.NOW + 6 * HOUR
    world.settle()
    world.finish(b.replayed(world.tasks[-1]))
    world.now += 30 * MINUTE
    world.ask("btc-1")
    world.settle()
    world.finish(b.replayed(first := world.tasks[-1]))
    for request in ({"stage": "ARCHIVED", "replaces": "btc-1"}, {}):
        world.now += 10 * SECOND
        world.ask("btc-1", **request)
        world.settle()
    world.now += MINUTE
    world.settle()
    again = world.tasks[-1]
    assert again.slot == first.slot + MINUTE
    assert first.champion is not None
    assert again.champion is not None
    assert again.champion.since > first.champion.since


def test_the_operator_wakes_for_a_first_look_in_the_next_minute() -> None:
    world = World.of(ended("btc-0", "PRODUCTION"), ended("btc-1"), status=IN_PRODUCTION, **MANUAL)
    world.now = b.NOW + 6 * HOUR
    world.settle()
    world.finish(b.replayed(world.tasks[-1]))
    world.settle()
    world.ask("btc-1")
    world.settle()
    assert world.plan().wake_at == b.NOW + 6 * HOUR + MINUTE


def test_a_first_look_whose_job_cant_be_made_yet_is_tried_again() -> None:
    world = producing()
    world.withheld = {job_at(0): Withheld(Reason.STORAGE_UNAVAILABLE, "away")}
    world.settle()
    assert replay(world)["phase"] == "Pending"
    world.now += HOUR
    world.withheld = {}
    world.settle()
    assert list(world.jobs) == [job_at(0)]
