"""The shadow test: begun, brought up to date by a replay, ended by its verdict."""

from dataclasses import replace
from datetime import datetime, timedelta

from clm_api.conditions import Condition
from clm_api.lifecycle import Stage
from clm_api.model_version import ModelVersionStatus, ShadowStatus, ShadowVerdict
from clm_api.reasons import Reason
from clm_api.replay import ReplayReport
from clm_api.schedule_status import ProductionStatus, ReplayStatus
from clm_api.timing import whole_seconds
from clm_operator.conditions import stated
from clm_operator.facts import Facts, Statuses
from clm_operator.findings import Latest
from clm_operator.mirror.objects import Version
from clm_operator.stages.lifecycle import OPERATOR, TEST_FAILED, TEST_INCONCLUSIVE, TESTED, move
from clm_operator.stages.verdict import Finding, find

_REASONS = {
    ShadowVerdict.PASSED: Reason.SHADOW_PASSED,
    ShadowVerdict.FAILED: Reason.SHADOW_FAILED,
    ShadowVerdict.INCONCLUSIVE: Reason.INCONCLUSIVE,
}
_RULES = {ShadowVerdict.FAILED: TEST_FAILED, ShadowVerdict.INCONCLUSIVE: TEST_INCONCLUSIVE}
_HOLDS = {ShadowVerdict.PASSED: True, ShadowVerdict.FAILED: False}


def concluded(facts: Facts, latest: Latest) -> Statuses:
    """Return the statuses that follow from a replay and from time alone."""
    production, statuses = facts.schedule.status.production, dict[str, ModelVersionStatus]()
    for version in facts.ended:
        after = reopened(version, production)
        if latest.report is not None:
            seen = replace(version, status=after)
            after = replayed(seen, latest.report, production, facts.now)
        after = timed_out(replace(version, status=after), latest.status, facts.now)
        if after != version.status:
            statuses[version.name] = after
    return statuses


def begun(version: Version, *, at: datetime, by: str, reason: str) -> ModelVersionStatus:
    """Begin the test of a candidate; what an earlier test found stands in its history."""
    moved = move(version.status, TESTED, at=at, by=by, reason=reason)
    open_ = {"shadow": ShadowStatus(since=at), "conditions": _undecided(moved)}
    return moved.model_copy(update=open_)


def replayed(
    version: Version, report: ReplayReport, production: ProductionStatus | None, now: datetime
) -> ModelVersionStatus:
    """Return the status after a replay: figures, and the verdict if there is one by now.

    A report that held the version against another one than what is in production now leaves
    figures, but no verdict.
    """
    status, shadow, replay = version.status, version.status.shadow, report.shadow
    artifact = status.artifact
    if version.spec is None or not is_tested(version) or shadow is None or artifact is None:
        return status
    if replay is None or (replay.version, replay.sha256) != (version.name, artifact.sha256):
        return status
    found = find(replay, version.spec.run.promotion)
    if not _same_champion(report, production):
        found = Finding(None, "production changed meanwhile: held against it from now on")
    shadow = shadow.model_copy(
        update={
            "champion": replay.champion,
            "bars": replay.bars,
            "trades": round(replay.metrics.get("trades", 0)),
            "sharpe": replay.metrics.get("sharpe"),
            "champion_sharpe": found.look.champion_sharpe if found.look else None,
            "p_value": found.look.p_not_worse if found.look else None,
            "replay_mismatch": replay.replay_mismatch,
            "message": found.message[:1024],
        }
    )
    status = status.model_copy(update={"shadow": shadow})
    if found.verdict is None:
        return status
    return _ended(status, shadow, found.verdict, report.task.slot, now)


def is_tested(version: Version) -> bool:
    """Whether the version is in its shadow test, and the verdict is open."""
    shadow = version.status.shadow
    return version.status.stage is Stage.SHADOW and shadow is not None and shadow.verdict is None


def _same_champion(report: ReplayReport, production: ProductionStatus | None) -> bool:
    asked = report.task.champion
    if asked is None or production is None:
        return asked is None and production is None
    return (asked.version, asked.sha256) == (production.version, production.artifact.sha256)


def reopened(version: Version, production: ProductionStatus | None) -> ModelVersionStatus:
    """Take a verdict back that was reached against another version than the one in production."""
    status, shadow = version.status, version.status.shadow
    present = production.version if production else None
    if status.stage is not Stage.SHADOW or shadow is None or shadow.verdict is None:
        return status
    if shadow.champion == present:
        return status
    text = f"it passed against {shadow.champion or 'nothing'}; now it is held against {present}"
    return status.model_copy(
        update={
            "shadow": shadow.model_copy(
                update={"verdict": None, "verdict_slot": None, "message": text}
            ),
            "conditions": _undecided(status),
            "reason": Reason.SHADOW_STARTED,
            "message": text,
        }
    )


def _undecided(status: ModelVersionStatus) -> list[Condition]:
    return [c for c in status.conditions if c.type != "ShadowPassed"]


def timed_out(version: Version, replay: ReplayStatus | None, now: datetime) -> ModelVersionStatus:
    """End a test that was replayed after ``maxDays`` and still has no verdict."""
    status, shadow = version.status, version.status.shadow
    if version.spec is None or not is_tested(version) or shadow is None or replay is None:
        return status
    days = version.spec.run.promotion.shadow.max_days
    if replay.completion_time is None or replay.slot < shadow.since + timedelta(days=days):
        return status
    text = f"no verdict within {days} days: {shadow.message or replay.message}"[:1024]
    shadow = shadow.model_copy(update={"message": text})
    return _ended(status, shadow, ShadowVerdict.INCONCLUSIVE, replay.slot, now)


def _ended(
    status: ModelVersionStatus,
    shadow: ShadowStatus,
    verdict: ShadowVerdict,
    slot: datetime,
    now: datetime,
) -> ModelVersionStatus:
    """Write a verdict down; whoever passed stays where it is until it is promoted."""
    text, reason = shadow.message, _REASONS[verdict]
    shadow = shadow.model_copy(update={"verdict": verdict, "verdict_slot": slot})
    told = {"shadow": shadow, "reason": reason, "message": text}
    status = status.model_copy(update=told)
    if (rule := _RULES.get(verdict)) is not None:
        status = move(status, rule, at=whole_seconds(now), by=OPERATOR, reason=text)
    passed = ("ShadowPassed", _HOLDS.get(verdict), str(reason), text)
    return stated(status, now, passed)
