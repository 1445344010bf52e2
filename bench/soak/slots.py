"""When slots fall, read anew from the documentation: minute by minute, on the clocks of a zone.

It shares no code with the operator. Cron fields are ``*``, numbers, ranges, steps and lists.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_MINUTE = timedelta(minutes=1)
_NAMED = {"@daily": "0 0 * * *"}
_UNITS = {"m": 60, "h": 3600, "d": 86400}
_LONGEST_GAP = timedelta(hours=3)
"""No zone moves its clocks by more."""


def floor_minute(at: datetime) -> datetime:
    """The minute that an instant lies in."""
    return at.replace(second=0, microsecond=0)


@dataclass(frozen=True)
class Timing:
    """What of a spec decides when slots fall."""

    cron: str | None
    interval: str | None
    zone: str
    suspend: bool

    @classmethod
    def of(cls, spec: dict[str, object]) -> "Timing":
        """Read a TrainingSchedule's spec."""
        cron, interval = spec.get("schedule"), spec.get("interval")
        return cls(
            None if cron is None else str(cron),
            None if interval is None else str(interval),
            str(spec.get("timeZone", "Etc/UTC")),
            bool(spec.get("suspend", False)),
        )

    def between(self, after: datetime, until: datetime, created: datetime) -> list[datetime]:
        """Return the slots in ``(after, until]``.

        Parameters
        ----------
        created
            When the schedule was made: an interval counts from that minute.
        """
        if self.suspend:
            return []
        if self.interval is not None:
            seconds = int(self.interval[:-1]) * _UNITS[self.interval[-1]]
            return _steps(floor_minute(created), timedelta(seconds=seconds), after, until)
        first, last = floor_minute(after), floor_minute(until)
        found, day = set[datetime](), first.replace(hour=0, minute=0) - timedelta(days=1)
        while day <= last:
            found |= set(_on(str(self.cron), self.zone, day))
            day += timedelta(days=1)
        return sorted(slot for slot in found if after < slot <= until)


def _steps(anchor: datetime, every: timedelta, after: datetime, until: datetime) -> list[datetime]:
    number = max((after - anchor) // every + 1, 1)
    found = []
    while (slot := anchor + number * every) <= until:
        found.append(slot)
        number += 1
    return found


@lru_cache(maxsize=4096)
def _on(cron: str, zone: str, day: datetime) -> tuple[datetime, ...]:
    """Return the slots of one UTC day: each of its minutes is looked up on the zone's clocks."""
    fields, here = _NAMED.get(cron, cron).split(), ZoneInfo(zone)
    hours_named = fields[1] != "*"
    found = []
    for number in range(1440):
        at = day + number * _MINUTE
        wall = at.astimezone(here)
        first = not (hours_named and wall.fold)  # repeated hours count once where they are named
        if first and _fits(fields, wall):
            found.append(at)
            continue
        if hours_named and any(_fits(fields, skipped) for skipped in _skipped_at(at, here)):
            found.append(at)
    return tuple(found)


def _skipped_at(at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the minutes that the clocks are moved over at an instant."""
    before, after = ((at + way).astimezone(zone) for way in (-_MINUTE, timedelta(0)))
    wall = before.replace(tzinfo=None) + _MINUTE
    end = after.replace(tzinfo=None)
    if end - wall > _LONGEST_GAP:
        return
    while wall < end:
        yield wall
        wall += _MINUTE


def _fits(fields: list[str], wall: datetime) -> bool:
    minute, hour, day, month, weekday = fields
    if not (_has(minute, wall.minute) and _has(hour, wall.hour) and _has(month, wall.month)):
        return False
    days = _has(day, wall.day), _has(weekday, wall.isoweekday() % 7)
    return all(days) if "*" in (day, weekday) else any(days)


def _has(field: str, value: int) -> bool:
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        if span == "*":
            first, last = 0, 10**6
        elif high:
            first, last = int(low), int(high)
        else:
            first, last = int(low), 10**6 if step else int(low)
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False


def changes(zone: str, after: datetime, until: datetime) -> list[datetime]:
    """Return the instants in a span at which the clocks of a zone are moved."""
    here, found = ZoneInfo(zone), []
    at = floor_minute(after).astimezone(UTC)
    while at < until:
        later = min(at + timedelta(days=1), until)
        if at.astimezone(here).utcoffset() != later.astimezone(here).utcoffset():
            low, high = at, later
            while high - low > _MINUTE:
                middle = floor_minute(low + (high - low) / 2)
                same = middle.astimezone(here).utcoffset() == low.astimezone(here).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(high)
        at = later
    return found
