"""The shadow test: begun, brought up to date by a replay, ended by its verdict."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from clm_api.conditions import Condition
from clm_api.lifecycle import Stage
from clm_api.model_version import (
    ModelVersionStatus,
    ShadowStatus,
    ShadowVerdict,
)
from clm_api.reasons import Reason
from clm_api.replay import ReplayReport
from clm_api.schedule_status import ProductionStatus, ReplayStatus
from clm_api.timing import whole_seconds
from clm_operator.changes import Change, Changes, Move
from clm_operator.facts import Facts
from clm_operator.findings import Latest
from clm_operator.mirror.objects import Version
from clm_operator.stages.lifecycle import OPERATOR, TEST_FAILED, TEST_INCONCLUSIVE
from clm_operator.stages.verdict import Finding, find

_REASONS = {
    ShadowVerdict.PASSED: Reason.SHADOW_PASSED,
    ShadowVerdict.FAILED: Reason.SHADOW_FAILED,
    ShadowVerdict.INCONCLUSIVE: Reason.INCONCLUSIVE,
}
_RULES = {ShadowVerdict.FAILED: TEST_FAILED, ShadowVerdict.INCONCLUSIVE: TEST_INCONCLUSIVE}
_HOLDS = {ShadowVerdict.PASSED: True, ShadowVerdict.FAILED: False}


def concluded(facts: Facts, latest: Latest) -> Changes:
    """Return what follows for versions on trial from a replay and from time alone."""
    changes = Changes()
    for version in facts.ended:
        shadow = version.status.shadow
        if version.status.stage is Stage.SHADOW and shadow is not None:
            change = _concluded(Trial(version, shadow), facts, latest)
            if change is not None:
                changes[version.name] = change
    return changes


@dataclass(frozen=True)
class Trial:
    """A version in its shadow test, and what is known of the test."""

    version: Version
    shadow: ShadowStatus

    def change(self, shadow: ShadowStatus, now: datetime) -> Change:
        """Return the change that only brings the test's figures up to date."""
        return Change(self.version.status.having(shadow=shadow), now)


def _concluded(trial: Trial, facts: Facts, latest: Latest) -> Change | None:
    """Return what becomes of a test: a verdict is taken back, found, or time is over."""
    production, now, reopened = facts.schedule.status.production, facts.now, None
    if trial.shadow.verdict is not None:
        if (open_ := _reopened(trial, production)) is None:
            return None
        trial, reopened = open_, Change(open_.version.status, now)
    shadow, finding = trial.shadow, None
    if latest.report is not None:
        finding = _found(trial, latest.report, production)
        shadow = shadow if finding is None else _figures(shadow, latest.report, finding)
    if finding is not None and finding.verdict is not None and latest.report is not None:
        return _ended(trial, shadow, finding.verdict, latest.report.task.slot, now)
    if (over := _timed_out(trial, shadow, latest.status)) is not None and latest.status is not None:
        return _ended(trial, over, ShadowVerdict.INCONCLUSIVE, latest.status.slot, now)
    return reopened if shadow == trial.shadow else trial.change(shadow, now)


def is_tested(version: Version) -> bool:
    """Whether the version is in its shadow test, and the verdict is open."""
    shadow = version.status.shadow
    return version.status.stage is Stage.SHADOW and shadow is not None and shadow.verdict is None


def undecided(status: ModelVersionStatus) -> list[Condition]:
    """Return the conditions without the verdict."""
    return [c for c in status.conditions if c.type != "ShadowPassed"]


def _found(
    trial: Trial, report: ReplayReport, production: ProductionStatus | None
) -> Finding | None:
    """Return what a replay of this very version shows; None where it is of another one.

    A report that held the version against another one than what is in production now leaves
    figures, but no verdict.
    """
    replay, artifact, spec = report.shadow, trial.version.status.artifact, trial.version.spec
    if replay is None or artifact is None or spec is None:
        return None
    if (replay.version, replay.sha256) != (trial.version.name, artifact.sha256):
        return None
    if not _same_champion(report, production):
        return Finding(None, "production changed meanwhile: held against it from now on")
    return find(replay, spec.run.promotion)


def _figures(shadow: ShadowStatus, report: ReplayReport, finding: Finding) -> ShadowStatus:
    if (replay := report.shadow) is None:
        return shadow
    return shadow.having(
        champion=replay.champion,
        bars=replay.bars,
        trades=round(replay.metrics.get("trades", 0)),
        sharpe=replay.metrics.get("sharpe"),
        champion_sharpe=finding.look.champion_sharpe if finding.look else None,
        p_value=finding.look.p_not_worse if finding.look else None,
        replay_mismatch=replay.replay_mismatch,
        message=finding.message,
    )


def _same_champion(report: ReplayReport, production: ProductionStatus | None) -> bool:
    asked = report.task.champion
    if asked is None or production is None:
        return asked is None and production is None
    return (asked.version, asked.sha256) == (production.version, production.artifact.sha256)


def _reopened(trial: Trial, production: ProductionStatus | None) -> Trial | None:
    """Take a verdict back that was reached against another version than the one in production."""
    present, before = production.version if production else None, trial.shadow.champion
    if before == present:
        return None
    text = f"it passed against {before or 'nothing'}; now it is held against {present or 'nothing'}"
    status = trial.version.status
    open_ = trial.shadow.having(verdict=None, verdict_slot=None, message=text)
    told = status.having(
        shadow=open_, conditions=undecided(status), reason=Reason.SHADOW_STARTED, message=text
    )
    return replace(trial, version=replace(trial.version, status=told), shadow=open_)


def _timed_out(
    trial: Trial, shadow: ShadowStatus, replay: ReplayStatus | None
) -> ShadowStatus | None:
    """Return the end of a test that was replayed after ``maxDays`` and still has no verdict."""
    spec = trial.version.spec
    if replay is None or replay.completion_time is None or spec is None:
        return None
    days = spec.run.promotion.shadow.max_days
    if replay.slot < shadow.since + timedelta(days=days):
        return None
    text = f"no verdict within {days} days: {shadow.message or replay.message}"
    return shadow.having(message=text)


def _ended(
    trial: Trial, shadow: ShadowStatus, verdict: ShadowVerdict, slot: datetime, now: datetime
) -> Change:
    """Write a verdict down; whoever passed stays where it is until it is promoted."""
    text, reason = shadow.message, _REASONS[verdict]
    decided = shadow.having(verdict=verdict, verdict_slot=slot)
    status = trial.version.status.having(shadow=decided, reason=reason, message=text)
    rule = _RULES.get(verdict)
    move = None if rule is None else Move(rule, whole_seconds(now), OPERATOR, text)
    passed = ("ShadowPassed", _HOLDS.get(verdict), str(reason), text)
    return Change(status, now, move, (passed,))
