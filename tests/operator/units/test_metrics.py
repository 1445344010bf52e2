"""What Prometheus sees of a schedule, that it forgets a deleted one, and that it is documented."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clm_api.lifecycle import Decision, RequestedStage
from clm_api.model_version import TAKES_A_SLOT, ModelVersionStatus, Phase, Trigger, TriggerType
from clm_api.reasons import Reason
from clm_operator.changes import Change
from clm_operator.mirror.objects import Key, Version
from clm_operator.round.version_status import written
from clm_operator.slots.ask import Ask
from clm_operator.stages.lifecycle import (
    HALTED,
    ROLLED_BACK,
    STOOD_DOWN,
    TESTED,
    WITHDRAWN,
    into_production,
)
from clm_operator.telling.prometheus import Metrics
from clm_operator.telling.schedule_metrics import DECISIONS
from clm_operator.view import View
from tests.operator.units import builders as b
from tests.operator.units.test_production import REFUSED
from tests.operator.units.world import ended
from tests.support.repository import ROOT

OUTCOMES = ("CANDIDATE", "REJECTED", "FAILED")
OTHER = Key("elsewhere", "btc")
SINCE = "clm_production_since_timestamp_seconds"
PRODUCTION: dict[str, Any] = {
    "production": {
        "version": "btc-1", "since": b.stamp(b.NOW), "approvedBy": "alice", "reason": "why not",
        "artifact": {"uri": "s3://models/m.json", "sha256": "1" * 64},
    },
}  # fmt: skip


def shown(metrics: Metrics, name: str) -> dict[str, float]:
    """Return the values of one metric by their labels, written as Prometheus does."""
    found = re.findall(rf"^{name}(\{{.*\}}) (.*)$", metrics.render().decode(), re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def decision(outcome: str) -> Decision:
    return Decision(
        stage=RequestedStage.PRODUCTION, at=b.NOW, by="alice", reason="why not", outcome=outcome
    )


def count(metrics: Metrics, outcome: str, key: Key = b.KEY) -> ModelVersionStatus:
    """Count a decision; return the status that it stands in."""
    version = ended("btc-1")
    status = version.status.having(promotion=decision(outcome))
    metrics.decision(key, version, status)
    return status


def seen(key: Key = b.KEY, status: dict[str, Any] | None = None) -> View:
    return View(b.NOW, key, b.schedule_object(status=status))


def test_every_decided_request_counts_once_under_its_outcome() -> None:
    metrics = Metrics()
    for outcome in ("Promoted", "PromotionConflict", "Promoted"):
        status = count(metrics, outcome)
    count(metrics, "RolledBack", OTHER)
    later = replace(ended("btc-1"), status=status)
    metrics.decision(b.KEY, later, status.having(message="something else"))
    metrics.decision(b.KEY, ended("btc-1"), ended("btc-1").status)
    assert shown(metrics, "clm_promotions_total") == {
        '{namespace="ns",outcome="Promoted",schedule="btc"}': 2,
        '{namespace="ns",outcome="PromotionConflict",schedule="btc"}': 1,
        '{namespace="elsewhere",outcome="RolledBack",schedule="btc"}': 1,
    }


def test_files_that_a_rule_finds_changed_count_as_a_refusal_does() -> None:
    metrics, sound = Metrics(), ended("btc-1", "ARCHIVED")
    why = ("ArtifactVerified", False, Reason.ARTIFACT_CORRUPT, "a file differs")
    corrupt = written(sound, Change(sound.status, b.NOW, said=(why,)), b.NOW)
    metrics.decision(b.KEY, sound, corrupt)
    known = Version.read(sound.raw | {"status": b.plain(corrupt)})
    metrics.decision(b.KEY, known, corrupt.having(message="something else"))
    assert shown(metrics, "clm_promotions_total") == {
        '{namespace="ns",outcome="ArtifactCorrupt",schedule="btc"}': 1
    }


def test_a_schedules_counters_are_there_at_0_from_its_first_sight_on() -> None:
    metrics = Metrics()
    metrics.seen(seen())
    runs = [f'{{family="xgboost",namespace="ns",outcome="{o}",schedule="btc"}}' for o in OUTCOMES]
    assert shown(metrics, "clm_runs_total") == dict.fromkeys(runs, 0)
    decisions = [f'{{namespace="ns",outcome="{d}",schedule="btc"}}' for d in DECISIONS]
    assert shown(metrics, "clm_promotions_total") == dict.fromkeys(decisions, 0)
    assert shown(metrics, "clm_run_duration_seconds_count") == {'{family="xgboost"}': 0}


def test_counters_of_the_operator_itself_are_there_at_0_from_the_start() -> None:
    kinds = ("Simulation", "TrainingSchedule")
    results = [f'{{kind="{k}",result="{r}"}}' for k in kinds for r in ("busy", "error", "ok")]
    assert shown(Metrics(), "clm_reconcile_total") == dict.fromkeys(results, 0)
    unanswered = shown(Metrics(), "clm_api_requests_total")
    assert set(unanswered.values()) == {0}
    assert all('code="0"' in labels for labels in unanswered)


def test_an_edited_family_is_counted_beside_the_one_before() -> None:
    metrics = Metrics()
    metrics.seen(seen())
    metrics.seen(View(b.NOW, b.KEY, b.schedule_object(model={"family": "nhits", "nhits": {}})))
    assert len(shown(metrics, "clm_runs_total")) == 2 * len(OUTCOMES)


def test_a_schedule_that_was_made_again_begins_anew() -> None:
    metrics = Metrics()
    metrics.seen(seen(status=PRODUCTION))
    count(metrics, "Promoted")
    again = b.schedule_object()
    again.raw["metadata"]["uid"] = "another"
    metrics.seen(View(b.NOW, b.KEY, again))
    assert set(shown(metrics, "clm_promotions_total").values()) == {0}
    assert shown(metrics, SINCE) == {}


def test_every_outcome_of_a_request_has_its_counter() -> None:
    directions = {
        into_production(ended("v", s).status) for s in ("CANDIDATE", "SHADOW", "ARCHIVED")
    }
    others = (ROLLED_BACK, TESTED, WITHDRAWN, HALTED, STOOD_DOWN)
    moves = {str(r.reason) for r in (*directions, *others) if r}
    refusals = {case.outcome for case in REFUSED}
    assert moves | refusals == set(DECISIONS)


def test_production_is_shown_since_when_and_only_where_it_is() -> None:
    metrics = Metrics()
    metrics.seen(seen())
    assert shown(metrics, SINCE) == {}
    metrics.seen(seen(status=PRODUCTION))
    assert shown(metrics, SINCE) == {'{namespace="ns",schedule="btc"}': b.NOW.timestamp()}


def test_a_deleted_version_in_production_is_shown_until_another_is_there() -> None:
    metrics, labels = Metrics(), '{namespace="ns",schedule="btc"}'
    found = []
    for status, versions in (({}, ()), (PRODUCTION, (ended("btc-1"),)), (PRODUCTION, ())):
        owner = b.schedule_object(status=status)
        metrics.seen(View(b.NOW, b.KEY, owner, versions))
        found.append(shown(metrics, "clm_production_version_missing")[labels])
    assert found == [0, 0, 1]


def condition(kind: str, status: str) -> dict[str, Any]:
    at = b.stamp(b.NOW)
    return {"type": kind, "status": status, "reason": "Why", "lastTransitionTime": at}


EXECUTION = {
    "from": b.stamp(b.NOW), "to": b.stamp(b.NOW), "fills": 7, "decisions": 6, "unexplained": 2,
    "missed": 1, "shortfallBps": 4.5,
}  # fmt: skip
DRIFT = {
    "version": "btc-1", "verdict": "Drifted", "statistic": 3.0, "limit": 2.0,
    "slot": b.stamp(b.NOW), "since": b.stamp(b.NOW),
}  # fmt: skip
UNTIL = {"decidedAt": b.stamp(b.NOW), "validUntil": b.stamp(b.NOW), "positions": []}


@pytest.mark.parametrize(
    ("name", "status", "value"),
    [
        ("clm_drift", {"conditions": [condition("Drifted", "True")]}, 1),
        ("clm_drift", {"conditions": [condition("Drifted", "False")]}, 0),
        ("clm_drift", {"conditions": [condition("Drifted", "Unknown")]}, 0),
        ("clm_drift", {}, None),
        ("clm_drift_statistic_ratio", {"drift": DRIFT}, 1.5),
        ("clm_drift_statistic_ratio", {"drift": DRIFT | {"limit": 0}}, None),
        ("clm_drift_statistic_ratio", {}, None),
        ("clm_degraded", {"conditions": [condition("Degraded", "True")]}, 1),
        ("clm_stale", {"conditions": [condition("Stale", "True")]}, 1),
        ("clm_execution_short", {"conditions": [condition("Executed", "False")]}, 1),
        ("clm_execution_short", {"conditions": [condition("Executed", "True")]}, 0),
        ("clm_execution_shortfall_bps", EXECUTION, 4.5),
        ("clm_execution_unexplained_fills", EXECUTION, 2),
        ("clm_execution_missed_decisions", EXECUTION, 1),
        ("clm_execution_missed_decisions", PRODUCTION, None),
        ("clm_signal_valid_until_timestamp_seconds", {"signal": UNTIL}, b.NOW.timestamp()),
        ("clm_signal_valid_until_timestamp_seconds",
         {"signal": {"decidedAt": b.stamp(b.NOW), "positions": []}}, None),
    ],
)  # fmt: skip
def test_what_a_replay_found_is_shown_by_schedule(
    name: str, status: dict[str, Any], value: float | None
) -> None:
    if status is EXECUTION:
        status = {"production": PRODUCTION["production"] | {"execution": EXECUTION}}
    metrics = Metrics()
    metrics.seen(seen(status=status))
    wanted = {} if value is None else {'{namespace="ns",schedule="btc"}': value}
    assert shown(metrics, name) == wanted


def test_a_deleted_schedule_is_forgotten_and_its_namesake_elsewhere_is_not() -> None:
    metrics = Metrics()
    done = b.version(status={"phase": "Running"})
    for key in (b.KEY, OTHER):
        metrics.seen(seen(key, PRODUCTION))
        count(metrics, "Promoted", key)
        status = done.status.having(phase=Phase.FAILED)
        metrics.outcome(key, done, status)
    for _ in range(2):
        metrics.seen(View(b.NOW, b.KEY, None))
    text = metrics.render().decode()
    assert 'namespace="ns"' not in text
    for name in ("clm_runs_total", "clm_promotions_total", SINCE):
        assert sum(value > 0 for value in shown(metrics, name).values()) == 1, name


def test_who_stands_by_shows_nothing_of_a_schedule() -> None:
    metrics = Metrics()
    metrics.leads(leads=True)
    metrics.seen(seen(status=PRODUCTION))
    metrics.leads(leads=False)
    assert 'schedule="btc"' not in metrics.render().decode()
    metrics.leads(leads=True)
    metrics.seen(seen(status=PRODUCTION))
    assert shown(metrics, SINCE) == {'{namespace="ns",schedule="btc"}': b.NOW.timestamp()}


def test_who_leads_again_shows_what_it_knew_and_a_standby_shows_nothing() -> None:
    metrics = Metrics()
    metrics.seen(seen(status=PRODUCTION))
    count(metrics, "Promoted")
    metrics.leads(leads=False)
    assert shown(metrics, SINCE) == {}
    metrics.leads(leads=True)
    assert shown(metrics, SINCE) == {'{namespace="ns",schedule="btc"}': b.NOW.timestamp()}
    assert sum(shown(metrics, "clm_promotions_total").values()) == 1


def test_every_metric_is_in_the_manual_and_nothing_else() -> None:
    manual = (ROOT / "docs" / "metrics.md").read_text()
    served = set(re.findall(r"^# TYPE (\w+) ", Metrics().render().decode(), re.MULTILINE))
    documented = set(re.findall(r"^\| `(\w+)", manual, re.MULTILINE))
    assert documented == {name for name in served if not name.endswith("_created")}


@pytest.mark.parametrize(
    ("trigger", "late_s", "seen"),
    [
        (TriggerType.SCHEDULED, 3.0, (1, 3.0)),
        (TriggerType.INITIAL, 2.0, (1, 2.0)),
        (TriggerType.INITIAL, -0.2, (1, 0.0)),
        (TriggerType.MANUAL, 3.0, (0, 0.0)),
    ],
    ids=[
        "a slot counts",
        "the first slot counts from the creation of its schedule",
        "a clock that was set back makes nothing early",
        "a run by hand has no slot to be late for",
    ],
)
def test_how_late_a_version_was_made(
    trigger: TriggerType, late_s: float, seen: tuple[int, float]
) -> None:
    metrics, created = Metrics(), b.NOW + timedelta(seconds=30)
    slot = created + timedelta(hours=1) if trigger is TriggerType.SCHEDULED else b.NOW
    begins, made = max(slot, created), timedelta(seconds=late_s)
    ask = Ask("btc-1", slot, Trigger(type=trigger), timely=trigger in TAKES_A_SLOT)
    metrics.lateness(ask, created, begins + made)
    text = metrics.render().decode()
    figures = re.findall(r"^clm_schedule_lateness_seconds_(count|sum) (.*)$", text, re.MULTILINE)
    assert dict(figures) == {"count": str(float(seen[0])), "sum": str(seen[1])}
