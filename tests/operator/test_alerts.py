"""Every alert of the chart fires when it should and only then, first events included."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from clm_api.lifecycle import Decision, RequestedStage
from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_operator.findings import StoreSeen
from clm_operator.mirror.objects import Version
from clm_operator.telling.sink_metrics import SinkMetrics
from clm_operator.view import View
from tests.operator.units import builders as b
from tests.operator.units.world import ended
from tests.support import alert_rules
from tests.support.promtool import Recording, check

pytestmark = pytest.mark.slow  # Prometheus is fetched where it is missing

Raw = dict[str, Any]
START = datetime(1970, 1, 1, tzinfo=UTC)
"""From where promtool's clock begins."""
PRODUCTION: Raw = {
    "production": {
        "version": "btc-1", "since": b.stamp(START), "approvedBy": "alice",
        "reason": "why not", "artifact": {"uri": "s3://models/m.json", "sha256": "1" * 64},
    },
}  # fmt: skip
EMPTIED: Raw = {
    "halted": {"version": "btc-1", "since": b.stamp(START), "by": "alice", "reason": "fees"},
}


def seen(
    recording: Recording, status: Raw | None = None, *versions: Version, store: bool = True
) -> None:
    """Let the operator look at the schedule."""
    owner = b.schedule_object(status=status)
    found = StoreSeen(store, Reason.STORE_READY if store else Reason.STORAGE_DENIED, "")
    recording.metrics.seen(View(b.NOW, b.KEY, owner, versions, store=found))


def condition(kind: str, *, holds: bool) -> "Step":
    """Let the operator look at a schedule of which that is known."""
    said = {
        "type": kind, "status": str(holds), "reason": "Why", "message": "",
        "lastTransitionTime": b.stamp(START), "observedGeneration": 1,
    }  # fmt: skip
    return partial(seen, status={"conditions": [said]})


def skipped(reason: str, hour: int = 0) -> "Step":
    """Let the operator look at a schedule that has just put a slot on record."""
    at = b.stamp(START + timedelta(hours=hour))
    record = {"from": at, "to": at, "count": 1, "reason": reason, "at": at}
    return partial(seen, status={"skipped": [record]})


def runs(*phases: str, reason: str = "OOMKilled") -> "Step":
    """Let the operator look at runs that stand like this, an hour apart, from the start on."""

    def act(recording: Recording) -> None:
        made = []
        for hour, phase in enumerate(phases):
            at = START + timedelta(hours=hour)
            status = {"phase": phase, "reason": reason if phase == "Failed" else ""}
            status |= {"completionTime": b.stamp(at)} if phase in ("Failed", "Succeeded") else {}
            made.append(b.version(f"btc-{hour}", created=at, status=status))
        good = [v.status.completion_time for v in made if v.status.phase is Phase.SUCCEEDED]
        times = [b.stamp(at) for at in good if at is not None]
        seen(recording, {"lastSuccessfulTime": times[-1]} if times else {}, *made)

    return act


def refused(recording: Recording, outcome: str = "ArtifactCorrupt") -> None:
    """Decide a request."""
    stage = RequestedStage.PRODUCTION
    made = Decision(stage=stage, at=b.NOW, by="alice", reason="why not", outcome=outcome)
    version = ended("btc-1")
    recording.metrics.decision(b.KEY, version, version.status.having(promotion=made))


def held(recording: Recording, times: int) -> None:
    """Be refused what is due."""
    for _ in range(times):
        recording.metrics.held(b.KEY, Reason.QUOTA_PENDING)


def waits(*, since: int | None) -> "Step":
    """Have a sink; an event waits for it since some hour."""
    at = None if since is None else START + timedelta(hours=since)
    found = (0, None) if at is None else (1, at.timestamp())
    return lambda recording: recording.metrics.sinks.set("http", lambda: found)


def sink(change: Callable[[SinkMetrics], None]) -> "Step":
    """Have an answer of a sink, or none."""
    return lambda recording: change(recording.metrics.sinks)


Step = Callable[[Recording], None]


def tells(change: Callable[[Any], None]) -> Step:
    """Change a metric of the operator itself."""
    return lambda recording: change(recording.metrics)


@dataclass(frozen=True)
class Story:
    name: str
    about: str
    fires: bool
    steps: tuple[tuple[Step, int], ...]
    """What happens, and for how many hours it is looked at afterwards."""
    beside: tuple[str, ...] = ()
    """Other alerts that fire by it."""


first_sight = (seen, 1)


def whole(recording: Recording) -> None:
    """Let the operator look at a version in production."""
    seen(recording, PRODUCTION, ended("btc-1"))


def one(name: str, about: str, step: Step, *, fires: bool, hours: int = 2) -> Story:
    """A story of one step after the first sight."""
    return Story(name, about, fires, (first_sight, (step, hours)))


STORIES = [
    one("an operator that works", "ClmOperatorAbsent", seen, fires=False),
    one("an operator that only stands by", "ClmOperatorAbsent",
        tells(lambda m: m.leads(leads=False)), fires=True),
    one("an operator that has worked and is not seen any more", "ClmOperatorAbsent",
        Recording.vanish, fires=True),
    one("another pod takes over", "ClmOperatorAbsent", Recording.restart, fires=False),
    one("a watch of which nothing is heard", "ClmWatchSilent",
        tells(lambda m: m.silent("Job", "ns", silent=True)), fires=True),
    Story("a watch of which something is heard again", "ClmWatchSilent", False,
          ((tells(lambda m: m.silent("Job", "ns", silent=True)), 1),
           (tells(lambda m: m.silent("Job", "ns", silent=False)), 1))),
    one("a namespace that refuses the operator", "ClmNamespaceUnserved",
        tells(lambda m: m.unserved("ns", unserved=True)), fires=True),
    one("a namespace that refuses it for a moment", "ClmNamespaceUnserved",
        tells(lambda m: m.unserved("ns", unserved=True)), fires=False, hours=1),
    Story("a namespace that is served again", "ClmNamespaceUnserved", False,
          ((tells(lambda m: m.unserved("ns", unserved=True)), 2),
           (tells(lambda m: m.unserved("ns", unserved=False)), 1))),
    one("a store that refuses", "ClmStoreRefuses", partial(seen, store=False), fires=True),
    one("a store that refuses for a moment", "ClmStoreRefuses",
        partial(seen, store=False), fires=False, hours=1),
    Story("a store that is right again", "ClmStoreRefuses", False,
          ((partial(seen, store=False), 2), first_sight)),
    one("schedules that wait for a worker", "ClmOperatorBehind",
        tells(lambda m: m.queue_depth(9)), fires=True),
    Story("schedules that wait in a pod that stands by", "ClmOperatorBehind", False,
          ((tells(lambda m: m.queue_depth(9)), 0), (tells(lambda m: m.leads(leads=False)), 2)),
          beside=("ClmOperatorAbsent",)),
    Story("a queue that is empty again", "ClmOperatorBehind", False,
          ((tells(lambda m: m.queue_depth(9)), 2), (tells(lambda m: m.queue_depth(0)), 1))),
    one("a missed slot", "ClmSlotsMissed", skipped("MissedSlot"), fires=True),
    Story("a slot that was missed while no operator was there", "ClmSlotsMissed", True,
          (first_sight, (Recording.vanish, 5), (Recording.restart, 0),
           (skipped("MissedSlot", 6), 1))),
    one("a slot that was missed long ago", "ClmSlotsMissed",
        skipped("MissedSlot"), fires=False, hours=9),
    one("a slot that the policy forbids", "ClmSlotsMissed",
        skipped("ConcurrencyForbidden"), fires=False),
    one("three runs that failed, the first ones ever", "ClmRunsFailing",
        runs("Failed", "Failed", "Failed"), fires=True),
    Story("runs that failed before a restart", "ClmRunsFailing", True,
          ((runs("Failed", "Failed", "Failed"), 1), (Recording.restart, 0),
           (runs("Failed", "Failed", "Failed"), 1))),
    one("two runs that failed", "ClmRunsFailing", runs("Failed", "Failed"), fires=False),
    one("a success between failures", "ClmRunsFailing",
        runs("Failed", "Failed", "Succeeded", "Failed"), fires=False),
    one("runs held back for the first time", "ClmRunsHeldBack", partial(held, times=5),
        fires=True),
    one("runs held back long ago", "ClmRunsHeldBack", partial(held, times=5), fires=False,
        hours=9),
    one("a run that waits for two hours", "ClmQueueWaiting", runs("Pending"), fires=True),
    one("a run that waits for an hour", "ClmQueueWaiting", runs("Pending"), fires=False, hours=1),
    Story("a run that has waited", "ClmQueueWaiting", False,
          ((runs("Pending"), 3), (runs("Running"), 2))),
    one("a run that met a ban", "ClmExchangeBanned", runs("Failed", reason="ExchangeBanned"),
        fires=True),
    Story("a run after the ban", "ClmExchangeBanned", False,
          ((runs("Failed", reason="ExchangeBanned"), 1), (runs("Failed", "Succeeded"), 1))),
    one("the version in production is deleted", "ClmProductionVersionMissing",
        partial(seen, status=PRODUCTION), fires=True),
    one("the version in production is there", "ClmProductionVersionMissing", whole, fires=False),
    one("the first corrupt artifact ever", "ClmArtifactCorrupt", refused, fires=True),
    Story("the first one after a restart", "ClmArtifactCorrupt", True,
          (first_sight, (Recording.restart, 1), first_sight, (refused, 2))),
    one("another refusal", "ClmArtifactCorrupt",
        partial(refused, outcome="PromotionConflict"), fires=False),
    one("a corrupt artifact of two days ago", "ClmArtifactCorrupt", refused, fires=False,
        hours=50),
    Story("a restart alone", "ClmArtifactCorrupt", False,
          (first_sight, (refused, 50), (Recording.restart, 1), (seen, 2))),
    one("a degraded version", "ClmDegraded", condition("Degraded", holds=True), fires=True),
    one("a version as promised", "ClmDegraded", condition("Degraded", holds=False), fires=False),
    one("production that was emptied", "ClmProductionHalted", partial(seen, status=EMPTIED),
        fires=True),
    one("production that never was", "ClmProductionHalted", seen, fires=False),
    one("a market that has drifted", "ClmDrifted", condition("Drifted", holds=True), fires=True),
    one("a steady market", "ClmDrifted", condition("Drifted", holds=False), fires=False),
    one("a stale version", "ClmProductionStale", condition("Stale", holds=True), fires=True),
    one("a fresh version", "ClmProductionStale", condition("Stale", holds=False), fires=False),
    one("a version that has been in production for 31 days", "ClmProductionOld", whole,
        fires=True, hours=31 * 24),
    one("a version that has been there for 29 days", "ClmProductionOld", whole, fires=False,
        hours=29 * 24),
    one("nothing in production for 31 days", "ClmProductionOld", seen, fires=False,
        hours=31 * 24),
    one("fills that are not what was decided", "ClmExecutionShortfall",
        condition("Executed", holds=False), fires=True),
    one("fills that are", "ClmExecutionShortfall", condition("Executed", holds=True),
        fires=False),
    Story("a sink that is away", "ClmSinkAway", True,
          ((waits(since=None), 1), (sink(lambda s: s.failed("http")), 2))),
    Story("a sink that is away for a moment", "ClmSinkAway", False,
          ((waits(since=None), 1), (sink(lambda s: s.failed("http")), 1))),
    Story("a sink that is back", "ClmSinkAway", False,
          ((waits(since=None), 1), (sink(lambda s: s.failed("http")), 2),
           (sink(lambda s: s.told("http")), 1))),
    Story("a sink that was never tried", "ClmSinkAway", False, ((waits(since=None), 3),)),
    Story("an event that waits for two hours", "ClmEventsWaiting", True,
          ((waits(since=0), 3),)),
    Story("an event that waits for an hour", "ClmEventsWaiting", False,
          ((waits(since=0), 2),)),
    Story("the first event that a sink refuses for good", "ClmEventsRefused", True,
          ((waits(since=None), 1), (sink(lambda s: s.refused("http")), 2))),
    Story("an event that is taken", "ClmEventsRefused", False,
          ((waits(since=None), 1), (sink(lambda s: s.told("http")), 2))),
    one("messages that nobody hears", "ClmMessagesUnheard",
        tells(lambda m: m.listens("CLM", listens=False)), fires=True),
    one("messages that are heard", "ClmMessagesUnheard",
        tells(lambda m: m.listens("CLM", listens=True)), fires=False),
    one("messages that another pod hears", "ClmMessagesUnheard",
        tells(lambda m: m.listens("CLM", listens=None)), fires=False),
]  # fmt: skip


@pytest.mark.parametrize("story", STORIES, ids=attrgetter("name"))
def test_an_alert_fires_when_it_should_and_no_other_does(story: Story, tmp_path: Path) -> None:
    recording = Recording()
    recording.metrics.leads(leads=True)
    for act, hours in story.steps:
        act(recording)
        recording.scrape(hours)
    firing = {story.about} if story.fires else set[str]()
    assert recording.wrong(firing | {*story.beside}, tmp_path) == ""


@pytest.mark.parametrize("alert", alert_rules.NAMES)
def test_every_alert_has_its_stories(alert: str) -> None:
    told = {story.fires for story in STORIES if story.about == alert}
    assert told == {True, False}


def test_no_alert_is_more_than_a_prometheus_takes(tmp_path: Path) -> None:
    assert check("check", "rules", str(alert_rules.write(tmp_path))) == ""
