"""The plots of the tear sheet."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from clm_api.report import FoldMetrics
from clm_trainer.evaluation.deciles import Decile
from clm_trainer.evaluation.performance import rolling_sharpe
from clm_trainer.tearsheet.svg import LINES, NARROW, Colour, draw, width_of

_PX_PER_DATE = 90
_DASHES, _DOTS = (0, (4, 3)), (0, (2, 3))


def tick(share: float, _: float) -> str:
    """Write a share on an axis: with as many digits as steps below one per cent need."""
    return f"{share * 100:z.3g} %".replace("-", "−")


def _dates(axes: Axes, first: float, last: float) -> None:
    """Let the axis reach from first to last day, with a hundredth of room at both sides."""
    room = max((last - first) * 0.01, 1 / 1440)
    axes.set_xlim(first - room, last + room)
    # With less than five, no step of the locator fits some spans.
    most = max(5, int(width_of(axes) / _PX_PER_DATE))
    locator = AutoDateLocator(minticks=2, maxticks=most)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def _window(axes: Axes, frame: pd.DataFrame) -> None:
    """Give the axis the whole window, so that plots one above another show the same days."""
    first, last = (float(date2num(t)) for t in _times(frame)[[0, -1]])
    _dates(axes, first, last)


def _day(time: datetime) -> float:
    return float(date2num(time.replace(tzinfo=None)))


def _times(frame: pd.DataFrame) -> NDArray[np.datetime64]:
    return np.asarray(frame["time"].dt.tz_localize(None), dtype="datetime64[us]")


def equity(frame: pd.DataFrame, folds: Sequence[FoldMetrics]) -> Markup:
    """Draw the model's equity against buy-and-hold; thin lines mark the borders of the folds."""

    def plot(axes: Axes) -> None:
        times = _times(frame)
        axes.axhline(1.0, color=Colour.GRID, linewidth=1)
        for fold in folds[1:]:
            axes.axvline(
                _day(fold.test_from),
                color=Colour.BENCHMARK,
                linewidth=0.8,
                linestyle=_DOTS,
            )
        axes.plot(times, frame["benchmark"], color=Colour.BENCHMARK, linewidth=1.2)
        axes.plot(times, frame["equity"], color=Colour.MODEL)
        _window(axes, frame)

    return draw("equity", "Equity of the model against buy and hold", 280, plot)


def drawdown(frame: pd.DataFrame, allowed: float) -> Markup:
    """Draw the fall from the running maximum, and the largest fall that the criteria allow."""

    def plot(axes: Axes) -> None:
        values = frame["equity"].to_numpy()
        peak = np.maximum(np.maximum.accumulate(values), 1.0)
        fall = values / peak - 1
        axes.fill_between(_times(frame), fall, 0, color=Colour.LOSS, alpha=0.25, linewidth=0)
        axes.plot(_times(frame), fall, color=Colour.LOSS, linewidth=1)
        axes.axhline(-allowed, color=Colour.LOSS, linewidth=1, linestyle=_DASHES)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(tick)
        axes.set_ylim(top=0)
        _window(axes, frame)

    return draw("drawdown", "Drawdown", 170, plot)


def rolling(frame: pd.DataFrame, window: int, bars_per_year: float, wanted: float) -> Markup:
    """Draw the Sharpe ratio of the last ``window`` bars, and the one that the criteria ask for."""

    def plot(axes: Axes) -> None:
        ratio = rolling_sharpe(frame["net_return"].to_numpy(), window, bars_per_year)
        axes.axhline(0.0, color=Colour.GRID, linewidth=1)
        axes.axhline(wanted, color=Colour.BENCHMARK, linewidth=1, linestyle=_DASHES)
        axes.plot(_times(frame), ratio, color=Colour.MODEL)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        _window(axes, frame)

    return draw("rolling", "Rolling Sharpe ratio", 170, plot)


def sleeves(frame: pd.DataFrame, times: pd.DataFrame) -> Markup:
    """Draw each symbol's share of the equity from 1.0; columns are symbols, at most six."""

    def plot(axes: Axes) -> None:
        axes.axhline(1.0, color=Colour.GRID, linewidth=1)
        for name, colour in zip(frame, LINES, strict=False):
            axes.plot(_times(times), frame[name], color=colour, linewidth=1.3)
        _window(axes, times)

    return draw("sleeves", "Equity of each symbol", 220, plot)


def tenths(found: Sequence[Decile]) -> Markup:
    """Draw the mean realised return of each tenth of the score, in basis points."""

    def plot(axes: Axes) -> None:
        values = [0.0 if d.mean_return is None else d.mean_return * 1e4 for d in found]
        colours = [Colour.MODEL if v >= 0 else Colour.LOSS for v in values]
        axes.bar(range(len(found)), values, width=0.7, color=colours)
        axes.axhline(0.0, color=Colour.GRID, linewidth=1)
        narrow = width_of(axes) <= NARROW
        labels = [
            f"{d.low * 100:.0f}" + ("" if narrow else f"–{d.high * 100:.0f} %") for d in found
        ]
        axes.set_xticks(range(len(found)), labels)
        axes.tick_params(axis="x", length=0)
        axes.yaxis.set_major_locator(MaxNLocator(5))

    return draw("tenths", "Mean realised return by tenth of the score", 190, plot)


def folds(rows: Sequence[FoldMetrics]) -> Markup:
    """Draw the train and test span of each fold."""

    def plot(axes: Axes) -> None:
        for place, fold in enumerate(rows):
            spans = (
                (fold.train_from, fold.train_to, Colour.TRAIN),
                (fold.test_from, fold.test_to, Colour.MODEL),
            )
            for start, end, colour in spans:
                left, right = _day(start), _day(end)
                axes.barh(place, right - left, left=left, height=0.55, color=colour)
        axes.set_yticks(range(len(rows)), [f"fold {f.fold + 1}" for f in rows])
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.xaxis_date()
        _dates(axes, min(_day(f.train_from) for f in rows), max(_day(f.test_to) for f in rows))

    return draw("folds", "Train and test span of each fold", 46 + 24 * len(rows), plot)


def importance(shares: Mapping[str, float]) -> Markup:
    """Draw features by their share of the model's total gain."""

    def plot(axes: Axes) -> None:
        places = range(len(shares))
        axes.barh(places, list(shares.values()), height=0.62, color=Colour.MODEL)
        axes.set_yticks(places, list(shares))
        axes.invert_yaxis()
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.margins(y=0.01)
        axes.xaxis.set_major_locator(MaxNLocator(max(2, int(width_of(axes) / 160))))
        axes.xaxis.set_major_formatter(tick)

    height = 46 + 19 * len(shares)
    return draw("importance", "Feature importance", height, plot, over_time=False)
