"""What a replay looks at beside figures, as the schedule's present spec says it."""

from datetime import datetime, timedelta

from clm_api.replay import WatchTask
from clm_api.timing import TIMEFRAME_SECONDS, duration
from clm_operator.facts import Facts
from clm_operator.replays.due import newest_slot
from clm_operator.replays.turns import are_apart


def watch_of(facts: Facts, slot: datetime) -> WatchTask | None:
    """Return what the replay of a slot is to watch; None where nothing is in production.

    Its positions hold until the next slot's have had a bar's time to come; where slots take turns,
    until those of the one after it have.
    """
    spec = facts.schedule.spec
    if facts.champion is None or spec is None:
        return None
    step = duration(spec.monitoring.interval)
    slots = 2 if are_apart(facts) else 1
    bar = timedelta(seconds=TIMEFRAME_SECONDS[spec.data.timeframe])
    return WatchTask(
        drift=spec.monitoring.drift,
        performance=spec.monitoring.performance,
        max_drawdown=spec.promotion.criteria.max_drawdown,
        own_trades=spec.data.own_trades,
        valid_until=newest_slot(facts.schedule, step, slot) + slots * step + bar,
    )
