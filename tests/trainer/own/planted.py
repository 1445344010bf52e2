"""Feature sets as a user would write them: sound ones, and ones with a planted fault."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clm_api.run import RunSpec
from clm_trainer.features import registry
from clm_trainer.own.soundness import Watch
from clm_trainer.panel import Panel
from tests.support.own_packages import lay, on_the_path
from tests.trainer.families.runs import run_spec

HEAD = '''
import math

import numpy as np
import pandas as pd
import talib
from clm_trainer.own.features import features, panel_features

KEPT = {}


def normal(values):
    return (values - values.mean()) / values.std()


def filled_backwards(bars):
    rare = bars["close"].where(bars["close"] > bars["open"])
    return rare.bfill()


def at(bars, rows, leaking):
    return np.where(rows, leaking, bars["open"])


def remembered(bars):
    ahead = bars["close"].shift(-1) / bars["close"]
    for time, value in ahead.dropna().items():
        KEPT.setdefault((time, bars["close"].loc[time]), value)
    return [KEPT.get((t, c), 1.0) for t, c in bars["close"].items()]


def highest_so_far(bars):
    KEPT["high"] = max(KEPT.get("high", 0.0), bars["high"].max())
    return bars["close"] / KEPT["high"]


def one_bar_late(bars):
    """The next bar's close, once a call has seen it: an own lag that a longer frame undoes."""
    return [KEPT.setdefault(t, c) for t, c in bars["close"].shift(-2).ffill().items()]
'''

LEAKS = {
    "the next close": 'bars["close"].shift(-1)',
    "the close of 24 bars on": 'bars["close"].shift(-24)',
    "the next open": 'bars["open"].shift(-1)',
    "a centred mean": 'bars["close"].rolling(25, center=True).mean()',
    "a z-score over all bars": 'normal(bars["close"])',
    "a rank among all bars": 'bars["close"].rank(pct=True)',
    "scaled by the highest of all bars": 'bars["close"] / bars["high"].max()',
    "the mean of all bars": '[bars["close"].mean()] * len(bars)',
    "a hole filled backwards": "filled_backwards(bars)",
    "holes drawn straight to the next value": (
        'bars["close"].where(bars["close"] > bars["open"]).interpolate()'
    ),
    "an hour's bin that ends later": (
        'bars["close"].resample("4h").last().reindex(bars.index, method="ffill")'
    ),
    "a day's high, known in the morning": (
        'bars["high"].groupby(bars.index.floor("D")).transform("max")'
    ),
    "a bin labelled by its end, filled backwards": (
        'bars["close"].resample("6h", label="right").last().reindex(bars.index, method="bfill")'
    ),
    "the next close, at one hour of the day": (
        'at(bars, bars.index.hour == 13, bars["close"].shift(-1))'
    ),
    "the next close, on one day of the week": (
        'at(bars, bars.index.day_of_week == 2, bars["close"].shift(-1))'
    ),
    "the next close, before a large move alone": (
        'at(bars, bars["close"].pct_change().shift(-1).abs() > 0.02, bars["close"].shift(-1))'
    ),
    "a smoothing that runs both ways": (
        'bars["close"].ewm(span=10).mean()[::-1].ewm(span=10).mean()[::-1]'
    ),
    "turned by the length of the frame": 'np.fft.irfft(np.fft.rfft(bars["close"])[:50], len(bars))',
    "a line through all bars": (
        'bars["close"] - np.polyval(np.polyfit(np.arange(len(bars)), bars["close"], 1), '
        "np.arange(len(bars)))"
    ),
    "a cache that is filled with later bars": "remembered(bars)",
    "the highest of all calls": "highest_so_far(bars)",
    "a cache by time alone": "one_bar_late(bars)",
    "drawn numbers": "np.random.default_rng().standard_normal(len(bars))",
}
"""What the column ``x`` of a set is."""

TOO_SHORT = {
    "a window of 200 of which 100 are declared": 'bars["close"].rolling(200).mean()',
    "the same where fewer bars are enough": 'bars["close"].rolling(200, min_periods=1).mean()',
    "an exponential mean of span 50": 'bars["close"].ewm(span=50).mean()',
    "a sum from the frame's beginning on": 'bars["volume"].cumsum()',
    "Wilder's average of 48 bars": 'talib.RSI(bars["close"], 48)',
    "a lag of 101 bars": 'bars["close"].shift(101)',
}
"""The same, of sets that declare a look-back of 100 bars."""

SOUND = '''
def recursive(values, share):
    """A smoothing written as a loop."""
    out, state = [], values[0]
    for value in values:
        state = share * value + (1 - share) * state
        out.append(state)
    return out


@features(lookback_bars=700)
def x(bars, params):
    close, change = bars["close"], np.log(bars["close"]).diff()
    values = close.to_numpy(copy=True)
    windows = np.lib.stride_tricks.sliding_window_view(np.log(bars["volume"] + 1), 48)
    bars["close"] = 0.0
    del bars["open"]
    return pd.DataFrame({
        "momentum": close / close.shift(24) - 1,
        "mean": close / close.rolling(168).mean() - 1,
        "deviation": change.rolling(48).std(),
        "middle": close / close.rolling(25).median() - 1,
        "skew": change.rolling(72).skew(),
        "ewm": change.ewm(span=48).mean(),
        "ewm_deviation": change.ewm(halflife=12).std(),
        "crossing": change.ewm(span=25).mean() - change.ewm(span=50).mean(),
        "distance": close / close.ewm(span=50).mean() - 1,
        "likeness": change.rolling(100).corr(np.log(bars["volume"] + 1).diff()),
        "rsi": talib.RSI(values, 14) / 100,
        "atr": talib.ATR(bars["high"], bars["low"], close, 14) / close,
        "recursive": np.array(recursive(values, 0.1)) / values,
        "lots": np.concatenate([np.full(47, np.nan), windows.std(axis=1)]),
        "hour": bars.index.hour,
        "yesterday": close.resample("1D").last().shift(1).reindex(bars.index, method="ffill"),
        "hole": bars["gap"],
    })
'''

SOUND_PANEL = """
@panel_features(lookback_bars=200)
def x(frames, params):
    change = pd.DataFrame({name: bars["close"].pct_change(24) for name, bars in frames.items()})
    rank, mean = change.rank(axis=1, pct=True), change.mean(axis=1)
    for bars in frames.values():
        bars.loc[:, "close"] = -1.0
    return {
        name: {"rank": rank[name], "excess": change[name] - mean,
               "usual": (change[name] - mean).rolling(168).mean()}
        for name in frames
    }
"""


def leaking(column: str, lookback_bars: int = 300) -> str:
    """The program of a set with this column beside a sound one."""
    return (
        f"@features(lookback_bars={lookback_bars})\n"
        "def x(bars, params):\n"
        f'    return {{"sound": bars["close"].pct_change(), "x": {column}}}\n'
    )


@contextmanager
def planted(program: str, folder: Path, **groups: object) -> Iterator[RunSpec]:
    """A run with the feature set ``x`` of a program, while its package is installed."""
    entry = "[clm.features]\nplanted.x = planted:x\n"
    lay(folder, {"planted.py": HEAD + program}, entry, name="planted")
    model = {"features": {"set": "planted.x"}, **groups.pop("model", {})}  # type: ignore[dict-item]
    with on_the_path(folder):
        yield run_spec(model=model, **groups)


def watched(run: RunSpec, panel: Panel) -> None:
    """Compute a run's features of a panel as the run does, and look at them."""
    watch = Watch(registry.create(run), panel, run)
    watch.features.begin(panel.symbols, panel.timeframe).advance(panel)
    watch.require_sound()
