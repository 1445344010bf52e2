"""When slots fall: cron in its zone, or an interval from an anchor. Pure."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from clm_api.errors import SpecError
from clm_api.timing import duration
from clm_api.training_schedule import TrainingScheduleSpec

_COUNT_LIMIT = 1000
MIN_INTERVAL = timedelta(minutes=15)


@dataclass(frozen=True)
class Schedule:
    """The slots of a schedule.

    Parameters
    ----------
    cron, zone
        Cron expression of five fields and the zone in which it is read, or None.
    every
        Distance of the slots, counted from the anchor, or None.
    """

    cron: str | None
    zone: ZoneInfo
    every: timedelta | None

    @property
    def text(self) -> str:
        """The schedule as one text for people."""
        if self.every is None:
            return str(self.cron)
        minutes = int(self.every.total_seconds()) // 60
        for unit, size in (("d", 1440), ("h", 60), ("m", 1)):
            if minutes % size == 0:
                return f"every {minutes // size}{unit}"
        raise AssertionError

    def after(self, time: datetime, anchor: datetime) -> datetime | None:
        """Return the first slot after ``time``; None where a cron expression has no more."""
        if self.every is None:
            found = next(CronSim(str(self.cron), time.astimezone(self.zone)), None)
            return None if found is None else found.astimezone(UTC)
        steps = (time - anchor) // self.every + 1
        return anchor + max(steps, 1) * self.every

    def until(self, time: datetime, anchor: datetime) -> datetime | None:
        """Return the newest slot at or before ``time``; None before an interval's first slot."""
        if self.every is None:
            inclusive = time.replace(second=0, microsecond=0) + timedelta(minutes=1)
            start = inclusive.astimezone(self.zone)
            found = next(CronSim(str(self.cron), start, reverse=True), None)
            return None if found is None else found.astimezone(UTC)
        steps = (time - anchor) // self.every
        return anchor + steps * self.every if steps >= 1 else None

    def count(self, after: datetime, until: datetime, anchor: datetime) -> int:
        """Return how many slots lie in ``(after, until]``; at most 1000 for cron expressions."""
        if self.every is None:
            ticks = CronSim(str(self.cron), after.astimezone(self.zone))
            return sum(1 for t in islice(ticks, _COUNT_LIMIT) if t.astimezone(UTC) <= until)
        lowest = max((after - anchor) // self.every, 0)
        return max((until - anchor) // self.every - lowest, 0)


def parse_schedule(
    spec: TrainingScheduleSpec, *, min_interval: timedelta = MIN_INTERVAL
) -> Schedule:
    """Return the slots that a spec asks for.

    Raises
    ------
    SpecError
        The zone is unknown, the cron expression is invalid or never fires, slots are too dense.
    """
    zone = _zone(spec.time_zone)
    if (spec.schedule is None) == (spec.interval is None):
        raise SpecError("spec", "set exactly one of spec.schedule and spec.interval")
    if spec.interval is not None:
        every = duration(spec.interval)
        if every < min_interval:
            raise SpecError("spec.interval", _too_dense(spec.interval, min_interval))
        return Schedule(cron=None, zone=zone, every=every)
    cron = str(spec.schedule)
    if len(cron.split()) != 5:
        raise SpecError(
            "spec.schedule", f'"{cron}" must have five fields: minute hour day month weekday'
        )
    try:
        slots = list(islice(CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC)), 50))
    except CronSimError as error:
        raise SpecError("spec.schedule", f'"{cron}" is not a cron expression: {error}') from error
    if not slots:
        raise SpecError("spec.schedule", f'"{cron}" never comes due')
    if min((b - a for a, b in pairwise(slots)), default=min_interval) < min_interval:
        raise SpecError("spec.schedule", _too_dense(cron, min_interval))
    return Schedule(cron=cron, zone=zone, every=None)


def _too_dense(text: str, least: timedelta) -> str:
    minutes = int(least.total_seconds()) // 60
    return f'"{text}" comes due more often than every {minutes} minutes, the operator\'s limit'


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SpecError(
            "spec.timeZone",
            f'"{name}" is not an IANA time zone; see "kubectl explain tsched.spec.timeZone"',
        ) from error


def schedule_hash(spec: TrainingScheduleSpec) -> str:
    """Return a digest of what decides when slots fall; a resumed schedule counts as edited."""
    parts = (spec.schedule, spec.interval, spec.time_zone, spec.suspend)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
