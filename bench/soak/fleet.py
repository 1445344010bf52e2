"""The schedules: every policy, in zones whose clocks are moved while they run."""

from datetime import datetime, timedelta
from typing import Any

from tests.support.schedules import schedule

from bench.soak.slots import changes
from bench.soak.world import NAMESPACE

Raw = dict[str, Any]
NEW_YORK, BERLIN, LORD_HOWE = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"
ZONES = (NEW_YORK, BERLIN, LORD_HOWE)
_KEPT = {"successfulRuns": 3, "failedRuns": 1}
_NO_TEST = {"mode": "Automatic", "shadow": {"enabled": False}}
_TEST = {"mode": "Automatic", "shadow": {"minBars": 24, "minTrades": 1, "maxDays": 4}}
_DAILY = {"interval": "1d", "cooldown": "12h"}
_MOST_S = 30 * 86400


def _cron(line: str, zone: str, **more: Any) -> Raw:
    return {"interval": None, "schedule": line, "timeZone": zone, "retention": _KEPT} | more


FLEET: dict[str, Raw] = {
    "new-york": _cron("30 2 * * *", NEW_YORK),
    "berlin": _cron("30 2 * * *", BERLIN, concurrencyPolicy="Replace"),
    "lord-howe": _cron("45 1 * * *", LORD_HOWE, concurrencyPolicy="Allow"),
    "howe-sundays": _cron("*/30 1-2 * * 0", LORD_HOWE, concurrencyPolicy="Allow"),
    "york-sundays": _cron(
        "0,30 1-3 * * 0", NEW_YORK, concurrencyPolicy="Replace", runOnCreate=False
    ),
    "berlin-twice": _cron("0 7,19 * * *", BERLIN, promotion=_TEST, monitoring=_DAILY),
    "york-weekdays": _cron("0 9 * * 1-5", NEW_YORK, startingDeadlineSeconds=_MOST_S),
    "twelve": {"interval": "12h", "promotion": _NO_TEST, "monitoring": _DAILY, "retention": _KEPT},
    "eight": {
        "interval": "8h",
        "concurrencyPolicy": "Replace",
        "promotion": {"mode": "DryRun"},
        "retention": _KEPT,
    },
    "hasty": {
        "interval": "1d",
        "concurrencyPolicy": "Allow",
        "startingDeadlineSeconds": 60,
        "retention": _KEPT,
    },
    "midnight": _cron("@daily", "Etc/UTC", monitoring=_DAILY),
    "first-and-mondays": _cron("15 4 1,15 * 1", BERLIN, startingDeadlineSeconds=7200),
}
"""What differs from the smallest schedule, by name."""


def build(name: str) -> Raw:
    """A schedule of the fleet."""
    return schedule(name, NAMESPACE, **FLEET[name])


def season(now: datetime, days: int) -> datetime:
    """When to begin so that the clocks are moved meanwhile: in all zones, where days suffice."""
    lead = timedelta(days=min(10, days // 4))
    first, last = now + lead + timedelta(days=3), now + timedelta(days=400)
    moves = {zone: changes(zone, first, last) for zone in ZONES}
    starts = sorted(at for found in moves.values() for at in found)
    span = timedelta(days=days) - 2 * lead

    def zones_from(start: datetime) -> int:
        return sum(any(start <= at <= start + span for at in found) for found in moves.values())

    best = max(map(zones_from, starts))
    start = next(at for at in starts if zones_from(at) == best)
    return (start - lead).replace(hour=0, minute=0, second=0, microsecond=0)
