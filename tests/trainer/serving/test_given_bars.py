"""What a bot hands over is decided on only if it is what it seems: no old feed, no odd time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_trainer.serving.given import given_panel
from tests.trainer.pipeline.sheets import run_spec

DATA = run_spec().data
BTC, ETH = "BTC/USDT", "ETH/USDT"
Frames = dict[str, pd.DataFrame]


def bars(count: int = 200) -> pd.DataFrame:
    close = 100 + np.arange(count) * 0.1
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2025-11-01", periods=count, freq="h", tz="UTC"),
            "open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 5.0,
        }
    )  # fmt: skip


def both() -> Frames:
    return {BTC: bars(), ETH: bars()}


def with_eth(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Frames:
    return {BTC: bars(), ETH: change(bars())}


def with_times(change: Callable[["pd.Series[pd.Timestamp]"], "pd.Series[Any]"]) -> Frames:
    return with_eth(lambda f: f.assign(timestamp=change(f["timestamp"])))


def moved(frame: pd.DataFrame) -> pd.DataFrame:
    later = frame["timestamp"].copy()
    later.iloc[7] += pd.Timedelta("1min")
    return frame.assign(timestamp=later)


def hole_at_the_end(frame: pd.DataFrame) -> pd.DataFrame:
    prices = ["open", "high", "low", "close", "volume"]
    return frame.assign(**{n: frame[n].where(frame.index < len(frame) - 3) for n in prices})


def dead(frame: pd.DataFrame, bars: int) -> pd.DataFrame:
    changed = frame.copy()
    changed.loc[changed.index[-bars:], ["open", "high", "low", "close"]] = 100.0
    changed.loc[changed.index[-bars:], "volume"] = 0.0
    return changed


@pytest.mark.parametrize(
    "frames",
    [
        both(),
        with_eth(lambda f: f.set_index("timestamp")),
        with_eth(lambda f: f.set_index("timestamp").rename_axis(None)),
        with_times(lambda t: t.dt.tz_convert("Asia/Kolkata")),
        with_times(lambda t: t.dt.as_unit("ns")),
        with_eth(lambda f: f.assign(extra="x").iloc[:, ::-1]),
        with_eth(lambda f: f.iloc[50:]),
        with_eth(lambda f: dead(f, 5)),
    ],
    ids=["as asked for", "times as the index", "an index without a name", "another zone",
         "another unit", "further columns in another order", "one begins later",
         "a quiet market"],
)  # fmt: skip
def test_what_is_right_is_laid_on_one_grid(frames: Frames) -> None:
    panel = given_panel(frames, DATA)
    assert panel.symbols == (BTC, ETH)
    assert len(panel) == 200
    assert panel.times[-1] == pd.Timestamp("2025-11-09 07:00Z")
    np.testing.assert_array_equal(panel.close[50:-5, 1], bars()["close"][50:-5])
    assert not panel.gap[50:].any()


def test_a_row_without_prices_is_a_hole() -> None:
    frames = with_eth(lambda f: f.assign(**{c: f[c].where(f.index != 120) for c in f.columns[1:]}))
    panel = given_panel(frames, DATA)
    assert np.argwhere(panel.gap).tolist() == [[120, 1]]


@pytest.mark.parametrize(
    ("frames", "reason", "said"),
    [
        (with_eth(lambda f: f.iloc[:-72]), "InsufficientData",
         "the newest bars are of 2025-11-09 07:00, but ETH/USDT ends at 2025-11-06 07:00"),
        ({BTC: bars().iloc[:-1], ETH: bars()}, "InsufficientData",
         "BTC/USDT ends at 2025-11-09 06:00"),
        (with_eth(hole_at_the_end), "InsufficientData", "ETH/USDT ends at 2025-11-09 04:00"),
        (with_eth(lambda f: f.assign(**dict.fromkeys(f.columns[1:], np.nan))), "InsufficientData",
         "the bars of ETH/USDT have no prices"),
        ({BTC: bars()}, "InsufficientData", "there are no bars of ETH/USDT"),
        (with_eth(lambda f: dead(f, 30)), "InsufficientData",
         "ETH/USDT ends at 2025-11-09 00:00"),
        (with_eth(lambda f: dead(f, 200)), "InsufficientData", "nobody traded ETH/USDT"),
        (with_eth(lambda f: f.iloc[::-1]), "DataInvalid",
         "the bars of ETH/USDT are not in order: 2025-11-09 06:00:00+00:00 comes after 2025-11-09"),
        (with_eth(lambda f: pd.concat([f, f.iloc[-1:]])), "DataInvalid",
         "ETH/USDT has two bars of 2025-11-09 07:00"),
        (with_eth(lambda f: pd.concat([f, f])), "DataInvalid",
         "ETH/USDT has two bars of 2025-11-01 00:00"),
        (with_times(lambda t: t.dt.tz_localize(None)), "DataInvalid",
         "the times of ETH/USDT have no zone: make them UTC"),
        (with_times(lambda t: t.dt.as_unit("ms").astype("int64")), "DataInvalid",
         "the times of ETH/USDT are no times but int64"),
        (with_times(lambda t: t.astype(str)), "DataInvalid", "the times of ETH/USDT are no times"),
        (with_times(lambda t: t.where(t.index != 3)), "DataInvalid",
         "a time of ETH/USDT is empty, in row 3"),
        (with_eth(moved), "DataInvalid", "2025-11-01 07:01:00+00:00 is not on the 1h grid"),
        (with_eth(lambda f: f.drop(columns="volume")), "DataInvalid",
         "the bars of ETH/USDT have no column volume"),
        (with_eth(lambda f: f.reset_index(drop=True).drop(columns="timestamp")), "DataInvalid",
         "the bars of ETH/USDT have no column timestamp"),
        (with_eth(lambda f: f.assign(low=f["low"].where(f.index != 9, 1e9))), "DataInvalid",
         "low above open or close"),
        (with_eth(lambda f: f.assign(close="dear")), "DataInvalid",
         "a price or volume of ETH/USDT is not a number"),
    ],
    ids=["a feed that stopped three days ago", "a feed that is one bar behind",
         "a feed that ends in rows without prices", "no prices at all", "no bars of a symbol",
         "nobody trades it any more", "nobody ever traded it", "newest first",
         "the newest bar twice", "all bars twice", "times without a zone",
         "milliseconds", "times as text", "an empty time", "a time off the grid", "no volume",
         "no times", "a bar that can't be true", "a price that is a word"],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_name(frames: Frames, reason: str, said: str) -> None:
    with pytest.raises(ClmError) as caught:
        given_panel(frames, DATA)
    assert caught.value.reason == reason
    assert said in caught.value.message


BESIDE = run_spec(
    data={"columns": ["tradeCount"], "series": [{"name": "mood", "columns": ["score"]}]}
).data
NAMED = {"tradeCount": 7, "mood.score": 0.5}


def beside(**changed: Any) -> Frames:
    return {BTC: bars().assign(**NAMED), ETH: bars().assign(**{**NAMED, **changed})}


def test_what_the_run_names_lies_beside_the_bars_and_a_hole_has_nothing() -> None:
    frames = beside(**{"mood.score": np.arange(200.0), "extra": "x"})
    prices = ["open", "high", "low", "close", "volume"]
    frames[ETH].loc[120, prices] = np.nan
    frames[ETH].loc[130, "tradeCount"] = np.nan
    panel = given_panel(frames, BESIDE)
    assert list(panel.extra) == ["tradeCount", "mood.score"]
    assert panel.extra["mood.score"][[0, 199], 1].tolist() == [0, 199]
    assert np.argwhere(np.isnan(panel.extra["mood.score"])).tolist() == [[120, 1]]
    assert np.argwhere(np.isnan(panel.extra["tradeCount"])).tolist() == [[120, 1], [130, 1]]


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (both(), ("the bars of BTC/USDT have no column tradeCount; needed: timestamp, open, high, "
         "low, close, volume, tradeCount, mood.score")),
        ({**beside(), ETH: bars().assign(tradeCount=7)},
         "the bars of ETH/USDT have no column mood.score"),
        (beside(tradeCount="many"), "tradeCount of ETH/USDT is not a number"),
        (beside(**{"mood.score": np.inf}), "mood.score of ETH/USDT is infinite at 2025-11-01"),
    ],
    ids=["bars alone", "a series of one symbol is missing", "a word", "an infinite number"],
)  # fmt: skip
def test_what_lacks_beside_the_bars_is_refused_by_name(frames: Frames, said: str) -> None:
    with pytest.raises(ClmError) as caught:
        given_panel(frames, BESIDE)
    assert caught.value.reason == "DataInvalid"
    assert said in caught.value.message
