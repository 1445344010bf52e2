"""When slots fall: cron in its zone, or an interval from an anchor. Pure."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from clm_api.cron import Cron, CronError, read_cron
from clm_api.cron_notes import notes_on
from clm_api.errors import SpecError
from clm_api.timing import duration
from clm_api.training_schedule import TrainingScheduleSpec

_COUNT_LIMIT = 1000
MIN_INTERVAL = timedelta(minutes=15)


@dataclass(frozen=True)
class CronSchedule:
    """Slots on the wall clocks of a zone.

    Parameters
    ----------
    line, cron, zone
        The cron line as it was written and as it was read, and the zone.
    """

    line: str
    cron: Cron
    zone: ZoneInfo

    @property
    def text(self) -> str:
        """The schedule as one text for people."""
        return self.line

    def after(self, time: datetime, anchor: datetime) -> datetime | None:  # noqa: ARG002
        """Return the first slot after ``time``; None where there is no more."""
        return self.cron.after(time, self.zone)

    def until(self, time: datetime, anchor: datetime) -> datetime | None:  # noqa: ARG002
        """Return the newest slot at or before ``time``."""
        return self.cron.until(time, self.zone)

    def count(self, after: datetime, until: datetime, anchor: datetime) -> int:
        """Return how many slots lie in ``(after, until]``, at most 1000."""
        found, slot = 0, self.after(after, anchor)
        while slot is not None and slot <= until and found < _COUNT_LIMIT:
            found, slot = found + 1, self.after(slot, anchor)
        return found

    def notes(self, now: datetime) -> tuple[str, ...]:
        """Return what is to be said of its slots: double readings, the next clock change."""
        return notes_on(self.line, self.zone, now.astimezone(UTC).date())


@dataclass(frozen=True)
class IntervalSchedule:
    """Slots at one distance, counted from an anchor."""

    every: timedelta

    @property
    def text(self) -> str:
        """The schedule as one text for people."""
        minutes = int(self.every.total_seconds()) // 60
        for unit, size in (("d", 1440), ("h", 60), ("m", 1)):
            if minutes % size == 0:
                return f"every {minutes // size}{unit}"
        raise AssertionError

    def after(self, time: datetime, anchor: datetime) -> datetime:
        """Return the first slot after ``time``."""
        return anchor + max((time - anchor) // self.every + 1, 1) * self.every

    def until(self, time: datetime, anchor: datetime) -> datetime | None:
        """Return the newest slot at or before ``time``; None before the first slot."""
        steps = (time - anchor) // self.every
        return anchor + steps * self.every if steps >= 1 else None

    def count(self, after: datetime, until: datetime, anchor: datetime) -> int:
        """Return how many slots lie in ``(after, until]``."""
        lowest = max((after - anchor) // self.every, 0)
        return max((until - anchor) // self.every - lowest, 0)

    def notes(self, now: datetime) -> tuple[str, ...]:  # noqa: ARG002
        """There is nothing to say of an interval."""
        return ()


Schedule = CronSchedule | IntervalSchedule


def parse_schedule(
    spec: TrainingScheduleSpec, *, min_interval: timedelta = MIN_INTERVAL
) -> Schedule:
    """Return the slots that a spec asks for.

    Raises
    ------
    SpecError
        The zone is unknown, the cron expression is invalid or never fires, slots are too dense.
    """
    return _read(spec.schedule, spec.interval, spec.time_zone, min_interval)


@lru_cache(maxsize=4096)
def _read(
    line: str | None, interval: str | None, time_zone: str, min_interval: timedelta
) -> Schedule:
    zone = _zone(time_zone)
    if (line is None) == (interval is None):
        raise SpecError("spec", "set exactly one of spec.schedule and spec.interval")
    if interval is not None:
        every = duration(interval)
        if every < min_interval:
            raise SpecError("spec.interval", _too_dense(interval, min_interval))
        return IntervalSchedule(every)
    line = str(line)
    try:
        cron = read_cron(line)
    except CronError as error:
        raise SpecError("spec.schedule", f'"{line}" is not a cron expression: {error}') from error
    if cron.closest is None:
        raise SpecError("spec.schedule", f'"{line}" never comes due')
    if cron.closest < min_interval:
        raise SpecError("spec.schedule", _too_dense(line, min_interval))
    return CronSchedule(line, cron, zone)


def _too_dense(text: str, least: timedelta) -> str:
    minutes = int(least.total_seconds()) // 60
    return f'"{text}" comes due more often than every {minutes} minutes, the operator\'s limit'


def _zone(name: str) -> ZoneInfo:
    if name in zone_names():
        return ZoneInfo(name)
    meant = [one for one in zone_names() if one.casefold() == name.strip().casefold()]
    but = f', but "{meant[0]}" is' if meant else ""
    raise SpecError(
        "spec.timeZone",
        f'"{name}" is not an IANA time zone{but}; see "kubectl explain tsched.spec.timeZone"',
    )


@cache
def zone_names() -> frozenset[str]:
    """Return the names of the IANA database, which mean the same on every machine.

    A system's folder holds more files: its own time as ``localtime``, copies under ``posix/``, and
    clocks that count leap seconds under ``right/``. ``Factory`` is the zone of a machine that
    nobody has told its own.
    """
    listed = (resources.files("tzdata") / "zones").read_text(encoding="utf-8")
    return frozenset(listed.split()) - {"Factory", "localtime"}


def schedule_hash(spec: TrainingScheduleSpec) -> str:
    """Return a digest of what decides when slots fall; a resumed schedule counts as edited."""
    parts = (spec.schedule, spec.interval, spec.time_zone, spec.suspend)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
