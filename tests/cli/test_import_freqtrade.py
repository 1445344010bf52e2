"""``clm data import FOLDER``: what freqtrade downloaded, as it lies there."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from clm_api.errors import ClmError, SpecError
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.funding import FundingKey
from clm_trainer.storage import Storage
from tests.cli.app import app
from tests.trainer.sources.freqtrade_folder import as_candles, candles, rates, store

RUNNER = CliRunner(env={"COLUMNS": "160"})
EDGES = pd.Timestamp("2025-10-01", tz="UTC"), pd.Timestamp("2026-01-01", tz="UTC")
PERPETUAL = "ETH/USDT:USDT"


def downloaded(folder: Path) -> Path:
    """What a bot on Bybit has: spot, perpetuals, old and new funding, and what is not read."""
    data = folder / "user_data" / "data" / "bybit"
    store(data, "BTC/USDT", "1h", candles(100), "", "feather")
    store(data, "BTC/USDT", "1d", candles(30, step="1D", start="2025-10-15"), "", "parquet")
    store(data, PERPETUAL, "1h", candles(100, price=3000), "futures", "feather")
    store(data, PERPETUAL, "1h", candles(100, price=3001), "mark", "feather")
    store(data, PERPETUAL, "1h", rates(), "funding_rate", "feather")
    store(data, "SOL/USDT:USDT", "8h", as_candles(rates()), "funding_rate", "json.gz")
    store(data, "BTC/USDT", "3m", candles(9), "", "feather")
    store(data, PERPETUAL, "1h", candles(9), "premiumIndex", "feather")
    (data / "BTC_USDT-trades.feather").write_bytes(b"")
    (data / "pairs.txt").write_text("BTC/USDT")
    return data


def run(folder: Path, tmp_path: Path, *options: str) -> Result:
    arguments = ["data", "import", str(folder), "--store", str(tmp_path / "store"), *options]
    return RUNNER.invoke(app, arguments)


def cache(tmp_path: Path) -> BarCache:
    return BarCache(Storage(str(tmp_path / "store")))


@pytest.mark.parametrize("above", [0, 1], ids=["the exchange's folder", "the folder of all"])
def test_bars_funding_and_mark_prices_lie_where_runs_look_for_them(
    tmp_path: Path, above: int
) -> None:
    data = downloaded(tmp_path)
    result = run([data, data.parent][above], tmp_path)
    assert result.exit_code == 0, result.output
    found = cache(tmp_path)
    for market, symbol, timeframe, count in (
        ("spot", "BTC/USDT", "1h", 100),
        ("spot", "BTC/USDT", "1d", 30),
        ("usdm", PERPETUAL, "1h", 100),
    ):
        key = BarKey("bybit", market, symbol, timeframe)
        assert len(found.read(key, *EDGES)) == count
        assert f"{key}: {count} bars" in result.stdout
    bars = found.read(BarKey("bybit", "usdm", PERPETUAL, "1h"), *EDGES)
    np.testing.assert_allclose(bars["close"], candles(100, price=3000)["close"])
    events = found.read(FundingKey("bybit", "usdm", PERPETUAL), *EDGES)
    np.testing.assert_array_equal(events["funding_rate"], rates()["funding_rate"])
    np.testing.assert_allclose(events["mark_price"], candles(100, price=3001)["open"][:96:8])
    old = found.read(FundingKey("bybit", "usdm", "SOL/USDT:USDT"), *EDGES)
    np.testing.assert_allclose(old["funding_rate"], rates()["funding_rate"], atol=1e-10)
    assert old["mark_price"].isna().all()
    for name in ("BTC_USDT-3m", "BTC_USDT-trades", "ETH_USDT_USDT-1h-premiumIndex"):
        assert f"{name}.feather: left out: " in result.stdout
    assert len(found.store.list("bars")) == 6


def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    data = downloaded(tmp_path)
    run(data, tmp_path)
    second = run(data, tmp_path)
    assert second.exit_code == 0
    lines = [line for line in second.stdout.splitlines() if "written" in line]
    assert len(lines) == 5
    assert all(" 0 months written to " in line for line in lines)


def test_a_broken_file_stops_no_other_and_is_named(tmp_path: Path) -> None:
    data = downloaded(tmp_path)
    (data / "BTC_USDT-1h.feather").write_bytes(b"torn")
    result = run(data, tmp_path)
    assert isinstance(result.exception, ClmError)
    assert (
        result.exception.message == "1 of 5 series were refused, see above; the others are stored"
    )
    assert f"refused: {data}/BTC_USDT-1h.feather: can't be read" in result.stdout
    assert len(cache(tmp_path).read(BarKey("bybit", "usdm", PERPETUAL, "1h"), *EDGES)) == 100


def test_the_exchange_may_be_said(tmp_path: Path) -> None:
    data = downloaded(tmp_path).rename(tmp_path / "my data")
    result = run(data, tmp_path)
    assert isinstance(result.exception, SpecError)
    assert "my data is no exchange's ccxt id" in result.exception.message
    assert run(data, tmp_path, "--exchange", "okx").exit_code == 0
    assert len(cache(tmp_path).read(BarKey("okx", "spot", "BTC/USDT", "1h"), *EDGES)) == 100


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--symbol", "BTC/USDT"), "without --symbol and --funding"),
        (("--funding",), "without --symbol and --funding"),
        (("x.csv",), "files by a command of their own"),
    ],
    ids=["a symbol", "funding", "a file beside it"],
)
def test_a_folder_says_itself_what_it_holds(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    result = run(downloaded(tmp_path), tmp_path, *options)
    assert isinstance(result.exception, SpecError)
    assert said in result.exception.message


def test_a_folder_of_something_else_and_a_file_without_a_symbol(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run(tmp_path / "empty", tmp_path)
    assert isinstance(result.exception, SpecError)
    assert "holds no files of freqtrade" in result.exception.message
    result = run(tmp_path / "bars.csv", tmp_path)
    assert isinstance(result.exception, SpecError)
    assert "--symbol" in result.exception.message


@pytest.mark.parametrize("kind", ["mark", "funding_rate", "premiumIndex"])
def test_a_single_file_that_only_looks_like_bars_is_refused(tmp_path: Path, kind: str) -> None:
    path = store(tmp_path, PERPETUAL, "1h", candles(50), kind, "feather")
    result = run(path, tmp_path, "--symbol", PERPETUAL, "--market", "usdm")
    assert isinstance(result.exception, ClmError)
    assert f"by its name it holds {kind}, not bars" in result.exception.message
    assert cache(tmp_path).store.list("bars") == []


@pytest.mark.parametrize("old", [False, True], ids=["since 2026.9", "before 2026.9"])
def test_a_single_file_of_funding_or_bars_is_read_too(tmp_path: Path, *, old: bool) -> None:
    funding = as_candles(rates()) if old else rates()
    path = store(tmp_path, PERPETUAL, "1h", funding, "funding_rate", "feather")
    options = ("--symbol", PERPETUAL, "--market", "usdm")
    assert run(path, tmp_path, *options, "--funding").exit_code == 0
    found = cache(tmp_path).read(FundingKey("binance", "usdm", PERPETUAL), *EDGES)
    np.testing.assert_array_equal(found["funding_rate"], rates()["funding_rate"])
    bars = store(tmp_path, PERPETUAL, "1h", candles(50), "futures", "feather")
    assert run(bars, tmp_path, *options).exit_code == 0
    assert len(cache(tmp_path).read(BarKey("binance", "usdm", PERPETUAL, "1h"), *EDGES)) == 50
