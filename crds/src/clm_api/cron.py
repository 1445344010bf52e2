"""Cron lines as a Kubernetes CronJob reads them, on the wall clocks of a zone. Pure.

Five fields or a name such as ``@daily``. A field is a list of ``*``, ``?``, a number, a name, a
range or one of these with a step. ``N/step`` runs to the end of the field, ``N-M/step`` only to M.
A day has to fit both day fields where one of them is ``*`` or ``?``, else it has to fit one of
them. A star with a step above 1 counts as a list of days there.

Clock changes are the one difference. A line that names hours keeps its slots: one that the clocks
skip comes when they have been moved, one that they repeat comes once. A line for every hour counts
hours as they pass. See docs/runs.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_YEARS = 9
"""A 29 February may be eight years away."""
_NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


class CronError(ValueError):
    """A line that is no cron line; the text names the field."""


@dataclass(frozen=True)
class _Field:
    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()

    def read(self, text: str) -> tuple[frozenset[int], bool]:
        """Return the values that a field allows, and whether it leaves all open."""
        values: set[int] = set()
        is_open = False
        for item in text.split(","):
            found, star = self._item(item)
            values.update(found)
            is_open |= star
        return frozenset(values), is_open

    def _item(self, item: str) -> tuple[range, bool]:
        span, slash, step_text = item.partition("/")
        step = self._number(step_text, item) if slash else 1
        if step < 1:
            raise CronError(f'{self.name} "{item}": a step has to be at least 1')
        if span in ("*", "?"):
            return range(self.least, self.most + 1, step), step == 1
        low, dash, high = span.partition("-")
        first = self._value(low, item)
        last = self._value(high, item) if dash else (self.most if slash else first)
        if first > last:
            raise CronError(f'{self.name} "{item}": {low} is after {high}')
        return range(first, last + 1, step), False

    def _value(self, text: str, item: str) -> int:
        word = text.lower()
        number = (
            self.words.index(word) + self.least if word in self.words else self._number(text, item)
        )
        if not self.least <= number <= self.most:
            hint = "; Sunday is 0 or SUN" if self.words and (number, self.most) == (7, 6) else ""
            raise CronError(
                f'{self.name} "{item}": {number} is outside {self.least} to {self.most}{hint}'
            )
        return number

    def _number(self, text: str, item: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise CronError(f'{self.name} "{item}": "{text}" is no number')
        return int(text)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS)),
    _Field("day of week", 0, 6, tuple(_WEEKDAYS)),
)


@dataclass(frozen=True)
class Cron:
    """A cron line, read.

    Parameters
    ----------
    times
        Minutes of a day at which it comes due, ascending.
    every_hour
        Whether it leaves the hour open.
    days, months, weekdays
        Days of the month, months, weekdays (0 is Sunday) that it allows.
    both
        Whether a day has to fit both day fields, as it has where one of them is open.
    """

    times: tuple[int, ...]
    every_hour: bool
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    both: bool

    def allows(self, day: date) -> bool:
        """Whether it comes due on that day."""
        if day.month not in self.months:
            return False
        fits = (day.day in self.days, day.isoweekday() % 7 in self.weekdays)
        return all(fits) if self.both else any(fits)

    def on(self, day: date, zone: ZoneInfo) -> list[datetime]:
        """Return the slots of one day of a zone in UTC, ascending."""
        if not self.allows(day):
            return []
        start, end = (_midnight(d, zone) for d in (day, day + _DAY))
        if end - start == _DAY:
            return [start + minute * _MINUTE for minute in self.times]
        found: set[datetime] = set()
        for minute in self.times:
            wall = datetime.combine(day, time(minute // 60, minute % 60))
            found.update(self._instants(wall, zone))
        return sorted(found)

    def _instants(self, wall: datetime, zone: ZoneInfo) -> list[datetime]:
        """Return the instants of a time on the wall: usually one."""
        instants = instants_of(wall, zone)
        if self.every_hour:
            return instants
        return instants[:1] or [after_gap(wall, zone)]

    def after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """Return the first slot after a moment; None if there is none within nine years."""
        return self._nearest(moment, zone, 1)

    def until(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """Return the newest slot at or before a moment; None if there is none for nine years."""
        return self._nearest(moment, zone, -1)

    def _nearest(self, moment: datetime, zone: ZoneInfo, way: int) -> datetime | None:
        """Look day by day; clocks that are moved over midnight mix the slots of two days."""
        nearest = min if way > 0 else max
        first = moment.astimezone(zone).date() - way * _DAY
        for day in self._walk(first, way):
            around = (slot for k in range(3) for slot in self.on(day + k * way * _DAY, zone))
            fits = [slot for slot in around if (slot > moment) == (way > 0)]
            if fits:
                return nearest(fits)
        return None

    def _walk(self, start: date, way: int) -> Iterator[date]:
        """Yield the days whose month fits, forward or backward, for nine years."""
        day, end = start, start + way * timedelta(days=366 * _YEARS)
        while (day - end).days * way < 0:
            if day.month in self.months:
                yield day
                day += way * _DAY
            elif way > 0:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            else:
                day = day.replace(day=1) - _DAY

    @cached_property
    def closest(self) -> timedelta | None:
        """Smallest distance of two slots, clock changes apart; None if it never comes due."""
        days = [d for d in _calendar() if self.allows(d)]
        if not days:
            return None
        gaps = [b - a for a, b in pairwise(self.times)]
        apart = min(((b - a).days for a, b in pairwise(days)), default=366)
        gaps.append(apart * 1440 + self.times[0] - self.times[-1])
        return timedelta(minutes=min(gaps))


@lru_cache(maxsize=1)
def _calendar() -> tuple[date, ...]:
    """Return 28 years: every date falls on every weekday."""
    start = date(2004, 1, 1)
    return tuple(start + k * _DAY for k in range(366 * 28))


@lru_cache(maxsize=4096)
def read_cron(line: str) -> Cron:
    """Read a cron line.

    Raises
    ------
    CronError
        A field is missing or says something that a CronJob refuses, too.
    """
    text = line.strip()
    if text.startswith("@"):
        if text.startswith("@every"):
            raise CronError("@every has no anchor: set spec.interval instead")
        if text not in _NAMES:
            raise CronError(f'"{text}" is none of {", ".join(_NAMES)}')
        text = _NAMES[text]
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise CronError("it must have five fields: minute hour day month weekday")
    read = [field.read(part) for field, part in zip(_FIELDS, fields, strict=True)]
    (minutes, _), (hours, _), (days, any_day), (months, _), (weekdays, any_weekday) = read
    return Cron(
        times=tuple(sorted(60 * h + m for h in hours for m in minutes)),
        every_hour=len(hours) == 24,
        days=days,
        months=months,
        weekdays=weekdays,
        both=any_day or any_weekday,
    )


@lru_cache(maxsize=4096)
def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def instants_of(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants at which the clocks of a zone show a time: one, or two, or none."""
    guesses = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(g for g in guesses if g.astimezone(zone).replace(tzinfo=None) == wall)


def after_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant at which the clocks were moved over a time that they never showed."""
    moved = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    offset = moved.astimezone(zone).utcoffset()
    while (moved - _MINUTE).astimezone(zone).utcoffset() == offset:
        moved -= _MINUTE
    return moved
