"""freqtrade backtests perpetuals: shorts, flips, other sizes and funding, as CLM's kernel does."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Play
from clm_trainer.panel import Panel
from clm_trainer.stages.funding import dues
from tests.bots.test_backtesting import CENT, COST, SYMBOLS, WALLET, Both, exported
from tests.support.fake_exchange import FakeExchange, Listing, real_bars
from tests.support.fake_exchange.listings import MARK
from tests.support.fake_exchange.trading import STEPS
from tests.support.freqtrade import Bot

pytestmark = pytest.mark.slow
BASES, HOUR, BARS = ("BTC", "ETH"), pd.Timedelta("1h"), 24 * 30
TIMES = pd.date_range("2025-10-01", periods=BARS, freq="1h", tz="UTC")
Floats = NDArray[np.float64]


def pair(base: str) -> str:
    return f"{base}/USDT:USDT"


def positions(seed: int) -> Floats:
    """Draw positions: for some hours long, short, flat, of another size, on the other side."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice([-1.0, -0.5, -0.2, 0.0, 0.0, 0.3, 0.6, 1.0], BARS)
    begins = rng.random(BARS) < 0.1
    begins[0] = True
    held: Floats = drawn[np.maximum.accumulate(np.where(begins, np.arange(BARS), 0))]
    held[-2:] = 0.0  # nothing is open at the end
    return held


def funding(base: str, seed: int) -> pd.DataFrame:
    """Draw rates every eight hours, at the mark prices that the fake exchange has."""
    times = pd.date_range(TIMES[0], TIMES[-1], freq="8h")
    opens = real_bars(base)["1h"].set_index("timestamp")["open"]
    rates = np.random.default_rng(seed).normal(0.0001, 0.0003, len(times)).round(8)
    marks = (opens.reindex(times) * MARK).round(6).to_numpy()
    return pd.DataFrame({"timestamp": times, "funding_rate": rates, "mark_price": marks})


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("perpetuals")
    targets = {base: positions(seed) for seed, base in enumerate(BASES)}
    paid = {base: funding(base, seed) for seed, base in enumerate(BASES)}
    history = [
        pd.DataFrame({"time": TIMES, "symbol": pair(base), "position": held})
        for base, held in targets.items()
    ]
    pd.concat(history).to_parquet(folder / "predictions.parquet")
    events = pd.concat(
        one.rename(columns={"timestamp": "time"}).assign(symbol=pair(base))
        for base, one in paid.items()
    )
    frames = {pair(base): real_bars(base)["1h"] for base in BASES}
    window = Panel.from_frames(frames, TIMES, HOUR)
    held = np.column_stack(list(targets.values()))
    done = backtest.run(Play(window, held, COST * 1e4, dues(events, window)))
    theirs, result = from_freqtrade(folder, paid)
    return Both(
        done.trades.sort_values(["symbol", "entry_time"], ignore_index=True), theirs, result
    )


def from_freqtrade(
    folder: Path, paid: dict[str, pd.DataFrame]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    listings = [Listing(base, real_bars(base), "usdm", funding=paid[base]) for base in BASES]
    with FakeExchange(listings, datetime.now(UTC)).serve() as exchange:
        bot = Bot.made(
            folder / "bot", exchange.url, "config-backtest.json", "config-futures.json",
            clm={"history": str(folder / "predictions.parquet")},
        )  # fmt: skip
        bot.run("download-data", "--timerange", "20251001-20251031", "--timeframes", "1h")
        window = f"{int(TIMES[0].timestamp())}-{int(TIMES[-1].timestamp())}"
        bot.run("backtesting", "--timerange", window, "--export", "trades", "--cache", "none")
    result = exported(bot.folder / "backtest_results")
    found = pd.DataFrame(result["trades"])
    for name in ("open_date", "close_date"):
        found[name] = pd.to_datetime(found[name])
    return found.sort_values(["pair", "open_date"], ignore_index=True), result


@dataclass
class Account:
    """A symbol's sleeve by the rules that docs/bots.md states of freqtrade; one open trade.

    Parameters
    ----------
    fees
        Funding of an open trade that no partial exit has realized, up to its last fill.
    filled
        Row of its last fill: funding is counted from there on, that row's own event included.
    """

    step: Decimal
    sleeve: float = WALLET / SYMBOLS
    side: int = 0
    weight: float = 0.0
    units: float = 0.0
    price: float = 0.0
    fees: float = 0.0
    filled: int = 0
    realized: float = 0.0
    profits: list[float] = field(default_factory=list)

    def whole(self, amount: float) -> float:
        return float(Decimal(repr(float(amount))).quantize(self.step, ROUND_DOWN))

    def bar(self, row: int, wanted: float, price: float, due: Floats) -> None:
        """Do what is done at a bar's open."""
        side = int(np.sign(wanted))
        if self.side != 0:
            running = -self.side * self.units * float(due[self.filled : row + 1].sum())
            if side != self.side:
                self.part(self.units, price, running)
                self.profits.append(self.realized)
                self.sleeve, self.side, self.realized = self.sleeve + self.realized, 0, 0.0
            elif wanted != self.weight:
                self.resize(abs(wanted), price, running)
                self.filled, self.weight = row, wanted
        if self.side == 0 and side != 0:
            self.units = self.whole(worth(self.sleeve, 0.0, abs(wanted)) / price)
            self.side, self.weight, self.price, self.filled = side, wanted, price, row

    def resize(self, weight: float, price: float, running: float) -> None:
        held, stake = self.units * price, self.units * self.price
        gained = self.side * (held - stake) + self.fees + running - COST * stake
        aim = worth(self.sleeve + self.realized + gained, held, weight)
        if aim < held:
            self.part(self.whole((1 - aim / held) * self.units), price, running)
            return
        more = self.whole((aim - held) / price)
        self.price = (stake + more * price) / (self.units + more)
        self.units, self.fees = self.units + more, self.fees + running

    def part(self, amount: float, price: float, running: float) -> None:
        moved = self.side * (price - self.price) - COST * (price + self.price)
        self.realized += amount * moved + self.fees + running
        self.units, self.fees = self.units - amount, 0.0


def worth(equity: float, held: float, weight: float) -> float:
    rate = COST if weight * equity >= held else -COST
    return weight * (equity + rate * held) / (1 + rate * weight)


def accounts() -> Iterator[Account]:
    for seed, base in enumerate(BASES):
        opens = real_bars(base)["1h"].set_index("timestamp")["open"].reindex(TIMES).to_numpy()
        paid = funding(base, seed).set_index("timestamp")
        due = (paid["funding_rate"] * paid["mark_price"]).reindex(TIMES).fillna(0.0).to_numpy()
        account, held = Account(Decimal(STEPS[base][0])), positions(seed)
        for row in range(1, BARS):
            account.bar(row, float(held[row - 1]), float(opens[row]), due)
        yield account


def test_sides_bars_flips_and_exits_are_those_of_the_kernel(both: Both) -> None:
    ours, theirs = both.ours, both.theirs
    assert theirs["pair"].tolist() == ours["symbol"].tolist()
    assert theirs["is_short"].tolist() == (ours["side"] < 0).tolist()
    assert theirs["open_date"].tolist() == ours["entry_time"].tolist()
    assert theirs["close_date"].tolist() == ours["exit_time"].tolist()
    assert theirs["close_rate"].tolist() == ours["exit_price"].tolist()
    assert set(theirs["exit_reason"]) == {"run", "other side"}
    assert theirs["orders"].map(len).max() > 2, "some go to another size"


def test_every_profit_follows_from_the_stated_rules(both: Both) -> None:
    expected = [profit for account in accounts() for profit in account.profits]
    assert len(expected) == len(both.theirs)
    for wanted, found in zip(expected, both.theirs["profit_abs"], strict=True):
        assert math.isclose(wanted, found, rel_tol=0, abs_tol=10 * CENT)
