"""One run fetches, the others wait for its result; whoever dies is no obstacle for long."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.sources.bans import Bans
from clm_trainer.sources.lease import LEASE_S, Lease
from clm_trainer.sources.refusals import ExchangeBannedError
from clm_trainer.storage import Storage
from tests.trainer.sources.worlds import last_days

PATH = "leases/x.json"


@dataclass
class Clock:
    """Time that passes only by waiting; ``then`` happens at the first wait."""

    now: float = 1_000_000.0
    then: list[object] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        while self.then:
            self.then.pop(0)()  # type: ignore[operator]


def _two(folder: Path) -> tuple[Lease, Lease, Clock]:
    store, clock = Storage(str(folder)), Clock()
    one, other = (Lease(store, PATH, clock, clock.sleep) for _ in range(2))
    return one, other, clock


def test_who_waited_uses_what_was_fetched(tmp_path: Path) -> None:
    one, other, clock = _two(tmp_path)
    assert one.acquire(last_days(9))
    clock.then = [lambda: one.release(last_days(9))]
    assert not other.acquire(last_days(3))


def test_who_waited_for_less_than_it_needs_fetches_the_rest(tmp_path: Path) -> None:
    one, other, clock = _two(tmp_path)
    assert one.acquire(last_days(3))
    clock.then = [lambda: one.release(last_days(3))]
    assert other.acquire(last_days(9))


def test_who_comes_later_fetches(tmp_path: Path) -> None:
    one, other, _ = _two(tmp_path)
    assert one.acquire(last_days(3))
    one.release(last_days(3))
    assert other.acquire(last_days(3))


@pytest.mark.parametrize(
    ("reason", "shared"),
    [
        (Reason.EXCHANGE_BANNED, True), (Reason.SYMBOL_UNKNOWN, True), (Reason.DATA_INVALID, True),
        (Reason.STORAGE_UNAVAILABLE, False), (Reason.INTERRUPTED, False),
    ],
)  # fmt: skip
def test_a_failure_is_shared_unless_it_was_the_holders_own(
    tmp_path: Path, reason: Reason, *, shared: bool
) -> None:
    one, other, clock = _two(tmp_path)
    assert one.acquire(last_days(3))
    clock.then = [lambda: one.release(last_days(3), ClmError(reason, "why"))]
    if not shared:
        assert other.acquire(last_days(3))
        return
    with pytest.raises(ClmError, match="why") as caught:
        other.acquire(last_days(3))
    assert caught.value.reason is reason


def test_a_dead_runs_lease_ends_by_itself(tmp_path: Path) -> None:
    one, other, clock = _two(tmp_path)
    assert one.acquire(last_days(3))
    began = clock.now
    assert other.acquire(last_days(3))
    assert LEASE_S <= clock.now - began <= LEASE_S + 2
    one.release(last_days(3))
    clock.now += 1
    third = Lease(other.store, PATH, clock, clock.sleep)
    began = clock.now
    assert third.acquire(last_days(3)), "the dead run's end is not the present holder's"
    assert clock.now - began > LEASE_S / 2


def test_a_living_runs_lease_goes_on(tmp_path: Path) -> None:
    one, other, clock = _two(tmp_path)
    assert one.acquire(last_days(3))
    for _ in range(10):
        clock.now += LEASE_S * 0.6
        one.renew()
    clock.then = [lambda: one.release(last_days(3))]
    assert not other.acquire(last_days(3))


def test_a_ban_is_obeyed_by_all_until_it_ends_and_the_longer_one_counts(tmp_path: Path) -> None:
    store, clock = Storage(str(tmp_path)), Clock()
    bans = Bans(store, "binance", clock)
    bans.obey()
    for seconds in (300, 60):
        until = pd.Timestamp(clock.now + seconds, unit="s", tz="UTC")
        bans.record(ExchangeBannedError(until, f"banned for {seconds} s"))
    Bans(store, "binance-sandbox", clock).obey()
    with pytest.raises(ExchangeBannedError, match="banned for 300 s"):
        Bans(store, "binance", clock).obey()
    clock.now += 301
    bans.obey()
