"""The work queue: one worker a key, wake-ups that merge, errors that wait alone."""

import asyncio
import logging
from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_operator.cluster.api import ApiError, NotLeadingError, WriteBudget
from clm_operator.mirror.objects import Key
from clm_operator.round.queue import Again, FairQueue
from clm_operator.round.round import TooManyRoundsError
from clm_operator.round.scheduler import Scheduler
from clm_operator.telling.prometheus import Metrics
from tests.operator.units.builders import NOW

A, B, C = Key("ns", "a"), Key("ns", "b"), Key("other", "c")


class FakeClock:
    """A clock that runs with the event loop and starts at 0."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


async def _run(scheduler: Scheduler, until: asyncio.Event) -> None:
    task = asyncio.create_task(scheduler.run())
    await asyncio.wait_for(until.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_namespaces_take_turns_and_a_newcomer_waits_for_one_round() -> None:
    crowd = [Key("crowd", f"s{n:03}") for n in range(576)]
    other = [Key("other", "first"), Key("other", "second")]
    order: list[Key] = []
    done = asyncio.Event()

    async def work(key: Key) -> Again | None:
        order.append(key)
        if key == crowd[9]:
            for late in other:
                scheduler.wake(late)
        if len(order) == len(crowd) + len(other):
            done.set()
        return None

    scheduler = Scheduler(work, FakeClock(), Metrics(), workers=1)
    for key in crowd:
        scheduler.wake(key)
    await _run(scheduler, done)
    assert order[10:14] == [crowd[10], other[0], crowd[11], other[1]]
    assert [key for key in order if key.namespace == "crowd"] == crowd


async def test_many_rounds_that_wait_for_nothing_leave_others_their_turn() -> None:
    keys = [Key("crowd", f"s{n:03}") for n in range(200)]
    order: list[object] = []
    done = asyncio.Event()

    async def work(key: Key) -> Again | None:
        order.append(key)
        if key == keys[0]:
            asyncio.get_running_loop().call_soon(order.append, "a probe")
        if key == keys[-1]:
            done.set()
        return None

    scheduler = Scheduler(work, FakeClock(), Metrics(), workers=2)
    for key in keys:
        scheduler.wake(key)
    await _run(scheduler, done)
    assert "a probe" in order[1:4]


async def test_due_slots_go_first_in_their_order_and_hold_up_no_other_namespace() -> None:
    polled = [Key("crowd", f"p{n}") for n in range(50)]
    slots = [Key("crowd", f"s{n}") for n in range(5)]
    other = Key("other", "first")
    order: list[Key] = []
    done = asyncio.Event()

    async def work(key: Key) -> Again | None:
        order.append(key)
        if len(order) == 1:
            for n in (3, 1, 0, 2, 4):
                scheduler.wake_in(slots[n], Again(0.01 * n, due=True))
            await asyncio.sleep(0.1)
            scheduler.wake(other)
            scheduler.wake(slots[4])
        if len(order) == len(polled) + len(slots) + 1:
            done.set()
        return None

    scheduler = Scheduler(work, FakeClock(), Metrics(), workers=1)
    for key in polled:
        scheduler.wake(key)
    await _run(scheduler, done)
    assert order[1:7] == [slots[0], other, *slots[1:]]


async def test_a_key_whose_slot_comes_while_it_waits_moves_forward_and_is_seen_once() -> None:
    queue = FairQueue()
    for key in (A, B):
        queue.put(key)
    queue.put(B, due=True)
    assert [await queue.get(), await queue.get(), len(queue)] == [B, A, 0]


@given(st.lists(st.tuples(st.sampled_from(["put", "due", "get"]), st.sampled_from([A, B, C]))))
async def test_the_queue_counts_the_keys_that_wait(steps: list[tuple[str, Key]]) -> None:
    queue, waiting = FairQueue(), set[Key]()
    for what, key in steps:
        if what != "get":
            queue.put(key, due=what == "due")
            waiting.add(key)
        elif waiting:
            waiting.remove(await queue.get())
        assert len(queue) == len(waiting)


async def test_a_key_is_never_worked_on_twice_at_once_and_wake_ups_merge() -> None:
    busy: set[Key] = set()
    calls: Counter[Key] = Counter()
    done = asyncio.Event()

    async def work(key: Key) -> Again | None:
        assert key not in busy
        busy.add(key)
        calls[key] += 1
        if calls[key] == 1:
            for _ in range(5):
                scheduler.wake(key)
        await asyncio.sleep(0)
        busy.discard(key)
        if calls == Counter({A: 2, B: 2}):
            done.set()
        return None

    scheduler = Scheduler(work, FakeClock(), Metrics())
    for _ in range(3):
        scheduler.wake(A)
        scheduler.wake(B)
    await _run(scheduler, done)
    assert calls == Counter({A: 2, B: 2})


async def test_a_key_that_fails_is_tried_again_and_its_neighbour_goes_on() -> None:
    calls: Counter[Key] = Counter()
    done = asyncio.Event()

    async def work(key: Key) -> Again | None:
        calls[key] += 1
        if key == A and calls[A] == 1:
            raise ApiError(503, "away")
        if calls[A] == 2:
            done.set()
        return None

    scheduler = Scheduler(work, FakeClock(), Metrics())
    scheduler.wake(A)
    scheduler.wake(B)
    await _run(scheduler, done)
    assert calls == Counter({A: 2, B: 1})


async def test_a_key_that_changes_under_every_round_waits_without_ado(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics, calls, done = Metrics(), Counter[Key](), asyncio.Event()

    async def work(key: Key) -> Again | None:
        calls[key] += 1
        if calls[key] == 1:
            raise TooManyRoundsError(key)
        done.set()
        return None

    caplog.set_level(logging.INFO, "clm_operator.round.scheduler")
    scheduler = Scheduler(work, FakeClock(), metrics)
    scheduler.wake(A)
    await _run(scheduler, done)
    (said,) = caplog.records
    assert (said.levelname, said.exc_info) == ("INFO", None)
    assert said.getMessage() == "ns/a changed under each of 10 rounds; again in 1 s"
    assert 'clm_reconcile_total{kind="TrainingSchedule",result="busy"} 1' in str(metrics.render())


async def test_a_later_due_time_replaces_an_earlier_one() -> None:
    times: list[float] = []
    done = asyncio.Event()

    async def work(_: Key) -> Again | None:
        times.append(asyncio.get_running_loop().time())
        done.set()
        return None

    scheduler = Scheduler(work, FakeClock(), Metrics())
    start = asyncio.get_running_loop().time()
    scheduler.wake_in(A, Again(0.01))
    scheduler.wake_in(A, Again(0.1))
    await _run(scheduler, done)
    assert len(times) == 1
    assert times[0] - start >= 0.1


async def test_writes_beyond_the_budget_wait_and_go_in_the_order_in_which_they_came() -> None:
    clock = FakeClock()
    budget = WriteBudget(50, clock.monotonic, lambda: True)
    start, order = clock.monotonic(), list[int]()

    async def write(number: int) -> None:
        await budget.take()
        order.append(number)

    await asyncio.gather(*map(write, range(55)))
    assert clock.monotonic() - start >= 0.09
    assert order == list(range(55))


async def test_a_write_that_waited_until_another_leads_is_not_made() -> None:
    clock, leads = FakeClock(), asyncio.Event()
    leads.set()
    budget = WriteBudget(20, clock.monotonic, leads.is_set)
    for _ in range(20):
        await budget.take()
    late = asyncio.create_task(budget.take())
    await asyncio.sleep(0)
    leads.clear()
    with pytest.raises(NotLeadingError):
        await late


async def test_keys_wait_for_the_next_term_and_what_was_cut_off_begins_anew() -> None:
    order: list[Key] = []
    cut, done = asyncio.Event(), asyncio.Event()

    async def work(key: Key) -> Again | None:
        order.append(key)
        if len(order) == 1:
            cut.set()
            await asyncio.Event().wait()
        if order.count(A) == 2 and B in order:
            done.set()
        return None

    scheduler = Scheduler(work, FakeClock(), Metrics(), workers=1)
    scheduler.wake(A)
    scheduler.wake(B)
    await _run(scheduler, cut)
    assert order == [A]
    await _run(scheduler, done)
    assert sorted(order) == [A, A, B]


class SteppedClock(FakeClock):
    """A clock whose wall is set while it runs."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.monotonic() + self.ahead_s)


@pytest.mark.parametrize(
    ("steps_s", "is_due"),
    [((7200.0,), True), ((1800.0, 1800.0), True), ((1800.0,), False), ((-7200.0,), False)],
    ids=["forward over its time", "forward twice", "forward, not so far", "back"],
)
async def test_a_key_is_due_at_its_time_although_the_clock_is_set(
    monkeypatch: pytest.MonkeyPatch, steps_s: tuple[float, ...], *, is_due: bool
) -> None:
    monkeypatch.setattr("clm_operator.round.scheduler._CLOCK_LOOK_S", 0.01)
    clock, looked = SteppedClock(), asyncio.Event()

    async def work(_: Key) -> Again | None:
        looked.set()
        return None

    scheduler = Scheduler(work, clock, Metrics())
    scheduler.wake_in(A, Again(3600.0, due=True))
    task = asyncio.create_task(scheduler.run())
    for step in steps_s:
        await asyncio.sleep(0.05)
        clock.ahead_s += step
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert looked.is_set() is is_due


async def test_a_key_that_is_armed_after_the_clock_was_set_waits_its_time() -> None:
    clock = SteppedClock()
    looked: list[Key] = []

    async def work(key: Key) -> Again | None:
        looked.append(key)
        return None

    scheduler = Scheduler(work, clock, Metrics())
    task = asyncio.create_task(scheduler.run())
    await asyncio.sleep(0.01)
    clock.ahead_s = 7200.0
    scheduler.wake_in(A, Again(3600.0))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert looked == []
