"""``clm data ls``: what is stored, for people and for programs."""

import json
from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.columns import ColumnKey
from clm_trainer.storage import Storage
from tests.cli.app import app

RUNNER = CliRunner(env={"COLUMNS": "160"})
START = pd.Timestamp("2025-01-31 20:00", tz="UTC")


def _imported(folder: Path, *options: str, frame: pd.DataFrame) -> None:
    path = folder / "made-up.csv"
    frame.to_csv(path, index=False)
    store = str(folder / "store")
    result = RUNNER.invoke(app, ["data", "import", str(path), "--store", store, *options])
    assert result.exit_code == 0, result.exception


def _listed(folder: Path, *options: str) -> str:
    result = RUNNER.invoke(app, ["data", "ls", "--store", str(folder / "store"), *options])
    assert result.exit_code == 0, result.exception
    return result.stdout


def _filled(folder: Path) -> None:
    times = pd.date_range(START, periods=10, freq="h")
    bars = pd.DataFrame(
        {"timestamp": times, **dict.fromkeys(("open", "high", "low", "close"), 2.0)}
    )
    _imported(folder, "--symbol", "BTC/USDT", frame=bars.assign(volume=1).drop([3, 4, 8]))
    events = pd.DataFrame({"timestamp": times[[4]], "funding_rate": 0.0001})
    options = ("--symbol", "BTC/USDT", "--market", "usdm", "--funding")
    _imported(folder, *options, frame=events)


def test_it_shows_ranges_gaps_and_freshness(tmp_path: Path) -> None:
    _filled(tmp_path)
    head, bars, funding = (line.split() for line in _listed(tmp_path).splitlines() if line.strip())
    assert head == ["EXCHANGE", "MARKET", "SYMBOL", "SERIES", "ROWS", "FROM", "TO", "GAPS", "AGE"]
    assert bars[:-1] == [
        "binance", "spot", "BTC/USDT", "1h", "7", "2025-01-31", "20:00", "2025-02-01", "05:00",
        "3", "in", "2",
    ]  # fmt: skip
    assert funding[:6] == ["binance", "usdm", "BTC/USDT:USDT", "funding", "1", "2025-02-01"]
    assert bars[-1].endswith("d")


def test_programs_get_the_same_as_json(tmp_path: Path) -> None:
    _filled(tmp_path)
    bars, funding = json.loads(_listed(tmp_path, "-o", "json"))["series"]
    age = bars.pop("ageSeconds")
    stop = pd.Timestamp("2025-02-01 06:00", tz="UTC")
    assert abs(age - (pd.Timestamp.now("UTC") - stop).total_seconds()) < 60
    assert bars == {
        "exchange": "binance", "market": "spot", "symbol": "BTC/USDT", "series": "1h", "rows": 7,
        "from": "2025-01-31T20:00:00+00:00", "to": "2025-02-01T05:00:00+00:00",
        "missing": 3, "holes": 2,
    }  # fmt: skip
    assert (funding["series"], funding["rows"], funding["holes"]) == ("funding", 1, 0)


def test_an_empty_store_has_no_series(tmp_path: Path) -> None:
    assert json.loads(_listed(tmp_path, "--output", "json")) == {"series": []}


def test_own_series_and_columns_of_the_market_are_listed_too(tmp_path: Path) -> None:
    moments = ["2025-01-01", "2025-01-02"]
    rows = pd.DataFrame(
        {"timestamp": moments, "available_at": ["2025-01-02", "2025-01-04"], "score": [1, 2]}
    )
    _imported(tmp_path, "--series", "mood", frame=rows)
    by_symbol = rows.assign(symbol=["BTC/USDT", "ETH/USDT"])
    _imported(tmp_path, "--series", "chain", frame=by_symbol)
    store = Storage(str(tmp_path / "store"))
    key = ColumnKey("binance", "usdm", "BTC/USDT:USDT", "mark-1h")
    times = pd.date_range(START, periods=4, freq="h")
    marks = pd.DataFrame({"timestamp": times, "close": 1.0}).drop([1])
    BarCache(store).write(key, marks, "made-up")
    listed = json.loads(_listed(tmp_path, "-o", "json"))["series"]
    assert [(one["symbol"], one["series"], one["rows"], one["missing"]) for one in listed] == [
        ("BTC/USDT:USDT", "mark-1h", 3, 1),
        ("BTC/USDT", "chain", 1, 0),
        ("ETH/USDT", "chain", 1, 0),
        ("", "mood", 2, 0),
    ]
    mood = listed[-1]
    assert (mood["from"], mood["to"]) == ("2025-01-01T00:00:00+00:00", "2025-01-02T00:00:00+00:00")
    known = pd.Timestamp("2025-01-04", tz="UTC")
    assert abs(mood["ageSeconds"] - (pd.Timestamp.now("UTC") - known).total_seconds()) < 60
