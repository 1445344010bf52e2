"""Who may work, by what a process knows of the Lease: rules on a clock that the tests turn."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_operator.edge.election import LEASE_S, LOOK_S, RENEW_DEADLINE_S, RENEW_S, Election
from tests.operator.units.builders import NOW

Raw = dict[str, Any]
WALL = "2026-01-05T12:00:00.000000Z"
EARLIER = "2026-01-05T11:00:00.000000Z"


def held_by(who: str, **more: Any) -> Raw:
    """A Lease that somebody has renewed."""
    return {
        "holderIdentity": who, "leaseDurationSeconds": LEASE_S, "acquireTime": EARLIER,
        "renewTime": EARLIER, "leaseTransitions": 4,
    } | more  # fmt: skip


def mine(transitions: int, acquired: str = WALL) -> Raw:
    """What this process writes."""
    return held_by("me", acquireTime=acquired, renewTime=WALL, leaseTransitions=transitions)


@dataclass(frozen=True)
class Case:
    name: str
    spec: Raw
    """What was seen first at 100 s."""
    now: float
    claim: Raw | None
    """What is written now."""


FREE_AT = 100.0 + LEASE_S
CLAIMS = [
    Case("there is no Lease", {}, 100, mine(0)),
    Case("nobody holds it", held_by(""), 100, mine(5)),
    Case("nobody holds it, and no field is there", {"holderIdentity": None}, 100, mine(0)),
    Case("another holds it, just seen", held_by("other"), 100, None),
    Case("another holds it and did not renew it, almost until its end",
         held_by("other"), FREE_AT - 0.001, None),
    Case("another did not renew it until its end", held_by("other"), FREE_AT, mine(5)),
    Case("another holds it for longer than this process would",
         held_by("other", leaseDurationSeconds=60), FREE_AT, None),
    Case("another wrote a shorter length than it may work for",
         held_by("other", leaseDurationSeconds=1), FREE_AT - 0.001, None),
    Case("another wrote a shorter length, and did not renew it until a whole one was over",
         held_by("other", leaseDurationSeconds=1), FREE_AT, mine(5)),
    Case("another program has let it go, as client-go does",
         held_by("", leaseDurationSeconds=1, renewTime=WALL), 100, mine(5)),
    Case("another program has let it go, and left its own length and an earlier time",
         held_by("", leaseDurationSeconds=3600), 100, mine(5)),
    Case("another program has let it go and removed the holder",
         {"leaseDurationSeconds": 15, "renewTime": WALL, "leaseTransitions": 4}, 100, mine(5)),
    Case("another says nothing of its length", held_by("other", leaseDurationSeconds=None),
         FREE_AT - 0.001, None),
    Case("another's clock is an hour ahead",
         held_by("other", renewTime="2026-01-05T13:00:00.000000Z"), FREE_AT, mine(5)),
    Case("another's clock is a day behind",
         held_by("other", renewTime="2026-01-04T12:00:00.000000Z"), FREE_AT - 0.001, None),
    Case("this process holds it, from before a restart", held_by("me"), 100, mine(4, EARLIER)),
    Case("this process held it and it has run out", held_by("me"), 500, mine(4, EARLIER)),
]  # fmt: skip


@pytest.mark.parametrize("case", CLAIMS, ids=lambda case: case.name)
def test_what_may_be_claimed(case: Case) -> None:
    seen = Election("me").seeing(case.spec, 100)
    assert seen.claim(case.now, NOW) == case.claim
    assert not seen.leads(case.now), "a claim is none before it was written"


def test_the_wall_clock_decides_nothing() -> None:
    seen = Election("me").seeing(held_by("other"), 100)
    for jump in (timedelta(days=-400), timedelta(days=400)):
        assert seen.claim(FREE_AT - 0.001, NOW + jump) is None
        assert seen.claim(FREE_AT, NOW + jump) is not None


def test_a_lease_that_is_renewed_is_never_free() -> None:
    election = Election("me")
    for second in range(0, 60, 9):
        election = election.seeing(
            held_by("other", renewTime=f"2026-01-05T11:00:{second:02}Z"), second
        )
        assert election.claim(second + 8.9, NOW) is None
    assert election.claim(second + LEASE_S, NOW) is not None


def test_looking_again_makes_nothing_younger() -> None:
    election = Election("me").seeing(held_by("other"), 100)
    for now in range(101, 110):
        election = election.seeing(held_by("other"), now)
    assert election.claim(FREE_AT, NOW) == mine(5)


LEADING = Election("me").holding(mine(5), sent=100)
STOPPED = [
    ("another has taken it", held_by("other")),
    ("it was let go", held_by("")),
    ("it was deleted", {}),
]


@pytest.mark.parametrize(("name", "spec"), STOPPED, ids=[name for name, _ in STOPPED])
def test_a_leader_that_sees_that_it_is_none_stops_at_once(name: str, spec: Raw) -> None:
    assert LEADING.leads(100.1)
    assert not LEADING.seeing(spec, 100.1).leads(100.1)


def test_a_leader_that_sees_its_own_lease_leads_no_longer_for_it() -> None:
    seen = LEADING.seeing(mine(5, EARLIER), 106)
    assert seen.leads(106)
    assert not seen.leads(100 + RENEW_DEADLINE_S), "only a write that held counts"


RESTS = [
    ("a leader renews after a while", LEADING, 100, RENEW_S),
    ("a failed renewal is tried again soon", LEADING, 103, LOOK_S),
    ("a leader wakes at its deadline", LEADING, 106.5, 0.5),
    ("past it, it looks as a standby does", LEADING, 107, LOOK_S),
    ("a standby looks often", Election("me").seeing(held_by("other"), 100), 100, LOOK_S),
    ("and when the Lease runs out",
     Election("me").seeing(held_by("other"), 100), FREE_AT - 0.25, 0.25),
    ("a claim that failed is tried again soon",
     Election("me").seeing(held_by("other"), 100), FREE_AT, LOOK_S),
]  # fmt: skip


@pytest.mark.parametrize(("name", "election", "now", "rest"), RESTS, ids=[r[0] for r in RESTS])
def test_when_to_look_again(name: str, election: Election, now: float, rest: float) -> None:
    assert election.rest_s(now) == pytest.approx(rest)


def test_a_released_lease_is_free_at_once_and_counts_its_terms() -> None:
    left = mine(5) | LEADING.release(NOW)
    assert left == held_by("", leaseDurationSeconds=1, acquireTime=WALL, renewTime=WALL,
                           leaseTransitions=5)  # fmt: skip
    assert Election("next").seeing(left, 200).claim(200, NOW) is not None


class Shared:
    """A Lease that refuses a write that rests on an older one, and two processes around it."""

    def __init__(self) -> None:
        self.version = 0
        self.spec: Raw = {}
        self.processes = {name: (Election(name), -1) for name in ("a", "b")}

    def look(self, name: str, now: float) -> None:
        election, _ = self.processes[name]
        self.processes[name] = (election.seeing(self.spec, now), self.version)

    def claim(self, name: str, sent: float, *, arrives: bool) -> None:
        """Write what may be claimed, by what was seen last; the answer may be lost."""
        election, version = self.processes[name]
        spec = election.claim(sent, NOW + timedelta(seconds=sent))
        if spec is None or version != self.version:
            return
        self.version, self.spec = self.version + 1, spec
        if arrives:
            self.processes[name] = (election.holding(spec, sent), self.version)


STEPS = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.sampled_from(["look", "renew", "turn", "lost"]),
        st.sampled_from([0.0, 0.25, 1.0, 2.0, 6.75, 9.75, 10.0]),
    ),
    max_size=30,
)  # fmt: skip


@settings(max_examples=500)
@given(STEPS)
def test_there_are_never_two_leaders_whatever_happens(steps: list[tuple[str, str, float]]) -> None:
    shared, now = Shared(), 0.0
    for name, what, later in steps:
        now += later
        if what != "renew":
            shared.look(name, now)
        if what != "look":
            shared.claim(name, now, arrives=what != "lost")
        assert sum(election.leads(now) for election, _ in shared.processes.values()) <= 1
