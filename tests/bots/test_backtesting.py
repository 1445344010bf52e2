"""freqtrade backtests the positions of a run: its trades are the run's, but for what is stated."""

import json
import math
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.cli.app import app
from tests.support.fake_exchange import FakeExchange, Listing, real_bars
from tests.support.fake_exchange.trading import STEPS
from tests.support.freqtrade import Bot
from tests.support.repository import ROOT

pytestmark = pytest.mark.slow
RUNNER = CliRunner()
COST = 0.0013
"""10 bp fee and 3 bp slippage: what the run was charged, and ``fee`` of config-backtest.json."""
WALLET, SYMBOLS = 10_000.0, 2
CENT = 1e-8
"""freqtrade rounds profits to eight digits."""


@dataclass(frozen=True)
class Both:
    """Trades of the run and of freqtrade, in the same order, and what freqtrade made in all."""

    ours: pd.DataFrame
    theirs: pd.DataFrame
    result: dict[str, Any]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("backtesting")
    store = ["--store", str(folder / "store")]
    for base in ("BTC", "ETH"):
        file = ROOT / "examples" / "data" / f"binance-spot-{base.lower()}usdt-1h.parquet"
        asked = ["data", "import", str(file), "--symbol", f"{base}/USDT", *store]
        RUNNER.invoke(app, asked, catch_exceptions=False)
    example = ["local", "run", str(ROOT / "examples" / "xgboost.yaml"), *store]
    RUNNER.invoke(app, example, catch_exceptions=False)
    (attempt,) = (folder / "store").glob("runs/local/*/*/attempts/*")
    ours = pd.read_parquet(attempt / "trades.parquet")
    decided = pd.read_parquet(attempt / "predictions.parquet")
    first, last = decided["time"].min(), decided["time"].max()
    listings = [Listing(base, real_bars(base)) for base in ("BTC", "ETH")]
    with FakeExchange(listings, datetime.now(UTC)).serve() as exchange:
        history = {"history": str(attempt / "predictions.parquet")}
        bot = Bot.made(folder / "bot", exchange.url, "config-backtest.json", clm=history)
        days = f"{first:%Y%m%d}-{last + timedelta(days=1):%Y%m%d}"
        bot.run("download-data", "--timerange", days, "--timeframes", "1h")
        window = f"{int(first.timestamp())}-{int(last.timestamp())}"
        bot.run("backtesting", "--timerange", window, "--export", "trades", "--cache", "none")
    result = exported(bot.folder / "backtest_results")
    theirs = pd.DataFrame(result["trades"])
    for name in ("open_date", "close_date"):
        theirs[name] = pd.to_datetime(theirs[name])
    return Both(
        ours.sort_values(["symbol", "entry_time"], ignore_index=True),
        theirs.sort_values(["pair", "open_date"], ignore_index=True),
        result,
    )


def exported(folder: Path) -> dict[str, Any]:
    (archive,) = folder.glob("*.zip")
    with zipfile.ZipFile(archive) as files, files.open(f"{archive.stem}.json") as file:
        found: dict[str, Any] = json.load(file)["strategy"]["FollowProduction"]
    return found


def test_every_trade_is_the_runs_bar_by_bar_and_price_by_price(both: Both) -> None:
    ours, theirs = both.ours, both.theirs
    assert len(ours) >= 50
    assert theirs["pair"].tolist() == ours["symbol"].tolist()
    assert theirs["open_date"].tolist() == ours["entry_time"].tolist()
    assert theirs["close_date"].tolist() == ours["exit_time"].tolist()
    assert theirs["open_rate"].tolist() == ours["entry_price"].tolist()
    assert theirs["close_rate"].tolist() == ours["exit_price"].tolist()
    assert (theirs["is_short"] == (ours["side"] < 0)).all()
    assert set(theirs["exit_reason"]) == {"run"}, "no stop-loss, no ROI, no end of the data"
    assert ours["closed"].all()
    assert both.result["rejected_signals"] == 0


def test_amounts_differ_by_the_exchanges_step_and_profits_by_the_eighth_digit(both: Both) -> None:
    sleeves = dict.fromkeys(both.ours["symbol"], WALLET / SYMBOLS)
    for (_, one), (_, other) in zip(both.ours.iterrows(), both.theirs.iterrows(), strict=True):
        weight, symbol = float(one["weight"]), str(one["symbol"])
        whole = weight * sleeves[symbol] / (1 + COST * weight) / float(one["entry_price"])
        step = Decimal(STEPS[symbol.split("/", maxsplit=1)[0]][0])
        amount = float(Decimal(repr(whole)).quantize(step, ROUND_DOWN))
        paid, got = one["entry_price"] * (1 + COST), one["exit_price"] * (1 - COST)
        assert other["amount"] == amount
        assert math.isclose(other["profit_abs"], amount * (got - paid), rel_tol=0, abs_tol=CENT)
        sleeves[symbol] += other["profit_abs"]


def test_the_account_ends_where_the_run_ended_but_for_the_steps(both: Both) -> None:
    """docs/bots.md has both figures."""
    ours, theirs = both.ours, both.theirs
    grown = ours.groupby("symbol")["net_pnl"].apply(lambda net: (1 + net).prod())
    apart = both.result["final_balance"] - WALLET / SYMBOLS * grown.sum()
    steps = ours["symbol"].str.split("/").str[0].map(lambda base: float(STEPS[base][0]))
    moved = theirs["close_rate"] * (1 - COST) - theirs["open_rate"] * (1 + COST)
    # What a step less earns in each trade, and what later trades earn of that.
    assert abs(apart) <= 1.5 * (steps * moved.abs()).sum() < 0.0005 * WALLET
