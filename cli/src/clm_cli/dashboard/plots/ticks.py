"""Where an axis has ticks, and what is written there: round numbers and round dates."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from clm_cli.dashboard.plots.axes import LETTER, Span, Ticks

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_LETTERS_PER_DATE = 6
_HOUR, _DAY = 3600.0, 86400.0
_HOURS, _DAYS, _MONTHS = (1, 2, 3, 6, 12), (1, 2, 4, 7, 14), (1, 2, 3, 6, 12, 24, 60, 120)
_Next = Callable[[datetime], datetime]


def numbers(span: Span, most: int, write: Callable[[float], str] | None = None) -> Ticks:
    """Return round numbers within a span, at most so many of them plus one.

    Parameters
    ----------
    write
        Says a number; without it each gets the digits that the step needs.
    """
    low, high = span
    least = (high - low) / most
    scale = 10.0 ** math.floor(math.log10(least))
    step = next(s * scale for s in _STEPS if s * scale >= least * (1 - 1e-9))
    digits = next(d for d in range(20) if abs(round(step, d) - step) < step * 1e-6)
    said = write or (lambda value: f"{value:z.{digits}f}".replace("-", "−"))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(n * step, said(n * step)) for n in range(first, last + 1)]


def shares(span: Span, most: int) -> Ticks:
    """Return round shares of one, written in per cent."""
    return numbers(span, most, lambda value: f"{value * 100:z.3g} %".replace("-", "−"))


def dates(span: Span, width: float) -> Ticks:
    """Return round UTC times within a span, as many as fit.

    Parameters
    ----------
    span
        Seconds since 1970.
    width
        Of the axis, in px.
    """
    low, high = span
    most = max(2, int(width / (LETTER * _LETTERS_PER_DATE)))
    midnight = datetime.fromtimestamp(low, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    units = _units(midnight)
    time, following, write = next(
        (time, following, write)
        for seconds, time, following, write in units
        if (high - low) / seconds <= most
    )
    found = []
    while time.timestamp() <= high:
        if time.timestamp() >= low:
            found.append((time.timestamp(), write(time)))
        time = following(time)
    return found


def _units(
    midnight: datetime,
) -> Iterator[tuple[float, datetime, _Next, Callable[[datetime], str]]]:
    """Yield steps from short to long: seconds, a round time before the first, the next one."""
    for hours in _HOURS:
        yield hours * _HOUR, midnight, _later(hours=hours), _hour
    month = midnight.replace(day=1)
    for days in _DAYS:
        yield days * _DAY, month, _within_month(days), _day
    year = month.replace(month=1)
    for months in _MONTHS:
        yield months * 31 * _DAY, year, _months_later(months), _month
    decades = year.replace(year=max(1, year.year // 100 * 100))
    yield math.inf, decades, _months_later(1200), _month


def _later(**step: int) -> _Next:
    return lambda time: time + timedelta(**step)


def _within_month(step: int) -> _Next:
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
