"""Bars that nobody could trade: an exchange goes on sending them after a halt or a delisting."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.gate import Hole

LONGEST_QUIET = pd.Timedelta("24h")
"""A thin market may be quiet for shorter; from here on it is closed."""
FEWEST_BARS = 3


def quiet(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which bars saw no trade: no volume, and one price from open to close."""
    still = (frame["volume"] == 0) & (frame["high"] == frame["low"])
    return np.asarray(still, dtype=np.bool_)


def runs(frame: pd.DataFrame, step: pd.Timedelta) -> list[tuple[int, int]]:
    """Return the rows [first, stop) of every run without a trade that is no mere quiet spell.

    It lasts 24 hours or more, and at least three bars. A hole within a run doesn't end it.
    """
    edges = np.flatnonzero(np.diff(np.r_[False, quiet(frame), False]))
    times = frame["timestamp"]
    return [
        (first, stop)
        for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        if stop - first >= FEWEST_BARS
        and times.iloc[stop - 1] + step - times.iloc[first] >= LONGEST_QUIET
    ]


def without_untraded(frame: pd.DataFrame, step: pd.Timedelta) -> tuple[pd.DataFrame, list[Hole]]:
    """Return the bars that could be traded, and where the others were left out.

    Parameters
    ----------
    frame
        Bars sorted by ``timestamp``.
    """
    found = runs(frame, step)
    if not found:
        return frame, []
    kept = np.ones(len(frame), dtype=np.bool_)
    for first, stop in found:
        kept[first:stop] = False
    times = frame["timestamp"]
    halts = [Hole(times.iloc[first], stop - first) for first, stop in found]
    return frame[kept].reset_index(drop=True), halts


def require_traded(traded: pd.DataFrame, halts: list[Hole], key: BarKey, *, any_age: bool) -> None:
    """Refuse a symbol whose newest bars are all of a time in which nobody traded.

    Parameters
    ----------
    traded
        Its bars without those.
    any_age
        Whether the newest bar may be old.

    Raises
    ------
    ClmError
        DataUnavailable, naming the symbol and since when.
    """
    ended = bool(halts) and (traded.empty or traded["timestamp"].iloc[-1] < halts[-1].start)
    if ended and (traded.empty or not any_age):
        last = halts[-1]
        raise ClmError(
            Reason.DATA_UNAVAILABLE,
            f"{key.symbol} has not been traded on {key.venue} since {last.start:%Y-%m-%d %H:%M}: "
            f"its newest {last.bars} bars have no volume and no move; if it is delisted, remove "
            "it from spec.data.symbols, and the other symbols go on",
        )


def described(halts: list[Hole], symbol: str) -> str:
    """Say how many bars were left out, and where."""
    bars = sum(halt.bars for halt in halts)
    longest = max(halts, key=lambda halt: halt.bars)
    more = f" in {len(halts)} halts, the longest" if len(halts) > 1 else ""
    return (
        f"{symbol}: nobody traded for {bars} bars{more} from {longest.start:%Y-%m-%d %H:%M}: "
        "they are masked like holes"
    )
