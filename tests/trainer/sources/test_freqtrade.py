"""A freqtrade data folder is read as it is: every format, old and new funding, mark prices."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_trainer.sources.freqtrade import Found, Kind, Skipped, bars_of, funding_of, scan, told
from tests.trainer.sources.freqtrade_folder import (
    as_candles,
    candles,
    file_name,
    rates,
    store,
)

FORMATS = ["feather", "parquet", "json", "json.gz"]


@pytest.mark.parametrize(
    ("pair", "timeframe", "kind", "symbol"),
    [
        ("BTC/USDT", "1h", "", "BTC/USDT"),
        ("1000SHIB/USDT", "5m", "", "1000SHIB/USDT"),
        ("BTC/USDT:USDT", "1h", "futures", "BTC/USDT:USDT"),
        ("BTC/USDC:USDC", "1d", "futures", "BTC/USDC:USDC"),
        ("BTC/USDT:USDT", "8h", "funding_rate", "BTC/USDT:USDT"),
        ("BTC/USDT:USDT", "1h", "mark", "BTC/USDT:USDT"),
        ("BTC/USDT:USDT", "8h", "mark", "BTC/USDT:USDT"),
    ],
)
@pytest.mark.parametrize("extension", FORMATS)
def test_a_name_says_what_a_file_holds(
    pair: str, timeframe: str, kind: str, symbol: str, extension: str
) -> None:
    path = Path(file_name(pair, timeframe, kind, extension))
    assert told(path) == Found(path, symbol, timeframe, Kind(kind))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("BTC_USDT-trades.feather", "no candles"),
        ("BTC_USDT-1h.h5", "no candles"),
        ("BTC_USDT-1Mo.feather", "the timeframe 1Mo is not used"),
        ("BTC_USDT-3m.feather", "the timeframe 3m is not used"),
        ("BTC_USDT_USDT-1h-index.feather", "index is not used"),
        ("BTC_USDT_USDT-1h-premiumIndex.feather", "premiumIndex is not used"),
        ("BTC_USDT_USDT-1h-open_interest.feather", "open_interest is not used"),
        ("BTC_USD_BTC-1h-futures.feather", "which symbol BTC_USD_BTC is can't be told"),
        ("BTC_USDT_USDT-251226-1h-futures.feather", "can't be told"),
        (file_name("BRK.B/USD", "1h", "", "feather"), "which symbol BRK_B_USD is can't be told"),
    ],
)
def test_what_is_not_read_says_why(name: str, why: str) -> None:
    skipped = told(Path(name))
    assert isinstance(skipped, Skipped)
    assert why in skipped.why


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("kind", [Kind.SPOT, Kind.FUTURES], ids=["spot", "futures"])
def test_bars_are_the_same_in_every_format(kind: Kind, extension: str, tmp_path: Path) -> None:
    frame = candles(200)
    pair = "BTC/USDT" if kind is Kind.SPOT else "BTC/USDT:USDT"
    store(tmp_path, pair, "1h", frame, kind, extension)
    (found,) = scan(tmp_path)
    assert isinstance(found, Found)
    bars = bars_of(found)
    assert list(bars.columns) == ["timestamp", "open", "high", "low", "close", "volume"]
    assert bars["timestamp"].tolist() == frame["date"].tolist()
    for column in ("open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(bars[column], frame[column], rtol=1e-9)


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("old", [False, True], ids=["since 2026.9", "before 2026.9"])
@pytest.mark.parametrize("timeframe", ["1h", "8h"])
def test_funding_has_its_rate_and_the_mark_price_of_its_time(
    timeframe: str, extension: str, tmp_path: Path, *, old: bool
) -> None:
    funding, marks = rates(), candles(72, step=timeframe, price=200.0)
    late = funding.assign(date=funding["date"] + pd.Timedelta("3ms"))
    stored = as_candles(late) if old else late
    store(tmp_path, "ETH/USDT:USDT", timeframe, stored, "funding_rate", extension)
    store(tmp_path, "ETH/USDT:USDT", timeframe, marks, "mark", extension)
    found = [one for one in scan(tmp_path) if isinstance(one, Found)]
    assert [one.kind for one in found] == [Kind.MARK, Kind.FUNDING]
    events = funding_of(found[1:], found[:1])
    assert events["timestamp"].tolist() == funding["date"].tolist()
    np.testing.assert_allclose(events["funding_rate"], funding["funding_rate"], atol=1e-10)
    opens = marks.set_index("date")["open"].reindex(funding["date"])
    np.testing.assert_allclose(events["mark_price"], opens, rtol=1e-9)


def test_without_mark_candles_the_mark_price_is_not_known(tmp_path: Path) -> None:
    store(tmp_path, "ETH/USDT:USDT", "8h", rates(), "funding_rate", "feather")
    found = [one for one in scan(tmp_path) if isinstance(one, Found)]
    assert funding_of(found, [])["mark_price"].isna().all()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "can't be read"),
        (b"[[1, 2, 3]]", "its rows have 3 values; needed: 6"),
        (b"[]", "its rows have no values"),
        (b'{"a": 1}', "its rows have no values"),
        (b"[[1, 2, 3, 4, 5, 6], [1, 2]]", "its rows have 2, 6 values"),
    ],
    ids=["an empty file", "too few columns", "no rows", "another shape", "rows of two lengths"],
)
def test_a_broken_file_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "BTC_USDT-1h.json"
    path.write_bytes(content)
    found = told(path)
    assert isinstance(found, Found)
    with pytest.raises(ClmError, match=said) as caught:
        bars_of(found)
    assert str(path) in caught.value.message
    assert caught.value.reason == "DataInvalid"


def test_other_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "BTC_USDT-1h.feather"
    candles(5).drop(columns="volume").to_feather(path)
    found = told(path)
    assert isinstance(found, Found)
    with pytest.raises(ClmError, match=r"its columns are .*; needed: date, open, high"):
        bars_of(found)
