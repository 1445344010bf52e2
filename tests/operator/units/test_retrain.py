"""Runs that monitoring asks for: when, how often, why, and exactly once."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.model_version import MONITORED, TriggerType
from clm_api.reasons import Reason
from clm_api.timing import slot_of
from clm_operator.mirror.objects import Version
from clm_operator.view import Withheld
from tests.operator.units import builders as b
from tests.operator.units.test_replays import HOUR
from tests.operator.units.test_shadow import IN_PRODUCTION
from tests.operator.units.test_watched import SLOT, condition, drift, look, performance
from tests.operator.units.world import World, ended

Raw = dict[str, Any]
RETRAINS: Raw = {
    "monitoring": {
        "drift": {"mode": "Retrain"}, "performance": {"mode": "Retrain"}, "onStale": "Retrain",
    },
    "promotion": {"mode": "Manual"},
}  # fmt: skip
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def watching(*others: Version, **spec: Any) -> World:
    """A version is in production, and all that monitoring may ask for is asked for."""
    champion = ended("btc-0", "PRODUCTION", trainedUntil=b.stamp(b.NOW))
    return World.of(champion, *others, status=deepcopy(IN_PRODUCTION), **(RETRAINS | spec))


def asked(world: World) -> dict[str, Raw]:
    """Return the triggers of the runs that monitoring has asked for, by name."""
    found = {v["metadata"]["name"]: v["spec"]["trigger"] for v in world.versions}
    return {name: told for name, told in found.items() if told["type"] in MONITORED}


def end(world: World, name: str, stands: str = "REJECTED", **more: Any) -> None:
    """End a run."""
    done = ended(name, stands, **more).raw["status"]
    world.version(name)["status"] = done | {"completionTime": b.stamp(world.now)}


def name_of(letter: str, hours: int) -> str:
    """Return the name of a run that was due so many hours after the schedule's creation."""
    return f"btc-{letter}-{slot_of(b.NOW + hours * HOUR)}"


def drifted(world: World) -> None:
    look(world, drift=drift())


def degraded(world: World) -> None:
    look(world, performance=performance())


def expired(world: World) -> None:
    world.schedule["spec"]["monitoring"]["expiresAfter"] = "6h"
    look(world, 6)


@dataclass(frozen=True)
class Cause:
    name: str
    happens: Callable[[World], None]
    letter: str
    trigger: str
    says: str
    off: Raw
    """What keeps it from asking."""


CAUSES = [
    Cause("drift", drifted, "d", "Drift", "volatility_24 5.2 (psi 0.41, ks 0.22)",
          {"drift": {"mode": "Warn"}}),
    Cause("performance", degraded, "p", "Performance", "btc-0 is degraded (Cusum)",
          {"performance": {"mode": "Warn"}}),
    Cause("age", expired, "x", "Stale", "older than spec.monitoring.expiresAfter (6h)",
          {"onStale": "Warn"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CAUSES, ids=attrgetter("name"))
def test_trouble_begins_one_run_that_names_its_cause(case: Cause) -> None:
    world = watching()
    case.happens(world)
    name = name_of(case.letter, 6)
    assert list(asked(world)) == [name]
    assert asked(world)[name]["type"] == case.trigger
    assert case.says in asked(world)[name]["reason"]
    assert world.version(name)["spec"]["slot"] == b.stamp(SLOT)
    assert "retrained" in world.schedule["status"]


@pytest.mark.parametrize("case", CAUSES, ids=attrgetter("name"))
def test_a_mode_that_only_warns_begins_nothing(case: Cause) -> None:
    world = watching()
    world.schedule["spec"]["monitoring"] |= case.off
    case.happens(world)
    assert not asked(world)


@pytest.mark.parametrize("case", CAUSES, ids=attrgetter("name"))
def test_a_suspended_schedule_begins_nothing_and_says_so(case: Cause) -> None:
    world = watching(suspend=True)
    case.happens(world)
    assert not asked(world)
    said = [c["message"] for c in world.schedule["status"]["conditions"]]
    assert any("spec.suspend is true: nothing is retrained" in text for text in said)


@pytest.mark.parametrize("case", CAUSES, ids=attrgetter("name"))
def test_killed_at_every_write_it_is_one_run(case: Cause) -> None:
    for cut in range(1, 8):
        world = Killed(**vars(watching()), cut=cut)
        case.happens(world)
        assert len(asked(world)) == 1, cut
        assert world.cut < 0 or cut > 5, "it was killed"


@dataclass
class Killed(World):
    """A world whose operator is killed after so many writes, once."""

    cut: int = 0

    def settle(self, writes: int = 1000) -> int:
        """Run rounds until nothing is left, with a new operator after the kill."""
        if self.cut <= 0:
            return super().settle(writes)
        made = super().settle(self.cut)
        self.cut -= made
        if self.cut == 0:
            self.cut = -1
            return made + super().settle()
        return made


def test_one_a_cooldown_while_the_trouble_lasts() -> None:
    world = watching()
    drifted(world)
    first = name_of("d", 6)
    end(world, first)
    for hours in (12, 18, 24):
        look(world, hours, drift=drift())
        assert list(asked(world)) == [first]
    look(world, 30, drift=drift())
    assert list(asked(world)) == [first, name_of("d", 30)]
    found = world.schedule["status"]
    assert found["drift"]["retrained"] == found["retrained"] == b.stamp(b.NOW + 30 * HOUR)


def test_the_cooldown_is_one_for_all_causes() -> None:
    world = watching()
    look(world, drift=drift(), performance=performance())
    assert list(asked(world)) == [name_of("d", 6)]
    end(world, name_of("d", 6))
    look(world, 12, drift=drift("Steady"), performance=performance())
    assert list(asked(world)) == [name_of("d", 6)]
    world.now = b.NOW + 30 * HOUR + MINUTE
    world.settle()
    assert list(asked(world)) == [name_of("d", 6), name_of("p", 30)]


def test_the_operator_wakes_when_the_cooldown_is_over() -> None:
    world = watching(monitoring=RETRAINS["monitoring"] | {"cooldown": "30m"})
    drifted(world)
    end(world, name_of("d", 6))
    world.settle()
    assert world.plan().wake_at == SLOT + 30 * MINUTE


def test_a_cooldown_outlives_the_run_that_began_it() -> None:
    world = watching()
    drifted(world)
    world.versions = [v for v in world.versions if v["metadata"]["name"] == "btc-0"]
    look(world, 12, drift=drift())
    assert not asked(world)


def test_it_waits_for_a_run_that_is_active_and_records_no_skip() -> None:
    world = watching(b.version("btc-m-1", status={"phase": "Running", "stage": "TRAINING"}))
    drifted(world)
    assert not asked(world)
    skipped = [s["message"] for s in world.schedule["status"].get("skipped", ())]
    assert not [text for text in skipped if "monitoring" in text]
    end(world, "btc-m-1")
    world.settle()
    assert list(asked(world)) == [name_of("d", 6)]


@dataclass(frozen=True)
class Waiting:
    name: str
    stands: str
    until: timedelta
    """Up to where its bars go, after the schedule's creation."""
    begins: bool
    more: Raw = field(default_factory=dict)


TESTED = {"shadow": {"since": b.stamp(b.NOW)}}
WAITING = [
    Waiting("a candidate that has seen it", "CANDIDATE", 6 * HOUR, begins=False),
    Waiting("one in its shadow test", "SHADOW", 6 * HOUR, begins=False, more=TESTED),
    Waiting("a candidate of before it", "CANDIDATE", 5 * HOUR, begins=True),
    Waiting("one that was rejected", "REJECTED", 6 * HOUR, begins=True),
]


@pytest.mark.parametrize("case", WAITING, ids=attrgetter("name"))
def test_a_version_that_has_seen_the_trouble_is_waited_for(case: Waiting) -> None:
    data = {"from": b.stamp(b.NOW), "to": b.stamp(b.NOW + case.until), "bars": 1, "gaps": 0}
    waits = ended("btc-1", case.stands, data=data | {"sha256": "0" * 64}, **case.more)
    world = watching(waits)
    drifted(world)
    assert bool(asked(world)) is case.begins


def run_out(world: World, hours: int, until: timedelta) -> None:
    """Let time pass whose replays find bars up to a time alone; runs end as candidates of them."""
    data = {"from": b.stamp(b.NOW), "to": b.stamp(b.NOW + until), "bars": 1, "gaps": 0}
    data |= {"sha256": "0" * 64}
    for hour in range(6, hours, 6):
        world.now = max(world.now, b.NOW + hour * HOUR)
        world.settle()
        made = b.replayed(world.tasks[-1])
        assert made.live is not None
        world.finish(made.having(live=made.live.having(to=b.NOW + until - HOUR)))
        world.settle()
        for name in asked(world):
            if world.version(name)["status"]["phase"] == "Pending":
                end(world, name, "CANDIDATE", data=data, reason="CriteriaPassed")


@pytest.mark.parametrize(
    ("refresh", "expires"),
    [("Auto", None), ("Never", "6h")],
    ids=["stopped bars", "too old a version"],
)
def test_bars_that_do_not_go_on_begin_one_run(refresh: str, expires: str | None) -> None:
    monitoring = RETRAINS["monitoring"] | {"expiresAfter": expires}
    world = watching(monitoring=monitoring, data={"refresh": refresh})
    run_out(world, 24 * 3, 3 * HOUR)
    assert condition(world, "Stale") == ("True", "Stale")
    assert len(asked(world)) == 1


def test_a_candidate_behind_what_is_in_production_knows_no_trouble() -> None:
    world = watching(monitoring=RETRAINS["monitoring"] | {"expiresAfter": "6h"})
    data = {"from": b.stamp(b.NOW - DAY), "bars": 1, "gaps": 0, "sha256": "0" * 64}
    world.version("btc-0")["status"]["data"] = data | {"to": b.stamp(b.NOW)}
    run_out(world, 24 * 3, -3 * HOUR)
    assert len(asked(world)) == 3


def test_one_that_is_held_back_keeps_its_name_and_is_made_once() -> None:
    world = watching()
    name = name_of("d", 6)
    world.withheld = {name: Withheld(Reason.ADMISSION_DENIED, "no")}
    drifted(world)
    look(world, 12, drift=drift())
    (held,) = world.schedule["status"]["held"]
    assert held["name"] == name
    world.withheld = {}
    world.settle()
    assert list(asked(world)) == [name]


def test_a_name_that_is_taken_is_refused_once_a_cooldown() -> None:
    world = watching()
    world.taken = frozenset({name_of("d", 6)})
    drifted(world)
    look(world, 12, drift=drift())
    reasons = [s["reason"] for s in world.schedule["status"]["skipped"]]
    assert reasons.count("NameCollision") == 1
    look(world, 30, drift=drift())
    assert list(asked(world)) == [name_of("d", 30)]


def test_the_reason_names_window_and_figures_or_what_is_wrong_with_a_symbol() -> None:
    fault = {"symbol": "BTC/USDT", "kind": "VolumeGone", "since": b.NOW}
    window: Raw = {"from": b.NOW, "to": SLOT}
    whole = "btc-0 does not know this market: 3 of 4 windows of 168 bars differ, the newest "
    whole += "2026-01-05 12:00 to 2026-01-05 18:00 UTC; statistic 5.2, limit 3.1; "
    cases = {
        whole + "volatility_24 5.2 (psi 0.41, ks 0.22)": drift(**window),
        "btc-0 does not know this market: BTC/USDT: VolumeGone": drift(
            faults=[fault], of=0, exceeded=0, statistic=None, limit=None, worst=[]
        ),
    }
    for words, found in cases.items():
        world = watching()
        look(world, drift=found)
        (told,) = asked(world).values()
        assert told["reason"] == words


def test_a_steady_market_asks_for_nothing() -> None:
    world = watching()
    look(world, drift=drift("Steady"), performance=performance("AsPromised"))
    assert not asked(world)
    assert condition(world, "Drifted") == ("False", "Steady")
    assert TriggerType.DRIFT in MONITORED
