"""What a user of a cron line has to know: where its days have two readings, where clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from clm_api.cron import Cron, after_gap, instants_of, read_cron

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_AHEAD = timedelta(days=366)


@lru_cache(maxsize=4096)
def notes_on(line: str, zone: ZoneInfo, today: date) -> tuple[str, ...]:
    """Return what is to be said of a cron line from a day on, for a year."""
    cron = read_cron(line)
    said = [_two_readings(line, cron), _next_change(cron, zone, today)]
    return tuple(filter(None, said))


def _two_readings(line: str, cron: Cron) -> str:
    """A star with a step counts as a list in a CronJob, as a star in other programs."""
    if line.startswith("@") or cron.both:
        return ""
    _, _, days, _, weekdays = line.split()
    stepped = next((f for f in (days, weekdays) if f[0] in "*?"), None)
    if stepped is None:
        return ""
    return (
        f'"{days}" and "{weekdays}": a day has to fit one of the two, as in a Kubernetes CronJob; '
        f'other programs read "{stepped}" as a star and take days that fit both'
    )


def _next_change(cron: Cron, zone: ZoneInfo, today: date) -> str:
    """Speak of the next clock change that meets a slot."""
    for day in _changes(zone, today):
        if said := _change(cron, zone, day):
            return said
    return ""


def _changes(zone: ZoneInfo, today: date) -> list[date]:
    """Return the days of a year on which the clocks are moved."""
    days, moment = [], datetime.combine(today, time(), UTC)
    end = moment + _AHEAD
    while moment < end:
        later = moment + _DAY
        if later.astimezone(zone).utcoffset() != moment.astimezone(zone).utcoffset():
            while (moment + _HOUR).astimezone(zone).utcoffset() == moment.astimezone(
                zone
            ).utcoffset():
                moment += _HOUR
            days.append(moment.astimezone(zone).date())
            days.append((moment + 2 * _HOUR).astimezone(zone).date())
        moment = later
    return sorted(set(days))


def _change(cron: Cron, zone: ZoneInfo, day: date) -> str:
    where = f"on {day} the clocks of {zone.key} change"
    walls = [datetime.combine(day, time(m // 60, m % 60)) for m in cron.times]
    if cron.allows(day) and not cron.every_hour:
        for wall in walls:
            shown = len(instants_of(wall, zone))
            if shown == 0:
                at = after_gap(wall, zone).astimezone(zone)
                return f"{where}: {wall:%H:%M} comes at {at:%H:%M}, a Kubernetes CronJob drops it"
            if shown == 2:
                return f"{where}: {wall:%H:%M} comes once, in a Kubernetes CronJob twice"
    crooked = not instants_of(datetime.combine(day, time()), zone) or _moved(zone, day) % _HOUR
    if crooked and any(cron.allows(d) for d in (day - _DAY, day, day + _DAY)):
        return f"{where}: all slots are kept, a Kubernetes CronJob may drop or move some"
    return ""


def _moved(zone: ZoneInfo, day: date) -> timedelta:
    """Return by how much the clocks are moved on a day."""
    ends = [datetime.combine(d, time(12), zone).utcoffset() for d in (day - _DAY, day + _DAY)]
    return abs((ends[1] or timedelta()) - (ends[0] or timedelta()))
