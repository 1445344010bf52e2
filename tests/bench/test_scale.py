"""The scale bench, small: counts of the real operator that a busy machine can't change."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bench.scale import ROOT, schedules
from bench.scale.bursts import burst
from bench.scale.starts import started
from bench.scale.world import World

Raw = dict[str, Any]
COUNT, LIMIT_S = 20, 120.0
LEAD = timedelta(seconds=3)
_LEFT_S = 18
"""The slot comes so long after the restart, by the operator's clock."""
BARS = [
    ("first", "writes", COUNT),
    ("restart", "writes", 0),
    ("restart", "requests", 40),
    ("burst", "writes", 7 * COUNT),
    ("burst", "requests", 30 * COUNT),
    ("burst", "lost", 0),
    ("burst", "doubled", 0),
]
"""Part, figure and the most that it may be.

Runs whose pods have not begun are asked for their events: on a slow machine, more often between a
slot and its last write.
"""


def _ahead() -> timedelta:
    """How far a clock must be ahead to be ``_LEFT_S`` before a whole minute."""
    return timedelta(seconds=(60 - _LEFT_S - datetime.now(UTC).second) % 60)


@pytest.fixture(scope="module")
def figures() -> Iterator[Raw]:
    """Two starts with 20 schedules, and a minute in which all of them are due."""
    found: Raw = {}
    with World(ROOT) as world:
        wanted = schedules.names(0, COUNT)
        schedules.create(world, wanted)
        with started(world, COUNT, LIMIT_S) as (_, found["first"]):
            pass
        with started(world, COUNT, LIMIT_S, _ahead()) as (subject, found["restart"]):
            found["burst"] = burst(subject, wanted, ready_in_s=2, limit_s=LIMIT_S, lead=LEAD)
        yield found


@pytest.mark.api
@pytest.mark.store
@pytest.mark.slow
@pytest.mark.parametrize(("part", "figure", "most"), BARS, ids=str)
def test_a_count_is_below_its_bar(figures: Raw, part: str, figure: str, most: int) -> None:
    assert figures[part][figure] <= most, figures[part]


@pytest.mark.api
@pytest.mark.store
@pytest.mark.slow
def test_every_slot_got_a_job(figures: Raw) -> None:
    assert figures["first"]["reached"]
    assert figures["restart"]["reached"]
    assert figures["burst"]["jobs_late_s"]["count"] == COUNT
