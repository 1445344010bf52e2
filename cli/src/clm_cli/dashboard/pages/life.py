"""The time line of a schedule: what happened at which slot."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from clm_api.production import Period, periods
from clm_api.schedule_status import SkippedRange, TrainingScheduleStatus
from clm_cli.cluster import VersionView
from clm_cli.dashboard.pages.words import SHAPES, STAGES, plural
from clm_cli.dashboard.paths import version_path
from clm_cli.dashboard.plots.timeline import Mark, Stretch, TimeLine
from clm_cli.dashboard.world import World, key_of
from clm_cli.screen import moment


def life(
    world: World,
    status: TrainingScheduleStatus,
    versions: Sequence[VersionView],
    slots: Sequence[datetime],
) -> TimeLine:
    """Return what the time line shows.

    Parameters
    ----------
    versions
        The newest first.
    slots
        What comes next.
    """
    return TimeLine(
        marks=[_mark(version) for version in reversed(versions)],
        production=[_time(p, place, world) for place, p in enumerate(periods(status))],
        skipped=[_skip(one) for one in status.skipped],
        coming=[slot.timestamp() for slot in slots],
        now=world.now.timestamp(),
    )


def life_text(line: TimeLine, versions: Sequence[VersionView]) -> str:
    """Say in words what the time line shows."""
    counted = Counter(version.status.stage for version in versions)
    stages = ", ".join(f"{count} {stage}" for stage, count in counted.most_common())
    said = [f"{plural(len(line.marks), 'run')}: {stages}" if stages else "no run yet"]
    if line.skipped:
        said.append(f"{plural(len(line.skipped), 'range')} of skipped slots")
    if line.production:
        said.append(f"{plural(len(line.production), 'time')} in production or empty")
    return f"{'; '.join(said)}."


def _mark(version: VersionView) -> Mark:
    status = version.status
    said = f"{version.name}: {status.stage} {status.reason}".strip()
    return Mark(
        at=version.spec.slot.timestamp(),
        shape=SHAPES[status.stage],
        kind=STAGES[status.stage],
        said=f"{said}, slot {moment(version.spec.slot)}",
        link=version_path(key_of(version)),
    )


def _time(period: Period, place: int, world: World) -> Stretch:
    end = period.to or world.now
    span = f"{moment(period.since)} to {moment(period.to) or 'now'}"
    if period.version is None:
        said = f"production was empty, {span}: {period.reason}"
        return Stretch(period.since.timestamp(), end.timestamp(), "emptied", said, "empty")
    said = f"{period.version} in production, {span}, by {period.by}: {period.reason}"
    kind = "held odd" if place % 2 else "held"
    return Stretch(period.since.timestamp(), end.timestamp(), kind, said, period.version)


def _skip(skipped: SkippedRange) -> Stretch:
    said = f"{plural(skipped.count, 'slot')} skipped, {skipped.reason}: {skipped.message}"
    return Stretch(skipped.from_.timestamp(), skipped.to.timestamp(), "missed", said)
