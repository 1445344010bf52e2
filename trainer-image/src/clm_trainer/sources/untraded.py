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


def not_once_traded(frame: pd.DataFrame) -> bool:
    """Whether no bar saw a trade."""
    return bool(quiet(frame).all())


def halts_of(frame: pd.DataFrame, step: pd.Timedelta) -> list[tuple[int, int]]:
    """Return the rows [from, stop) at whose close nobody had traded for 24 hours or more.

    At least three bars without a trade are needed; a hole among them doesn't end them. A bar's fate
    is known at its own close: whoever decides bar by bar sees the same halts as a whole history.
    """
    edges = np.flatnonzero(np.diff(np.r_[False, quiet(frame), False]))
    closes = frame["timestamp"] + step
    found = []
    for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        since = frame["timestamp"].iloc[first]
        long = np.array(closes.iloc[first:stop] - since >= LONGEST_QUIET)
        long[: FEWEST_BARS - 1] = False
        if long.any():
            found.append((first + int(long.argmax()), stop))
    return found


def without_untraded(frame: pd.DataFrame, step: pd.Timedelta) -> tuple[pd.DataFrame, list[Hole]]:
    """Return the bars outside of halts, and the halts.

    Parameters
    ----------
    frame
        Bars sorted by ``timestamp``.
    """
    found = halts_of(frame, step)
    if not found:
        return frame, []
    kept = np.ones(len(frame), dtype=np.bool_)
    for first, stop in found:
        kept[first:stop] = False
    times = frame["timestamp"]
    halts = [Hole(times.iloc[first], stop - first) for first, stop in found]
    return frame[kept].reset_index(drop=True), halts


def has_ended(traded: pd.DataFrame, halts: list[Hole]) -> bool:
    """Whether a symbol's newest bars are all of a time in which nobody traded."""
    return bool(halts) and (traded.empty or traded["timestamp"].iloc[-1] < halts[-1].start)


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
    if has_ended(traded, halts) and (not_once_traded(traded) or not any_age):
        last = halts[-1]
        raise ClmError(
            Reason.DATA_UNAVAILABLE,
            f"{key.symbol} has not been traded on {key.venue} since {last.start:%Y-%m-%d %H:%M} "
            f"at the latest: its newest {last.bars} bars end a day or more without a trade; if it "
            "is delisted, remove it from spec.data.symbols, and the other symbols go on",
        )


def described(halts: list[Hole], symbol: str) -> str:
    """Say how many bars were left out, and where."""
    bars = sum(halt.bars for halt in halts)
    longest = max(halts, key=lambda halt: halt.bars)
    more = f" in {len(halts)} halts, the longest" if len(halts) > 1 else ""
    return (
        f"{symbol}: nobody had traded for a day at {bars} bars{more} from "
        f"{longest.start:%Y-%m-%d %H:%M}: they are masked like holes"
    )
