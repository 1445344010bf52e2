"""What a schedule's figures say of what stands there."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.reasons import Reason
from clm_operator.findings import StoreSeen
from clm_operator.mirror.objects import Version
from clm_operator.telling.prometheus import Metrics
from clm_operator.view import View
from tests.operator.units import builders as b
from tests.operator.units.test_metrics import shown

HOUR = timedelta(hours=1)
MISSED, WAITING = "clm_slot_missed_timestamp_seconds", "clm_run_waiting_since_timestamp_seconds"
BANNED, FAILED = "clm_exchange_banned", "clm_failed_runs_in_a_row"
Raw = dict[str, Any]


def run(hour: int, phase: str, reason: str = "") -> Version:
    """A version that ended, or stands as it does, some hours after noon."""
    at, ends = b.NOW + hour * HOUR, phase in ("Succeeded", "Failed")
    stage = {"Succeeded": "REJECTED", "Failed": "FAILED"}.get(phase, "TRAINING")
    status = {"phase": phase, "reason": reason, "stage": stage}
    return b.version(
        f"btc-{hour}",
        created=at,
        status=status | ({"completionTime": b.stamp(at)} if ends else {}),
    )


def failed(*hours: int) -> tuple[Version, ...]:
    return tuple(run(hour, "Failed", "OOMKilled") for hour in hours)


def skipped(hour: int, reason: str, *, dated: bool = True) -> Raw:
    at = b.stamp(b.NOW + hour * HOUR)
    when = {"at": at} if dated else {}
    return {"from": at, "to": at, "count": 1, "reason": reason} | when


def replay(phase: str, reason: str) -> Raw:
    slot = b.stamp(b.NOW + HOUR)
    return {"replay": {"name": "btc-r", "slot": slot, "phase": phase, "reason": reason}}


@dataclass(frozen=True)
class Case:
    name: str
    metric: str
    value: float | datetime | None
    versions: tuple[Version, ...] = ()
    status: Raw = field(default_factory=dict)


HELD = {"name": "btc-2", "slot": b.stamp(b.NOW), "reason": "QuotaPending"}
HALT = {"version": "btc-1", "since": b.stamp(b.NOW), "by": "alice", "reason": "fees change"}
HALTED = "clm_production_halted"
CASES = [
    Case("nobody emptied production", HALTED, 0),
    Case("somebody emptied it", HALTED, 1, status={"halted": HALT}),
    Case("no slot was ever missed", MISSED, None),
    Case("the newest record of a missed slot counts", MISSED, b.NOW + 2 * HOUR,
         status={"skipped": [skipped(1, "MissedSlot"), skipped(2, "StartingDeadlineExceeded")]}),
    Case("a slot that the policy forbids is not missed", MISSED, None,
         status={"skipped": [skipped(1, "ConcurrencyForbidden")]}),
    Case("a record of a former release has no time", MISSED, None,
         status={"skipped": [skipped(1, "MissedSlot", dated=False)]}),
    Case("nothing waits", WAITING, None, (run(0, "Running"), run(1, "Succeeded"))),
    Case("the oldest run without a pod waits longest", WAITING, b.NOW,
         (run(0, "Pending"), run(1, "Pending"))),
    Case("a run without a version waits too", WAITING, b.NOW + HOUR, (run(2, "Pending"),),
         {"held": [HELD | {"since": b.stamp(b.NOW + HOUR)}]}),
    Case("so does a replay whose Job can't be made", WAITING, b.NOW + HOUR,
         status=replay("Pending", "QuotaPending")),
    Case("a replay that works does not wait", WAITING, None, status=replay("Running", "")),
    Case("nobody is banned", BANNED, 0, (run(0, "Failed", "OOMKilled"),)),
    Case("the newest run met a ban", BANNED, 1, (run(0, "Failed", "ExchangeBanned"),)),
    Case("a run that is tried again still says so", BANNED, 1,
         (run(0, "Succeeded"), run(1, "Running", "ExchangeBanned"))),
    Case("the next run has not ended yet", BANNED, 1,
         (run(0, "Failed", "ExchangeBanned"), run(1, "Pending"))),
    Case("the next run ended otherwise", BANNED, 0,
         (run(0, "Failed", "ExchangeBanned"), run(1, "Succeeded"))),
    Case("the newest replay met one", BANNED, 1, (run(0, "Succeeded"),),
         replay("Failed", "ExchangeBanned")),
    Case("no run has ended", FAILED, 0, (run(0, "Running"),)),
    Case("three failed in a row", FAILED, 3, failed(1, 2, 3)),
    Case("only those since the last success count", FAILED, 1,
         (*failed(1, 2), run(3, "Succeeded"), *failed(4)),
         {"lastSuccessfulTime": b.stamp(b.NOW + 3 * HOUR)}),
    Case("a success that retention has removed counts", FAILED, 0, failed(1, 2),
         {"lastSuccessfulTime": b.stamp(b.NOW + 3 * HOUR)}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_what_stands_of_a_schedule_is_shown(case: Case) -> None:
    metrics = Metrics()
    owner = b.schedule_object(status=case.status)
    metrics.seen(View(b.NOW, b.KEY, owner, case.versions))
    value = case.value.timestamp() if isinstance(case.value, datetime) else case.value
    found = shown(metrics, case.metric)
    assert found == ({} if value is None else {'{namespace="ns",schedule="btc"}': value})


@pytest.mark.parametrize(
    ("looks", "left"),
    [
        ([failed(1), failed(2), failed(3)], 3),
        ([failed(*range(60)), failed(*range(60, 120))], 100),
    ],
    ids=["failed versions that retention has removed still count", "up to 100"],
)
def test_failures_are_remembered(looks: list[tuple[Version, ...]], left: int) -> None:
    metrics = Metrics()
    for versions in looks:
        metrics.seen(View(b.NOW, b.KEY, b.schedule_object(), versions))
    assert list(shown(metrics, FAILED).values()) == [left]


def test_a_schedule_that_nobody_has_seen_yet_shows_no_figure() -> None:
    metrics, version = Metrics(), run(0, "Running")
    metrics.outcome(b.KEY, version, run(0, "Failed").status)
    assert shown(metrics, FAILED) == {}


def seen_store(metrics: Metrics, *, ready: bool | None) -> float:
    store = None if ready is None else StoreSeen(ready, Reason.STORAGE_DENIED, "no")
    metrics.seen(View(b.NOW, b.KEY, b.schedule_object(), store=store))
    return float(metrics.render().decode().partition("\nclm_store_refuses ")[2].split("\n")[0])


def test_a_store_refuses_until_it_is_ready_or_somebody_else_looks() -> None:
    metrics = Metrics()
    assert [seen_store(metrics, ready=ready) for ready in (None, False, None, True)] == [0, 1, 1, 0]
    assert seen_store(metrics, ready=False) == 1
    metrics.leads(leads=False)
    assert seen_store(metrics, ready=None) == 0
