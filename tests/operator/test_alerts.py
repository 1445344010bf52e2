"""Every expression of the metrics' manual fires when it should, first events included."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from clm_api.lifecycle import Decision, RequestedStage, Stage
from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_operator.view import View
from tests.operator.units import builders as b
from tests.operator.units.world import ended
from tests.support.promtool import Recording
from tests.support.repository import ROOT

pytestmark = pytest.mark.slow  # promtool is fetched where it is missing

STALE = "time() - clm_production_since_timestamp_seconds > 30 * 86400"
CORRUPT = 'increase(clm_promotions_total{outcome="ArtifactCorrupt"}[1d]) > 0'
HELD = "sum without(reason) (increase(clm_held_back_total[6h])) > 3"
MISSING = "clm_production_version_missing == 1"
UNSERVED = "clm_namespace_unserved == 1"
IDLE = "(max(max_over_time(clm_leader[5m])) or vector(0)) == 0"
SILENT = "clm_watch_silent == 1"
FAILING = 'increase(clm_runs_total{outcome="FAILED"}[1d]) > 3'
PRODUCTION: dict[str, Any] = {
    "production": {
        "version": "btc-1", "since": "1970-01-01T00:00:00Z", "approvedBy": "alice",
        "reason": "why not", "artifact": {"uri": "s3://models/m.json", "sha256": "1" * 64},
    },
}  # fmt: skip
"""From where promtool's clock begins."""


def seen(recording: Recording, status: dict[str, Any] | None = None, *versions: Any) -> None:
    """Let the operator look at the schedule."""
    owner = b.schedule_object(status=status)
    recording.metrics.seen(View(b.NOW, b.KEY, owner, versions))


def refused(recording: Recording, outcome: str = "ArtifactCorrupt") -> None:
    """Decide a request."""
    stage = RequestedStage.PRODUCTION
    made = Decision(stage=stage, at=b.NOW, by="alice", reason="why not", outcome=outcome)
    version = ended("btc-1")
    recording.metrics.decision(b.KEY, version, version.status.having(promotion=made))


def failed(recording: Recording, times: int) -> None:
    """End runs without a result."""
    version = b.version(status={"phase": "Running"})
    status = version.status.having(phase=Phase.FAILED, stage=Stage.FAILED)
    for _ in range(times):
        recording.metrics.outcome(b.KEY, version, status)


def held(recording: Recording, times: int) -> None:
    """Be refused what is due."""
    for _ in range(times):
        recording.metrics.held(b.KEY, Reason.QUOTA_PENDING)


Step = Callable[[Recording], None]


@dataclass(frozen=True)
class Story:
    name: str
    expression: str
    fires: bool
    steps: tuple[tuple[Step, int], ...]
    """What happens, and for how many hours it is looked at afterwards."""


first_sight = (seen, 1)
whole = partial(seen, status=PRODUCTION)
STORIES = [
    Story("a production version of 31 days", STALE, True, ((whole, 31 * 24),)),
    Story("a production version of 29 days", STALE, False, ((whole, 29 * 24),)),
    Story("nothing in production for 31 days", STALE, False, ((seen, 31 * 24),)),
    Story("the first corrupt artifact ever", CORRUPT, True, (first_sight, (refused, 2))),
    Story("the first one after a restart", CORRUPT, True,
          (first_sight, (Recording.restart, 1), first_sight, (refused, 2))),
    Story("another refusal", CORRUPT, False,
          (first_sight, (partial(refused, outcome="PromotionConflict"), 2))),
    Story("a corrupt artifact of two days ago", CORRUPT, False, (first_sight, (refused, 50))),
    Story("a restart alone", CORRUPT, False,
          (first_sight, (refused, 50), (Recording.restart, 1), (seen, 2))),
    Story("four failed runs, the first ones ever", FAILING, True,
          (first_sight, (partial(failed, times=2), 6), (partial(failed, times=2), 6))),
    Story("two failed runs", FAILING, False, (first_sight, (partial(failed, times=2), 6))),
    Story("runs held back for the first time", HELD, True,
          (first_sight, (partial(held, times=5), 2))),
    Story("runs held back long ago", HELD, False, (first_sight, (partial(held, times=5), 9))),
    Story("a namespace that refuses the operator", UNSERVED, True,
          ((lambda r: r.metrics.unserved("ns", unserved=True), 1),)),
    Story("a namespace that is served again", UNSERVED, False,
          ((lambda r: r.metrics.unserved("ns", unserved=True), 1),
           (lambda r: r.metrics.unserved("ns", unserved=False), 1))),
    Story("a watch of which nothing is heard", SILENT, True,
          ((lambda r: r.metrics.silent("Job", "ns", silent=True), 1),)),
    Story("a watch of which something is heard again", SILENT, False,
          ((lambda r: r.metrics.silent("Job", "ns", silent=True), 1),
           (lambda r: r.metrics.silent("Job", "ns", silent=False), 1))),
    Story("an operator that only stands by", IDLE, True,
          ((lambda r: r.metrics.leads(leads=False), 1),)),
    Story("an operator that works", IDLE, False, ((lambda r: r.metrics.leads(leads=True), 1),)),
    Story("an operator that has worked and is not seen any more", IDLE, True,
          ((lambda r: r.metrics.leads(leads=True), 1), (Recording.vanish, 1))),
    Story("the version in production is deleted", MISSING, True, ((whole, 1),)),
    Story("the version in production is there", MISSING, False,
          ((lambda r: seen(r, PRODUCTION, ended("btc-1")), 1),)),
]  # fmt: skip


def documented() -> list[str]:
    """Return the expressions of the manual."""
    manual = (ROOT / "docs" / "metrics.md").read_text()
    (block,) = re.findall(r"^```\n(.*?)```", manual, re.DOTALL | re.MULTILINE)
    return [line.partition("#")[0].strip() for line in block.splitlines()]


@pytest.mark.parametrize("story", STORIES, ids=attrgetter("name"))
def test_an_alert_fires_when_it_should(story: Story, tmp_path: Path) -> None:
    recording = Recording()
    for act, hours in story.steps:
        act(recording)
        recording.scrape(hours)
    assert recording.firing(story.expression, tmp_path) == story.fires


@pytest.mark.parametrize("expression", documented())
def test_every_expression_of_the_manual_has_its_stories(expression: str) -> None:
    told = {story.fires for story in STORIES if story.expression == expression}
    assert told == {True, False}
