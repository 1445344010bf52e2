"""Which slot is due: the table of runs.md, one row a sentence."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_api.cron import read_cron
from clm_api.model_version import TriggerType
from clm_api.schedule import CronSchedule, IntervalSchedule, Schedule
from clm_api.training_schedule import ConcurrencyPolicy
from clm_operator.slots.due import Due, History, Rules, Span, decide_due

SIX_HOURS = IntervalSchedule(timedelta(hours=6))
EVERY_HOUR = CronSchedule("0 * * * *", read_cron("0 * * * *"), ZoneInfo("Etc/UTC"))
CREATED = datetime(2026, 1, 5, 10, 0, 30, tzinfo=UTC)


def at(text: str) -> datetime:
    """Return a time of the example day."""
    hour, minute = text.split(":")
    return datetime(2026, 1, 5, int(hour), int(minute), tzinfo=UTC)


def rules(
    *,
    suspend: bool = False,
    run_on_create: bool = True,
    deadline_s: int = 3600,
    policy: ConcurrencyPolicy = ConcurrencyPolicy.FORBID,
) -> Rules:
    """Build rules with overrides."""
    return Rules(suspend, run_on_create, timedelta(seconds=deadline_s), policy)


TEN = at("10:00")


@dataclass(frozen=True)
class Case:
    name: str
    now: datetime
    run: datetime | None
    schedule: Schedule = EVERY_HOUR
    rules: Rules = field(default_factory=rules)
    since: datetime = TEN
    last: datetime | None = None
    spans: tuple[Span, ...] = ()
    skipped: tuple[tuple[str, int], ...] = ()
    next_slot: datetime | None = None


CASES = [
    Case("never ran and runOnCreate: the creation minute is due", at("10:01"), at("10:00"),
         next_slot=at("11:00")),
    Case("never ran without runOnCreate: the first slot is awaited", at("10:01"), None,
         rules=rules(run_on_create=False), next_slot=at("11:00")),
    Case("noticed hours after creation: the missed slots are recorded first", at("13:05"), None,
         skipped=(("MissedSlot", 2),), next_slot=at("14:00")),
    Case("noticed hours after creation: then the newest slot stands for the initial one",
         at("13:05"), at("13:00"), last=at("12:00"), next_slot=at("14:00")),
    Case("the initial run has no starting deadline", at("10:50"), at("10:00"),
         schedule=SIX_HOURS, rules=rules(deadline_s=60), next_slot=at("16:00")),
    Case("the slot's own second is due", at("11:00"), at("11:00"), last=at("10:00"),
         next_slot=at("12:00")),
    Case("three slots missed: two are recorded, and nothing is run before they are", at("14:10"),
         None, last=at("11:00"), skipped=(("MissedSlot", 2),), next_slot=at("15:00")),
    Case("three slots missed: once two are recorded the newest is due", at("14:10"), at("14:00"),
         last=at("13:00"), next_slot=at("15:00")),
    Case("missed, and the newest too late: all is recorded at once", at("14:10"), None,
         last=at("11:00"), rules=rules(deadline_s=60), next_slot=at("15:00"),
         skipped=(("MissedSlot", 2), ("StartingDeadlineExceeded", 1))),
    Case("a slot beyond the starting deadline is skipped and recorded", at("11:30"), None,
         last=at("10:00"), rules=rules(deadline_s=600),
         skipped=(("StartingDeadlineExceeded", 1),), next_slot=at("12:00")),
    Case("a slot that was decided is never due again", at("11:30"), None, last=at("11:00"),
         next_slot=at("12:00")),
    Case("the clock stepped back: nothing is due", at("10:30"), None, last=at("12:00"),
         next_slot=at("13:00")),
    Case("schedule edited at 11:05: the 11:00 slot of the new schedule is not due", at("11:06"),
         None, since=at("11:05"), last=at("10:00"), next_slot=at("12:00")),
    Case("suspended: no slot is due and none is recorded", at("14:10"), None, last=at("11:00"),
         rules=rules(suspend=True)),
    Case("Forbid skips a slot that came due while a run was active", at("11:00"), None,
         last=at("10:00"), spans=(Span(at("10:00"), None),),
         skipped=(("ConcurrencyForbidden", 1),), next_slot=at("12:00")),
    Case("Forbid decides by the slot's time, even if the run has ended since", at("11:10"), None,
         last=at("10:00"), spans=(Span(at("10:00"), at("11:05")),),
         skipped=(("ConcurrencyForbidden", 1),), next_slot=at("12:00")),
    Case("a run that ended before the slot forbids nothing", at("11:00"), at("11:00"),
         last=at("10:00"), spans=(Span(at("10:00"), at("10:59")),), next_slot=at("12:00")),
    Case("Allow starts beside an active run", at("11:00"), at("11:00"), last=at("10:00"),
         rules=rules(policy=ConcurrencyPolicy.ALLOW), spans=(Span(at("10:00"), None),),
         next_slot=at("12:00")),
    Case("an interval counts from the creation", at("16:00"), at("16:00"),
         schedule=SIX_HOURS, last=at("10:00"), next_slot=at("22:00")),
    Case("an interval counts from the creation after an edit or a pause too", at("15:59"), None,
         schedule=SIX_HOURS, since=at("11:05"), last=at("10:00"), next_slot=at("16:00")),
    Case("an interval's slot during a pause is not made up for", at("16:30"), None,
         schedule=SIX_HOURS, since=at("16:05"), last=at("10:00"), next_slot=at("22:00")),
]  # fmt: skip


def decide(case: Case) -> Due:
    """Decide a row."""
    history = History(CREATED, case.since, case.last, case.spans)
    return decide_due(case.schedule, case.rules, history, case.now)


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_which_slot_is_due(case: Case) -> None:
    due = decide(case)
    assert due.run == case.run
    assert tuple((s.reason, s.count) for s in due.skipped) == case.skipped
    assert due.next_slot == case.next_slot


@pytest.mark.parametrize(
    ("ran", "trigger"),
    [(False, TriggerType.INITIAL), (True, TriggerType.SCHEDULED)],
    ids=["the first run is initial, whatever was missed before", "later ones are scheduled"],
)
def test_what_starts_a_run(*, ran: bool, trigger: TriggerType) -> None:
    history = History(CREATED, TEN, at("12:00"), ran=ran)
    due = decide_due(EVERY_HOUR, rules(), history, at("13:05"))
    assert (due.run, due.trigger) == (at("13:00"), trigger)


@given(
    looks=st.lists(st.integers(1, 400), min_size=1, max_size=30),
    hours=st.integers(1, 12),
)
def test_every_slot_is_run_or_recorded_exactly_once(looks: list[int], hours: int) -> None:
    """Whenever the operator looks, run slots and skipped counts add up to all slots."""
    schedule = IntervalSchedule(timedelta(hours=hours))
    since, now = at("10:00"), at("10:00")
    last: datetime | None = since
    runs, skipped = set(), 0
    for minutes in looks:
        now += timedelta(minutes=minutes)
        for _ in range(2):
            due = decide_due(schedule, rules(), History(CREATED, since, last), now)
            assert not due.skipped or due.run is None, "a run before its missed slots are recorded"
            if due.run is not None:
                assert due.run not in runs
                runs.add(due.run)
            skipped += sum(s.count for s in due.skipped)
            last = due.last_slot
    assert len(runs) + skipped == schedule.count(since, now, since)
