"""Sinks that are away: what is found where something is wrong, and a day of the real thing."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from bench.scale import ROOT
from bench.soak.away import Told, away, compared

DAY = datetime(2027, 3, 1, tzinfo=UTC)
Event = tuple[str, datetime | None, str]


def said(step: str, minute: int, uid: str = "u1") -> Event:
    """An event as a sink has it."""
    return f"{uid}/{step}", DAY + timedelta(minutes=minute), uid


def names(*events: Event) -> set[str]:
    """What Kubernetes calls them."""
    return {f"{subject}.{hashlib.sha256(i.encode()).hexdigest()[:16]}" for i, _, subject in events}


FIRST, THEN, LAST = said("scheduled", 1), said("started", 1), said("ended", 2)
OTHER = said("scheduled", 0, "u2")


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([FIRST, OTHER, THEN, LAST], Told(4, 0, 0, 0, 0)),
        ([FIRST, FIRST, THEN, OTHER, LAST], Told(4, 0, 0, 0, 1)),
        ([FIRST, THEN, LAST], Told(3, 1, 0, 0, 0)),
        ([FIRST, OTHER, THEN, LAST, said("moved", 3)], Told(5, 0, 1, 0, 0)),
        ([FIRST, OTHER, LAST, THEN], Told(4, 0, 0, 1, 0)),
        ([THEN, OTHER, FIRST, LAST], Told(4, 0, 0, 1, 0)),
    ],
    ids=[
        "all, in the order of each object",
        "one twice",
        "one is lost",
        "one that never happened",
        "an end before what it ends",
        "two of one second, the later one first",
    ],
)
def test_what_a_sink_was_told_is_held_against_kubernetes_events(
    events: list[Event], found: Told
) -> None:
    assert compared(events, names(FIRST, THEN, LAST, OTHER)) == found


@pytest.mark.api
@pytest.mark.store
@pytest.mark.slow
def test_sinks_that_are_away_for_a_day_lose_nothing_though_the_operator_is_killed() -> None:
    result = away(ROOT, datetime.now(UTC) + timedelta(days=2), count=4, hours=24)
    assert result.missed == [], result
    assert result.http.events == result.nats.events == result.waited
    assert result.waited >= 2 * 4 * 3, "each of three runs of four schedules began and ended"
