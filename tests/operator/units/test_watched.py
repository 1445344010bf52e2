"""What a replay's report becomes in a schedule's status, its conditions, and what is told of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.drift import DriftFinding
from clm_api.execution import ExecutionStatus
from clm_api.performance import PerformanceFinding
from clm_api.replay import ReplayReport
from clm_api.signal import Signal
from tests.operator.units import builders as b
from tests.operator.units.test_replays import HOUR, producing
from tests.operator.units.test_shadow import IN_PRODUCTION, MANUAL
from tests.operator.units.world import World, ended

Raw = dict[str, Any]
SLOT = b.NOW + 6 * HOUR
OWN = {"data": {"ownTrades": True, "secretRef": {"name": "exchange"}}}


def drift(verdict: str = "Drifted", version: str = "btc-0", **more: Any) -> DriftFinding:
    worst = [{"name": "volatility_24", "psi": 0.41, "ks": 0.22, "statistic": 5.2}]
    figures = {"windowBars": 168, "exceeded": 3, "of": 4, "statistic": 5.2, "limit": 3.1}
    found = {"version": version, "verdict": verdict, "worst": worst, "message": f"it {verdict}"}
    return DriftFinding.model_validate(figures | found | more)


def performance(verdict: str = "Degraded", version: str = "btc-0") -> PerformanceFinding:
    times = {"from": b.NOW, "to": SLOT, "bars": 6, "sharpe": -1.0, "promisedSharpe": 1.2}
    cause = {"cause": "Cusum"} if verdict == "Degraded" else {}
    said = {"version": version, "verdict": verdict, "message": f"it is {verdict}"}
    return PerformanceFinding.model_validate(times | cause | said)


def execution(**more: Any) -> ExecutionStatus:
    counts = {"fills": 20, "decisions": 20, "unexplained": 0, "missed": 0, "message": "fills"}
    return ExecutionStatus.model_validate({"from": b.NOW, "to": SLOT} | counts | more)


def signal(at: datetime = SLOT, **more: Any) -> Signal:
    bar = {"bar": at - HOUR, "decidedAt": at, "validUntil": at + 7 * HOUR}
    held = [{"symbol": "BTC/USDT", "position": 0.5}]
    whose = {"version": "btc-0", "sha256": "1" * 64, "positions": held}
    return Signal.model_validate(whose | bar | more)


def look(world: World, hours: int = 6, **said: Any) -> None:
    """Let the replay of that hour end with what it found."""
    world.now = max(world.now, b.NOW + hours * HOUR)
    world.settle()
    world.finish(b.replayed(world.tasks[-1]).having(**said))
    world.settle()


def status(world: World) -> Raw:
    """Return the schedule's status."""
    return dict(world.schedule["status"])


def condition(world: World, kind: str) -> tuple[str, str] | None:
    """Return status and reason of a condition."""
    found = {c["type"]: (c["status"], c["reason"]) for c in status(world)["conditions"]}
    return found.get(kind)


@dataclass(frozen=True)
class Verdict:
    name: str
    kind: str
    said: Raw
    becomes: tuple[str, str] | None
    spec: Raw = field(default_factory=dict)


def off(subject: str) -> Raw:
    return {"monitoring": {subject: {"mode": "Off"}}}


VERDICTS = [
    Verdict("drifted", "Drifted", {"drift": drift()}, ("True", "Drifted")),
    Verdict("steady", "Drifted", {"drift": drift("Steady")}, ("False", "Steady")),
    Verdict("too early", "Drifted", {"drift": drift("TooEarly")}, ("Unknown", "TooEarly")),
    Verdict("no reference", "Drifted", {"drift": drift("NoReference")}, ("Unknown", "NoReference")),
    Verdict("a trainer that says nothing", "Drifted", {}, ("Unknown", "TooEarly")),
    Verdict("of another version", "Drifted", {"drift": drift(version="btc-1")},
            ("Unknown", "TooEarly")),
    Verdict("off, whatever is said", "Drifted", {"drift": drift()}, None, off("drift")),
    Verdict("degraded", "Degraded", {"performance": performance()}, ("True", "Degraded")),
    Verdict("as promised", "Degraded", {"performance": performance("AsPromised")},
            ("False", "AsPromised")),
    Verdict("too early to say", "Degraded", {"performance": performance("TooEarly")},
            ("Unknown", "TooEarly")),
    Verdict("results off", "Degraded", {"performance": performance()}, None, off("performance")),
    Verdict("fills are what was decided", "Executed", {"execution": execution()},
            ("True", "Executed"), OWN),
    Verdict("a fill that nothing explains", "Executed", {"execution": execution(unexplained=1)},
            ("False", "ExecutionShortfall"), OWN),
    Verdict("a decision without a fill", "Executed", {"execution": execution(missed=1)},
            ("False", "ExecutionShortfall"), OWN),
    Verdict("fills as dear as charged: 10 fees and 3 slippage", "Executed",
            {"execution": execution(shortfallBps=13)}, ("True", "Executed"), OWN),
    Verdict("fills dearer than charged", "Executed", {"execution": execution(shortfallBps=13.1)},
            ("False", "ExecutionShortfall"), OWN),
    Verdict("nine dear fills are chance", "Executed",
            {"execution": execution(shortfallBps=50, fills=9)}, ("True", "Executed"), OWN),
    Verdict("fills are not read yet", "Executed", {}, ("Unknown", "TooEarly"), OWN),
    Verdict("fills without ownTrades", "Executed", {"execution": execution()}, None),
]  # fmt: skip


@pytest.mark.parametrize("case", VERDICTS, ids=attrgetter("name"))
def test_a_finding_becomes_a_condition(case: Verdict) -> None:
    world = producing(**case.spec)
    look(world, **case.said)
    assert condition(world, case.kind) == case.becomes


def test_nothing_is_said_while_nothing_is_in_production() -> None:
    world = World.of(ended("btc-1"), **MANUAL)
    world.settle()
    kinds = {c["type"] for c in status(world)["conditions"]}
    assert not kinds & {"Drifted", "Degraded", "Stale", "Executed"}


def test_the_status_has_the_findings_with_their_slot() -> None:
    world = producing(**OWN)
    look(world, drift=drift(), performance=performance(), execution=execution(), signal=signal())
    found = status(world)
    at = b.stamp(SLOT)
    for name in ("drift", "performance"):
        assert (found[name]["slot"], found[name]["since"]) == (at, at)
    assert found["drift"]["worst"][0]["name"] == "volatility_24"
    assert found["production"]["execution"]["fills"] == 20
    assert found["production"]["live"]["bars"] == 9
    assert found["signal"]["positions"] == [{"symbol": "BTC/USDT", "position": 0.5}]


def test_since_stays_while_the_verdict_does() -> None:
    world, seen = producing(), []
    for hours, verdict in ((6, "Steady"), (12, "Drifted"), (18, "Drifted"), (24, "Steady")):
        look(world, hours, drift=drift(verdict))
        found = status(world)["drift"]
        seen.append((found["slot"], found["since"]))
    slots = [b.stamp(b.NOW + h * HOUR) for h in (6, 12, 18, 24)]
    assert seen == [(slots[0], slots[0]), (slots[1], slots[1]), (slots[2], slots[1]),
                    (slots[3], slots[3])]  # fmt: skip


def test_a_report_of_a_trainer_of_before_leaves_all_as_it_is() -> None:
    world = producing(**OWN)
    said: Raw = {"drift": drift(), "performance": performance(), "execution": execution()}
    look(world, signal=signal(), **said)
    before = status(world)
    look(world, 12)
    after = status(world)
    for name in ("drift", "performance", "signal"):
        assert after[name] == before[name]
    assert after["production"]["execution"] == before["production"]["execution"]


def test_another_version_in_production_begins_anew() -> None:
    world = World.of(
        ended("btc-0", "PRODUCTION"), ended("btc-1"), status=IN_PRODUCTION, **(MANUAL | OWN)
    )
    look(world, drift=drift(), performance=performance(), execution=execution(), signal=signal())
    world.ask("btc-1")
    world.settle()
    found = status(world)
    assert found["production"]["version"] == "btc-1"
    assert not found.keys() & {"drift", "performance", "signal"}
    assert "execution" not in found["production"]
    assert condition(world, "Drifted") == ("Unknown", "TooEarly")


def test_a_report_that_comes_late_says_nothing_of_the_version_that_came_meanwhile() -> None:
    world = World.of(ended("btc-0", "PRODUCTION"), ended("btc-1"), status=IN_PRODUCTION, **MANUAL)
    world.now = SLOT
    world.settle()
    world.ask("btc-1")
    world.settle()
    world.finish(b.replayed(world.tasks[0]).having(drift=drift(), signal=signal()))
    world.settle()
    assert not status(world).keys() & {"drift", "signal"}


FORGED = [
    ("of another version", signal(version="btc-1")),
    ("of another digest", signal(sha256="2" * 64)),
    ("of nobody", Signal(decided_at=SLOT, positions=[])),
    ("decided after the replay", signal(SLOT + timedelta(seconds=1))),
]


@pytest.mark.parametrize("made", [one[1] for one in FORGED], ids=[one[0] for one in FORGED])
def test_a_signal_that_cant_be_is_passed_over(made: Signal) -> None:
    world = producing()
    look(world, signal=made)
    assert "signal" not in status(world)


def told(world: World, report: ReplayReport) -> list[tuple[str, str | None]]:
    """Return what a report makes known."""
    world.finish(report)
    found = [(one.reason, one.event) for one in b.told(world.plan())]
    world.settle()
    return found


def looks(world: World, verdicts: list[str]) -> Iterator[list[tuple[str, str | None]]]:
    """Yield what each of some replays makes known."""
    for number, verdict in enumerate(verdicts, start=1):
        world.now = b.NOW + 6 * number * HOUR
        world.settle()
        yield told(world, b.replayed(world.tasks[-1]).having(drift=drift(verdict)))


def test_a_change_is_told_once_and_not_once_a_replay() -> None:
    changed = "drift.changed"
    verdicts = ["TooEarly", "Steady", "Steady", "Drifted", "Drifted", "Steady"]
    assert list(looks(producing(), verdicts)) == [
        [], [("Steady", changed)], [], [("Drifted", changed)], [], [("Steady", changed)],
    ]  # fmt: skip


def test_trouble_is_a_warning_with_its_figures() -> None:
    world = producing(**OWN)
    world.now = SLOT
    world.settle()
    said: Raw = {"drift": drift(), "performance": performance(), "execution": execution(missed=2)}
    world.finish(b.replayed(world.tasks[-1]).having(**said))
    found = {one.event: one for one in b.told(world.plan())}
    assert {one.type for one in found.values()} == {"Warning"}
    for event, holds in (
        ("drift.changed", '"drifted":true'),
        ("drift.changed", '"name":"volatility_24"'),
        ("performance.changed", '"cause":"Cusum"'),
        ("execution.changed", '"missed":2'),
    ):
        assert holds in (found[event].data or "")
        assert '"version":"btc-0"' in (found[event].data or "")


def test_positions_are_an_event_of_the_bus_and_none_of_kubernetes() -> None:
    world = producing()
    world.now = SLOT
    world.settle()
    world.finish(b.replayed(world.tasks[-1]).having(signal=signal()))
    (one,) = b.told(world.plan())
    assert (one.event, one.reason, one.told) == ("signal", "Signal", ["events"])
    assert one.message == "btc-0: BTC/USDT 0.5"
    assert '"validUntil":"2026-01-06T01:00:00Z"' in (one.data or "")


def test_a_halt_says_at_once_and_without_a_job_that_bots_hold_nothing() -> None:
    world = World.of(ended("btc-0", "PRODUCTION"), ended("btc-1"), status=IN_PRODUCTION, **MANUAL)
    look(world, drift=drift(), signal=signal())
    world.ask("btc-0", "ARCHIVED", replaces="btc-0")
    jobs = len(world.tasks)
    world.settle()
    found = status(world)
    assert "production" not in found
    assert found["signal"]["decidedAt"] == found["halted"]["since"]
    assert {p["position"] for p in found["signal"]["positions"]} == {0}
    assert not found["signal"].keys() & {"version", "sha256", "validUntil"}
    assert "drift" not in found
    assert condition(world, "Drifted") is None
    assert len(world.tasks) == jobs
    world.settle()
    assert status(world)["signal"] == found["signal"]
    world.now += HOUR
    world.ask("btc-1")
    world.settle()
    assert "signal" not in status(world), "until the new version has decided"
    assert world.tasks[-1].champion is not None
    assert world.tasks[-1].champion.version == "btc-1"


def test_a_halt_names_what_was_to_be_held_and_perpetuals_by_their_whole_name() -> None:
    data = {"market": "usdm", "symbols": ["ETH/USDT"], "timeframe": "1h"}
    versions = (ended("btc-0", "PRODUCTION"), ended("btc-1"))
    world = World.of(*versions, status=IN_PRODUCTION, data=data, **MANUAL)
    look(world, signal=signal(positions=[{"symbol": "BTC/USDT:USDT", "position": 0.5}]))
    world.ask("btc-0", "ARCHIVED", replaces="btc-0")
    world.settle()
    assert {p["symbol"]: p["position"] for p in status(world)["signal"]["positions"]} == {
        "BTC/USDT:USDT": 0,
        "ETH/USDT:USDT": 0,
    }
