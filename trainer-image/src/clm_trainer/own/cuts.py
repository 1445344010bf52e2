"""At which bars an own feature set is computed again: drawn by the seed, every hour among them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clm_trainer.features.windowed import WindowedSet
from clm_trainer.own.watched import past_warm_up
from clm_trainer.panel import Floats, Panel

CUTS = 48
"""Two for each hour of the day, if the bars have hours."""
LEAST_CUTS = 24
CELLS = 4_000_000
"""Bars × symbols that are computed again; sets of many symbols have fewer cuts."""
NEWEST = 0.25
"""Share of the bars from which every second cut is drawn: the evaluation lies there."""
LARGEST = 0.02
"""Share of the largest next moves, after which every fourth cut is: a leak may show there alone."""


@dataclass(frozen=True)
class Cut:
    """A bar after which the others are taken away.

    Parameters
    ----------
    row
        The last bar that is known.
    symbols
        Which symbols are computed, by their place.
    start, block
        First row that the set is given at that bar, and first row of the bar's block, which may
        lie before the panel.
    """

    row: int
    symbols: tuple[int, ...]
    start: int
    block: int

    def tail(self, bars: int) -> range:
        """Return the cut's row and those before it in its block, so many at most."""
        return range(max(self.start, self.block, self.row + 1 - bars), self.row + 1)


def cuts_of(windowed: WindowedSet, panel: Panel, seed: int) -> tuple[Cut, ...]:
    """Return the cuts of a panel, the oldest first.

    Hours of the day, days of the week and minutes of the hour take turns, so that a leak at some
    of them is met; every fourth cut is before a large move. A set of one symbol is cut at one
    symbol at a time.
    """
    draw, moves = np.random.default_rng([seed, len(panel)]), _next_moves(panel)
    open_ = past_warm_up(panel, windowed.lookback_bars)
    whole = tuple(range(len(panel.symbols)))
    frame_bars = windowed.lookback_bars + windowed.block_bars
    cells = frame_bars * (len(whole) if windowed.together else 1)
    count = int(np.clip(CELLS // cells, LEAST_CUTS, CUTS))
    chosen: dict[tuple[int, tuple[int, ...]], Cut] = {}
    for number in range(count):
        symbols = whole if windowed.together else (int(draw.integers(len(whole))),)
        rows = np.flatnonzero(open_[:, list(symbols)].any(axis=1))
        if len(rows) == 0:
            continue
        if number % 2:
            rows = rows[int(len(rows) * (1 - NEWEST)) :]
        if number % 4 == 3:
            move = moves[rows][:, list(symbols)].max(axis=1)
            rows = rows[move >= np.quantile(move, 1 - LARGEST)]
        row = int(draw.choice(_alike(panel, rows, number // 2, draw)))
        first = int(np.argmax(panel.listed[:, list(symbols)].any(axis=1)))
        block = _block(windowed, panel, row)
        start = max(first, block - windowed.lookback_bars)
        chosen[row, symbols] = Cut(row, symbols, start, block)
    return tuple(sorted(chosen.values(), key=lambda cut: (cut.row, cut.symbols)))


def _next_moves(panel: Panel) -> Floats:
    """Return the size of the next bar's log return, shape (bars, symbols); 0 if there is none."""
    closes = np.log(panel.close)
    moves = np.abs(np.diff(closes, axis=0, append=closes[-1:]))
    return np.nan_to_num(moves)


def _alike(
    panel: Panel, rows: NDArray[np.int64], turn: int, draw: np.random.Generator
) -> NDArray[np.int64]:
    """Return the rows whose hour it is, then those whose day and minute it is, while any are."""
    bars_an_hour = max(1, int(panel.bars_per_day) // 24)
    minute = int(draw.integers(bars_an_hour)) * (60 // bars_an_hour)
    for clock, wanted in (("hour", turn % 24), ("day_of_week", turn % 7), ("minute", minute)):
        kept = getattr(panel.times[rows], clock).to_numpy() == wanted
        rows = rows[kept] if kept.any() else rows
    return rows


def _block(windowed: WindowedSet, panel: Panel, row: int) -> int:
    """Return the first row of a row's block; it may lie before the panel."""
    step = int(panel.timeframe.total_seconds() * 1_000_000)
    number = int(panel.times[row : row + 1].as_unit("us").asi8[0]) // step
    return row - number % windowed.block_bars
