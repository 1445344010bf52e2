"""Newly closed bars, held against those that a live model has seen: in microseconds a bar."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.run import RunData
from clm_trainer.panel import Floats, Panel
from clm_trainer.serving.given import checked, require_equal_ends
from clm_trainer.sources.bars import COLUMNS, invalid
from clm_trainer.sources.possible import LARGEST
from clm_trainer.sources.untraded import FEWEST_BARS, LONGEST_QUIET

KEPT_BARS = 96
"""Newest bars that are kept: those that are handed over again are compared with them."""
Ints = NDArray[np.int64]
_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME = range(5)


@dataclass(eq=False)
class Seen:
    """What a live model remembers of its bars.

    Parameters
    ----------
    last
        Open time of the newest bar, microseconds since 1970.
    kept
        Values of the newest bars, NaN in holes, shape (kept, symbols, 5 + further columns).
    told
        Open time of the newest bar that was told, not before ``last``: no symbol traded in those
        after ``last``.
    quiet_since, quiet_bars
        Of each symbol, the first bar in which nobody traded since somebody did, and how many such
        bars there were; shape (symbols,).
    """

    last: int
    told: int
    kept: Floats
    quiet_since: Ints
    quiet_bars: Ints

    @classmethod
    def nothing(cls, symbols: int, columns: int) -> "Seen":
        """Return the memory before the first bar."""
        none = np.zeros(symbols, dtype=np.int64)
        return cls(0, 0, np.empty((0, symbols, columns)), none, none.copy())

    def after(self, panel: Panel, columns: tuple[str, ...]) -> "Seen":
        """Return the memory after further bars; those of a halt are holes of the panel."""
        times = micros(panel.times)
        new = panel.window(max(0, len(panel) - KEPT_BARS), len(panel))
        values = _stacked(new, columns)
        since, count = self.quiet_since.copy(), self.quiet_bars.copy()
        for s in range(panel.gap.shape[1]):
            rows = np.flatnonzero(~panel.gap[:, s])
            still = (panel.volume[rows, s] == 0) & (panel.high[rows, s] == panel.low[rows, s])
            traded = np.flatnonzero(~still)
            if len(traded):
                rows, count[s] = rows[traded[-1] + 1 :], 0
            if len(rows) and count[s] == 0:
                since[s] = times[rows[0]]
            count[s] += len(rows)
        kept = np.concatenate([self.kept, values])[-KEPT_BARS:]
        return Seen(int(times[-1]), int(times[-1]), kept, since, count)


def micros(times: pd.DatetimeIndex) -> Ints:
    """Return times in microseconds since 1970."""
    out: Ints = times.as_unit("us").asi8
    return out


def new_panel(
    bars: Mapping[str, pd.DataFrame], seen: Seen, data: RunData, columns: tuple[str, ...]
) -> tuple[Panel | None, int]:
    """Return the bars after those that were seen, None if there is none, and the newest told time.

    Bars of which all symbols are holes wait for the next bar.

    Bars that were seen may be handed over again, with equal values.

    Raises
    ------
    ClmError
        InsufficientData: a symbol is absent, or its newest bar is older than that of others.
        DataInvalid: bars are missing between the newest that was seen and the new ones; a seen bar
        has other values, or is too old to be compared; otherwise as for ``given_panel``.
    """
    step = int(pd.Timedelta(data.timeframe) / pd.Timedelta("1us"))
    absent = [name for name in data.symbols if name not in bars or bars[name].empty]
    if absent:
        raise ClmError(Reason.INSUFFICIENT_DATA, f"there are no bars of {', '.join(absent)}")
    given = [_values(bars[name], name, data, columns) for name in data.symbols]
    newest = max(int(times[-1]) for times, _ in given)
    count = (newest - seen.last) // step
    values = np.full((max(count, 0), len(given), len(COLUMNS) - 1 + len(columns)), np.nan)
    told = np.zeros(len(values), dtype=np.bool_)
    for s, (times, rows) in enumerate(given):
        old = times <= seen.last
        if old.any():
            _require_same(seen, s, data, columns, (seen.last - times[old]) // step, rows[old])
        place = (times[~old] - seen.last) // step - 1
        values[place, s], told[place] = rows[~old], True
    if count <= 0:
        return None, seen.told
    told[: (seen.told - seen.last) // step] = True
    if not told.all():
        lost = seen.last + step * (1 + int((~told).argmax()))
        raise invalid(
            f"no symbol has a bar of {_shown(lost)}, and the newest that was seen is of "
            f"{_shown(seen.last)}: hand over all bars since, a hole as a row without prices"
        )
    gap = np.isnan(values[:, :, _CLOSE])
    _mask_halts(values, gap, seen, step)
    values[gap] = np.nan
    count = int((~gap.all(axis=1)).nonzero()[0].max(initial=-1)) + 1
    if count == 0:
        return None, newest
    values, gap = values[:count], gap[:count]
    _require_ends(seen, gap, data, step)
    grid = pd.DatetimeIndex(
        (seen.last + step * np.arange(1, count + 1)).astype("datetime64[us]"), tz="UTC"
    )
    open_, high, low, close, volume = (np.ascontiguousarray(values[:, :, i]) for i in range(5))
    extra = {name: np.ascontiguousarray(values[:, :, 5 + i]) for i, name in enumerate(columns)}
    made = Panel(
        grid, tuple(data.symbols), pd.Timedelta(data.timeframe),
        open_, high, low, close, volume, gap, extra,
    )  # fmt: skip
    return made, newest


def later(panel: Panel, seen: Seen, data: RunData, columns: tuple[str, ...]) -> Panel:
    """Return a panel's bars after the newest that was seen; halts go on from what was seen.

    Raises
    ------
    ClmError
        DataInvalid: a bar was seen with other values, or the panel begins after the next one.
    """
    step, times = int(panel.timeframe / pd.Timedelta("1us")), micros(panel.times)
    start = int(np.searchsorted(times, seen.last, side="right"))
    if start == 0:
        raise invalid(f"bars begin at {_shown(int(times[0]))}, after {_shown(seen.last)}")
    first = max(0, start - len(seen.kept))
    known = _stacked(panel.window(first, start), columns)
    for s in range(len(data.symbols)):
        ago = (seen.last - times[first:start]) // step
        _require_same(seen, s, data, columns, ago, known[:, s])
    new = panel.window(start, len(panel))
    values, gap = _stacked(new, columns), new.gap.copy()
    _mask_halts(values, gap, seen, step)
    return new if (gap == new.gap).all() else _masked(new, gap)


def _stacked(panel: Panel, columns: tuple[str, ...]) -> Floats:
    further = [panel.extra[name] for name in columns]
    prices = (panel.open, panel.high, panel.low, panel.close, panel.volume)
    return np.stack([*prices, *further], axis=2)


def _masked(panel: Panel, gap: NDArray[np.bool_]) -> Panel:
    def seen(values: Floats) -> Floats:
        return np.where(gap, np.nan, values)

    return replace(
        panel, open=seen(panel.open), high=seen(panel.high), low=seen(panel.low),
        close=seen(panel.close), volume=seen(panel.volume), gap=gap,
        extra={name: seen(values) for name, values in panel.extra.items()},
    )  # fmt: skip


def _values(
    frame: pd.DataFrame, name: str, data: RunData, columns: tuple[str, ...]
) -> tuple[Ints, Floats]:
    """Return a symbol's open times, and its values; what may be wrong is looked at in full."""
    wanted = (*COLUMNS[1:], *columns)
    indexed = "timestamp" not in frame.columns
    stamps = frame.index if indexed else frame["timestamp"]
    if isinstance(stamps.dtype, pd.DatetimeTZDtype) and not stamps.hasnans:
        try:
            times = micros(pd.DatetimeIndex(stamps))
            values = np.stack(
                [frame[column].to_numpy(dtype=np.float64) for column in wanted], axis=1
            )
        except (KeyError, ValueError, TypeError):
            pass
        else:
            if _in_order(times, data) and _possible(values):
                return times, values
    good = checked(frame, name, data)  # raises, and says what is wrong
    times = micros(pd.DatetimeIndex(good["timestamp"]))
    return times, np.stack([good[column].to_numpy(dtype=np.float64) for column in wanted], axis=1)


def _in_order(times: Ints, data: RunData) -> bool:
    step = int(pd.Timedelta(data.timeframe) / pd.Timedelta("1us"))
    return bool((np.diff(times) > 0).all() and (times % step == 0).all())


def _possible(values: Floats) -> bool:
    """Whether nothing is wrong with prices and volumes, nor with what stands beside them."""
    there = ~np.isnan(values[:, :4]).all(axis=1)
    rows = values[there]
    prices = rows[:, :4]
    return bool(
        np.isfinite(rows[:, :5]).all()
        and (prices > 1 / LARGEST).all()
        and (rows[:, :5] < LARGEST).all()
        and (rows[:, _VOLUME] >= 0).all()
        and (rows[:, _HIGH] == prices.max(axis=1)).all()
        and (rows[:, _LOW] == prices.min(axis=1)).all()
        and not np.isinf(rows[:, 5:]).any()
    )


def _require_same(
    seen: Seen, symbol: int, data: RunData, columns: tuple[str, ...], ago: Ints, rows: Floats
) -> None:
    """Refuse bars that were seen with other values; ``ago`` bars before the newest."""
    name, step = data.symbols[symbol], pd.Timedelta(data.timeframe)
    if ago.max(initial=0) >= len(seen.kept):
        oldest = pd.Timestamp(seen.last, unit="us", tz="UTC") - step * (len(seen.kept) - 1)
        raise invalid(
            f"bars of {name} reach back before {oldest:%Y-%m-%d %H:%M}, and older ones are not "
            "kept to compare with: hand over those since, or begin anew with all of them"
        )
    known = seen.kept[len(seen.kept) - 1 - ago, symbol]
    same = (known == rows) | (np.isnan(known) & np.isnan(rows))
    halted = (rows[:, _VOLUME] == 0) & (rows[:, _HIGH] == rows[:, _LOW])
    hole = np.isnan(known[:, _CLOSE]) & (halted | np.isnan(rows[:, _CLOSE]))
    wrong = np.argwhere(~same & ~hole[:, None])
    if len(wrong):
        row, column = (int(i) for i in wrong[0])
        time = pd.Timestamp(seen.last, unit="us", tz="UTC") - step * int(ago[row])
        told = f"{(*COLUMNS[1:], *columns)[column]} {known[row, column]}, now {rows[row, column]}"
        raise invalid(
            f"the bar of {name} at {time:%Y-%m-%d %H:%M} was seen with other values ({told}): "
            "decisions stand on what was seen; begin anew with all bars, corrected"
        )


def _mask_halts(values: Floats, gap: NDArray[np.bool_], seen: Seen, step: int) -> None:
    """Make holes of bars at whose close nobody had traded for a day."""
    longest = int(LONGEST_QUIET / pd.Timedelta("1us"))
    still = (values[:, :, _VOLUME] == 0) & (values[:, :, _HIGH] == values[:, :, _LOW])
    for s in np.flatnonzero((still & ~gap).any(axis=0)):
        since, count = int(seen.quiet_since[s]), int(seen.quiet_bars[s])
        for t in np.flatnonzero(~gap[:, s]):
            time = seen.last + step * (int(t) + 1)
            if not still[t, s]:
                count = 0
                continue
            since, count = (since if count else time), count + 1
            if count >= FEWEST_BARS and time + step - since >= longest:
                gap[t, s] = True


def _require_ends(seen: Seen, gap: NDArray[np.bool_], data: RunData, step: int) -> None:
    newest = len(gap) - gap[::-1].argmin(axis=0)
    newest[gap.all(axis=0)] = 0
    if (newest == len(gap)).all():
        return
    ends = {
        name: pd.Timestamp(seen.last + step * int(bars), unit="us", tz="UTC")
        for name, bars in zip(data.symbols, newest, strict=True)
    }
    require_equal_ends(ends)


def _shown(time: int) -> str:
    return f"{pd.Timestamp(time, unit='us', tz='UTC'):%Y-%m-%d %H:%M}"
