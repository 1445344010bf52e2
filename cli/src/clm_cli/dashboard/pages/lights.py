"""What is known of a schedule's production, in lights: promise, drift, fills, queue."""

from collections.abc import Sequence
from dataclasses import dataclass

from clm_api.drift import DriftVerdict
from clm_api.model_version import TERMINAL
from clm_api.performance import PerformanceVerdict
from clm_api.queueing import QueueState
from clm_api.schedule_status import TrainingScheduleStatus
from clm_cli.cluster import ScheduleView, VersionView
from clm_cli.dashboard.pages.words import (
    Light,
    Tone,
    When,
    number,
    percent,
    plural,
    when,
)
from clm_cli.dashboard.world import World

WAITING = frozenset({QueueState.QUEUED, QueueState.PREEMPTED, QueueState.HELD})
_QUEUE_TONES = {
    QueueState.QUEUED: Tone.QUIET,
    QueueState.ADMITTED: Tone.BUSY,
    QueueState.PREEMPTED: Tone.WARN,
    QueueState.HELD: Tone.BAD,
}


@dataclass(frozen=True)
class Production:
    """What is in production, or that nothing is.

    Parameters
    ----------
    version
        Its name; empty where production was emptied.
    """

    version: str
    since: When
    by: str
    reason: str
    live: str


def production(status: TrainingScheduleStatus, world: World) -> Production | None:
    """Return what is in production; None where nothing ever was."""
    if (there := status.production) is not None:
        since = when(there.since, world.now)
        return Production(there.version, since, there.approved_by, there.reason, _live(status))
    if (halted := status.halted) is not None:
        return Production("", when(halted.since, world.now), halted.by, halted.reason, "")
    return None


def _live(status: TrainingScheduleStatus) -> str:
    live = status.production.live if status.production else None
    if live is None:
        return ""
    return f"{percent(live.total_return)} in {plural(live.bars, 'bar')}"


def promise(status: TrainingScheduleStatus) -> Light:
    """Say how production does against what its backtest promised."""
    there, seen = status.production, status.performance
    if there is None:
        return Light("nothing in production", Tone.QUIET)
    if seen is None or seen.version != there.version:
        return Light("not looked at yet", Tone.QUIET, "no replay has looked at it so far")
    against = f"Sharpe {number(seen.sharpe)}, promised {number(seen.promised_sharpe)}"
    return {
        PerformanceVerdict.AS_PROMISED: Light("as promised", Tone.GOOD, against),
        PerformanceVerdict.DEGRADED: Light("degraded", Tone.BAD, seen.message or against),
        PerformanceVerdict.TOO_EARLY: Light("too early to say", Tone.QUIET, against),
    }[seen.verdict]


def drift(status: TrainingScheduleStatus) -> Light:
    """Say whether the market is still the one that production learned."""
    there, seen = status.production, status.drift
    if there is None:
        return Light("nothing in production", Tone.QUIET)
    if seen is None or seen.version != there.version:
        return Light("not looked at yet", Tone.QUIET, "no replay has looked at it so far")
    return {
        DriftVerdict.STEADY: Light("steady", Tone.GOOD, seen.message),
        DriftVerdict.DRIFTED: Light("drifted", Tone.WARN, seen.message),
        DriftVerdict.TOO_EARLY: Light("too early to say", Tone.QUIET, seen.message),
        DriftVerdict.NO_REFERENCE: Light("no reference", Tone.QUIET, seen.message),
    }[seen.verdict]


def is_degraded(status: TrainingScheduleStatus) -> bool:
    """Whether what is in production earns less than was promised."""
    return promise(status).tone is Tone.BAD


def is_drifted(status: TrainingScheduleStatus) -> bool:
    """Whether the market has changed since production was trained."""
    return drift(status).tone is Tone.WARN


def waits(version: VersionView) -> bool:
    """Whether a run stands in a queue and may not start."""
    place = version.status.queue
    return version.status.phase not in TERMINAL and place is not None and place.state in WAITING


def queue(version: VersionView) -> Light | None:
    """Say where a run's Job stands in its queue; None where it has none."""
    place = version.status.queue
    if place is None:
        return None
    words = f"{place.state.lower()} in {place.name}"
    if place.position is not None and place.state in WAITING:
        words += f", place {place.position}"
    if place.preemptions:
        words += f", preempted {plural(place.preemptions, 'time')}"
    return Light(words, _QUEUE_TONES[place.state], place.message)


def waiting(view: ScheduleView, unfinished: Sequence[VersionView]) -> Light | None:
    """Say which runs of a schedule wait: held back before they are made, or queued after."""
    if held := view.status.held:
        named = held[0].name if len(held) == 1 else plural(len(held), "run")
        reasons = ", ".join(dict.fromkeys(run.reason for run in held))
        return Light(f"{named} held back", Tone.WARN, f"{reasons}: {held[0].message}")
    found = [light for v in unfinished if waits(v) and (light := queue(v))]
    return found[0] if found else None


def family(view: ScheduleView) -> str:
    """Return a schedule's model family, readable or not."""
    model = view.raw["spec"].get("model")
    return str(model.get("family", "")) if isinstance(model, dict) else ""
