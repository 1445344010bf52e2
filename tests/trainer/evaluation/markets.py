"""Panels for the tests: hand-made ones, drawn ones, and the bundled real bars."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from clm_trainer.evaluation.play import Funding, Play
from clm_trainer.panel import Bools, Floats, Panel

BARS = Path(__file__).parents[3] / "examples" / "data"
NAN = float("nan")


def column(*values: float) -> Floats:
    return np.array(values, dtype=float)[:, None]


def panel_of(open_: Floats, close: Floats, gap: Bools | None = None, volume: float = 1.0) -> Panel:
    """Hourly bars whose high and low are those of open and close; NaN in holes."""
    hole = np.zeros(open_.shape, dtype=bool) if gap is None else gap
    bars, symbols = open_.shape

    def seen(values: Floats) -> Floats:
        return np.where(hole, np.nan, values)

    return Panel(
        times=pd.date_range("2024-01-01", periods=bars, freq="h", tz="UTC"),
        symbols=tuple(f"S{i}/USDT" for i in range(symbols)),
        timeframe=pd.Timedelta("1h"),
        open=seen(open_),
        high=seen(np.maximum(open_, close)),
        low=seen(np.minimum(open_, close)),
        close=seen(close),
        volume=seen(np.full(open_.shape, volume)),
        gap=hole,
    )


def one(open_: list[float], close: list[float] | None = None, holes: tuple[int, ...] = ()) -> Panel:
    """One symbol; the close is the next open where none is given."""
    closes = [*open_[1:], open_[-1]] if close is None else close
    gap = np.isin(np.arange(len(open_)), holes)[:, None]
    return panel_of(column(*open_), column(*closes), gap)


def with_holes(panel: Panel, gap: Bools) -> Panel:
    """The same panel without some bars."""
    names = ("open", "high", "low", "close", "volume")
    arrays: Any = {name: np.where(gap, np.nan, getattr(panel, name)) for name in names}
    return replace(panel, gap=panel.gap | gap, **arrays)


@cache
def real(days: int, symbols: int = 2) -> Panel:
    """The newest days of the bundled real bars; they end on 2025-12-31 or where the files do."""
    names = {"BTC/USDT": "btcusdt", "ETH/USDT": "ethusdt"}
    pair = list(names)[:symbols]
    read = {s: pd.read_parquet(BARS / f"binance-spot-{names[s]}-1h.parquet") for s in pair}
    end = min(frame["timestamp"].iloc[-1] for frame in read.values())
    times = pd.date_range(end=end, periods=24 * days, freq="h")
    return Panel.from_frames(read, times, pd.Timedelta("1h"))


def poisoned(panel: Panel, begin: int) -> Panel:
    """Absurd bars from ``begin`` on."""
    rng = np.random.default_rng(begin)
    rest = (len(panel) - begin, len(panel.symbols))
    arrays: Any = {}
    for name in ("open", "high", "low", "close", "volume"):
        values = getattr(panel, name).copy()
        values[begin:] = np.exp(rng.normal(0, 5, rest))
        arrays[name] = values
    return replace(panel, **arrays)


WEIGHTS = (-1.0, -0.6, -0.25, 0.0, 0.0, 0.4, 0.4, 0.75, 1.0)


@st.composite
def cases(
    draw: st.DrawFn,
    most_bars: int = 40,
    kept: float = 0.5,
    holes: tuple[float, ...] = (0.0, 0.2, 0.7),
    moves: tuple[float, ...] = (0.001, 0.05, 0.6),
) -> Play:
    """Draw a wild market with holes, targets that flip and resize, costs and maybe funding.

    On a share ``kept`` of the bars the target stays; one of ``holes`` is the share that is missing,
    one of ``moves`` the volatility of a bar.
    """
    bars, symbols = draw(st.integers(2, most_bars)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (bars, symbols)
    steps = rng.normal(0, draw(st.sampled_from(moves)), (2, *shape))
    close = 100 * np.exp(np.cumsum(steps[0], axis=0))
    open_ = close * np.exp(steps[1])
    gap = rng.random(shape) < draw(st.sampled_from(holes))
    targets = rng.choice(WEIGHTS, shape)
    for row in range(1, bars):
        keep = rng.random(symbols) < kept
        targets[row, keep] = targets[row - 1, keep]
    funding = None
    if draw(st.booleans()):
        due = rng.normal(0, 0.5, (2, *shape)) * (rng.random((2, *shape)) < 0.3)
        funding = Funding(at_open=due[0], inside=due[1])
    return Play(panel_of(open_, close, gap), targets, draw(st.floats(0, 300)), funding)
