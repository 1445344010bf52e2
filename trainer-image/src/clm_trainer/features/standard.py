"""The set ``standard``: 38 features without scale, from prices, volumes, the clock and peers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from clm_trainer.features.base import FeatureStream, Saved
from clm_trainer.features.basis import Basis, BasisStream
from clm_trainer.features.kernels import EXPONENTIAL, MOVES, RANGES, averaged
from clm_trainer.features.peers import CROSS_BARS, RELATIVE_BARS, mean_of_others, relative
from clm_trainer.features.windows import (
    carried,
    highest,
    lagged,
    log_ratio,
    lowest,
    ratio,
    skew,
    std,
    total,
    zscore,
)
from clm_trainer.own.door import Offer
from clm_trainer.panel import Bools, Floats, Panel

WARM_UP_BARS = 720
RETURN_BARS = (1, 2, 4, 8, 12, 24, 48, 72, 168, 336)
EMA_BARS = (12, 48, 168)
NAMES = (
    *(f"ret{k}" for k in RETURN_BARS),
    *(f"emad{n}" for n in EMA_BARS),
    "macdh", "rsi14", "rsi48", "atr_r", "vol24_168", "vol168_720", "pos24", "pos168", "volz",
    "volz24", "body", "wick", "range", "svol24", "skew72",
    "hour_sin", "hour_cos", "weekday_sin", "weekday_cos",
    *(f"x{k}" for k in CROSS_BARS),
    *(f"rel{k}" for k in RELATIVE_BARS),
)  # fmt: skip
RL_NAMES = (
    "ret4", "ret12", "ret24", "ret48", "ret72", "ret168", "emad48", "emad168", "rsi48",
    "vol24_168", "vol168_720", "pos168", "volz24", "svol24", "rel24",
)  # fmt: skip
"""The 15 that the RL families observe."""

_TAILS = {"log_close": 720, "close": 167, "high": 167, "low": 167, "lots": 190, "volume": 23,
          "signed": 23}  # fmt: skip
"""Rows of the past that the windows of the next bar need."""


@dataclass(frozen=True)
class StandardFeatures:
    """The set."""

    names: tuple[str, ...] = NAMES
    warm_up_bars: int = WARM_UP_BARS
    columns: tuple[str, ...] = ()
    observed: tuple[str, ...] = RL_NAMES

    def begin(self, symbols: tuple[str, ...], timeframe: pd.Timedelta) -> FeatureStream:
        """Return the state before the first bar."""
        del timeframe
        return StandardStream(len(symbols))

    def resume(
        self, symbols: tuple[str, ...], timeframe: pd.Timedelta, saved: Saved
    ) -> FeatureStream:
        """Return the state that ``save`` returned."""
        del timeframe
        return StandardStream(len(symbols), saved)


class StandardStream:
    """The state between two blocks of bars: 1.5 thousand numbers a symbol."""

    def __init__(self, symbols: int, saved: Saved | None = None) -> None:
        basis = {name: saved[name] for name in saved if name.startswith("basis.")} if saved else {}
        self._basis = BasisStream(
            symbols, {name.removeprefix("basis."): array for name, array in basis.items()} or None
        )
        self._tails = {
            name: saved[f"tail.{name}"] if saved else np.full((rows, symbols), np.nan)
            for name, rows in _TAILS.items()
        }
        averages = ("ema12", "ema48", "ema168", "slow", "fast", "signal", "gain14", "loss14",
                    "gain48", "loss48", "atr24", "atr168")  # fmt: skip
        self._averages = {
            name: saved[f"average.{name}"].copy() if saved else np.zeros(symbols)
            for name in averages
        }

    def save(self) -> Saved:
        """Return the state."""
        return {
            **{f"basis.{name}": array for name, array in self._basis.save().items()},
            **{f"tail.{name}": array.copy() for name, array in self._tails.items()},
            **{f"average.{name}": array.copy() for name, array in self._averages.items()},
        }

    def advance(self, bars: Panel) -> Floats:
        """Return the features of bars that follow those of before.

        In holes indicators see the last close and volume 0. Before a symbol's first bar all but the
        clock and the peers' returns is NaN.
        """
        basis = self._basis.advance(bars)
        made = self._own(bars, basis)
        hours, days = bars.times.hour.to_numpy(), bars.times.day_of_week.to_numpy()
        made |= {
            "hour_sin": np.sin(2 * np.pi * hours / 24)[:, None],
            "hour_cos": np.cos(2 * np.pi * hours / 24)[:, None],
            "weekday_sin": np.sin(2 * np.pi * days / 7)[:, None],
            "weekday_cos": np.cos(2 * np.pi * days / 7)[:, None],
        }
        others = {k: mean_of_others(made[f"ret{k}"]) for k in CROSS_BARS}
        made |= {f"x{k}": np.nan_to_num(others[k]) for k in CROSS_BARS}
        made |= {f"rel{k}": relative(made[f"ret{k}"], others[k]) for k in RELATIVE_BARS}
        out = np.empty((*bars.gap.shape, len(NAMES)))
        for place, name in enumerate(NAMES):
            out[:, :, place] = made[name]
        return out

    def _own(self, bars: Panel, basis: Basis) -> dict[str, Floats]:
        """Return what one symbol's own bars say, by name; shape (bars, symbols)."""
        n, sigma, close = len(bars), basis.sigma, basis.close
        there, before = basis.there, self._tails["close"][-1:]
        open_, high, low = (
            np.where(there, values, close) for values in (bars.open, bars.high, bars.low)
        )
        volume = np.where(basis.listed, np.where(there, bars.volume, 0.0), np.nan)
        lots = carried(
            self._tails["lots"][-1],
            np.log(np.where(volume > 0, volume, np.where(basis.listed, 1.0, np.nan))),
            (volume > 0) | (basis.age == 0),
        )
        rises = np.where(np.isnan(basis.returns), 0.0, np.sign(basis.returns))
        log_close = self._with_tail("log_close", basis.log_close)
        closes, highs = self._with_tail("close", close), self._with_tail("high", high)
        lows, all_lots = self._with_tail("low", low), self._with_tail("lots", lots)
        volumes = self._with_tail("volume", volume)
        signed = self._with_tail("signed", rises * volume)
        returns = log_close[1:] - log_close[:-1]
        std24, std720 = (std(returns, w, n) for w in (24, 720))
        made = {
            f"ret{k}": (basis.log_close - lagged(log_close, n, k)) / (sigma * np.sqrt(k))
            for k in RETURN_BARS
        }
        made |= {
            f"emad{w}": (basis.log_close - self._ema(basis, w)) / (sigma * np.sqrt(w))
            for w in EMA_BARS
        }
        previous = np.concatenate([before, close[:-1]])
        atr24, atr168 = (self._atr(high, low, previous, basis, w) for w in (24, 168))
        top24, bottom24 = highest(highs, 24, n), lowest(lows, 24, n)
        top168, bottom168 = highest(highs, 168, n), lowest(lows, 168, n)
        lots24 = total(all_lots, 24, n + 167) / 24
        span = high - low
        made |= {
            "macdh": self._macd(basis) / sigma,
            "rsi14": self._strength(closes, previous, basis, 14),
            "rsi48": self._strength(closes, previous, basis, 48),
            "atr_r": still_is_0(log_ratio(atr24, atr168), top24 == bottom24),
            "vol24_168": log_ratio(std24, sigma),
            "vol168_720": log_ratio(sigma, std720),
            "pos24": ratio(2 * close - bottom24 - top24, top24 - bottom24),
            "pos168": ratio(2 * close - bottom168 - top168, top168 - bottom168),
            "volz": np.clip(zscore(all_lots, 168, n), -5, 5),
            "volz24": np.clip(zscore(lots24, 168, n), -5, 5),
            "body": ratio(close - open_, span),
            "wick": ratio(
                (high - np.maximum(open_, close)) - (np.minimum(open_, close) - low), span
            ),
            "range": np.clip(np.log(high / low) / sigma, 0, 8),
            "svol24": ratio(total(signed, 24, n), total(volumes, 24, n)),
            "skew72": skew(returns, 72, n),
        }
        return made

    def _with_tail(self, name: str, values: Floats) -> Floats:
        """Return values after those of before, and keep the newest for the next block."""
        whole = np.concatenate([self._tails[name], values])
        self._tails[name] = whole[-_TAILS[name] :].copy()
        return whole

    def _average(
        self, name: str, values: Floats, basis: Basis, first: int, span: int, kind: int
    ) -> Floats:
        state = self._averages[name]
        out: Floats = averaged(values, basis.age, first, span, kind, state)
        return out

    def _ema(self, basis: Basis, span: int) -> Floats:
        return self._average(f"ema{span}", basis.log_close, basis, span - 1, span, EXPONENTIAL)

    def _macd(self, basis: Basis) -> Floats:
        """Return the histogram of 12, 26 and 9 bars: all averages begin with the longest one."""
        fast = self._average("fast", basis.log_close, basis, 25, 12, EXPONENTIAL)
        slow = self._average("slow", basis.log_close, basis, 25, 26, EXPONENTIAL)
        return fast - slow - self._average("signal", fast - slow, basis, 33, 9, EXPONENTIAL)

    def _atr(
        self, high: Floats, low: Floats, previous: Floats, basis: Basis, window: int
    ) -> Floats:
        """Return the average true range."""
        reach = np.maximum(np.abs(previous - high), np.abs(previous - low))
        ranges = np.maximum(high - low, reach)
        return self._average(f"atr{window}", ranges, basis, window, window, RANGES)

    def _strength(self, closes: Floats, previous: Floats, basis: Basis, window: int) -> Floats:
        """Relative strength (Wilder, 1978) on [-1, 1]; 0 where no close of the window differs."""
        n, change, w = len(previous), basis.close - previous, window
        gains, losses = np.where(change < 0, 0.0, change), np.where(change < 0, -change, 0.0)
        gain = self._average(f"gain{w}", gains, basis, w, w, MOVES)
        loss = self._average(f"loss{w}", losses, basis, w, w, MOVES)
        moved = gain + loss
        share = np.where(moved == 0, 0.0, 100 * (gain / np.where(moved == 0, 1.0, moved)))
        still = highest(closes, w + 1, n) == lowest(closes, w + 1, n)
        return still_is_0(share / 50 - 1, still)


def still_is_0(values: Floats, still: Bools) -> Floats:
    """Return values, but 0 where the price stood still for a whole window.

    Wilder's averages never forget, so that they would go on telling of moves of long ago.
    """
    return np.where(still & ~np.isnan(values), 0.0, values)


class NoParams(BaseModel):
    """The set has no parameters."""

    model_config = ConfigDict(extra="forbid")


STANDARD = StandardFeatures()
OFFER = Offer(NoParams, lambda _params, _run: STANDARD)
