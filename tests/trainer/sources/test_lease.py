"""One run fetches, the others wait for its result; whoever dies is no obstacle for long."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from clm_api import layout
from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.sources.bans import LONGEST_S, Bans
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
        (Reason.EXCHANGE_BANNED, True), (Reason.DATA_UNAVAILABLE, True),
        (Reason.SYMBOL_UNKNOWN, False), (Reason.EXCHANGE_DENIED, False),
        (Reason.STORAGE_UNAVAILABLE, False), (Reason.INTERRUPTED, False),
    ],
)  # fmt: skip
def test_a_failure_is_shared_if_it_passes_and_is_not_the_holders_own(
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


@pytest.mark.parametrize("ahead_s", [3600.0, 1e9], ids=["an hour", "thirty years"])
def test_the_lease_of_a_dead_run_whose_clock_was_ahead_ends_after_its_term(
    tmp_path: Path, ahead_s: float
) -> None:
    one, other, clock = _two(tmp_path)
    clock.now += ahead_s
    assert one.acquire(last_days(3))
    clock.now -= ahead_s
    began = clock.now
    assert other.acquire(last_days(3))
    assert LEASE_S <= clock.now - began <= LEASE_S + 2


def test_a_living_run_whose_clock_is_ahead_keeps_its_lease(tmp_path: Path) -> None:
    store, clock = Storage(str(tmp_path)), Clock()
    one = Lease(store, PATH, lambda: clock.now + 3600)
    renewals = iter(range(4 * int(LEASE_S)))

    def sleep(seconds: float) -> None:
        clock.now += seconds
        if next(renewals, None) is None:
            one.release(last_days(3))
        else:
            one.renew()

    assert one.acquire(last_days(3))
    assert not Lease(store, PATH, clock, sleep).acquire(last_days(3))


NOW = 1_000_000
FORGED = {
    "no JSON": b"{",
    "a list": b"[]",
    "nothing in it": b"{}",
    "it never ends": b'{"holder": "x", "until": Infinity}',
    "it ends at no number": b'{"holder": "x", "until": NaN}',
    "it ends in words": b'{"holder": "x", "until": "2096"}',
    "it ends at true": b'{"holder": "x", "until": true}',
    "a holder that is a list": b'{"holder": [], "until": 9e9}',
    "asked for nothing": b'{"holder": "x", "until": 0, "asked": 7}',
    "it ends at a number of 400 digits": b'{"holder": "x", "until": 1' + b"0" * 400 + b"}",
    "deeper than anybody reads": b"[" * 200_000,
    "asked without a zone": b'{"holder": "x", "until": 0, "asked": ["2020-01-01", "2096-01-01"]}',
}
ASKED = '"asked": ["2009-01-01T00:00:00Z", "2096-01-01T00:00:00Z"]'
FORGED_FAILURES = {
    "an unknown reason": f'{{"holder": "x", "until": 0, {ASKED}, "reason": "Nope", "message": ""}}',
    "a reason that ends a run for good": (
        f'{{"holder": "x", "until": 0, {ASKED}, "reason": "SymbolUnknown", "message": "gone"}}'
    ),
    "a reason of the operator's": (
        f'{{"holder": "x", "until": 0, {ASKED}, "reason": "Replaced", "message": "gone"}}'
    ),
    "a message that is a map": (
        f'{{"holder": "x", "until": 0, {ASKED}, "reason": "DataUnavailable", "message": {{}}}}'
    ),
}


@pytest.mark.parametrize("content", FORGED.values(), ids=FORGED)
def test_a_lease_that_cant_be_true_is_as_if_it_were_absent_and_said(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, _, clock = _two(tmp_path)
    one.store.put(PATH, content)
    assert one.acquire(last_days(3))
    assert clock.now == NOW, "it waited for nobody"
    assert "is no lease, and counts as absent" in caplog.text


@pytest.mark.parametrize("content", FORGED_FAILURES.values(), ids=FORGED_FAILURES)
def test_a_failure_that_was_forged_ends_nobody(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, other, clock = _two(tmp_path)
    assert one.acquire(last_days(3))
    clock.then = [lambda: one.store.put(PATH, content.encode())]
    assert other.acquire(last_days(3))
    assert "counts as absent" in caplog.text


def _note(until: object, message: object = "why") -> bytes:
    return json.dumps({"until": until, "message": message}).encode()


FORGED_BANS = {
    "until 2096": _note(3_976_214_400),
    "a little more than a day": _note(NOW + LONGEST_S + 3600),
    "for ever": _note(float("inf")),
    "until no number": _note(float("nan")),
    "until a word": _note("tomorrow"),
    "until true": _note(True),
    "a message that is a list": _note(NOW + 60, []),
    "no message": json.dumps({"until": NOW + 60}).encode(),
    "no end": json.dumps({"message": "why"}).encode(),
    "a list": b"[]",
    "a number of 400 digits": _note(10**400),
    "deeper than anybody reads": b"[" * 200_000,
    "no JSON": b"\xff",
}


@pytest.mark.parametrize("content", FORGED_BANS.values(), ids=FORGED_BANS)
def test_a_ban_that_cant_be_true_bans_nobody_and_is_said(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, clock = Storage(str(tmp_path)), Clock()
    store.put(layout.bans("binance"), content)
    bans = Bans(store, "binance", clock)
    bans.obey()
    assert "is no ban, and counts as absent" in caplog.text
    until = pd.Timestamp(NOW + 300, unit="s", tz="UTC")
    bans.record(ExchangeBannedError(until, "banned"))
    with pytest.raises(ExchangeBannedError, match="banned"):
        bans.obey()


def test_a_ban_of_three_days_is_asked_about_after_one(tmp_path: Path) -> None:
    store, clock = Storage(str(tmp_path)), Clock()
    bans, until = Bans(store, "binance", clock), pd.Timestamp(NOW + 3 * 86400, unit="s", tz="UTC")
    for _ in range(2):
        bans.record(ExchangeBannedError(until, "three days"))
        clock.now += LONGEST_S - 1
        with pytest.raises(ExchangeBannedError, match="three days"):
            bans.obey()
        clock.now += 2
        bans.obey()
