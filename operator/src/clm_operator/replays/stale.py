"""Whether the version in production is too old, or its bars have stopped."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from clm_api.conditions import says
from clm_api.data_spec import Refresh
from clm_api.model_version import Phase
from clm_api.reasons import Reason
from clm_api.schedule_status import ProductionStatus, ReplayStatus, TrainingScheduleStatus
from clm_api.timing import TIMEFRAME_SECONDS, duration
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.facts import Facts

STALE = "Stale"
PATIENCE = 3
"""Bars have stopped once none came for so many intervals of replays, or so many bars."""


@dataclass(frozen=True)
class Staleness:
    """Whether a version is stale.

    Parameters
    ----------
    message
        Why, or until when it is not.
    wake_at
        When that may change by time alone.
    """

    stale: bool
    message: str
    wake_at: datetime | None = None


def staleness(facts: Facts, after: TrainingScheduleStatus) -> Staleness | None:
    """Return whether the version in production is stale; None where there is none.

    Parameters
    ----------
    after
        The schedule's next status.
    """
    production, spec = after.production, facts.schedule.spec
    if production is None or spec is None:
        return None
    expires = expires_at(facts, spec, production)
    if expires is not None and expires <= facts.now:
        text = (
            f"{production.version} is older than spec.monitoring.expiresAfter "
            f"({spec.monitoring.expires_after}) since {_stamp(expires)}: train a new one"
        )
        return Staleness(stale=True, message=text)
    if spec.data.refresh is Refresh.NEVER:
        return Staleness(stale=False, message=_fresh(expires), wake_at=expires)
    return _by_bars(facts, after, production, expires)


def expires_at(
    facts: Facts, spec: TrainingScheduleSpec, production: ProductionStatus
) -> datetime | None:
    """Return when the version is too old; None: never.

    Its age counts from its newest training bar, whenever it came into production: a version that
    was rolled back to is as old as it is. Of one that was deleted only the promotion is known.
    """
    if (most := spec.monitoring.expires_after) is None:
        return None
    version = next((v for v in facts.versions if v.name == production.version), None)
    trained = version.status.trained_until if version else None
    return min(trained or production.since, production.since) + duration(most)


def _by_bars(
    facts: Facts,
    after: TrainingScheduleStatus,
    production: ProductionStatus,
    expires: datetime | None,
) -> Staleness:
    """Return whether bars have stopped: no replay has seen a new one for long.

    A replay that works is waited for: an operator that was away knows no newer bars yet.
    """
    newest, longest = _newest_bar(facts, production), _longest_pause(facts)
    stops = newest + PATIENCE * longest
    replay = after.replay
    if facts.now >= stops and (looks := _looks_since(facts, replay)) is not None:
        known = says(facts.schedule.status.conditions, STALE, "True", Reason.STALE)
        if not known and (until := looks + longest) > facts.now:
            return Staleness(stale=False, message=_fresh(expires), wake_at=until)
    if facts.now < stops:
        wake = min(filter(None, (stops, expires)))
        return Staleness(stale=False, message=_fresh(expires), wake_at=wake)
    text = (
        f"no bar after {_stamp(newest)} was seen for {PATIENCE} replays or bars"
        f"{_last_words(replay)}: see whether its symbols are still traded and its exchange answers"
    )
    return Staleness(stale=True, message=text, wake_at=expires)


def _looks_since(facts: Facts, replay: ReplayStatus | None) -> datetime | None:
    """Return the slot of a replay that works, or is about to; None where none does.

    None is about to where the spec can't be followed, or the version was deleted.
    """
    if replay is not None and replay.phase is Phase.RUNNING:
        return replay.slot
    if facts.plausible is None or facts.missing:
        return None
    due = facts.replay_slot
    return due if due is not None and (replay is None or replay.slot < due) else None


def _newest_bar(facts: Facts, production: ProductionStatus) -> datetime:
    """Return the close of the newest bar that a replay has seen, or the time of the promotion."""
    live = production.live
    if live is None:
        return production.since
    return max(live.to + _bar(facts), production.since)


def _longest_pause(facts: Facts) -> timedelta:
    """Return the longest time without a new bar if all goes well."""
    spec = facts.schedule.spec
    step = duration(spec.monitoring.interval) if spec else timedelta(0)
    return max(step, _bar(facts))


def _bar(facts: Facts) -> timedelta:
    spec = facts.schedule.spec
    return timedelta(seconds=TIMEFRAME_SECONDS[spec.data.timeframe] if spec else 0)


def _last_words(replay: ReplayStatus | None) -> str:
    if replay is None or not replay.reason or replay.reason == Reason.REPLAYED:
        return ""
    return f" (the newest replay: {replay.reason})"


def _fresh(expires: datetime | None) -> str:
    return "its bars go on" + (f"; it is too old at {_stamp(expires)}" if expires else "")


def _stamp(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
