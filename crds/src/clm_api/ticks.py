"""Where an axis has ticks, and what is written there: round numbers and round dates.

Reports of the trainer and pages of the command line have the same ones.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from math import ceil, floor, log10

Span = tuple[float, float]
Ticks = Sequence[tuple[float, str]]
"""Places on an axis in its own units, and what is written there."""
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_HOURS, _DAYS, _MONTHS = (1, 2, 3, 6, 12), (1, 2, 4, 7, 14), (1, 2, 3, 6)
_HOUR, _DAY, _MONTH = 3600.0, 86400.0, 31 * 86400.0
_Next = Callable[[datetime], datetime]


def numbers(span: Span, most: int, write: Callable[[float], str] | None = None) -> Ticks:
    """Return round numbers within a span, at most so many of them plus one.

    Parameters
    ----------
    write
        Says a number; without it each gets the digits that the step needs.
    """
    low, high = span
    step = _step((high - low) / most)
    digits = next(d for d in count() if abs(round(step, d) - step) < step * 1e-6)
    said = write or (lambda value: f"{value:z.{digits}f}".replace("-", "−"))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [(number * step, said(number * step)) for number in range(first, last + 1)]


def _step(least: float) -> float:
    """Return the smallest round number that is not smaller."""
    scale: float = 10.0 ** floor(log10(least))
    return next(step * scale for step in _STEPS if step * scale >= least * (1 - 1e-9))


def dates(span: Span, most: int) -> Ticks:
    """Return round UTC times within a span, at most so many of them plus one.

    Parameters
    ----------
    span
        Seconds since 1970.
    """
    low, high = span
    first = datetime.fromtimestamp(low, UTC)
    unit = next(one for one in _units(first) if (high - low) / one[0] <= most)
    _, time, following, form = unit
    out = []
    while time.timestamp() <= high:
        if time.timestamp() >= low:
            out.append((time.timestamp(), form(time)))
        time = following(time)
    return out


def _units(first: datetime) -> Iterator[tuple[float, datetime, _Next, Callable[[datetime], str]]]:
    """Yield steps from short to long: seconds, a round time before the first, the next one."""
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    for hours in _HOURS:
        yield hours * _HOUR, midnight, _later(hours=hours), _hour
    month = midnight.replace(day=1)
    for days in _DAYS:
        yield days * _DAY, month, _day_of_month(days), _day
    year = month.replace(month=1)
    for months in _MONTHS:
        yield months * _MONTH, year, _months_later(months), _month
    for power in count():
        for years in (1, 2, 5):
            step = years * 10**power
            begin = year.replace(year=max(1, year.year // step * step))
            yield step * 366 * _DAY, begin, _months_later(12 * step), _month


def _later(**step: int) -> _Next:
    return lambda time: time + timedelta(**step)


def _day_of_month(step: int) -> _Next:
    """Return the next of every so many days; each month begins anew, without a short step."""

    def following(time: datetime) -> datetime:
        after = time + timedelta(days=step)
        turn = (time.replace(day=1) + timedelta(days=32)).replace(day=1)
        return turn if turn - after < timedelta(days=step) / 2 else after

    return following


def _months_later(step: int) -> _Next:
    def following(time: datetime) -> datetime:
        years, month = divmod(time.month - 1 + step, 12)
        return time.replace(year=time.year + years, month=month + 1)

    return following


def _hour(time: datetime) -> str:
    return f"{time:%H:%M}" if time.hour else _day(time)


def _day(time: datetime) -> str:
    return f"{time.day} {time:%b}"


def _month(time: datetime) -> str:
    return f"{time:%b}" if time.month > 1 else f"{time.year}"
