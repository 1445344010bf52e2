"""The bars that a bot hands over: checked before anything is decided on them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from clm_api.errors import ClmError
from clm_api.market_columns import names_beside
from clm_api.reasons import Reason
from clm_api.run import RunData
from clm_trainer.panel import Panel
from clm_trainer.sources.bars import COLUMNS, BarKey, invalid
from clm_trainer.sources.possible import PRICES
from clm_trainer.sources.untraded import not_once_traded, without_untraded

_SHOWN = 5


def given_panel(bars: Mapping[str, pd.DataFrame], data: RunData) -> Panel:
    """Lay a bot's bars on one grid that ends with the newest bar of all symbols.

    Parameters
    ----------
    bars
        By symbol, oldest first: columns timestamp (UTC open time; it may be the index instead),
        open, high, low, close, volume, and each column of the market and of own series that the
        run names, as it was known at the bar's close. A row without prices is a hole.

    Raises
    ------
    ClmError
        InsufficientData: a symbol has no bars, or its bars end before those of the others; those
        of 24 hours or more in which nobody traded are none.
        DataInvalid: times without zone, out of order, doubled or off the grid; a wrong price; a
        column that lacks.
    """
    absent = [name for name in data.symbols if name not in bars or bars[name].empty]
    if absent:
        raise _too_little(f"there are no bars of {', '.join(absent)}")
    frames = {name: _traded(checked(bars[name], name, data), name, data) for name in data.symbols}
    require_equal_ends({name: frame["timestamp"].iloc[-1] for name, frame in frames.items()})
    first = min(frame["timestamp"].iloc[0] for frame in frames.values())
    last = next(iter(frames.values()))["timestamp"].iloc[-1]
    step = pd.Timedelta(data.timeframe)
    times = pd.date_range(first, last, freq=step).as_unit("us")
    return Panel.from_frames(frames, times, step)


def require_equal_ends(ends: Mapping[str, pd.Timestamp]) -> None:
    """Refuse to decide while the newest bars of some symbols are older than those of others.

    Raises
    ------
    ClmError
        InsufficientData, naming the symbols that are behind, and by how much.
    """
    newest = max(ends.values())
    behind = {name: end for name, end in ends.items() if end < newest}
    if not behind:
        return
    listed = [f"{name} ends at {end:%Y-%m-%d %H:%M}" for name, end in behind.items()]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    raise _too_little(
        f"the newest bars are of {newest:%Y-%m-%d %H:%M}, but {', '.join(listed[:_SHOWN])}{more}: "
        "no position is decided on old bars; get the bars that are missing, or hand over no "
        "newer bars of the others"
    )


def checked(frame: pd.DataFrame, name: str, data: RunData) -> pd.DataFrame:
    """Return a symbol's bars without holes, times in UTC.

    Raises
    ------
    ClmError
        As for ``given_panel``.
    """
    if "timestamp" not in frame.columns and isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.rename_axis("timestamp").reset_index()
    beside = names_beside(data)
    lacking = [column for column in (*COLUMNS, *beside) if column not in frame.columns]
    if lacking:
        needed = ", ".join((*COLUMNS, *beside))
        raise invalid(f"the bars of {name} have no column {lacking[0]}; needed: {needed}")
    times = frame["timestamp"]
    if not isinstance(times.dtype, pd.DatetimeTZDtype):
        zoneless = pd.api.types.is_datetime64_dtype(times.dtype)
        kind = "have no zone" if zoneless else f"are no times but {times.dtype}"
        raise invalid(
            f"the times of {name} {kind}: make them UTC with pandas.to_datetime(…, utc=True), "
            "unit='ms' for milliseconds"
        )
    if times.isna().any():
        raise invalid(f"a time of {name} is empty, in row {int(times.isna().argmax())}")
    doubled = times.duplicated()
    if doubled.any():
        raise invalid(f"{name} has two bars of {times[doubled].iloc[0]}: hand over one of them")
    if not times.is_monotonic_increasing:
        row = int((times.diff() < pd.Timedelta(0)).argmax())
        raise invalid(
            f"the bars of {name} are not in order: {times.iloc[row]} comes after "
            f"{times.iloc[row - 1]}: sort them by timestamp"
        )
    known = frame[list(PRICES)].notna().any(axis=1)
    if not known.any():
        raise _too_little(f"the bars of {name} have no prices")
    kept = frame[known].assign(timestamp=times[known].dt.tz_convert("UTC").dt.as_unit("us"))
    key = BarKey(data.venue, data.market, name, data.timeframe)
    try:
        good = key.cleaned(kept, "the bars handed over")
    except (TypeError, ValueError) as error:
        raise invalid(f"a price or volume of {name} is not a number: {error}") from error
    return good.merge(_beside(kept, beside, name), on="timestamp") if beside else good


def _traded(frame: pd.DataFrame, name: str, data: RunData) -> pd.DataFrame:
    """Return a symbol's bars outside of halts."""
    traded, _ = without_untraded(frame, pd.Timedelta(data.timeframe))
    if not_once_traded(traded):
        raise _too_little(f"nobody traded {name} in all the bars that were handed over")
    return traded


def _beside(frame: pd.DataFrame, names: list[str], symbol: str) -> pd.DataFrame:
    """Return what the bars have beside their prices."""
    for column in names:
        try:
            infinite = np.isinf(frame[column].to_numpy(dtype="float64", na_value=np.nan))
        except (TypeError, ValueError) as error:
            raise invalid(f"{column} of {symbol} is not a number: {error}") from error
        if infinite.any():
            time = frame["timestamp"].iloc[int(infinite.argmax())]
            raise invalid(f"{column} of {symbol} is infinite at {time}")
    return frame[["timestamp", *names]].astype(dict.fromkeys(names, "float64"))


def _too_little(text: str) -> ClmError:
    return ClmError(Reason.INSUFFICIENT_DATA, text)
