"""CLM takes its share of what an exchange allows, and not more."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from clm_api import environment
from clm_api.errors import ClmError
from clm_trainer.sources.allowance import BINANCE, Pacer, configured_share
from clm_trainer.stages.fetch import fetch
from clm_trainer.storage import Storage
from tests.support.fake_exchange import FakeExchange, Listing, noise
from tests.support.fake_exchange.faults import answer
from tests.support.fake_exchange.limits import LIMITS, Meter
from tests.trainer.sources.conftest import Open
from tests.trainer.sources.worlds import HOUR, STOP, btc, run_data


@dataclass
class Clock:
    """Time that passes only by waiting; each request takes a while."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def _minutes(market: str, share: float, *, cost: float, request_s: float) -> list[int]:
    """Ask for ten minutes against the exchange's own counting; return the weight of each."""
    clock, meter = Clock(), Meter()
    pacer, api = Pacer(BINANCE[market], share, clock=clock, sleep=clock.sleep), "api"
    weight = round(cost * BINANCE[market].weight_of_cost)
    meter.limits[api] = int(BINANCE[market].weight_a_minute)
    while clock.now < 600:
        pacer.wait(cost)
        now_ms = int(clock.now * 1000)
        assert meter.charge(api, weight, now_ms) is None, "a 429"
        clock.now += request_s
        date = datetime.fromtimestamp(now_ms / 1000, UTC)
        used = str(meter.used_weight(api, now_ms))
        header = date.strftime("%a, %d %b %Y %H:%M:%S GMT")
        pacer.heard({"X-MBX-USED-WEIGHT-1M": used, "Date": header})
    return [meter.used[api, minute] for minute in range(10)]


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
@pytest.mark.parametrize(
    ("market", "cost"), [("spot", 0.4), ("usdm", 2)], ids=["spot bars", "perpetuals' bars"]
)
def test_it_uses_most_of_its_share_and_never_more(market: str, cost: float, share: float) -> None:
    limit = share * BINANCE[market].weight_a_minute
    used = _minutes(market, share, cost=cost, request_s=0.004)
    assert all(0.8 <= one / limit <= 0.95 for one in used), used


def test_a_slow_answer_is_caught_up_but_no_pause_is() -> None:
    clock = Clock()
    pacer = Pacer(BINANCE["spot"], 0.5, clock=clock, sleep=clock.sleep)
    pacer.wait(0.4)
    clock.now += 60
    began = clock.now
    for _ in range(100):
        pacer.wait(0.4)
    assert clock.now - began > 100 * 2 / (0.45 * 6000 / 60) - 1.1


def test_what_others_use_of_the_share_is_left_to_them_until_the_minute_turns() -> None:
    clock = Clock()
    pacer = Pacer(BINANCE["usdm"], 0.5, clock=clock, sleep=clock.sleep)
    pacer.heard({"X-MBX-USED-WEIGHT-1M": "1199", "Date": "Tue, 02 Dec 2025 06:00:20 GMT"})
    pacer.wait(2)
    assert clock.now == 0
    pacer.heard({"X-MBX-USED-WEIGHT-1M": "1200", "Date": "Tue, 02 Dec 2025 06:00:20 GMT"})
    pacer.wait(2)
    assert 40 <= clock.now <= 42


@pytest.mark.parametrize("text", ["0", "1.5", "half", "-1"])
def test_a_share_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(environment.EXCHANGE_SHARE, text)
    with pytest.raises(ClmError, match=f'"{text}" is no number above 0 and up to 1'):
        configured_share()


@pytest.mark.slow
def test_a_minute_of_bootstrap_at_real_weights(opened: Open, tmp_path: Path) -> None:
    """One-minute bars of a perpetual for more than a minute of real time."""
    days = 190
    start = str((STOP - pd.Timedelta(days, "D")).date())
    bars = noise(3, interval="1m", start=start, bars=(days + 1) * 1440)
    fake = opened(Listing("SYNP", bars, market="usdm"))
    began = time.monotonic()
    data = run_data(days, market="usdm", symbols=["SYNP/USDT"], timeframe="1m")
    _, report = fetch(data.having(from_=data.to - pd.Timedelta(days, "D")),
                      Storage(str(tmp_path)))  # fmt: skip
    took = time.monotonic() - began
    used = sum(fake.meter.used.values()) / (took / 60) / (0.5 * LIMITS["fapi"])
    print(
        f"{report.bars} bars, {len(fake.asked)} requests in {took:.1f} s: {used:.1%} of the share"
    )
    assert took >= 60
    assert fake.meter.offences == 0, "no 429"
    assert 0.8 <= used <= 0.95


def _banned(opened: Open, store: Storage, *, cached_until: pd.Timestamp) -> FakeExchange:
    fake = opened(btc())
    data = run_data(20)
    fetch(data.having(to=cached_until.to_pydatetime()), store)
    fake.faults.append(answer("klines", 418, headers={"Retry-After": "600"}))
    fake.asked.clear()
    return fake


def test_a_ban_is_met_once_and_fresh_bars_are_used_meanwhile(opened: Open, tmp_path: Path) -> None:
    store = Storage(str(tmp_path))
    fake = _banned(opened, store, cached_until=STOP - 2 * HOUR)
    for _ in range(3):
        _, report = fetch(run_data(20), store)
        assert "went on with stored bars" in " ".join(report.notes)
        assert report.missing == 2
    assert len(fake.of("klines")) == 1, "no run asks again"


def test_a_ban_without_fresh_bars_ends_the_run(opened: Open, tmp_path: Path) -> None:
    store = Storage(str(tmp_path))
    fake = _banned(opened, store, cached_until=STOP - 9 * HOUR)
    for _ in range(3):
        with pytest.raises(ClmError, match="it has banned this address until") as caught:
            fetch(run_data(20), store)
        assert (caught.value.reason, caught.value.exit_code) == ("ExchangeBanned", 69)
    assert len(fake.of("klines")) == 1
