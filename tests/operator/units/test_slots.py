"""Every slot has a version or a record, whatever write is cut off: counted without the planner."""

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_api.timing import slot_of
from tests.operator.units import builders as b
from tests.operator.units.world import Raw, World

HOUR = timedelta(hours=1)
EVERY = 6 * HOUR
LATE: dict[str, Any] = {"startingDeadlineSeconds": 6 * 3600}
STARTED = {"phase": "Failed", "stage": "FAILED"}
"""How runs end here: at once, for the slots are looked at."""


@dataclass
class Slots(World):
    """Remembers every version and every record of a skipped slot that was ever written."""

    latest: datetime = b.NOW
    """The latest time that a whole round saw."""
    made: Counter[datetime] = field(default_factory=Counter)
    records: dict[datetime, Raw] = field(default_factory=dict)

    @classmethod
    def started(cls, **spec: Any) -> "Slots":
        """Begin with a schedule that was created just now."""
        raw = b.schedule_object(runOnCreate=False, interval="6h", **LATE | spec).raw
        return cls(deepcopy(raw), [])

    def check(self) -> None:
        """Look at what was written."""
        for raw in self.versions:
            slot = datetime.fromisoformat(raw["spec"]["slot"])
            self.made[slot] = 1
        for record in self.schedule["status"].get("skipped", ()):
            self.records[datetime.fromisoformat(record["from"])] = record

    def look(self, writes: int = 1000) -> None:
        """Let the operator look, perhaps not to its end; runs end, old ones are removed."""
        self.settle(writes)
        if writes >= 1000:
            self.latest = max(self.latest, self.now)
        for raw in self.versions:
            raw["status"] |= STARTED
        self.versions = self.versions[-2:]

    def accounts(self) -> Counter[datetime]:
        """Return how often each slot was run or recorded."""
        found = Counter(self.made)
        for record in self.records.values():
            slot = datetime.fromisoformat(record["from"])
            until, said = datetime.fromisoformat(record["to"]), record["count"]
            covered = []
            while slot <= until:
                covered.append(slot)
                slot += EVERY
            assert len(covered) == said, record
            found.update(covered)
        return found

    def all_slots(self) -> Counter[datetime]:
        """Return every slot that has come due: creation + k times the interval."""
        count = (self.latest - b.NOW) // EVERY
        return Counter(b.NOW + k * EVERY for k in range(1, count + 1))


@pytest.mark.parametrize("away", [5 * HOUR, 6 * HOUR, 13 * HOUR, 40 * HOUR, 200 * HOUR], ids=str)
@pytest.mark.parametrize("between", [0 * HOUR, 6 * HOUR, 19 * HOUR], ids=str)
@pytest.mark.parametrize("cut", range(5))
def test_cut_off_after_any_write_no_slot_is_lost(
    cut: int, between: timedelta, away: timedelta
) -> None:
    """A kill and a write that is refused for a conflict are the same: the next look starts anew."""
    world = Slots.started()
    world.look()
    world.now += away
    world.look(cut)
    world.now += between
    world.look()
    assert world.accounts() == world.all_slots()


STEPS = st.tuples(
    st.integers(-600, 3000).map(lambda minutes: timedelta(minutes=minutes)),
    st.lists(st.integers(0, 3), max_size=3),
    st.booleans(),
)


@settings(max_examples=20, deadline=None)
@given(steps=st.lists(STEPS, min_size=1, max_size=45), policy=st.sampled_from(["Forbid", "Allow"]))
def test_in_weeks_of_kills_conflicts_and_moved_clocks_no_slot_is_lost(
    steps: list[tuple[timedelta, list[int], bool]], policy: str
) -> None:
    world = Slots.started(concurrencyPolicy=policy)
    for jump, cuts, whole in steps:
        world.now = max(world.now + jump, b.NOW)
        for cut in cuts:
            world.look(cut)
        if whole:
            world.look()
    world.look()
    found, due = world.accounts(), world.all_slots()
    assert found & due == due, "a slot is lost"
    assert max(found.values(), default=1) == 1, "a slot is there twice"


def test_pausing_moves_no_slot_and_what_came_due_meanwhile_is_let_go() -> None:
    world = Slots.started()
    world.look()
    for suspended, hours in ((True, 7), (False, 4)):
        world.schedule["spec"]["suspend"] = suspended
        world.look()
        world.now += hours * HOUR
    assert world.schedule["status"]["nextScheduleTime"] == b.stamp(b.NOW + 12 * HOUR)
    world.now += 2 * HOUR
    world.look()
    assert list(world.accounts()) == [b.NOW + 12 * HOUR]


EDITS: list[tuple[str, dict[str, Any], timedelta, list[tuple[timedelta, timedelta]]]] = [
    ("another interval", {"interval": "5h"}, 13 * HOUR, [(6 * HOUR, 13 * HOUR)]),
    ("a pause", {"suspend": True}, 7 * HOUR, [(6 * HOUR, 7 * HOUR)]),
    ("at the very slot", {"interval": "5h"}, 6 * HOUR, [(6 * HOUR, 6 * HOUR)]),
    ("before a slot", {"interval": "5h"}, 5 * HOUR, []),
    ("what moves no slot", {"concurrencyPolicy": "Allow"}, 5 * HOUR, []),
]


@pytest.mark.parametrize(
    ("edit", "away", "expected"), [row[1:] for row in EDITS], ids=[row[0] for row in EDITS]
)
@pytest.mark.parametrize("cut", [0, 1, 1000], ids=["killed before", "killed within", "in peace"])
def test_slots_that_came_due_before_an_edit_was_noticed_are_on_record(
    cut: int, edit: dict[str, Any], away: timedelta, expected: list[tuple[timedelta, timedelta]]
) -> None:
    world = Slots.started()
    world.look()
    world.now += away
    world.schedule["spec"] |= edit
    world.look(cut)
    world.look()
    spans = [
        tuple(datetime.fromisoformat(record[end]) - b.NOW for end in ("from", "to"))
        for record in world.schedule["status"].get("skipped", ())
    ]
    assert spans == expected
    assert not world.made
    written = (r["at"] for r in world.schedule["status"].get("skipped", ()))
    assert all(b.NOW + away <= datetime.fromisoformat(at) <= world.now for at in written)


def test_a_slot_that_was_run_before_an_edit_is_not_on_record_as_missed() -> None:
    world = Slots.started(concurrencyPolicy="Allow")
    world.look()
    world.now += 6 * HOUR
    world.look(1)
    world.schedule["spec"]["interval"] = "5h"
    world.look()
    assert list(world.accounts()) == [b.NOW + 6 * HOUR]


def test_an_edit_noticed_on_a_clock_ahead_holds_back_no_slot_once_it_is_set_right() -> None:
    world = Slots.started()
    world.look()
    world.now += 48 * HOUR
    world.schedule["spec"]["interval"] = "2h"
    world.look()
    world.now -= 47 * HOUR
    world.look()
    world.now += 1.2 * HOUR
    world.look()
    assert [slot_of(s) for s in world.made] == [slot_of(b.NOW + 2 * HOUR)]
