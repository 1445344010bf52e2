"""How often the data were asked: every judged version makes a lucky Sharpe ratio likelier."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from clm_api.figures import SHARPE_WIDEST
from clm_api.run import RunTrials
from clm_api.schedule_status import KEPT_COUNTED, TrialsStatus
from clm_api.timing import TIMEFRAME_SECONDS
from clm_operator.facts import Facts
from clm_operator.mirror.objects import Version
from clm_operator.mirror.tries import believed

_YEAR_SECONDS = 365.25 * 86400


@dataclass(frozen=True)
class Tried:
    """How often the data were asked so far.

    Parameters
    ----------
    own
        By the runs of this schedule, as its status says it.
    told
        What a new run is told: those of its siblings too, and its own; None without a spec.
    """

    own: TrialsStatus
    told: RunTrials | None


def tried(facts: Facts, versions: Iterable[Version]) -> Tried:
    """Count the tries up to now.

    Parameters
    ----------
    versions
        With their next statuses.
    """
    own = count(facts.schedule.status.trials, versions)
    if facts.plausible is None:
        return Tried(own, None)
    spec = facts.plausible.spec
    bars_per_year = _YEAR_SECONDS / TIMEFRAME_SECONDS[spec.data.timeframe]
    return Tried(own, frozen((own, *facts.sibling_trials), bars_per_year, spec.model.seeds))


def count(present: TrialsStatus, versions: Iterable[Version]) -> TrialsStatus:
    """Add the judged versions that are not in the figures yet, once for each of their seeds.

    Mean and variance are updated value by value (Welford 1962).
    """
    existing = list(versions)
    counted, until = set(present.counted), present.counted_until
    present = believed(present)
    total, measured, mean = present.total, present.measured, present.mean_sharpe
    squares = present.sharpe_variance * max(measured - 1, 0)
    for version in existing:
        if version.name in counted or version.status.metrics is None:
            continue
        if until is not None and _ended(version) <= until:
            continue
        counted.add(version.name)
        total += version.spec.run.model.seeds if version.spec else 1
        sharpe = version.status.metrics.sharpe
        if sharpe is None or abs(sharpe) > SHARPE_WIDEST:
            continue
        measured += 1
        delta = sharpe - mean
        mean += delta / measured
        squares += delta * (sharpe - mean)
    named = sorted((v for v in existing if v.name in counted), key=_ended)
    beyond = named[: max(len(named) - KEPT_COUNTED, 0)]
    return TrialsStatus(
        total=total,
        measured=measured,
        mean_sharpe=mean,
        sharpe_variance=squares / (measured - 1) if measured > 1 else 0.0,
        counted=sorted(v.name for v in named[len(beyond) :]),
        counted_until=_ended(beyond[-1]) if beyond else until,
    )


def _ended(version: Version) -> datetime:
    return version.status.completion_time or version.created


def frozen(parts: Iterable[TrialsStatus], bars_per_year: float, seeds: int = 1) -> RunTrials:
    """Combine the figures of several schedules into what a new run is told (Chan et al. 1979).

    Parameters
    ----------
    parts
        Figures of all schedules of the namespace on the same symbols and timeframe.
    bars_per_year
        Turns the annual variance into one per bar.
    seeds
        Trials that the new run is itself.
    """
    total = measured = 0
    mean = squares = 0.0
    for part in map(believed, parts):
        total += part.total
        if part.measured == 0:
            continue
        both = measured + part.measured
        delta = part.mean_sharpe - mean
        squares += part.sharpe_variance * (part.measured - 1)
        squares += delta * delta * measured * part.measured / both
        mean += delta * part.measured / both
        measured = both
    variance = squares / (measured - 1) / bars_per_year if measured > 1 else None
    return RunTrials(count=total + seeds, sharpe_variance=variance)
