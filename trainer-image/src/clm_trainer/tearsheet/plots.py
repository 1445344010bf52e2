"""The plots of the tear sheet."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pandas as pd
from markupsafe import Markup

from clm_api.report import FoldMetrics
from clm_api.ticks import numbers
from clm_trainer.evaluation.deciles import Decile
from clm_trainer.evaluation.performance import rolling_sharpe
from clm_trainer.panel import Floats
from clm_trainer.tearsheet.svg import (
    DASHES,
    LETTERS,
    LINES,
    NARROW,
    RIGHT,
    Axes,
    Colour,
    draw,
    roomy,
)
from clm_trainer.tearsheet.ticks import dates, seconds, window

_PX_PER_LEVEL = 30
_PX_PER_SHARE = 160
_NARROW_LETTERS = frozenset("iljtfrI.,:;'|!()[] ")
_MOST_OF_WIDTH = 0.5


def tick(share: float) -> str:
    """Write a share on an axis: with as many digits as steps below one per cent need."""
    return f"{share * 100:z.3g} %".replace("-", "−")


def _over_time(
    width: int, height: int, times: Floats, y: tuple[float, float], *, percent: bool = False
) -> Axes:
    """Return axes over the whole window: plots one above another show the same days."""
    axes = Axes(width, height, window(float(times[0]), float(times[-1])), y)
    axes.y_ticks(numbers(y, height // _PX_PER_LEVEL, tick if percent else None))
    axes.x_ticks(dates(axes.x, width))
    return axes


def equity(frame: pd.DataFrame, folds: Sequence[FoldMetrics]) -> Markup:
    """Draw the model's equity against buy-and-hold; thin lines mark the borders of the folds."""
    times = seconds(frame)
    model, market = (frame[name].to_numpy() for name in ("equity", "benchmark"))

    def plot(width: int) -> Axes:
        axes = _over_time(width, 280, times, roomy(np.concatenate([[1.0], model, market])))
        axes.level(1.0, Colour.GRID)
        for fold in folds[1:]:
            axes.border(fold.test_from.timestamp(), Colour.BENCHMARK)
        axes.line(times, market, Colour.BENCHMARK, 1.2)
        axes.line(times, model, Colour.MODEL)
        return axes

    return draw("Equity of the model against buy and hold", plot)


def drawdown(frame: pd.DataFrame, allowed: float) -> Markup:
    """Draw the fall from the running maximum, and the largest fall that the criteria allow."""
    times, values = seconds(frame), frame["equity"].to_numpy()
    fall = values / np.maximum(np.maximum.accumulate(values), 1.0) - 1

    def plot(width: int) -> Axes:
        low, _ = roomy(np.concatenate([[-allowed, 0.0], fall]))
        axes = _over_time(width, 170, times, (low, 0.0), percent=True)
        axes.area(times, fall, Colour.LOSS)
        axes.line(times, fall, Colour.LOSS, 1)
        axes.level(-allowed, Colour.LOSS, dashes=DASHES)
        return axes

    return draw("Drawdown", plot)


def rolling(frame: pd.DataFrame, bars: int, bars_per_year: float, wanted: float) -> Markup:
    """Draw the Sharpe ratio of the last ``bars`` bars, and the one that the criteria ask for."""
    times = seconds(frame)
    ratio = rolling_sharpe(frame["net_return"].to_numpy(), bars, bars_per_year)

    def plot(width: int) -> Axes:
        axes = _over_time(width, 170, times, roomy(np.concatenate([[0.0, wanted], ratio])))
        axes.level(0.0, Colour.GRID)
        axes.level(wanted, Colour.BENCHMARK, dashes=DASHES)
        axes.line(times, ratio, Colour.MODEL)
        return axes

    return draw("Rolling Sharpe ratio", plot)


def sleeves(frame: pd.DataFrame, equity: pd.DataFrame) -> Markup:
    """Draw each symbol's share of the equity from 1.0; columns are symbols, at most six."""
    times = seconds(equity)

    def plot(width: int) -> Axes:
        axes = _over_time(width, 220, times, roomy(np.append(frame.to_numpy().ravel(), 1.0)))
        axes.level(1.0, Colour.GRID)
        for name, colour in zip(frame, LINES, strict=False):
            axes.line(times, frame[name].to_numpy(), colour, 1.3)
        return axes

    return draw("Equity of each symbol", plot)


def curves(of: Mapping[str, pd.DataFrame], market: pd.DataFrame) -> Markup:
    """Draw several equities by name, at most six, and buy and hold.

    Parameters
    ----------
    of
        Frames with time and equity.
    market
        Frame with time and benchmark.
    """
    lines = [(seconds(one), one["equity"].to_numpy()) for one in of.values()]
    held = (seconds(market), market["benchmark"].to_numpy())
    ends = np.concatenate([times[[0, -1]] for times, _ in (*lines, held)])
    span = np.array([ends.min(), ends.max()])
    values = np.concatenate([[1.0], held[1], *(equity for _, equity in lines)])

    def plot(width: int) -> Axes:
        axes = _over_time(width, 320, span, roomy(values))
        axes.level(1.0, Colour.GRID)
        axes.line(*held, Colour.BENCHMARK, 1.2)
        for (times, equity), colour in zip(lines, LINES, strict=False):
            axes.line(times, equity, colour)
        return axes

    return draw("Equity of the variants against buy and hold", plot)


def tenths(found: Sequence[Decile]) -> Markup:
    """Draw the mean realised return of each tenth of the score, in basis points."""
    values = [0.0 if d.mean_return is None else d.mean_return * 1e4 for d in found]

    def plot(width: int) -> Axes:
        y = roomy(np.array([0.0, *values]))
        axes = Axes(width, 190, (-0.5, len(found) - 0.5), y)
        axes.y_ticks(numbers(y, axes.height // _PX_PER_LEVEL))
        labels = [
            f"{d.low * 100:.0f}" + ("" if width <= NARROW else f"–{d.high * 100:.0f} %")
            for d in found
        ]
        axes.x_ticks(list(enumerate(labels)), marks=False)
        for place, value in enumerate(values):
            colour = Colour.MODEL if value >= 0 else Colour.LOSS
            axes.box((place - 0.35, place + 0.35), (0.0, value), colour)
        axes.level(0.0, Colour.GRID)
        return axes

    return draw("Mean realised return by tenth of the score", plot)


def folds(rows: Sequence[FoldMetrics]) -> Markup:
    """Draw the train and test span of each fold."""
    first = min(fold.train_from.timestamp() for fold in rows)
    last = max(fold.test_to.timestamp() for fold in rows)

    def plot(width: int) -> Axes:
        axes = Axes(width, 46 + 24 * len(rows), window(first, last), (len(rows) - 0.5, -0.5))
        axes.x_ticks(dates(axes.x, width))
        axes.y_ticks([(i, f"fold {fold.fold + 1}") for i, fold in enumerate(rows)], grid=False)
        for place, fold in enumerate(rows):
            spans: tuple[tuple[datetime, datetime, Colour], ...] = (
                (fold.train_from, fold.train_to, Colour.TRAIN),
                (fold.test_from, fold.test_to, Colour.MODEL),
            )
            for start, end, colour in spans:
                span = (start.timestamp(), end.timestamp())
                axes.box(span, (place - 0.27, place + 0.27), colour)
        return axes

    return draw("Train and test span of each fold", plot)


def importance(shares: Mapping[str, float]) -> Markup:
    """Draw features by their share of the model's total gain."""
    span = (0.0, max(*shares.values(), 0.0, 1e-9) * 1.05)

    def plot(width: int) -> Axes:
        most = width * _MOST_OF_WIDTH
        said = {name: _cut(name, most - LETTERS) for name in shares}
        left = max(_length(name) for name in said.values()) + LETTERS
        axes = Axes(width, 46 + 19 * len(shares), span, (len(shares) - 0.5, -0.5), left)
        steps = max(2, int((width - left - RIGHT) / _PX_PER_SHARE))
        axes.x_ticks(numbers(span, steps, tick), grid=True)
        axes.y_ticks(list(enumerate(said.values())), grid=False)
        for place, share in enumerate(shares.values()):
            axes.box((0.0, share), (place - 0.31, place + 0.31), Colour.MODEL)
        return axes

    return draw("Feature importance", plot)


def _length(text: str) -> float:
    """Return about how wide a text is, in px, in the wider ones of the page's fonts."""
    shares = (0.36 if c in _NARROW_LETTERS else 0.92 if c in "mwMW%@" else 0.63 for c in text)
    return sum(shares) * LETTERS


def _cut(text: str, most: float) -> str:
    """Return a text, or what fits of its beginning."""
    if _length(text) <= most:
        return text
    while text and _length(text) + LETTERS > most:
        text = text[:-1]
    return f"{text.rstrip()}…"
