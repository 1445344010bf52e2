"""The plots of the tear sheet."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from clm_api.report import FoldMetrics
from clm_trainer.tearsheet.svg import Colour, draw

_WIDTH = 860


def _dates(axes: Axes) -> None:
    locator = AutoDateLocator(maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    axes.margins(x=0.01)


def _times(frame: pd.DataFrame) -> NDArray[np.datetime64]:
    return np.asarray(frame["time"].dt.tz_localize(None), dtype="datetime64[us]")


def equity(frame: pd.DataFrame, folds: Sequence[FoldMetrics]) -> Markup:
    """Draw the model's equity against buy-and-hold; thin lines mark the borders of the folds."""

    def plot(axes: Axes) -> None:
        times = _times(frame)
        axes.axhline(1.0, color=Colour.GRID, linewidth=1)
        for fold in folds[1:]:
            axes.axvline(
                date2num(fold.test_from.replace(tzinfo=None)),
                color=Colour.BENCHMARK,
                linewidth=0.8,
                linestyle=(0, (2, 3)),
            )
        axes.plot(times, frame["benchmark"], color=Colour.BENCHMARK, linewidth=1.2)
        axes.plot(times, frame["equity"], color=Colour.MODEL)
        _dates(axes)

    return draw("equity", "Equity of the model against buy-and-hold", (_WIDTH, 280), plot)


def drawdown(frame: pd.DataFrame, allowed: float) -> Markup:
    """Draw the fall from the running maximum, and the largest fall that the criteria allow."""

    def plot(axes: Axes) -> None:
        values = frame["equity"].to_numpy()
        peak = np.maximum(np.maximum.accumulate(values), 1.0)
        fall = values / peak - 1
        axes.fill_between(_times(frame), fall, 0, color=Colour.LOSS, alpha=0.25, linewidth=0)
        axes.plot(_times(frame), fall, color=Colour.LOSS, linewidth=1)
        axes.axhline(-allowed, color=Colour.LOSS, linewidth=1, linestyle=(0, (4, 3)))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(top=0)
        _dates(axes)

    return draw("drawdown", "Drawdown", (_WIDTH, 170), plot)


def folds(rows: Sequence[FoldMetrics]) -> Markup:
    """Draw the train and test span of each fold."""

    def plot(axes: Axes) -> None:
        for place, fold in enumerate(rows):
            spans = (
                (fold.train_from, fold.train_to, Colour.TRAIN),
                (fold.test_from, fold.test_to, Colour.MODEL),
            )
            for start, end, colour in spans:
                left, right = (date2num(t.replace(tzinfo=None)) for t in (start, end))
                axes.barh(place, right - left, left=left, height=0.55, color=colour)
        axes.set_yticks(range(len(rows)), [f"fold {f.fold + 1}" for f in rows])
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.xaxis_date()
        _dates(axes)

    return draw("folds", "Train and test span of each fold", (_WIDTH, 46 + 24 * len(rows)), plot)


def importance(shares: Mapping[str, float]) -> Markup:
    """Draw features by their share of the model's total gain."""

    def plot(axes: Axes) -> None:
        names = list(shares)
        axes.barh(names, [shares[n] for n in names], height=0.62, color=Colour.MODEL)
        axes.invert_yaxis()
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        axes.margins(y=0.01)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))

    return draw("importance", "Feature importance", (_WIDTH, 46 + 19 * len(shares)), plot)
