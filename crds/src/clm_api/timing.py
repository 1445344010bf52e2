"""Slots, durations and timeframes: pure arithmetic on UTC times."""

from datetime import UTC, datetime, timedelta

_UNITS = {"m": 1, "h": 60, "d": 1440}
TIMEFRAME_SECONDS = {
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "30m": 1800,
    "1h": 3600,
    "4h": 14400,
    "1d": 86400,
}


def duration(text: str) -> timedelta:
    """Turn ``6h`` into a timedelta."""
    return timedelta(minutes=int(text[:-1]) * _UNITS[text[-1]])


def slot_of(time: datetime) -> int:
    """Return the slot of a time: whole minutes since the epoch."""
    return int(time.timestamp()) // 60


def slot_time(slot: int) -> datetime:
    """Return the UTC time of a slot."""
    return datetime.fromtimestamp(slot * 60, UTC)


def floor_to(time: datetime, seconds: int) -> datetime:
    """Return the last multiple of ``seconds`` since the epoch that is not after ``time``."""
    return datetime.fromtimestamp(int(time.timestamp()) // seconds * seconds, UTC)


def whole_seconds(time: datetime) -> datetime:
    """Return a time as a resource can keep it."""
    return time.replace(microsecond=0)
