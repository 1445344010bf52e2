"""Every event says what happened in data that follow their schema, whoever is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Any

import jsonschema
import pytest

from clm_api.conditions import SpecCondition, condition
from clm_api.drift import FeatureDrift, MarketFault, MarketFaultKind
from clm_api.events import EVENTS, DriftChanged, EventData, schema_of, type_of
from clm_api.happening import MOST_DATA, Happening
from clm_api.lifecycle import Decision, RequestedStage, Stage, StageChange
from clm_api.model_version import JobRef, ModelVersionStatus, Phase
from clm_api.schedule_status import HeldRun, ProductionStatus, ReplayStatus, SkippedRange
from clm_operator.changes import Settled
from clm_operator.mirror.objects import Version
from clm_operator.telling.happenings import MOST_CHARACTERS, bounded, happening
from clm_operator.telling.notices import announced
from clm_operator.telling.version_notices import of_version
from tests.operator.units import builders as b
from tests.operator.units.world import ended
from tests.support.repository import ROOT

Raw = dict[str, Any]
FOLDER = ROOT / "crds" / "events"


def valid(one: Happening) -> Raw:
    """Return a happening's data; they follow their schema."""
    assert one.event is not None
    assert one.data is not None
    file = FOLDER / f"{type_of(one.event)}.json"
    found = json.loads(one.data)
    jsonschema.Draft202012Validator(json.loads(file.read_text())).validate(found)
    assert (found["reason"], found["message"]) == (one.reason, one.message)
    return dict(found)


def test_each_type_has_its_schema_and_no_schema_is_left_over() -> None:
    assert {f.stem for f in FOLDER.iterdir()} == {type_of(data.event) for data in EVENTS}
    for data in EVENTS:
        found = json.loads((FOLDER / f"{type_of(data.event)}.json").read_text())
        jsonschema.Draft202012Validator.check_schema(found)
        assert found["$id"] == schema_of(data.event)
        assert "additionalProperties" not in found, "a later release may add fields"


@dataclass(frozen=True)
class Case:
    name: str
    version: Version
    after: Callable[[ModelVersionStatus], ModelVersionStatus]
    said: tuple[tuple[str, Raw], ...]
    ends: bool = False


def _judged(before: ModelVersionStatus) -> ModelVersionStatus:
    whole = ended("btc-1", "REJECTED", metrics={"sharpe": 0.31, "trades": 12}).status
    return whole.having(reason="SharpeBelowMinimum", message="sharpe 0.31")


def _promoted(before: ModelVersionStatus) -> ModelVersionStatus:
    change = {"stage": "PRODUCTION", "at": b.NOW, "by": "alice", "reason": "I like it"}
    made = {
        "stage": "PRODUCTION", "at": b.NOW, "by": "alice", "reason": "I like it",
        "replaced": "btc-0", "outcome": "Promoted",
    }  # fmt: skip
    return before.having(
        stage=Stage.PRODUCTION, reason="Promoted", message="I like it",
        history=[StageChange.model_validate(change)], promotion=Decision.model_validate(made),
    )  # fmt: skip


def _refused(before: ModelVersionStatus) -> ModelVersionStatus:
    made = {
        "stage": RequestedStage.PRODUCTION, "at": b.NOW, "by": "bob", "reason": "now",
        "outcome": "PromotionConflict", "message": "btc-0 is there",
    }  # fmt: skip
    return before.having(promotion=Decision.model_validate(made))


CASES = (
    Case(
        "a run begins", b.version(),
        lambda s: s.having(job_ref=JobRef(name="btc-1", uid="u"), phase=Phase.RUNNING),
        (
            ("run.scheduled", {"trigger": "Scheduled", "slot": "2026-01-05T12:00:00Z"}),
            ("run.started", {}),
        ),
    ),
    Case(
        "a run is held back", b.version(),
        lambda s: s.having(phase=Phase.PENDING, reason="QuotaPending", message="no CPU"),
        (("run.held", {"name": "btc-1"}),),
    ),
    Case(
        "a run ends with figures; those that are undefined are absent", b.version(), _judged,
        (("run.ended", {
            "trigger": "Scheduled", "phase": "Succeeded", "stage": "REJECTED", "sharpe": 0.31,
            "trades": 12, "sha256": "1" * 64,
        }),),
        ends=True,
    ),
    Case(
        "a version is promoted although it may be luck", ended("btc-1"), _promoted,
        (
            ("version.moved", {"stage": "PRODUCTION", "by": "alice", "replaced": "btc-0"}),
            ("version.noted", {"stage": "PRODUCTION"}),
        ),
    ),
    Case(
        "a version falls behind another one's bars", ended("btc-1"),
        lambda s: s.having(reason="DataBehind", message="btc-2 has later bars"),
        (("version.noted", {"stage": "CANDIDATE"}),),
    ),
    Case(
        "a request is refused", ended("btc-1"), _refused,
        (("request.refused", {"stage": "PRODUCTION", "by": "bob"}),),
    ),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_what_a_version_makes_known(case: Case) -> None:
    settled = Settled(case.version, case.after(case.version.status), case.ends)
    found = list(of_version(settled))
    told = [(one.event, valid(one)) for one in found]
    common = ("reason", "message")
    assert [(e, {k: v for k, v in data.items() if k not in common}) for e, data in told] == list(
        case.said
    )


def test_what_a_schedule_makes_known() -> None:
    facts = b.facts(b.seen(schedule=b.schedule_object(runOnCreate=False)))
    at = b.NOW - timedelta(hours=1)
    skip = SkippedRange(from_=at, to=b.NOW, count=2, reason="Missed", message="it was away")
    held = HeldRun(name="btc-2", slot=at, reason="QuotaPending", message="no CPU", since=at)
    replay = ReplayStatus(
        name="btc-replay", slot=at, phase=Phase.FAILED, reason="DataGap", completion_time=b.NOW
    )
    production = {
        "version": "btc-0", "since": at, "approved_by": "alice", "reason": "good",
        "artifact": {"uri": "s3://models/a", "sha256": "1" * 64},
    }  # fmt: skip
    gone = condition(
        "ProductionVersionMissing", holds=True, reason="ProductionVersionMissing",
        message="btc-0 was deleted", now=b.NOW,
    )  # fmt: skip
    after = facts.schedule.status.having(
        held=[held],
        replay=replay,
        production=ProductionStatus.model_validate(production),
        conditions=[SpecCondition(**dict(gone))],
    )
    _, status = announced(facts, (), after, [skip])
    told = [(one.event, valid(one)) for one in status.untold]
    common = ("reason", "message")
    assert [(e, {k: v for k, v in data.items() if k not in common}) for e, data in told] == [
        ("slot.skipped", {"from": b.stamp(at), "to": b.stamp(b.NOW), "count": 2}),
        ("run.held", {"name": "btc-2"}),
        ("replay.failed", {"name": "btc-replay"}),
        ("production.missing", {"version": "btc-0"}),
    ]


def _drift(faults: int) -> EventData:
    fault = MarketFault(
        symbol="BTC/USDT", kind=MarketFaultKind.VOLUME_GONE, since=b.NOW, message="x" * 1024
    )
    worst = [FeatureDrift(name=f"f{n}", psi=1, ks=1, statistic=1) for n in range(5)]
    return DriftChanged(
        reason="Drifted", message="it has changed", drifted=True, worst=worst,
        faults=[fault] * faults,
    )  # fmt: skip


def test_a_list_that_is_too_long_for_a_status_loses_its_last_items() -> None:
    one = happening("Warning", "drift", _drift(50))
    found = valid(one)
    assert len(one.data or "") <= MOST_DATA
    assert (len(found["worst"]), 20 < len(found["faults"]) < 50) == (5, True)
    assert len(json.loads(happening("Warning", "drift", _drift(3)).data or "")["faults"]) == 3


def test_what_waits_of_one_object_is_bounded_in_size_too() -> None:
    waiting = [
        happening("Warning", f"n{n}", _drift(25)).having(at=b.NOW, to=["http", "nats"])
        for n in range(40)
    ]
    left = bounded(waiting)
    stands, kept = left[0], left[1:]
    assert sum(len(one.data or "") + len(one.message) for one in left) <= MOST_CHARACTERS + 4096
    assert kept == waiting[-len(kept) :]
    assert valid(stands)["count"] == stands.count == 40 - len(kept)
    assert (stands.event, stands.to, stands.told) == ("events.merged", ["http", "nats"], [])
    assert bounded(left) == left


def test_one_that_stands_for_others_is_known_to_who_knows_all_of_them() -> None:
    waiting = [
        happening("Warning", f"n{n}", _drift(25)).having(
            to=["http"], told=["events", "http"] if n == 0 else ["events"]
        )
        for n in range(40)
    ]
    assert bounded(waiting)[0].told == ["events"]
