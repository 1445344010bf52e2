"""What happens to the world, drawn from a seed: kills, outages, wrong clocks, what people do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

Raw = dict[str, Any]
_CALM_DAYS = ((20, 30), (50, 60))
"""Nobody is killed, so that one process's memory can be held against itself."""
_EDITS: tuple[Raw, ...] = (
    {"schedule": "15 2 * * *"},
    {"schedule": "45 1,13 * * *", "timeZone": "Australia/Lord_Howe"},
    {"schedule": "30 2 * * *", "timeZone": "America/New_York"},
    {"schedule": None, "interval": "18h"},
    {"schedule": None, "interval": "1d"},
    {"interval": None, "schedule": "0 */8 * * *", "timeZone": "Europe/Berlin"},
    {"concurrencyPolicy": "Allow"},
    {"concurrencyPolicy": "Replace"},
    {"concurrencyPolicy": "Forbid"},
    {"promotion": {"mode": "Automatic", "shadow": {"enabled": False}}},
    {"promotion": {"mode": "Manual"}},
    {"startingDeadlineSeconds": 60},
    {"startingDeadlineSeconds": 86400},
)
_WRONG_H = (2.0, -0.75, 26.0, -3.0, 0.6, -30.0)
_RATES = {"cut": 6, "api": 3, "store": 5, "clock": 6, "edit": 14, "suspend": 6, "recreate": 6}
_RATES |= {"delete": 3, "ask": 14, "promote": 14, "lose": 4}
"""How often in 60 days."""
_LASTS_H = {"cut": (1, 12), "api": (2, 20), "store": (1, 20), "clock": (2, 16), "suspend": (4, 90)}
_LASTS_H |= {"delete": (2, 40)}


@dataclass(frozen=True)
class Incident:
    """One of them.

    Parameters
    ----------
    lasts
        Until it is undone.
    name
        The schedule that it is about; of no meaning for an outage.
    """

    at: datetime
    kind: str
    lasts: timedelta
    name: str
    what: Any = None


def story(
    start: datetime, days: int, names: Sequence[str], kills: int, seed: int
) -> list[Incident]:
    """Return what happens, in order."""
    draw = Random(seed)
    found = []
    for kind, rate in _RATES.items():
        for number in range(max(round(rate * days / 60), 1)):
            at = start + timedelta(days=draw.uniform(0.15, days - 0.5))
            low, high = _LASTS_H.get(kind, (0, 0))
            lasts = timedelta(hours=draw.uniform(low, high))
            what = _what(kind, number, draw)
            found.append(Incident(at, kind, lasts, draw.choice(names), what))
    for number in range(kills):
        at = start + timedelta(days=_kill_day(draw, days))
        away = timedelta(hours=draw.uniform(1, 30)) if draw.random() < 0.25 else timedelta(0)
        how = ("write", "write", "soon", "idle")[number % 4]
        what = how, draw.randint(1, 14), draw.random() < 0.5
        found.append(Incident(at, "kill", away, "", what))
    return sorted(found, key=lambda one: one.at)


def _what(kind: str, number: int, draw: Random) -> Any:
    if kind == "clock":
        return timedelta(hours=_WRONG_H[number % len(_WRONG_H)])
    if kind == "edit":
        return draw.choice(_EDITS)
    return draw.randint(0, 10**9)


def _kill_day(draw: Random, days: int) -> float:
    while True:
        day = draw.uniform(0.1, days - 0.3)
        if not any(low <= day < high for low, high in _CALM_DAYS):
            return day
