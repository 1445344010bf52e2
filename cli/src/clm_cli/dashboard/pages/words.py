"""How pages write what they show: lights, times and numbers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from clm_api.lifecycle import Stage
from clm_api.model_version import Phase
from clm_cli.screen import local

DASH = "–"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


class Tone(StrEnum):
    """How good something is: a CSS class, with a sign of its own so that no colour stands alone."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    BUSY = "busy"
    TEST = "test"
    QUIET = "quiet"
    NO = "no"
    """Turned down, as most versions are: nothing is wrong."""


@dataclass(frozen=True)
class Light:
    """A word, how good it is, and why."""

    text: str
    tone: Tone
    why: str = ""


@dataclass(frozen=True)
class When:
    """A time as people read it.

    Parameters
    ----------
    exact
        In the reader's own zone, which it names.
    iso
        For machines.
    relative
        Against now.
    """

    exact: str
    iso: str
    relative: str


STAGES = {
    Stage.TRAINING: Tone.BUSY,
    Stage.REJECTED: Tone.NO,
    Stage.CANDIDATE: Tone.GOOD,
    Stage.SHADOW: Tone.TEST,
    Stage.PRODUCTION: Tone.GOOD,
    Stage.ARCHIVED: Tone.QUIET,
    Stage.FAILED: Tone.BAD,
}
SHAPES = {
    Stage.TRAINING: "square",
    Stage.REJECTED: "cross",
    Stage.CANDIDATE: "diamond",
    Stage.SHADOW: "bar",
    Stage.PRODUCTION: "star",
    Stage.ARCHIVED: "dot",
    Stage.FAILED: "bang",
}
"""Marks of plots."""
PHASES = {
    Phase.PENDING: Tone.QUIET,
    Phase.RUNNING: Tone.BUSY,
    Phase.SUCCEEDED: Tone.GOOD,
    Phase.FAILED: Tone.BAD,
}


def when(time: datetime, now: datetime) -> When:
    """Write a time."""
    return When(local(time), time.isoformat(), relative(time, now))


def maybe_when(time: datetime | None, now: datetime) -> When | None:
    """Write a time that may be unknown."""
    return None if time is None else when(time, now)


def relative(time: datetime, now: datetime) -> str:
    """Say how far away a time is, in its two largest units."""
    seconds = round((time - now).total_seconds())
    length = span(abs(seconds))
    if abs(seconds) < _MINUTE:
        return "now"
    return f"in {length}" if seconds > 0 else f"{length} ago"


def span(seconds: float) -> str:
    """Write a length of time in its two largest units."""
    rest = round(seconds)
    if rest < _MINUTE:
        return f"{rest} s"
    days, hours, minutes = rest // _DAY, rest % _DAY // _HOUR, rest % _HOUR // _MINUTE
    if days >= 14 or (days and not hours):
        return f"{days} days" if days != 1 else "1 day"
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min"


def number(value: float | None, digits: int = 2) -> str:
    """Write a number; what rounds to nothing has no sign."""
    return DASH if value is None else f"{value:z,.{digits}f}".replace("-", "−").replace(",", " ")


def figure(value: float | None) -> str:
    """Write a number with four significant digits."""
    return DASH if value is None else f"{value:z.4g}".replace("-", "−")


def percent(value: float | None, digits: int = 2) -> str:
    """Write a share in per cent."""
    return DASH if value is None else f"{value * 100:z.{digits}f} %".replace("-", "−")


def plural(count: int, noun: str, many: str = "") -> str:
    """Write how many."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"
